"""Where a patient stands, from files alone, and who may load what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from pdcp_dagster.adapters.parquet import write_table
from pdcp_dagster.adapters.store import PATIENT_FILES, PatientFolder, Store
from pdcp_dagster.domain.codes import Finding, Status
from pdcp_dagster.domain.notes import STAGES, notes_document, stages_of
from pdcp_dagster.stages.current import (
    NotInLinkage,
    PatientExcluded,
    PatientFailed,
    PatientInReview,
    PatientNotLoadableError,
    PatientPending,
    require_listed,
    require_loadable,
    standing_of,
)

ALL_DONE: dict[str, list[Finding]] = {stage: [] for stage in STAGES}
PASSED = ALL_DONE | {"verified_study": [Finding("II_SUCC_001")], "ct_volume": [Finding("XII_SUCC_001", "12 slices")]}
REVIEW = ALL_DONE | {"verified_study": [Finding("II_REV_001", "48 slices"), Finding("II_SUCC_001")]}
EXCLUDED = {"verified_study": [Finding("I_EXEC_005", "no RTDOSE in the archive")]}
FAILURE = {"stage": "retrieved_dicom", "error_type": "ObjectDamaged", "reason": "9 bytes", "time": "", "run_id": "r"}


@pytest.fixture
def patient(tmp_path: Path) -> PatientFolder:
    return Store(tmp_path).cohort("breast").patient("P1")


def keep(patient: PatientFolder, *assets: str) -> None:
    for asset in assets:
        (patient.begin(asset) / PATIENT_FILES[asset][0]).write_text(asset)
        patient.commit(asset)


def note(patient: PatientFolder, findings: dict[str, list[Finding]], linkage: str = "CRDP") -> None:
    """Write notes, and what the noted stages kept."""
    keep(patient, *findings)
    patient.write_notes(
        notes_document(
            findings_by_stage=findings,
            list_of_values={},
            raw_images_summary={},
            verified_images_summary={},
            version="1",
            linkage=linkage,
        )
    )


def refusal(patient: PatientFolder, asset: str, *, include_review: bool = False) -> PatientNotLoadableError | None:
    try:
        require_loadable(patient, asset, include_review=include_review)
    except PatientNotLoadableError as error:
        return error
    return None


def test_a_patient_that_was_never_run_is_pending(patient: PatientFolder) -> None:
    standing = standing_of(patient)
    assert (standing.status, standing.code, standing.reason) == (Status.PENDING, None, "Not run yet.")
    assert isinstance(refusal(patient, "ct_volume"), PatientPending)


@pytest.mark.parametrize(
    ("findings", "status", "code"),
    [
        (PASSED, Status.SUCCESS, "XII_SUCC_001"),
        (REVIEW, Status.REVIEW, "II_REV_001"),
        (EXCLUDED, Status.EXCLUDE, "I_EXEC_005"),
    ],
    ids=["passed", "review", "excluded"],
)
def test_the_notes_codes_decide(
    patient: PatientFolder, findings: dict[str, list[Finding]], status: Status, code: str
) -> None:
    note(patient, findings)
    standing = standing_of(patient)
    assert (standing.status, standing.code) == (status, code)
    assert [each.code for each in standing.findings] == [each.code for each in _flat(findings.values())]


def _flat(findings: object) -> Sequence[Finding]:
    return [each for of_stage in findings for each in of_stage]  # type: ignore[attr-defined] # a dict's values


def test_a_failure_beats_what_an_earlier_run_noted_until_it_is_cleared(patient: PatientFolder) -> None:
    note(patient, PASSED)
    keep(patient, "ct_volume")
    patient.write_failure(FAILURE)
    standing = standing_of(patient)
    assert (standing.status, standing.code) == (Status.FAILED, None)
    assert standing.reason == "Failed at retrieved_dicom: 9 bytes"
    assert isinstance(refusal(patient, "ct_volume", include_review=True), PatientFailed)
    patient.clear_failure()
    assert standing_of(patient).status is Status.SUCCESS
    assert refusal(patient, "ct_volume") is None


def test_what_passed_and_was_kept_may_be_loaded_and_what_was_not_kept_may_not(patient: PatientFolder) -> None:
    note(patient, PASSED)
    keep(patient, "ct_volume")
    assert refusal(patient, "ct_volume") is None
    patient.remove("dvh_table")
    missing = refusal(patient, "dvh_table")
    assert isinstance(missing, PatientPending)
    assert "materialise dvh_table first" in missing.reason


def test_an_excluded_patient_is_refused_with_code_and_reason_whatever_files_there_are(patient: PatientFolder) -> None:
    note(patient, EXCLUDED)
    keep(patient, "ct_volume")
    refused = refusal(patient, "ct_volume", include_review=True)
    assert isinstance(refused, PatientExcluded)
    assert refused.code == "I_EXEC_005"
    assert str(refused) == refused.reason == "Excluded: no RTDOSE in the archive. Ask for a re-export. (I_EXEC_005)"


def test_a_patient_to_review_is_loaded_only_by_who_asks_for_it(patient: PatientFolder) -> None:
    note(patient, REVIEW)
    keep(patient, "ct_volume")
    refused = refusal(patient, "ct_volume")
    assert isinstance(refused, PatientInReview)
    assert refused.code == "II_REV_001"
    assert refusal(patient, "ct_volume", include_review=True) is None
    patient.remove("dvh_table")
    assert isinstance(refusal(patient, "dvh_table", include_review=True), PatientPending)


@pytest.mark.parametrize("findings", [PASSED, REVIEW, EXCLUDED], ids=["passed", "review", "excluded"])
def test_the_evidence_loads_whatever_the_status(patient: PatientFolder, findings: dict[str, list[Finding]]) -> None:
    note(patient, findings)
    keep(patient, "image_summary", "verified_study", "candidate_studies")
    patient.write_failure(FAILURE)
    for asset in ("image_summary", "verified_study", "candidate_studies", "patient_notes"):
        assert refusal(patient, asset) is None


def test_a_patient_whose_stages_are_not_all_done_is_no_success_but_what_is_finished_may_be_used(
    patient: PatientFolder,
) -> None:
    note(patient, {stage: PASSED[stage] for stage in ("image_summary", "verified_study", "ct_volume")})
    standing = standing_of(patient)
    assert standing.status is Status.PENDING
    assert standing.reason.startswith("Not done yet: candidate_studies, retrieved_dicom, ")
    assert refusal(patient, "ct_volume") is None


def test_a_patient_without_a_dose_is_a_success_where_the_linkage_asks_for_none(patient: PatientFolder) -> None:
    note(patient, {stage: PASSED[stage] for stage in stages_of("CR")}, linkage="CR")
    assert standing_of(patient).status is Status.SUCCESS
    assert refusal(patient, "ct_volume") is None


@pytest.mark.parametrize("linkage_findings", [PASSED, REVIEW], ids=["passed", "review"])
def test_what_the_linkage_does_not_have_is_refused_in_those_words(
    patient: PatientFolder, linkage_findings: dict[str, list[Finding]]
) -> None:
    note(patient, {stage: linkage_findings[stage] for stage in stages_of("CR")}, linkage="CR")
    refused = refusal(patient, "dose_volume", include_review=True)
    assert isinstance(refused, NotInLinkage)
    assert "no dose_volume" in refused.reason
    assert "linkage is CR" in refused.reason


@pytest.mark.parametrize("damage", ["", "{", '{"stages": {"ct_volume": [{"code": "NO_SUCH", "detail": ""}]}}', "[]"])
def test_notes_that_cannot_be_read_are_a_failure_of_that_patient_and_no_exception(
    patient: PatientFolder, damage: str
) -> None:
    note(patient, PASSED)
    patient.file("patient_notes").write_text(damage)
    assert standing_of(patient).status is Status.FAILED
    assert isinstance(refusal(patient, "ct_volume"), PatientFailed)


@pytest.mark.parametrize("damage", ["", "{", "{}", '{"stage": "ct_volume"}'])
def test_a_damaged_failure_file_is_still_a_failure(patient: PatientFolder, damage: str) -> None:
    note(patient, PASSED)
    (patient.path / "failure.json").write_text(damage)
    assert standing_of(patient).status is Status.FAILED


def test_a_damaged_commit_mark_commits_nothing(patient: PatientFolder) -> None:
    note(patient, PASSED)
    (patient.path / "manifests" / "ct_volume.json").write_text('{"asset": ')
    assert patient.manifest("ct_volume") is None
    assert standing_of(patient).status is Status.PENDING


def test_a_patient_who_left_the_list_is_not_loadable(tmp_path: Path) -> None:
    cohort = Store(tmp_path).cohort("breast")
    write_table(pd.DataFrame({"partition_key": ["P1", "P2"]}), cohort.file("patient_ids"))
    require_listed(cohort, "P1")
    with pytest.raises(PatientPending, match="no longer"):
        require_listed(cohort, "P3")
    write_table(pd.DataFrame({"partition_key": ["P2"]}), cohort.file("patient_ids"))
    with pytest.raises(PatientPending, match="no longer"):
        require_listed(cohort, "P1")
