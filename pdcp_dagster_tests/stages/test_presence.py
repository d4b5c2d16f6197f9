"""Who was deleted from the archive, and who is back: tombstones, and what they keep from being loaded."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pdcp_dagster.adapters.parquet import write_table
from pdcp_dagster.adapters.store import CohortFolder, read_tombstone, tombstones
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.stages.archive_list import PATIENT_ID_COLUMNS, PatientList
from pdcp_dagster.stages.current import PatientExcluded, require_listed, require_loadable, standing_of
from pdcp_dagster.stages.presence import NONE_LEFT, ArchiveEmptiedError, note_presence
from pdcp_dagster.stages.report import cohort_report_table


@pytest.fixture
def folder(tmp_path: Path) -> CohortFolder:
    """A cohort whose last list has A, B and C."""
    folder = CohortFolder(tmp_path / "ward")
    write_table(table("A", "B", "C"), folder.file("patient_ids"))
    return folder


def table(*names: str) -> pd.DataFrame:
    rows = [(name, f"orthanc-{name}", name, 1) for name in names]
    types = {"patient_id": "string", "orthanc_id": "string", "partition_key": "string", "studies": "Int64"}
    return pd.DataFrame(rows, columns=list(PATIENT_ID_COLUMNS)).astype(types)


def listing(*names: str, others: tuple[str, ...] = ()) -> PatientList:
    """What the archive has: the cohort's patients, and others."""
    return PatientList(table(*names), (), frozenset(f"orthanc-{name}" for name in (*names, *others)))


def list_again(folder: CohortFolder, found: PatientList) -> None:
    write_table(found.table, folder.file("patient_ids"))


def test_who_is_gone_gets_a_tombstone_and_nobody_else(folder: CohortFolder) -> None:
    presence = note_presence(folder, listing("A", "C"))
    assert (presence.deleted, presence.returned) == (("B",), ())
    (found,) = tombstones(folder)
    assert (found.patient_id, found.orthanc_id, found.partition_key) == ("B", "orthanc-B", "B")


def test_a_patient_off_the_cohorts_own_list_and_still_in_the_archive_was_not_deleted(folder: CohortFolder) -> None:
    assert note_presence(folder, listing("A", "C", others=("B",))).deleted == ()
    assert tombstones(folder) == []


def test_who_is_back_loses_the_tombstone(folder: CohortFolder) -> None:
    note_presence(folder, listing("A", "C"))
    list_again(folder, listing("A", "C"))
    presence = note_presence(folder, listing("A", "B", "C"))
    assert (presence.deleted, presence.returned) == ((), ("B",))
    assert tombstones(folder) == []


def test_who_is_back_and_off_the_cohorts_own_list_is_deleted_no_longer(folder: CohortFolder) -> None:
    note_presence(folder, listing("A", "C"))
    list_again(folder, listing("A", "C"))
    assert note_presence(folder, listing("A", "C", others=("B",))).returned == ("B",)
    assert tombstones(folder) == []


def test_an_archive_that_has_nobody_of_them_is_not_believed_unless_that_is_accepted(folder: CohortFolder) -> None:
    with pytest.raises(ArchiveEmptiedError, match=f"of 3 patients {NONE_LEFT}"):
        note_presence(folder, listing("X", "Y"))
    assert tombstones(folder) == []
    assert note_presence(folder, listing("X", "Y"), accept_losses=True).deleted == ("A", "B", "C")


def test_the_only_patient_may_go(folder: CohortFolder) -> None:
    list_again(folder, listing("A"))
    assert note_presence(folder, listing()).deleted == ("A",)


def test_a_deleted_patient_is_excluded_stays_in_the_report_and_cannot_be_loaded(folder: CohortFolder) -> None:
    note_presence(folder, listing("A", "C"))
    list_again(folder, listing("A", "C"))
    standing = standing_of(folder.patient("B"))
    assert (standing.status, standing.code) == (Status.EXCLUDE, "I_EXEC_012")
    report = cohort_report_table(folder)
    assert list(report["patient_id"]) == ["A", "C", "B"]
    assert list(report["status"]) == ["PENDING", "PENDING", "EXCLUDE"]
    assert "deleted from the archive" in report["reason"].iloc[2]
    with pytest.raises(PatientExcluded, match="I_EXEC_012"):
        require_listed(folder, "B")
    with pytest.raises(PatientExcluded, match="I_EXEC_012"):
        require_loadable(folder.patient("B"), "image_summary", include_review=True)


def test_a_damaged_tombstone_brings_nobody_back(folder: CohortFolder) -> None:
    path = folder.patient("b").path
    path.mkdir(parents=True)
    (path / "deleted.json").write_text("{")
    found = read_tombstone(folder.patient("b"))
    assert found is not None
    assert found.noticed == ""
    assert standing_of(folder.patient("b")).status is Status.EXCLUDE
