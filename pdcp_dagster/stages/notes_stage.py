"""The notes of one patient: what every stage found, in the original's keys, and as a table to look at.

What lives here: gathering what the notes need from the patient's manifests. What does not: their form
(`domain.notes`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.domain.codes import in_words
from pdcp_dagster.domain.notes import notes_document
from pdcp_dagster.stages.outcome import Rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pdcp_dagster.adapters.store import Manifest
    from pdcp_dagster.domain.codes import Finding
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
        linkage=patient.cohort.linkage,
        failed=failure is not None,
    )
    return patient.folder.write_notes(document)


def findings_table(findings: Iterable[Finding]) -> Rows:
    """Return each finding with what it means in words, so that nobody needs to open a file to know the reason."""
    return Rows(tuple({"code": finding.code, "meaning": in_words(finding)} for finding in findings))
