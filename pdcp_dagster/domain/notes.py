"""The notes of one patient, as PDCP wrote them: every stage's findings under its keys and in its spelling.

What lives here: the form of notes.json, and reading findings back from it. What does not: files (`adapters.store`),
gathering (`stages`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pdcp_dagster.domain.codes import CODES, Finding, Status, deciding, status_of
from pdcp_dagster.domain.linkage import RECIPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STAGES = (
    "image_summary",
    "verified_study",
    "candidate_studies",
    "retrieved_dicom",
    "ct_volume",
    "structure_masks",
    "dose_volume",
    "plan_table",
    "dvh_table",
    "central_slices",
)
"""The stages in their order, each with an entry in the notes once it is done."""

_WITHOUT_DOSE = frozenset({"dose_volume", "plan_table", "dvh_table"})
_VERIFICATION = frozenset({"I", "II"})
_RETRIEVAL = frozenset({"XI", "XII", "XIII", "XIV", "XV", "XVI"})
_PDCP_STATUS = {Status.SUCCESS: "SUCCESS", Status.REVIEW: "REVIEW", Status.EXCLUDE: "EXECLUDE"}


def stages_of(linkage: str) -> tuple[str, ...]:
    """Return the stages of a linkage, in their order: one without doses has nothing to sum or to compute."""
    without_dose = linkage in RECIPES and "RTDOSE" not in RECIPES[linkage].roles
    return tuple(stage for stage in STAGES if not (without_dose and stage in _WITHOUT_DOSE))


def notes_document(
    *,
    findings_by_stage: Mapping[str, Sequence[Finding]],
    list_of_values: Mapping[str, Any],
    raw_images_summary: Mapping[str, Any],
    verified_images_summary: Mapping[str, Any],
    version: str,
    linkage: str,
    failed: bool = False,
) -> dict[str, Any]:
    """Return the content of notes.json.

    status: SUCCESS, REVIEW or EXECLUDE by the codes of all stages; null after a failure, and before any code, as is
    `code`. patientimagingfilesready: true only for SUCCESS with every stage of the linkage done. stages: all findings
    by stage.
    """
    by_stage = {stage: tuple(findings_by_stage[stage]) for stage in STAGES if stage in findings_by_stage}
    findings = [finding for of_stage in by_stage.values() for finding in of_stage]
    decisive = None if failed else deciding(findings)
    status = status_of(findings) if decisive else None
    return {
        "raw_images_summary": dict(raw_images_summary),
        "list_of_values": dict(list_of_values),
        "verification_notes": [finding.note() for finding in findings if _step(finding) in _VERIFICATION],
        "verified_images_summary": dict(verified_images_summary),
        "version": version,
        "retrieval_notes": [finding.note() for finding in findings if _step(finding) in _RETRIEVAL],
        "loading_notes": [finding.note() for finding in findings if _step(finding) not in _VERIFICATION | _RETRIEVAL],
        "status": _PDCP_STATUS[status] if status else None,
        "code": decisive.note() if decisive else None,
        "patientimagingfilesready": status is Status.SUCCESS and set(by_stage) == set(stages_of(linkage)),
        "linkage": linkage,
        "stages": {
            stage: [{"code": finding.code, "detail": finding.detail} for finding in of_stage]
            for stage, of_stage in by_stage.items()
        },
    }


def findings_from(notes: Mapping[str, Any]) -> dict[str, tuple[Finding, ...]]:
    """Return the findings by stage from the content of notes.json, stages without findings included.

    Raises ValueError for a code that is not registered.
    """
    stages = notes.get("stages", {})
    return {
        stage: tuple(Finding(entry["code"], entry["detail"]) for entry in stages[stage])
        for stage in STAGES
        if stage in stages
    }


def _step(finding: Finding) -> str:
    return CODES[finding.code].step
