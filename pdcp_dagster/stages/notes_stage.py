"""The notes of one patient: what every stage found, in the original's keys, as a table to look at, and as a page.

What lives here: gathering what the notes need from the patient's manifests, and when they are written anew. What does
not: their form (`domain.notes`), what the page tells (`patient_panel`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pdcp_dagster.adapters.store import Origin, StoreError
from pdcp_dagster.domain.codes import in_words
from pdcp_dagster.domain.notes import STAGES, findings_from, notes_document, stages_of
from pdcp_dagster.stages.inputs import hash_of, origin_of
from pdcp_dagster.stages.outcome import FailureReport, Rows
from pdcp_dagster.stages.patient_panel import PanelSubject, bare_panel, panel_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pdcp_dagster.adapters.store import Manifest, PatientFolder
    from pdcp_dagster.domain.codes import Finding
    from pdcp_dagster.domain.cohort import Cohort
    from pdcp_dagster.stages.outcome import PatientTask
    from pdcp_dagster.stages.patient import Patient
    from pdcp_dagster.stages.patient_panel import PanelPage

NOTES = "patient_notes"
_FAILURE, _UNREAD = "failure", "unread"


def write_notes(patient: Patient, failure: FailureReport | None) -> Manifest:
    """Rewrite notes.json from the findings of all stages, and the patient's page, and return their commit mark."""
    told = failure or failure_left(patient)
    page = _page(patient.folder, _subject(patient, told), failed=failure is not None)
    return patient.folder.write_notes(notes_of(patient, failure), _origin(patient, told, page.unread), page.content)


def write_page_alone(patient: Patient, failure: FailureReport) -> None:
    """Write the page of a patient who failed before anything was found."""
    patient.folder.write_panel(_page(patient.folder, _subject(patient, failure), failed=True).content)


def write_failed_notes(folder: PatientFolder, cohort: Cohort, task: PatientTask, failure: FailureReport) -> None:
    """Say in notes and page of a patient whose worker died what was found before, and that there is no result."""
    notes = folder.read_notes()
    try:
        findings = findings_from(notes or {})
    except (ValueError, TypeError, KeyError, AttributeError):
        findings = {}
    subject = PanelSubject(cohort, task.patient_id, task.partition_key, findings, (failure.stage, failure.reason))
    panel = _page(folder, subject, failed=True).content
    if notes is None:
        folder.write_panel(panel)
    else:
        unfinished = {**notes, "status": None, "code": None, "patientimagingfilesready": False}
        folder.write_notes(unfinished, panel=panel)


def current_notes(patient: Patient) -> Manifest | None:
    """Return the commit mark of the notes where they, and the page, say just what they would say now; else None."""
    mark = patient.folder.mark(NOTES)
    if mark is None or not patient.folder.made_of_the_same(mark, _origin(patient, failure_left(patient))):
        return None
    try:
        # As JSON, which knows no tuples.
        same = json.dumps(patient.folder.read_notes()) == json.dumps(notes_of(patient, failure=None))
    except StoreError:
        return None
    return mark if same else None


def failure_left(patient: Patient) -> FailureReport | None:
    """Return an earlier failure that stands after this run: that of a stage that it was not asked for; else None."""
    failure = patient.folder.read_failure()
    not_asked_for = {*stages_of(patient.cohort.linkage), NOTES} - patient.task.selected
    if failure is None or failure["stage"] not in not_asked_for:
        return None
    return FailureReport(str(failure["stage"]), str(failure.get("error_type", "")), str(failure["reason"]))


def _origin(patient: Patient, failure: FailureReport | None, unread: tuple[str, ...] = ()) -> Origin:
    """Return what notes and page are made of: of every stage, since the page tells of all that there is.

    What the patient is called is no part of it: called by another key, the patient has another folder.
    """
    origin = origin_of(patient, NOTES, STAGES)
    also = {_FAILURE: hash_of([failure.stage, failure.reason])} if failure is not None else {}
    # Nobody asks for this, so that it is looked again the next time.
    also |= {_UNREAD: ", ".join(unread)} if unread else {}
    return Origin(origin.made_from, {**origin.made_with, **also})


def _subject(patient: Patient, failure: FailureReport | None) -> PanelSubject:
    told = (failure.stage, failure.reason) if failure is not None else None
    findings = {stage: patient.findings[stage] for stage in STAGES if stage in patient.findings}
    return PanelSubject(patient.cohort, patient.task.patient_id, patient.task.partition_key, findings, told)


def _page(folder: PatientFolder, subject: PanelSubject, *, failed: bool) -> PanelPage:
    try:
        return panel_of(folder, subject)
    except Exception:
        if not failed:
            raise
        # What keeps the page from being made may be what the patient failed of, and must not keep that from being told.
        return bare_panel(subject)


def notes_of(patient: Patient, failure: FailureReport | None) -> dict[str, Any]:
    """Return what notes.json says of the findings of all stages."""
    manifest = patient.folder.manifest("verified_study")
    verified = manifest.details if manifest is not None else {}
    return notes_document(
        findings_by_stage=patient.findings,
        list_of_values=verified.get("list_of_values", {}),
        raw_images_summary=verified.get("raw_images_summary", {}),
        verified_images_summary=verified.get("verified_images_summary", {}),
        version=patient.cohort.version,
        linkage=patient.cohort.linkage,
        failed=failure is not None,
    )


def findings_table(findings: Iterable[Finding]) -> Rows:
    """Return each finding with what it means in words, so that nobody needs to open a file to know the reason."""
    return Rows(tuple({"code": finding.code, "meaning": in_words(finding)} for finding in findings))
