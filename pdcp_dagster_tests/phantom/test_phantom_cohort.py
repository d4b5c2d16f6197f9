"""The demo cohort: something of everything, and files that are what the list says."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
import yaml

from pdcp_dagster.domain.codes import CODES, Effect, Status
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.words import word_in
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


def demo_settings() -> Cohort:
    return Cohort.model_validate(yaml.safe_load(SETTINGS.read_text(encoding="utf-8")))


def date_of(path: Path) -> str | None:
    header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["StudyDate"])
    return str(header.StudyDate) if "StudyDate" in header else None


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("REVIEW", "II_REV_001"),
        ("REVIEW", "I_REV_004"),
        ("REVIEW", "I_REV_005"),
        ("REVIEW", "I_REV_006"),
        ("REVIEW", "II_REV_003"),
        ("REVIEW", "II_REV_004"),
        ("REVIEW", "II_REV_005"),
        ("REVIEW", "II_REV_009"),
        ("REVIEW", "XXIV_REV_001"),
        ("EXCLUDE", "I_EXEC_004"),
        ("EXCLUDE", "I_EXEC_005"),
        ("EXCLUDE", "I_EXEC_006"),
        ("EXCLUDE", "I_EXEC_008"),
        ("EXCLUDE", "II_EXEC_002"),
        ("EXCLUDE", "II_EXEC_004"),
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
    assert len(ends) == len(demo_cohort()) == 36
    assert list(ends.values()).count(Status.SUCCESS) == 12


def test_each_code_exists_and_does_what_the_status_says() -> None:
    effects = {Status.REVIEW: Effect.REVIEW, Status.EXCLUDE: Effect.EXCLUDE}
    for patient in demo_cohort():
        if patient.expected_code is not None:
            assert CODES[patient.expected_code].effect is effects[patient.expected_status]


def test_the_settings_are_valid_and_the_patients_lie_where_they_should_about_the_thresholds() -> None:
    settings = demo_settings()
    bounds = settings.ct_instances
    for patient in demo_cohort():
        slices, dose = patient.spec.size[2], max_dose_gy(patient.spec)
        assert settings.dose_max_gy.minimum is not None
        assert settings.dose_max_gy.maximum is not None
        in_bounds = settings.dose_max_gy.minimum < dose < settings.dose_max_gy.maximum
        assert in_bounds == (patient.expected_code != "XXIV_EXEC_003")
        assert (bounds.review_above < slices <= bounds.maximum) == (patient.expected_code == "II_REV_001")
        assert (slices < bounds.minimum) == (patient.patient_id == "P13")


def test_the_patients_who_are_too_old_or_without_a_date_are_those_that_are_said_to_be(cohort: Path) -> None:
    begins = demo_settings().eligibility.study_date_after
    assert begins is not None
    for entry in read_cohort(cohort):
        dates = {date_of(path) for path in (cohort / entry.folder).glob("CT_*.dcm")}
        known = [date for date in dates if date is not None and date != "19000101"]
        assert (known == []) == (entry.code == "I_REV_006"), entry.patient_id
        too_old = [date for date in known if date <= f"{begins:%Y%m%d}"]
        assert too_old == (known if entry.code == "I_EXEC_008" else []), entry.patient_id


def test_two_patients_have_two_complete_studies_and_the_cohorts_first_rule_decides_for_one(cohort: Path) -> None:
    assert [rule.name for rule in demo_settings().study_selection] == ["approved_plan", "review"]
    statuses = {}
    for entry in read_cohort(cohort):
        plans = [pydicom.dcmread(path) for path in sorted((cohort / entry.folder).glob("RTPLAN_*.dcm"))]
        if len({plan.StudyInstanceUID for plan in plans}) > 1:
            statuses[entry.patient_id] = [plan.ApprovalStatus for plan in plans]
    assert statuses == {"P5": ["APPROVED", "APPROVED"], "P20": ["APPROVED", "UNAPPROVED"]}


def test_only_one_patient_has_a_phantom_word_in_the_patient_id_or_name() -> None:
    words = demo_settings().phantom.words
    named = {each.patient_id for each in demo_cohort() if word_in(words, f"{each.patient_id} {each.spec.patient_name}")}
    assert named == {"QA-17"}


def test_every_file_passes_the_strict_reading_where_nothing_is_amiss(cohort: Path) -> None:
    """Here for the patients that differ in kind; the simple ones are checked elsewhere."""
    different = {"P3", "P7", "P8", "P10", "P13", "P15", "P16", "P17", "P18", "P19", "P24", "P25", "P28", "P32"}
    for entry in read_cohort(cohort):
        if entry.patient_id in different:
            assert check_conformance(cohort / entry.folder) == ()


@pytest.mark.parametrize(
    ("patient_id", "count", "finding"),
    [
        ("P11", 24, "which is not there"),
        ("P21", 1, "RTDOSE_1-1_001.dcm: ReferencedRTPlanSequence is missing"),
        ("P22", 1, "RTDOSE_1-1_001.dcm: ReferencedRTPlanSequence is missing"),
        ("P23", 1, "RTPLAN_1-1_001.dcm: ReferencedStructureSetSequence is empty"),
        ("P26", 3, "which is not there"),
        ("P27", 24 + 3, "StudyDate is missing"),
        ("P30", 1, "RTDOSE_1-1_001.dcm: ReferencedRTPlanSequence is missing"),
    ],
)
def test_the_strict_reading_finds_in_the_others_what_is_amiss_and_no_more(
    cohort: Path, patient_id: str, count: int, finding: str
) -> None:
    (entry,) = [entry for entry in read_cohort(cohort) if entry.patient_id == patient_id]
    problems = check_conformance(cohort / entry.folder)
    assert len(problems) == count
    assert all(finding in problem for problem in problems)


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
