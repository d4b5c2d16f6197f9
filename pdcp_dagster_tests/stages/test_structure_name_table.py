"""The names of a cohort's ROIs: one row per name, of all patients, telling of none of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pdcp_dagster.adapters.parquet import TableError, write_table
from pdcp_dagster.adapters.store import CohortFolder, Store
from pdcp_dagster.domain.keys import partition_key
from pdcp_dagster.domain.structure_names import StructureNameMap
from pdcp_dagster.stages.structure_name_table import STRUCTURE_NAME_COLUMNS, structure_name_table

PATIENTS: dict[str, list[str | None] | None] = {
    "Meier^Anna": ["Heart", "Lt Lung", "Hart", "PTV 1"],
    "0012": ["HEART", "heart", "lt  lung", "couch"],
    "P3": ["heart", "Lunge re", None, " "],
    "never run": None,
}
MAP = StructureNameMap(version="names 1", exact={"heart": "Heart", "lt lung": "Lung_R"}, ignore=("couch",))


@pytest.fixture
def cohort(tmp_path: Path) -> CohortFolder:
    """Four patients, of whom three have structures; nothing else is in the store."""
    folder = Store(tmp_path).cohort("names")
    keys = [partition_key(patient_id) for patient_id in PATIENTS]
    write_table(pd.DataFrame({"patient_id": list(PATIENTS), "partition_key": keys}), folder.file("patient_ids"))
    for key, names in zip(keys, PATIENTS.values(), strict=True):
        if names is not None:
            path = folder.patient(key).file("structure_masks")
            path.parent.mkdir(parents=True)
            write_table(pd.DataFrame({"roi_number": range(len(names)), "roi_name": names}), path)
    return folder


def rows(table: pd.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    plain = table[list(columns)].astype(object).where(table[list(columns)].notna(), None)
    return list(plain.itertuples(index=False, name=None))


def test_each_name_is_one_row_case_and_white_space_aside_in_its_commonest_spelling(cohort: CohortFolder) -> None:
    table = structure_name_table(cohort, MAP)
    assert list(table.columns) == list(STRUCTURE_NAME_COLUMNS)
    assert rows(table, "roi_name", "patients", "rois", "state", "roi_standard_name") == [
        ("Lt Lung", 2, 2, "conflict", None),
        ("Hart", 1, 1, "unmapped", None),
        ("Lunge re", 1, 1, "unmapped", None),
        ("PTV 1", 1, 1, "unmapped", None),
        ("heart", 3, 4, "mapped", "Heart"),
        ("couch", 1, 1, "ignored", None),
    ]
    assert set(table["structure_name_map"]) == {"names 1"}


def test_what_the_map_leaves_open_has_a_proposal_with_its_reason_where_one_is_near(cohort: CohortFolder) -> None:
    table = structure_name_table(cohort, MAP).set_index("roi_name")
    assert table.loc["Lt Lung", "reason"] == "it speaks of the left side, and Lung_R of the right"
    assert table.loc["Lt Lung", "proposal"] == "Lung_L"
    assert table.loc["Hart", "proposal"] == "Heart"
    assert table.loc["Hart", "proposed_because"] == "almost the same letters: heart"
    assert table.loc["PTV 1", "proposal"] == "PTV1"
    assert table.loc[["Lunge re", "heart", "couch"], ["proposal", "proposed_because"]].isna().all(axis=None)


def test_without_a_map_every_name_is_unmapped_and_the_version_empty(cohort: CohortFolder) -> None:
    table = structure_name_table(cohort, None)
    assert set(table["state"]) == {"unmapped"}
    assert table["structure_name_map"].isna().all()
    assert rows(table, "roi_name", "proposal")[0] == ("heart", "Heart")


def test_no_patient_is_in_the_table(cohort: CohortFolder) -> None:
    text = structure_name_table(cohort, MAP).to_csv()
    for patient_id in PATIENTS:
        assert patient_id not in text
        assert partition_key(patient_id) not in text


def test_a_cohort_of_nobody_has_an_empty_table_of_the_same_columns(tmp_path: Path) -> None:
    folder = Store(tmp_path).cohort("nobody")
    folder.path.mkdir()
    write_table(pd.DataFrame({"patient_id": [], "partition_key": []}, dtype="string"), folder.file("patient_ids"))
    table = structure_name_table(folder, MAP)
    assert len(table) == 0
    assert {str(name): str(kind) for name, kind in table.dtypes.items()} == STRUCTURE_NAME_COLUMNS


def test_structures_that_cannot_be_read_are_not_taken_for_none(cohort: CohortFolder) -> None:
    cohort.patient("P3").file("structure_masks").write_bytes(b"no table")
    with pytest.raises(TableError, match=r"structures\.parquet"):
        structure_name_table(cohort, MAP)
