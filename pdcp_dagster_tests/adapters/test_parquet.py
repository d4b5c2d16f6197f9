"""Tables come back from Parquet as they were: strings, dates, nulls, lists."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from pdcp_dagster.adapters.parquet import (
    TableError,
    concatenate_tables,
    read_table,
    read_table_metadata,
    write_table,
)


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "patient_id": pd.array(["007", None], dtype="string"),
            "slices": pd.array([12, None], dtype="Int64"),
            "dose_gy": pd.array([50.5, None], dtype="Float64"),
            "date": [dt.date(2013, 11, 1), None],
            "flags": [["empty"], []],
        }
    )


def test_a_table_comes_back_with_its_types_nulls_and_leading_zeros(tmp_path: Path) -> None:
    write_table(table(), tmp_path / "t.parquet", {"status": "SUCCESS"})
    back = read_table(tmp_path / "t.parquet")
    assert back["patient_id"].tolist()[0] == "007"
    assert back.dtypes.astype(str).tolist()[:3] == table().dtypes.astype(str).tolist()[:3]
    assert back["date"].tolist() == [dt.date(2013, 11, 1), None]
    assert [list(flags) for flags in back["flags"]] == [["empty"], []]
    assert read_table_metadata(tmp_path / "t.parquet") == {"status": "SUCCESS"}


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_table(table(), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_no_file_and_no_table_are_two_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("not a table at all")
    with pytest.raises(TableError, match=r"text\.parquet"):
        read_table(tmp_path / "text.parquet")


def test_tables_with_different_columns_are_joined_with_nulls(tmp_path: Path) -> None:
    write_table(pd.DataFrame({"a": [1]}), tmp_path / "one")
    write_table(pd.DataFrame({"a": [2], "b": ["x"]}), tmp_path / "two")
    joined = concatenate_tables([tmp_path / "one", tmp_path / "two"])
    assert joined is not None
    assert joined["a"].tolist() == [1, 2]
    assert joined["b"].isna().tolist() == [True, False]
    assert concatenate_tables([]) is None


@pytest.mark.parametrize("at_once", [1, 2, 3, 7, 8])
def test_joining_as_they_come_is_the_same_as_joining_all_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    paths = [tmp_path / f"{number}.parquet" for number in range(7)]
    for number, path in enumerate(paths):
        one = table().assign(number=number)
        write_table(one.drop(columns="slices") if number == 0 else one, path)
    monkeypatch.setattr("pdcp_dagster.adapters.parquet._JOINED_AT_ONCE", at_once)
    joined = concatenate_tables(iter(paths))
    assert joined is not None
    assert joined["number"].tolist() == [number for number in range(7) for _ in range(2)]
    assert joined["slices"].isna().sum() == 2 + 6
    assert joined["patient_id"].fillna("none").tolist() == ["007", "none"] * 7
    assert joined["date"].tolist() == [dt.date(2013, 11, 1), None] * 7
    assert [list(flags) for flags in joined["flags"]] == [["empty"], []] * 7
    assert joined["dose_gy"].dtype == table()["dose_gy"].dtype
    joined.loc[0, "dose_gy"] = 1.0  # its memory is its own
    assert joined["dose_gy"].tolist()[0] == 1.0
