"""`pdcp quarantine`: each candidate as if there were no other, and nobody else's files touched."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
import pytest

from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.adapters.store import PATIENT_FILES, CohortFolder, Store
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.phantom.archive import damage_stored_file, mend_storage
from pdcp_dagster.stages.current import standing_of
from pdcp_dagster.stages.report import cohort_dvh_table

if TYPE_CHECKING:
    from pdcp_dagster_tests.commands.conftest import Clinic

pytestmark = pytest.mark.xdist_group("commands_quarantine")

Answer = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def desk(clinic: Clinic) -> Clinic:
    """Two patients of two studies, one who passes, and one without any candidate."""
    clinic.admit("RVQtwo", studies=2)
    clinic.admit("RVQlate", studies=2)
    clinic.admit("RVQsound")
    clinic.admit("RVQnone", modalities=("CT", "RTSTRUCT"))
    clinic.cohort("quarantine", ["RVQtwo", "RVQsound", "RVQnone", "RVQlate"])
    answer = clinic.pdcp("run", "--cohort", "quarantine", "--jobs", "2", **clinic.settings)
    assert answer.returncode == 0, answer.stderr
    return clinic


def quarantine(desk: Clinic, patient: str) -> Answer:
    return desk.pdcp("quarantine", "--cohort", "quarantine", "--patient", patient, **desk.settings)


def the_cohort(desk: Clinic) -> CohortFolder:
    return Store(desk.root / "store").cohort("quarantine")


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_each_candidate_is_prepared_whole_and_the_patients_own_files_stay_as_they_were(desk: Clinic) -> None:
    cohort = the_cohort(desk)
    before = content(cohort.path / "patients")
    answer = quarantine(desk, "RVQtwo")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.count("SUCCESS") == 2
    chosen = set()
    for number in (1, 2):
        folder = cohort.candidate("RVQtwo", number)
        assert standing_of(folder).status is Status.SUCCESS
        missing = [asset for asset in PATIENT_FILES if folder.manifest(asset) is None]
        assert missing == []
        slices = list((folder.file("retrieved_dicom") / "CT").iterdir())
        assert len(slices) == 12
        (series,) = {pydicom.dcmread(file, stop_before_pixels=True).SeriesInstanceUID for file in slices}
        chosen.add(str(series))
    assert len(chosen) == 2
    assert content(cohort.path / "patients") == before
    assert not list(cohort.path.rglob("*.tmp"))


def test_nothing_of_the_quarantine_counts_in_any_table(desk: Clinic) -> None:
    cohort = the_cohort(desk)
    answer = desk.pdcp("run", "--cohort", "quarantine", "--patient", "RVQsound", **desk.settings)
    assert answer.returncode == 0, answer.stderr
    report = read_table(cohort.file("cohort_report"))
    assert list(report["patient_id"]) == ["RVQlate", "RVQnone", "RVQsound", "RVQtwo"]
    assert set(cohort_dvh_table(cohort, include_review=True)["patient_id"]) == {"RVQsound"}
    assert set(read_table(cohort.file("cohort_dvh"))["patient_id"]) == {"RVQsound"}
    status = desk.pdcp("status", "--cohort", "quarantine", "--patient", "RVQtwo", **desk.settings)
    assert "REVIEW" in status.stdout


def test_the_folders_are_shown_to_whoever_decides(desk: Clinic) -> None:
    answer = desk.pdcp("review", "show", "--cohort", "quarantine", "--patient", "RVQtwo", **desk.settings)
    assert "In quarantine" in answer.stdout


def test_what_an_earlier_quarantine_left_is_gone(desk: Clinic) -> None:
    left = the_cohort(desk).candidate("RVQtwo", 7).path
    left.mkdir(parents=True)
    (left / "notes.json").write_text("{}")
    assert quarantine(desk, "RVQtwo").returncode == 0
    assert sorted(path.name for path in the_cohort(desk).quarantine("RVQtwo").iterdir()) == ["1", "2"]


def test_a_patient_without_a_candidate_is_told_in_one_line(desk: Clinic) -> None:
    answer = quarantine(desk, "RVQnone")
    assert (answer.returncode, answer.stderr) == (0, "")
    (line,) = answer.stdout.splitlines()
    assert line.startswith("RVQnone has no candidate to prepare. Excluded: ")
    assert not the_cohort(desk).quarantine("RVQnone").exists()


def test_a_candidate_whose_file_is_damaged_fails_alone_and_makes_exit_code_1(desk: Clinic) -> None:
    table = read_table(the_cohort(desk).patient("RVQtwo").file("candidate_studies"))
    damage_stored_file(desk.orthanc, table["rtdose_uids"][1][0])
    answer = quarantine(desk, "RVQtwo")
    mend_storage(desk.orthanc.storage)
    assert answer.returncode == 1
    standings = [standing_of(the_cohort(desk).candidate("RVQtwo", number)).status for number in (1, 2)]
    assert standings == [Status.SUCCESS, Status.FAILED]
    assert "FAILED" in answer.stdout


def test_the_quarantine_of_other_candidates_is_shown_to_nobody(desk: Clinic) -> None:
    cohort = the_cohort(desk)
    assert quarantine(desk, "RVQtwo").returncode == 0
    mark = cohort.candidate("RVQtwo", 1).path / "manifests" / "verified_study.json"
    as_it_was = mark.read_text()
    mark.write_text(as_it_was.replace('"evidence": "', '"evidence": "of other candidates '))
    answer = desk.pdcp("review", "show", "--cohort", "quarantine", "--patient", "RVQtwo", **desk.settings)
    mark.write_text(as_it_was)
    assert str(cohort.candidate("RVQtwo", 1).path) not in answer.stdout.replace("\n", "")
    assert "In quarantine" in answer.stdout, "the second candidate is as it was"


def test_an_archive_that_has_changed_since_the_run_is_told(desk: Clinic) -> None:
    """Candidates are numbered by what the last run saw: another study may have shifted them."""
    desk.admit("RVQlate", studies=3)
    answer = quarantine(desk, "RVQlate")
    assert answer.returncode == 1
    assert "The archive has changed since the patient was run" in answer.stdout
    assert "pdcp run --cohort quarantine --patient RVQlate" in answer.stdout


def test_who_is_unknown_or_an_orthanc_that_cannot_be_reached_is_one_line(desk: Clinic) -> None:
    answer = quarantine(desk, "RVQnobody")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "not in the cohort's patient list: 'RVQnobody'" in answer.stderr
    nobody_listens = {**desk.settings, "ORTHANC_URL": "http://127.0.0.1:9"}
    answer = desk.pdcp("quarantine", "--cohort", "quarantine", "--patient", "RVQtwo", **nobody_listens)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "cannot be reached" in answer.stderr
    assert the_cohort(desk).candidate("RVQtwo", 1).path.is_dir(), "and nothing was removed"
