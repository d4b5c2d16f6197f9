"""The notes of one patient: what every stage found, in the original's keys.

What lives here: gathering what the notes need from the patient's manifests. What does not: their form
(`domain.notes`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.domain.notes import notes_document

if TYPE_CHECKING:
    from pdcp_dagster.adapters.store import Manifest
    from pdcp_dagster.stages.outcome import FailureReport
    from pdcp_dagster.stages.patient import Patient


def write_notes(patient: Patient, failure: FailureReport | None) -> Manifest:
    """Rewrite notes.json from the findings of all stages and return its commit mark."""
    manifest = patient.folder.manifest("verified_study")
    verified = manifest.details if manifest is not None else {}
    document = notes_document(
        findings_by_stage=patient.findings,
        list_of_values=verified.get("list_of_values", {}),
        raw_images_summary=verified.get("raw_images_summary", {}),
        verified_images_summary=verified.get("verified_images_summary", {}),
        version=patient.cohort.version,
        failed=failure is not None,
    )
    return patient.folder.write_notes(document)
