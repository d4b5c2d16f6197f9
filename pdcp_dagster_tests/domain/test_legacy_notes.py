"""The notes for PDCP's scripts: its keys alone, its directories, and the codes that only it had."""

from __future__ import annotations

from typing import Any

import pytest

from pdcp_dagster.domain.codes import Finding, Status, deciding
from pdcp_dagster.domain.legacy_notes import KEYS, legacy_notes, legacy_status, unread_notes

DIRECTORIES = {"thedir": "/x/data/12/", "ct_directory": "/x/data/12/CT/"}


def notes_of(*findings: Finding) -> dict[str, Any]:
    decisive = deciding(findings)
    return {
        "raw_images_summary": {"PatId": "12", "number_of_CT_series": 2},
        "list_of_values": {"PatId": "12", "StudyDate": 20141222},
        "verification_notes": [finding.note() for finding in findings],
        "verified_images_summary": {"PatId": "12", "number_of_CT_series": 1},
        "version": "cohort 1",
        "retrieval_notes": ["XI: XI_SUCC_001:PROCEED"],
        "loading_notes": [],
        "status": "SUCCESS",
        "code": decisive.note() if decisive else None,
        "patientimagingfilesready": True,
        "stages": {},
        "linkage": "CRDP",
    }


def test_only_the_keys_of_pdcp_are_there_and_their_content_is_kept() -> None:
    notes = notes_of(Finding("II_SUCC_001", "CT 1.2"))
    legacy = legacy_notes(notes, Status.SUCCESS, (Finding("II_SUCC_001"),), DIRECTORIES)
    assert set(legacy) == set(KEYS) - {"imagesummary"}
    for key in ("raw_images_summary", "verification_notes", "verified_images_summary", "version", "status", "code"):
        assert legacy[key] == notes[key]
    assert legacy["list_of_values"] == {"PatId": "12", "StudyDate": 20141222, **DIRECTORIES}
    assert legacy["patientimagingfilesready"] is True


def test_a_patient_to_review_is_not_ready_although_the_data_is_there() -> None:
    finding = Finding("II_REV_001", "381 slices")
    legacy = legacy_notes(notes_of(finding), Status.REVIEW, (finding,), DIRECTORIES)
    assert (legacy["status"], legacy["patientimagingfilesready"]) == ("REVIEW", False)
    assert legacy["code"] == "II: II_REV_001:SEVERE:381 slices"


def test_a_patient_without_data_is_never_ready() -> None:
    legacy = legacy_notes(notes_of(), Status.SUCCESS, (), {})
    assert legacy["patientimagingfilesready"] is False


@pytest.mark.parametrize(
    ("ours", "pdcps", "step"), [("I_REV_004", "I_EXEC_007", "I"), ("II_REV_003", "II_EXEC_003", "II")]
)
def test_several_studies_and_several_cts_are_excluded_as_pdcp_did(ours: str, pdcps: str, step: str) -> None:
    finding = Finding(ours, "2 of them")
    first, last = Finding("I_REV_001"), Finding("I_NOTE_004")
    findings = (first, finding, last)
    legacy = legacy_notes(notes_of(*findings), Status.REVIEW, findings, {})
    assert legacy_status(Status.REVIEW, findings) is Status.EXCLUDE
    assert legacy["status"] == "EXECLUDE"
    assert legacy["code"] == f"{step}: {pdcps}:EXECLUDE:2 of them"
    assert legacy["verification_notes"] == [first.note(), finding.note(), legacy["code"], last.note()]
    assert legacy["patientimagingfilesready"] is False


def test_an_exclusion_of_the_stores_own_keeps_its_code() -> None:
    findings = (Finding("I_REV_004", "2 of them"), Finding("II_EXEC_002"))
    legacy = legacy_notes(notes_of(*findings), Status.EXCLUDE, findings, {})
    assert legacy["code"] == "II: II_EXEC_002:EXECLUDE"
    assert "I: I_EXEC_007:EXECLUDE:2 of them" in legacy["verification_notes"]


@pytest.mark.parametrize("status", [Status.FAILED, Status.PENDING])
def test_without_a_result_status_and_code_are_null_whatever_older_notes_say(status: Status) -> None:
    finding = Finding("II_SUCC_001")
    legacy = legacy_notes(notes_of(finding), status, (finding,), {})
    assert (legacy["status"], legacy["code"], legacy["patientimagingfilesready"]) == (None, None, False)


def test_a_summary_that_could_not_be_read_is_an_exclusion_with_the_reason() -> None:
    legacy = unread_notes("007", "cohort 1", "Orthanc: timed out")
    assert set(legacy) == set(KEYS) - {"imagesummary"}
    assert legacy["status"] == "EXECLUDE"
    assert legacy["code"] == "I: I_EXEC_002:EXECLUDE:Orthanc; timed out"
    assert legacy["verification_notes"] == [legacy["code"]]
    assert legacy["list_of_values"] == {"PatId": "007"}
    assert (legacy["version"], legacy["patientimagingfilesready"]) == ("cohort 1", False)
