"""A forgotten patient leaves the cohort's folder wholly, whatever the PatientID, and however often one was killed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from pdcp_dagster.adapters.parquet import write_table
from pdcp_dagster.adapters.store import CohortFolder, PatientBusyError, Tombstone, write_tombstone
from pdcp_dagster.adapters.store.forgetting_marks import PatientNames, being_forgotten, clear_forgetting
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.keys import partition_key
from pdcp_dagster.stages.forgettable import called_only, patients_called
from pdcp_dagster.stages.forgetting import look_for, remove_from_store
from pdcp_dagster.stages.left_behind import left_of
from pdcp_dagster.stages.report import cohort_dvh_table, cohort_report_table

if TYPE_CHECKING:
    from pdcp_dagster_tests.stages.conftest import Ward

GONE, STAYS, HOSTILE = "ZQX7781FORGET", "STAYS-1", "../A B/ü7781"
OPEN, HIDING = (Cohort.model_validate({"name": "ward", "partition_key": key}) for key in ("patient_id", "orthanc_id"))
DECISIONS = """\
decisions:
- {patient_id: ZQX7781FORGET, reviewer: R, date: 2026-01-02, reason: r, evidence: "0123456789abcdef", exclude: true}
- {patient_id: STAYS-1, reviewer: R, date: 2026-01-02, reason: r, evidence: "0123456789abcdef", exclude: true}
"""


class Killed(BaseException):
    """The process is no more."""


@pytest.fixture(scope="module")
def lived(ward: Ward) -> CohortFolder:
    """A cohort's folder: a patient who was run and stays, two who were and go, tables of all three."""
    for patient_id in (GONE, STAYS, HOSTILE):
        ward.admit(patient_id)
        ward.run(patient_id)
    folder = CohortFolder(ward.root / "store" / "ward")
    tasks = [ward.tasks[patient_id] for patient_id in (HOSTILE, STAYS, GONE)]
    listed = pd.DataFrame(
        [(task.patient_id, task.orthanc_id, task.partition_key, 1) for task in tasks],
        columns=["patient_id", "orthanc_id", "partition_key", "studies"],
    )
    write_table(listed, folder.file("patient_ids"))
    write_table(cohort_report_table(folder), folder.file("cohort_report"))
    write_table(cohort_dvh_table(folder, include_review=True), folder.file("cohort_dvh"))
    (folder.path / "cohort_report.html").write_text(f"<td>{GONE}</td>")
    (folder.path / "commissioning" / "2026-01-02").mkdir(parents=True)
    write_table(listed, folder.path / "commissioning" / "2026-01-02" / "commissioning.parquet")
    (folder.path / "commissioning" / "2026-01-02" / "commissioning.html").write_text(f"<td>{GONE}</td>")
    for patient_id in (GONE, STAYS):
        shutil.copytree(folder.patient(patient_id).path, folder.candidate(patient_id, 1).path)
    folder.decisions.write_text(DECISIONS)
    return folder


@pytest.fixture
def folder(lived: CohortFolder, tmp_path: Path) -> CohortFolder:
    """A copy to forget in."""
    return CohortFolder(shutil.copytree(lived.path, tmp_path / "store" / "ward"))


def forget(folder: CohortFolder, patient_id: str) -> list[str]:
    (names,) = patients_called(folder, OPEN, patient_id)
    troubles = remove_from_store(folder, names)
    if not troubles:
        clear_forgetting(folder, names)
    return troubles


def bytes_with(folder: CohortFolder, text: str) -> list[str]:
    """Return all files whose name or raw bytes have a text: nothing is known here of formats."""
    return [
        str(path)
        for path in folder.path.rglob("*")
        if text in str(path.relative_to(folder.path)) or (path.is_file() and text.encode() in path.read_bytes())
    ]


