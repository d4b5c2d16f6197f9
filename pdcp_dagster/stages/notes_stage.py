"""The notes of one patient: what every stage found, in the original's keys, and as a table to look at.

What lives here: gathering what the notes need from the patient's manifests. What does not: their form
(`domain.notes`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pdcp_dagster.adapters.store import Origin, StoreError
from pdcp_dagster.domain.codes import in_words
from pdcp_dagster.domain.notes import notes_document
from pdcp_dagster.stages.inputs import origin_of
from pdcp_dagster.stages.outcome import Rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pdcp_dagster.adapters.store import Manifest
    from pdcp_dagster.domain.codes import Finding
    from pdcp_dagster.stages.outcome import FailureReport
    from pdcp_dagster.stages.patient import Patient

NOTES = "patient_notes"


def write_notes(patient: Patient, failure: FailureReport | None) -> Manifest:
    """Rewrite notes.json from the findings of all stages and return its commit mark."""
    return patient.folder.write_notes(notes_of(patient, failure), _origin(patient))


def current_notes(patient: Patient) -> Manifest | None:
    """Return the commit mark of notes.json where it says just what it would say now; else None."""
    mark = patient.folder.mark(NOTES)
    if mark is None or not patient.folder.made_of_the_same(mark, _origin(patient)):
        return None
    try:
        # As JSON, which knows no tuples.
        same = json.dumps(patient.folder.read_notes()) == json.dumps(notes_of(patient, failure=None))
    except StoreError:
        return None
    return mark if same else None


def _origin(patient: Patient) -> Origin:
    return origin_of(patient, NOTES, ())


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
