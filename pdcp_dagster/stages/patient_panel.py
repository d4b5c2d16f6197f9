"""The patient's own page, from what lies in the patient's folder.

What lives here: which tables are told, the status as of the last run, and where a patient's page is found. What does
not: rows from tables (`panel_tables`), HTML (`adapters.patient_panel`), when it is written (`notes_stage`).

It depends on nothing but what the notes' commit mark compares: the content of the other assets, the findings, the
cohort file, the code. So there is no time in it, and nothing of the cohort's other patients.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from pdcp_dagster.adapters.parquet import TableError, read_columns
from pdcp_dagster.adapters.patient_panel import PanelFiles, PanelFinding, PatientPanel, render_panel
from pdcp_dagster.adapters.store import PANEL, PATIENT_FILES
from pdcp_dagster.domain.code_registry import NOTHING_TO_DO
from pdcp_dagster.domain.codes import CODES, Effect, Finding, Status, deciding, reason_of, status_of
from pdcp_dagster.domain.notes import stages_of
from pdcp_dagster.stages.current import outdated_assets
from pdcp_dagster.stages.dvh_bands import CURVES, curves_of
from pdcp_dagster.stages.naming import told_name, without_patient_id
from pdcp_dagster.stages.panel_tables import (
    DOSE_COLUMNS,
    OBJECT_COLUMNS,
    PLAN_COLUMNS,
    ROI_COLUMNS,
    candidates_of,
    histograms_of,
    objects_of,
    pictures_of,
    plans_of,
    prescriptions_of,
    roi_heads,
    shown,
)
from pdcp_dagster.stages.snapshot import snapshot_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pdcp_dagster.adapters.store import CohortFolder, PatientFolder
    from pdcp_dagster.domain.cohort import Cohort
    from pdcp_dagster.stages.dvh_bands import Curve
    from pdcp_dagster.stages.snapshot import PatientSnapshot

_STANDING = {Effect.EXCLUDE: "Excluded", Effect.REVIEW: "To review", Effect.PROCEED: "Passed", Effect.NOTE: "Note"}
_FACTS = {
    "study_date": "Study",
    "ct_date": "CT",
    "structure_set_date": "Structure set",
    "plan_date": "Plan",
    "dose_date": "Dose",
    "ct_to_plan_days": "Days from CT to plan",
    "ct_slices": "CT slices",
    "slice_thickness_mm": "Slice thickness / mm",
    "pixel_mm": "Pixel / mm",
    "kvp": "kVp",
    "kernel": "Kernel",
    "scanner": "Scanner",
    "patient_position": "Position",
}
_NOTES = "patient_notes"
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
_CANDIDATE_COLUMNS = ("candidate", "study_date", "study_description", "plan_labels", "reason", "picture")


@dataclass(frozen=True, slots=True)
class PanelSubject:
    """Whose page it is, and what the last run came to.

    findings: by stage, in their order. failure: the stage that failed and why; None where nothing failed.
    """

    cohort: Cohort
    patient_id: str
    partition_key: str
    findings: Mapping[str, tuple[Finding, ...]]
    failure: tuple[str, str] | None = None

    def told(self, text: str) -> str:
        """Return a text as it may be shown: without the PatientID where the cohort hides it."""
        return without_patient_id(self.cohort, text, self.patient_id, self.partition_key)


@dataclass(frozen=True, slots=True)
class PanelPage:
    """A page as it is written; unread: the files that could not be read for it, which it names."""

    content: bytes
    unread: tuple[str, ...] = ()


def panel_of(folder: PatientFolder, subject: PanelSubject) -> PanelPage:
    """Return the patient's page.

    A table that cannot be read is told of and keeps nobody from a result: the page is for looking at. Raises OSError
    where even the commit marks cannot be read.
    """
    there = snapshot_of(folder)
    told, tables = subject.told, _Tables(there, [])
    doses = tables.of("dvh_table", DOSE_COLUMNS)
    histograms = histograms_of(tables.of("structure_masks", ROI_COLUMNS), doses, tables.curves(), told)
    panel = replace(
        _head(subject, outdated_assets(there)),
        facts=_facts(there, told),
        objects=tuple(objects_of(tables.of("verified_study", OBJECT_COLUMNS), told)),
        plans=tuple(plans_of(tables.of("plan_table", PLAN_COLUMNS), told)),
        columns=roi_heads(doses),
        rois=histograms.rois,
        further_rois=histograms.further_rois,
        curves=histograms.curves,
        further_curves=histograms.further_curves,
        prescriptions_gy=prescriptions_of(doses),
        pictures=tuple(pictures_of(tables.of("central_slices", ("roi_name", "picture")), told)),
        candidates=tuple(candidates_of(tables.of("candidate_studies", _CANDIDATE_COLUMNS), told)),
        files=tuple(_files(there)),
        unread=tuple(tables.unread),
    )
    return PanelPage(_rendered(panel), panel.unread)


def bare_panel(subject: PanelSubject) -> PanelPage:
    """Return a page with status and codes alone: of nothing that lies in the patient's folder."""
    return PanelPage(_rendered(_head(subject, ())))