def own_files(folder: CohortFolder, *patients: str) -> dict[Path, bytes]:
    """Return the content of the files of patients, in quarantine too, but for locks."""
    roots = [root for each in patients for root in (folder.patient(_key(each)).path, folder.quarantine(_key(each)))]
    return {
        path.relative_to(folder.path): path.read_bytes()
        for root in roots
        for path in root.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def _key(patient_id: str) -> str:
    return partition_key(patient_id)


@pytest.mark.parametrize("patient_id", [GONE, HOSTILE])
def test_no_byte_of_the_patient_is_left_and_nobody_else_loses_one(folder: CohortFolder, patient_id: str) -> None:
    others = [each for each in (GONE, STAYS, HOSTILE) if each != patient_id]
    before = own_files(folder, *others)
    assert bytes_with(folder, patient_id)

    assert forget(folder, patient_id) == []

    assert bytes_with(folder, patient_id) == bytes_with(folder, _key(patient_id)) == []
    assert left_of(folder, called_only(patient_id)) == []
    assert own_files(folder, *others) == before
    for each in others:
        (names,) = patients_called(folder, OPEN, each)
        assert look_for(folder, names).rows == {
            "patient_ids.parquet": 1,
            "cohort_report.parquet": 1,
            "cohort_dvh.parquet": 4,
            "commissioning/2026-01-02/commissioning.parquet": 1,
        }


def test_what_there_is_is_told_before_it_goes(folder: CohortFolder) -> None:
    files = [path for path in folder.patient(GONE).path.rglob("*") if path.is_file()]

    found = look_for(folder, called_only(GONE))

    assert found.files["the patient's folder"] == (len(files), sum(path.stat().st_size for path in files))
    assert set(found.files) == {"the patient's folder", "candidates in quarantine"}
    assert found.pages == ("cohort_report.html", "commissioning/2026-01-02/commissioning.html")
    assert found.decision
    assert bytes_with(folder, GONE)


def test_the_decisions_on_others_stay(folder: CohortFolder) -> None:
    forget(folder, GONE)

    assert "STAYS-1" in folder.decisions.read_text()


def test_forgetting_somebody_twice_finds_nobody_the_second_time(folder: CohortFolder) -> None:
    forget(folder, GONE)

    assert patients_called(folder, OPEN, GONE) == []
    assert look_for(folder, called_only(GONE)).is_nothing
    assert remove_from_store(folder, called_only(GONE)) == []


class Disk:
    """A disk on which things are removed and renamed until, at the wished number of times, the process is killed."""

    def __init__(self, patch: pytest.MonkeyPatch, dies_at: float = float("inf")) -> None:
        self.done, self.dies_at = 0, dies_at
        for name in ("unlink", "rmdir", "replace"):
            patch.setattr(os, name, self._counted(getattr(os, name)))

    def _counted(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **options: Any) -> Any:
            self.done += 1
            if self.done >= self.dies_at:
                raise Killed
            return real(*args, **options)

        return counted


def test_killed_at_any_removal_it_is_completed_by_the_next(lived: CohortFolder, tmp_path: Path) -> None:
    before = own_files(lived, STAYS)

    def copy(name: str) -> CohortFolder:
        return CohortFolder(shutil.copytree(lived.path, tmp_path / name / "ward", copy_function=os.link))

    with pytest.MonkeyPatch.context() as patch:
        disk = Disk(patch)
        forget(copy("whole"), GONE)
    # All single steps at either end; of the many files in between some.
    for dies_at in sorted({*range(1, 13), *range(13, disk.done, 16), *range(disk.done - 5, disk.done + 1)}):
        folder = copy(str(dies_at))
        with pytest.MonkeyPatch.context() as patch:
            Disk(patch, dies_at)
            with pytest.raises(Killed):
                forget(folder, GONE)

        if dies_at < disk.done:  # else only an empty folder is left
            assert forget(folder, GONE) == []

        assert left_of(folder, called_only(GONE)) == []
        assert being_forgotten(folder) == []
        assert own_files(folder, STAYS) == before


def test_what_the_disk_does_not_let_go_is_told_and_all_else_goes(
    folder: CohortFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.unlink

    def refusing(path: Any, **options: Any) -> None:
        if str(path).endswith("cohort_report.html"):
            raise PermissionError(13, "Permission denied", str(path))
        real(path, **options)

    monkeypatch.setattr(os, "unlink", refusing)

    (trouble,) = forget(folder, GONE)

    assert "cohort_report.html" in trouble
    assert "Permission denied" in trouble
    assert "cohort_report.html" in left_of(folder, called_only(GONE))
    assert not folder.patient(GONE).path.exists()
    assert [each.patient_id for each in being_forgotten(folder)] == [GONE]


def test_a_patient_under_work_is_not_touched(folder: CohortFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pdcp_dagster.stages.forgetting._LOCK_WAIT_S", 0.0)
    with folder.patient(GONE).locked():
        before = own_files(folder, GONE)

        with pytest.raises(PatientBusyError):
            remove_from_store(folder, called_only(GONE))

        assert own_files(folder, GONE) == before


def test_who_is_on_no_list_any_more_is_still_known(folder: CohortFolder) -> None:
    (listed,) = patients_called(folder, OPEN, GONE)
    for asset in ("patient_ids", "cohort_report"):
        folder.file(asset).unlink()

    assert patients_called(folder, OPEN, GONE) == [PatientNames(GONE, GONE)]

    write_tombstone(folder.patient(GONE), Tombstone(GONE, listed.orthanc_id, GONE, "2026-01-02T00:00:00"))
    assert patients_called(folder, OPEN, GONE) == [listed]


def test_a_key_names_a_patient_only_where_patient_ids_are_hidden(folder: CohortFolder) -> None:
    (named,) = patients_called(folder, OPEN, HOSTILE)

    assert patients_called(folder, HIDING, named.partition_key) == [named]
    assert patients_called(folder, HIDING, HOSTILE) == [named]


@pytest.mark.parametrize("patient_id", ["patients", "..", "", ".", "commissioning", "cohort_report", "/", "*"])
def test_a_patient_id_like_a_folder_or_a_pattern_means_neither(folder: CohortFolder, patient_id: str) -> None:
    before = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file() and path.suffix != ".lock"}

    assert look_for(folder, called_only(patient_id)).is_nothing
    assert remove_from_store(folder, called_only(patient_id)) == []

    assert {path: path.read_bytes() for path in before} == before
