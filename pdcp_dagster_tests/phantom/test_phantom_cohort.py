"""The demo cohort: something of everything, and files that are what the list says."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
import yaml

from pdcp_dagster.domain.codes import CODES, Effect, Status
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.phantom import cohort as cohort_module
from pdcp_dagster.phantom.cohort import COHORT_FILE, demo_cohort, read_cohort, write_cohort
from pdcp_dagster.phantom.conformance import check_conformance
from pdcp_dagster.phantom.dicom_rtdose import max_dose_gy
from pdcp_dagster.phantom.patient import TRUTH_FILE

SETTINGS = Path(__file__).parents[2] / "cohorts" / "demo.yaml"


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    write_cohort(folder)
    return folder


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("REVIEW", "II_REV_001"),
        ("REVIEW", "I_REV_004"),
        ("REVIEW", "II_REV_003"),
        ("EXCLUDE", "I_EXEC_004"),
        ("EXCLUDE", "I_EXEC_005"),
        ("EXCLUDE", "I_EXEC_006"),
        ("EXCLUDE", "II_EXEC_002"),
        ("EXCLUDE", "XXIV_EXEC_003"),
        ("FAILED", None),
        ("SUCCESS", None),
    ],
)
def test_there_is_a_patient_for_each_end(status: str, code: str | None) -> None:
    assert any((each.expected_status.value, each.expected_code) == (status, code) for each in demo_cohort())


def test_there_are_awkward_patient_ids_a_leading_zero_and_a_prefix_pair() -> None:
    ends = {each.patient_id: each.expected_status for each in demo_cohort()}
    assert ends["../A B/ü"] is ends["007"] is ends["P1"] is Status.SUCCESS
    assert ends["P10"] is Status.EXCLUDE
    assert len(ends) == len(demo_cohort()) >= 17
    assert list(ends.values()).count(Status.SUCCESS) >= 5


def test_each_code_exists_and_does_what_the_status_says() -> None:
    effects = {Status.REVIEW: Effect.REVIEW, Status.EXCLUDE: Effect.EXCLUDE}
    for patient in demo_cohort():
        if patient.expected_code is not None:
            assert CODES[patient.expected_code].effect is effects[patient.expected_status]


def test_the_settings_are_valid_and_the_patients_lie_where_they_should_about_the_thresholds() -> None:
    settings = Cohort.model_validate(yaml.safe_load(SETTINGS.read_text(encoding="utf-8")))
    bounds = settings.ct_instances
    for patient in demo_cohort():
        slices, dose = patient.spec.size[2], max_dose_gy(patient.spec)
        assert settings.dose_max_gy.minimum is not None
        assert settings.dose_max_gy.maximum is not None
        in_bounds = settings.dose_max_gy.minimum < dose < settings.dose_max_gy.maximum
        assert in_bounds == (patient.expected_code != "XXIV_EXEC_003")
        assert (bounds.review_above < slices <= bounds.maximum) == (patient.expected_code == "II_REV_001")
        assert (slices < bounds.minimum) == (patient.patient_id == "P13")


def test_every_file_passes_the_strict_reading_except_for_the_ct_that_is_not_there(cohort: Path) -> None:
    """Here for the patients that differ in kind; the simple ones are checked elsewhere."""
    for entry in read_cohort(cohort):
        if entry.patient_id in {"P3", "P7", "P8", "P10", "P13", "P15"}:
            assert check_conformance(cohort / entry.folder) == ()
        if entry.patient_id == "P11":
            problems = check_conformance(cohort / entry.folder)
            assert problems
            assert all("RTSTRUCT" in problem and "which is not there" in problem for problem in problems)


def test_the_list_names_each_patients_folder_and_the_slice_to_damage(cohort: Path) -> None:
    entries = {entry.patient_id: entry for entry in read_cohort(cohort)}
    for patient in demo_cohort():
        entry = entries[patient.patient_id]
        assert (entry.status, entry.code) == (patient.expected_status.value, patient.expected_code)
        files = sorted((cohort / entry.folder).glob("*.dcm"))
        assert {str(pydicom.dcmread(files[0], stop_before_pixels=True).PatientID)} == {patient.patient_id}
        assert (cohort / entry.folder / TRUTH_FILE).is_file()
        assert entry.why.endswith(".")
    damaged = [entry for entry in entries.values() if entry.damage is not None]
    assert [entry.status for entry in damaged] == ["FAILED"]
    uids = {
        pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID
        for path in (cohort / damaged[0].folder).glob("CT_*.dcm")
    }
    assert damaged[0].damage in uids


def test_folders_are_unique_case_aside_and_lie_in_the_cohorts_folder(cohort: Path) -> None:
    names = [path.name.lower() for path in cohort.iterdir() if path.is_dir()]
    assert len(set(names)) == len(names) == len(demo_cohort())
    assert not any(".." in name or "/" in name for name in names)


def test_writing_the_cohort_again_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its first two patients and its last, which is quicker."""
    few = (*demo_cohort()[:2], demo_cohort()[-1])
    monkeypatch.setattr(cohort_module, "demo_cohort", lambda _seed: few)

    def state() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}

    folders = write_cohort(tmp_path)
    before = state()
    assert write_cohort(tmp_path) == folders
    assert state() == before
    assert tmp_path / COHORT_FILE in before
    assert len(folders) == 3
