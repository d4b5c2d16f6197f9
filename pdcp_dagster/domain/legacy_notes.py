"""The notes as PDCP's scripts expect them: its keys alone, and the codes that only PDCP had.

What lives here: from notes.json to the legacy notes, and which status PDCP would have given. What does not: the notes
of the store (`notes`), where files lie (`stages.legacy_export`).

PDCP excluded patients with several studies or CTs, and those whose tags it could not read; here the first are to
review and the others have failed. Its scripts see the former.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pdcp_dagster.domain.codes import Finding, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEYS = (
    "imagesummary",
    "raw_images_summary",
    "list_of_values",
    "verification_notes",
    "verified_images_summary",
    "version",
    "retrieval_notes",
    "loading_notes",
    "status",
    "code",
    "patientimagingfilesready",
)
"""PDCP's keys; whatever else notes.json has stays out."""

EXCLUDED_BY_PDCP = {"I_REV_004": "I_EXEC_007", "II_REV_003": "II_EXEC_003"}
"""Codes to review -> the code with which PDCP excluded such a patient."""

_UNREADABLE = "I_EXEC_002"
_PDCP_STATUS = {Status.SUCCESS: "SUCCESS", Status.REVIEW: "REVIEW", Status.EXCLUDE: "EXECLUDE"}


def legacy_status(status: Status, findings: Sequence[Finding]) -> Status:
    """Return the status that PDCP would have given: it excluded several studies and several CTs."""
    if status is Status.REVIEW and any(finding.code in EXCLUDED_BY_PDCP for finding in findings):
        return Status.EXCLUDE
    return status


def legacy_notes(
    notes: Mapping[str, Any], status: Status, findings: Sequence[Finding], directories: Mapping[str, str]
) -> dict[str, Any]:
    """Return the legacy notes of a patient.

    notes: the content of notes.json. status: the patient's current one; without a result (FAILED, PENDING) status and
    code are null. directories: PDCP's key -> folder, of the data that was exported.
    """
    told = legacy_status(status, findings)
    legacy = {key: notes[key] for key in KEYS if key in notes}
    legacy["list_of_values"] = {**notes.get("list_of_values", {}), **directories}
    legacy["status"] = _PDCP_STATUS.get(told)
    if legacy["status"] is None:
        legacy["code"] = None
    legacy["patientimagingfilesready"] = told is Status.SUCCESS and bool(directories)
    if told is Status.EXCLUDE:
        added = [(each, _as_pdcp(each)) for each in findings if each.code in EXCLUDED_BY_PDCP]
        legacy["verification_notes"] = _with(notes.get("verification_notes", ()), added)
        if status is Status.REVIEW:
            legacy["code"] = added[0][1].note()
    return legacy


def unread_notes(patient_id: str, version: str, reason: str) -> dict[str, Any]:
    """Return the legacy notes of a patient whose image summary could not be read: excluded, with I_EXEC_002."""
    note = Finding(_UNREADABLE, reason).note()
    return {
        "raw_images_summary": {},
        "list_of_values": {"PatId": patient_id},
        "verification_notes": [note],
        "verified_images_summary": {},
        "version": version,
        "retrieval_notes": [],
        "loading_notes": [],
        "status": _PDCP_STATUS[Status.EXCLUDE],
        "code": note,
        "patientimagingfilesready": False,
    }


def _as_pdcp(finding: Finding) -> Finding:
    return Finding(EXCLUDED_BY_PDCP[finding.code], finding.detail)


def _with(notes: Sequence[str], added: Sequence[tuple[Finding, Finding]]) -> list[str]:
    """Return the notes with each finding's legacy code right behind it."""
    after = {finding.note(): legacy.note() for finding, legacy in added}
    told: list[str] = []
    for note in notes:
        told.append(note)
        if note in after:
            told.append(after.pop(note))
    return [*told, *after.values()]
