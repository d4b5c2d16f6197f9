"""One patient's rows leave a table, and nothing else of it changes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from pdcp_dagster.adapters.parquet import read_table, read_table_metadata, write_table
from pdcp_dagster.adapters.table_rows import RowsError, count_rows_of, drop_rows_of, texts_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    table = pd.DataFrame(
        {
            "patient_id": pd.array(["A", "B", None, "a"], dtype="string"),
            "partition_key": pd.array(["A", "k2", "k3", "a"], dtype="string"),
            "codes": [["X"], ["Y", "B"], [], ["Z"]],
            "dose_gy": [1.0, 2.0, 3.0, 4.0],
        }
    )
    write_table(table, tmp_path / "t.parquet", {"cohort": "demo"})
    return tmp_path / "t.parquet"


def test_the_rows_of_either_column_go_and_the_others_stay_as_they_were(file: Path) -> None:
    schema = pq.read_schema(file)

    assert drop_rows_of(file, {"patient_id": "B", "partition_key": "k3"}) == 2

    assert list(read_table(file)["dose_gy"]) == [1.0, 4.0]
    assert pq.read_schema(file).equals(schema)
    assert read_table_metadata(file) == {"cohort": "demo"}


def test_a_table_without_such_a_row_or_column_is_not_written(file: Path) -> None:
    before = file.stat()

    assert drop_rows_of(file, {"patient_id": "b", "dose_gy": "1.0", "no_such": "A"}) == 0

    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_counting_removes_nothing(file: Path) -> None:
    assert count_rows_of(file, {"patient_id": "A", "partition_key": "A"}) == 1
    assert len(read_table(file)) == 4


def test_all_texts_of_a_table_are_told_those_in_lists_and_in_its_metadata_too(file: Path) -> None:
    texts = set(texts_of(file))

    assert {"A", "B", "a", "k2", "k3", "X", "Y", "Z", "cohort demo"} <= texts
    assert not any(text.startswith("1.0") for text in texts)


def test_what_is_no_table_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 and nothing more")

    with pytest.raises(RowsError, match=r"t\.parquet"):
        count_rows_of(tmp_path / "t.parquet", {"patient_id": "A"})
