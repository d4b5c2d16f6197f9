"""One patient under work: identities, folder, findings so far, and what the stages share.

What lives here: what a stage may ask for, read from memory where it was just made and from the store where not, with
the same result. What does not: what any stage does with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.ct_series import CtSeries, read_ct_series
from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.adapters.rtdose import read_dose
from pdcp_dagster.adapters.rtplan import read_plan
from pdcp_dagster.adapters.rtstruct import read_structure_set
from pdcp_dagster.domain.circumstances import NO_TABLES
from pdcp_dagster.domain.contours import PlanarContours, planar_contours
from pdcp_dagster.domain.decisions import accepted, decision_hash
from pdcp_dagster.domain.dose import DoseDecision, combine_doses
from pdcp_dagster.domain.plan_sum import PlanSum, sum_plans
from pdcp_dagster.domain.selection import Role, Selection, selection_from
from pdcp_dagster.domain.verification import Verification, verify
from pdcp_dagster.stages.circumstances import circumstances_of
from pdcp_dagster.stages.code_version import code_version
from pdcp_dagster.stages.standard_names import StandardNames, name_rois

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
    from pdcp_dagster.adapters.store import PatientFolder, Store
    from pdcp_dagster.domain.circumstances import CohortTables
    from pdcp_dagster.domain.codes import Finding
    from pdcp_dagster.domain.cohort import Cohort
    from pdcp_dagster.domain.dose_grid import DoseGrid, RtDose
    from pdcp_dagster.domain.plan import RtPlan
    from pdcp_dagster.domain.structures import Roi, StructureSet
    from pdcp_dagster.domain.volume import Grid, Volume
    from pdcp_dagster.stages.outcome import PatientTask


class UpstreamMissingError(Exception):
    """A stage was asked for alone, and what it builds on is not in the store."""

    def __init__(self, asset: str) -> None:
        super().__init__(f"{asset} of this patient is not in the store: materialise {asset} first")


class StageRefusedError(Exception):
    """A stage cannot go on although no rule excludes the patient; one sentence for a person."""


@dataclass(frozen=True, slots=True)
class ChainSettings:
    """What a worker needs for any patient of a cohort: settings, never open resources."""

    cohort: Cohort
    store: Store
    orthanc: OrthancSettings
    software_version: str
    tables: CohortTables = NO_TABLES

    @property
    def code_version(self) -> str:
        """What tells this state of the code from any other."""
        return code_version()


@dataclass
class Patient:
    """One patient during one run; not shared between threads."""

    task: PatientTask
    settings: ChainSettings
    archive: Orthanc
    folder: PatientFolder
    findings: dict[str, tuple[Finding, ...]] = field(default_factory=dict)
    candidate: int | None = None
    """The one candidate that is prepared, in quarantine; None: whatever is chosen."""

    @property
    def cohort(self) -> Cohort:
        """The cohort's configuration."""
        return self.settings.cohort

    @property
    def label(self) -> str:
        """What pictures call the patient: the PatientID, unless the cohort keeps those out of sight."""
        return self.task.patient_id if self.cohort.partition_key == "patient_id" else self.task.partition_key

    def require(self, asset: str) -> Path:
        """Return where a finished asset lies; `UpstreamMissingError` where it was never finished."""
        if self.folder.manifest(asset) is None:
            raise UpstreamMissingError(asset)
        return self.folder.file(asset)

    @cached_property
    def fingerprint(self) -> str:
        """What the archive holds of the patient, as a hash that changes with any of it."""
        return self.archive.fingerprint(self.task.orthanc_id)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """The image summary: a row per instance."""
        return read_table(self.require("image_summary"))

    @cached_property
    def verification(self) -> Verification:
        """The verdict from tags, with its candidates; the same that the stage verified_study came to."""
        around = circumstances_of(self)
        manifest = self.folder.manifest("verified_study")
        if manifest is not None and manifest.details.get("decision", "") != decision_hash(around.decision):
            raise StageRefusedError(
                "a person has decided since verified_study was made: materialise verified_study first"
            )
        return verify(self.summary, self.cohort, around)

    @cached_property
    def verified(self) -> pd.DataFrame:
        """The verified study: a row per object considered."""
        return read_table(self.require("verified_study"))

    @cached_property
    def selection(self) -> Selection | None:
        """What was selected for this patient, or None where a person must decide."""
        return selection_from(self.verified, self.summary)

    def accepted(self, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
        """Return a later stage's findings with those that a person accepted turned into notes."""
        manifest = self.folder.manifest("verified_study")
        details = manifest.details if manifest is not None else {}
        texts, told = details.get("accepted", ()), str(details.get("accepted_by", ""))
        return accepted(findings, texts, told) if texts else findings

    @property
    def selected(self) -> Selection:
        """What was selected; only for stages that run after a selection was made."""
        if self.selection is None:
            raise UpstreamMissingError("verified_study")
        return self.selection

    def dicom_files(self, role: Role) -> list[Path]:
        """Return the retrieved files of one role, sorted by name."""
        return sorted((self.require("retrieved_dicom") / role).glob("*.dcm"))

    @cached_property
    def ct(self) -> CtSeries:
        """The CT as read from the retrieved files, its slices interpolated where they must and the cohort says so."""
        return read_ct_series(self.dicom_files("CT"), self.cohort.ct_geometry)

    @property
    def ct_volume(self) -> Volume:
        """The CT volume in HU; only after the CT stage found it regular, or made it so."""
        if self.ct.volume is None:
            raise StageRefusedError("the CT has no regular grid: " + "; ".join(self.ct.stack.problems))
        return self.ct.volume

    @property
    def grid(self) -> Grid:
        """The CT's grid."""
        return self.ct_volume.grid

    @cached_property
    def structure_sets(self) -> tuple[StructureSet, ...]:
        """The selected structure sets, in order of their UIDs."""
        return tuple(read_structure_set(path) for path in self.dicom_files("RTSTRUCT"))

    @cached_property
    def contours(self) -> dict[tuple[str, int], PlanarContours]:
        """The contours of each ROI on the CT's planes, by structure set UID and ROINumber."""
        return {
            (structure_set.sop_instance_uid, roi.number): planar_contours(
                roi, self.grid, frame_of_reference_uid=self.ct.frame_of_reference_uid
            )
            for structure_set, roi in self.rois
        }

    @property
    def rois(self) -> list[tuple[StructureSet, Roi]]:
        """Every ROI with the structure set that it belongs to, by set and ROINumber."""
        return [
            (structure_set, roi)
            for structure_set in self.structure_sets
            for roi in sorted(structure_set.rois, key=lambda roi: roi.number)
        ]

    @cached_property
    def standard_names(self) -> StandardNames:
        """The ROIs' names by the cohort's map of structure names."""
        return name_rois(self)

    @property
    def has_doses(self) -> bool:
        """Whether the cohort's linkage asks for doses."""
        return "RTDOSE" in self.cohort.required_modalities

    @cached_property
    def plans(self) -> tuple[RtPlan, ...]:
        """The selected plans by date and UID, several where their doses are added; none where the linkage has none."""
        if "RTPLAN" not in self.cohort.required_modalities:
            return ()
        plans = (read_plan(path) for path in self.dicom_files("RTPLAN"))
        return tuple(sorted(plans, key=lambda plan: (plan.date is None, str(plan.date), plan.sop_instance_uid)))

    @property
    def plan(self) -> RtPlan | None:
        """The one selected plan; None where the linkage has none, and where several are added.

        What only one plan can tell, such as prescription and fractions, is unknown of several.
        """
        return self.plans[0] if len(self.plans) == 1 else None

    @property
    def plan_label(self) -> str | None:
        """What pictures call the plan, "A + B" of several, "" without a label; None where the linkage has no plan."""
        labels = [plan.label or "" for plan in self.plans]
        if len(labels) > 1:
            return " + ".join(label or "no label" for label in labels)
        return labels[0] if labels else None

    @property
    def plan_uid(self) -> str | None:
        """The SOPInstanceUID of the selected plan, of several separated by commas; None where there is no plan."""
        return ", ".join(plan.sop_instance_uid for plan in self.plans) or None

    @cached_property
    def doses(self) -> tuple[RtDose, ...]:
        """The selected doses, in order of their UIDs."""
        return tuple(read_dose(path) for path in self.dicom_files("RTDOSE"))

    @cached_property
    def dose_decision(self) -> DoseDecision:
        """Which doses count, and their sum; only for a linkage with doses."""
        if self._plan_sum is not None:
            return self._plan_sum.decision
        return combine_doses(self.doses, self.plan, self.ct.frame_of_reference_uid, self.cohort.dose_type)

    @property
    def plan_doses(self) -> tuple[tuple[str, DoseGrid], ...]:
        """Each plan's UID and the grid of its own dose, where the doses of several plans were added; else none."""
        return self._plan_sum.parts if self._plan_sum is not None else ()

    @cached_property
    def _plan_sum(self) -> PlanSum | None:
        """The dose of several plans together; None where at most one was selected."""
        if len(self.plans) <= 1:
            return None
        return sum_plans(self.doses, self.plans, self.ct.frame_of_reference_uid, self.cohort.dose_type)

    @cached_property
    def config_hash(self) -> str:
        """A short hash of what the cohort file says about doses, to be kept with results."""
        return self.cohort.config_hash("linkage", "ct_geometry", "dose_sum", "dose_type", "prescription_gy", "dvh")