def _head(subject: PanelSubject, outdated: Sequence[str]) -> PatientPanel:
    findings = [finding for of_stage in subject.findings.values() for finding in of_stage]
    status, reason = _standing(subject, findings, [asset for asset in outdated if asset != _NOTES])
    return PatientPanel(
        name=told_name(subject.cohort, subject.patient_id, subject.partition_key),
        cohort=subject.cohort.name,
        status=status,
        reason=subject.told(reason),
        facts={},
        findings=tuple(_finding(finding, subject.told) for finding in findings),
    )


def _rendered(panel: PatientPanel) -> bytes:
    return render_panel(panel).encode("utf-8", "replace")


def panel_path(folder: CohortFolder, key: str) -> str | None:
    """Return the URL of a patient's page from the cohort's folder, None where there is no page.

    It asks the disk one question.
    """
    path = folder.patient(key).path / PANEL
    if not path.is_file():
        return None
    return quote(path.relative_to(folder.path).as_posix(), safe="/")


@dataclass(frozen=True, slots=True)
class _Tables:
    """The tables of those assets that are kept."""

    there: PatientSnapshot
    unread: list[str]

    def of(self, asset: str, names: Sequence[str]) -> Mapping[str, list[Any]]:
        """Return columns of an asset's table; none where the asset is not kept, or, as is noted, cannot be read."""
        if self.there.manifest(asset) is None:
            return {}
        file = self.there.file(asset)
        found = self._read(file, lambda: read_columns(file, names))
        rows = max(map(len, found.values()), default=0)
        # A table of an earlier version may lack a column.
        return {name: found.get(name) or [None] * rows for name in names} if rows else {}

    def curves(self) -> Mapping[tuple[str, int], Curve]:
        """Return the DVHs, under the same conditions."""
        file = self.there.path / CURVES
        return self._read(file, lambda: curves_of(file)) if self.there.manifest("dvh_table") is not None else {}

    def _read(self, file: Path, read: Callable[[], dict[_Key, _Value]]) -> dict[_Key, _Value]:
        try:
            return read()
        except (TableError, OSError, KeyError):
            self.unread.append(file.name)
            return {}


def _standing(subject: PanelSubject, findings: Sequence[Finding], outdated: Sequence[str]) -> tuple[Status, str]:
    """Return the status and its reason in words, as of the last run."""
    if subject.failure is not None:
        stage, reason = subject.failure
        return Status.FAILED, f"Failed at {stage}: {reason}"
    if deciding(findings) is None:
        return Status.PENDING, "Not run yet."
    if not any(finding.stops for finding in findings):
        missing = [stage for stage in stages_of(subject.cohort.linkage) if stage not in subject.findings]
        if outdated:
            return Status.PENDING, f"Out of date, made from what has changed since: {', '.join(outdated)}."
        if missing:
            return Status.PENDING, f"Not done yet: {', '.join(missing)}."
    return status_of(findings), reason_of(findings)


def _finding(finding: Finding, told: Callable[[str], str]) -> PanelFinding:
    code = CODES[finding.code]
    return PanelFinding(
        code=finding.code,
        standing=_STANDING[code.effect],
        meaning=code.meaning[:1].upper() + code.meaning[1:],
        detail=told(finding.detail),
        remedy="" if code.remedy == NOTHING_TO_DO else code.remedy,
        decides=code.effect in {Effect.EXCLUDE, Effect.REVIEW},
    )


def _facts(there: PatientSnapshot, told: Callable[[str], str]) -> dict[str, str]:
    verified = there.manifest("verified_study")
    facts = verified.details.get("facts", {}) if verified is not None else {}
    return {head: told(shown(facts.get(name))) for name, head in _FACTS.items()}


def _files(there: PatientSnapshot) -> Iterator[PanelFiles]:
    """Yield what is in the patient's folder; of the notes, which this page is a part of, nothing."""
    for asset in PATIENT_FILES:
        mark = there.manifest(asset)
        if mark is None or asset == _NOTES:
            continue
        for name in PATIENT_FILES[asset]:
            sizes = [size for path, size in mark.files.items() if path.split("/", 1)[0] == name]
            if sizes:
                folder = (there.path / name).is_dir()
                yield PanelFiles(asset, f"{name}/" if folder else name, len(sizes), sum(sizes))
