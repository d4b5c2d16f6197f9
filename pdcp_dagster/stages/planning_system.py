"""The patient's DVHs beside those that the planning system wrote into its RTDOSE.

What lives here: which of them may be compared, their table and the finding. What does not: reading them
(`adapters.rtdose_dvhs`), the comparison of two curves (`domain.dvh_comparison`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from pdcp_dagster.adapters.rtdose_dvhs import read_planning_dvhs
from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.contours import stack_volume_cm3
from pdcp_dagster.domain.dvh_comparison import AGREES, COLUMNS, DIFFERS, NOT_COMPARED, compare
from pdcp_dagster.domain.quality import AGREES_WITH_PLANNING_SYSTEM
from pdcp_dagster.domain.roi_kind import is_external
from pdcp_dagster.domain.tps_dvh import TpsDvh
from pdcp_dagster.domain.words import some
from pdcp_dagster.stages.outcome import Check

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pdcp_dagster.domain.dvh import Dvh
    from pdcp_dagster.domain.dvh_comparison import Cell
    from pdcp_dagster.domain.structures import Roi, StructureSet
    from pdcp_dagster.domain.tps_dvh import PlanningDvhs, SkippedDvh
    from pdcp_dagster.stages.patient import Patient

Computed = tuple["StructureSet", "Roi", "Dvh | None"]
NO_VOLUME = "no closed contour of it encloses a volume"
_PLAN = "PLAN"


@dataclass(frozen=True, slots=True, eq=False)
class PlanningDvh:
    """One DVH that the planning system wrote, the ROI that it is of, and why it may not be compared, "" if it may.

    roi, tps: not None where it may be.
    """

    rtstruct_uid: str | None
    roi_number: int | None
    roi: Roi | None
    dose_uid: str | None
    tps: TpsDvh | None
    reason_against: str


def planning_dvhs(patient: Patient) -> list[PlanningDvh]:
    """Return what the RTDOSEs of a patient tell, those of the doses that count first."""
    used = patient.dose_decision.used_uids
    told = [read_planning_dvhs(path) for path in patient.dicom_files("RTDOSE")]
    rois = {(structure_set.sop_instance_uid, roi.number): roi for structure_set, roi in patient.rois}
    found: list[PlanningDvh] = []
    for dvhs in sorted(told, key=lambda dvhs: dvhs.dose_uid not in used):
        every: list[TpsDvh | SkippedDvh] = [*dvhs.dvhs, *dvhs.skipped]
        found += [_Told(patient, dvhs).of_roi(each, rois) for each in every]
    return found


def compare_with_planning_system(patient: Patient, computed: Sequence[Computed]) -> pd.DataFrame:
    """Return a row per ROI and planning system's DVH, none where its RTDOSE holds none.

    Only DVHs of the dose that counts are compared: of the only dose in the sum, or of another PLAN dose of the same
    single plan, such as an RTDOSE that holds DVHs and no dose. Of a ROI that has several, one that could be compared
    is kept.
    """
    known = {(structure_set.sop_instance_uid, roi.number): dvh for structure_set, roi, dvh in computed}
    rows = [_row(patient, known, each) for each in planning_dvhs(patient)]
    rows.sort(key=lambda row: row["verdict"] == NOT_COMPARED)
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    known_roi = table["rtstruct_uid"].notna() & table["roi_number"].notna()
    table = table[~(known_roi & table.duplicated(["rtstruct_uid", "roi_number"]))]
    return table.sort_values(["rtstruct_uid", "roi_number"], kind="stable", ignore_index=True)


def comparison_finding(table: pd.DataFrame) -> tuple[Finding, ...]:
    """XXV_NOTE_002 naming the ROIs whose DVHs differ; nothing where all agree, or none could be compared."""
    apart = table[table["verdict"] == DIFFERS]
    told = [f"{name} ({reason})" for name, reason in zip(apart["roi_name"], apart["reason"], strict=True)]
    return (Finding("XXV_NOTE_002", some(told)),) if told else ()


def comparison_in_words(table: pd.DataFrame) -> str:
    """Say how many DVHs agree, differ, and could not be compared."""
    if not len(table):
        return "the RTDOSE holds no histograms to compare with"
    return _counted(table)


def comparison_checks(table: pd.DataFrame) -> tuple[Check, ...]:
    """Return whether no DVH differs; nothing where none could be compared, which is no agreement."""
    differing = _count(table, DIFFERS)
    if not differing and not _count(table, AGREES):
        return ()
    apart = "".join(f"Different: {finding.detail}. " for finding in comparison_finding(table))
    said = f"{apart}{_counted(table)}."
    return (Check(AGREES_WITH_PLANNING_SYSTEM, passed=not differing, said=said),)


def _counted(table: pd.DataFrame) -> str:
    agreeing, differing, others = (_count(table, verdict) for verdict in (AGREES, DIFFERS, NOT_COMPARED))
    return f"{agreeing} ROIs agree, {differing} differ, {others} could not be compared"


def _count(table: pd.DataFrame, verdict: str) -> int:
    return int((table["verdict"] == verdict).sum())


@dataclass(frozen=True, slots=True)
class _Told:
    """One RTDOSE's DVHs, and what they may be compared with."""

    patient: Patient
    dvhs: PlanningDvhs

    @property
    def rtstruct_uid(self) -> str | None:
        """The structure set: as the RTDOSE says, else that of the one plan (PS3.3 C.8.8.4, Referenced ROI Number)."""
        plan = self.patient.plan
        named = self.dvhs.structure_set_uids or (plan.structure_set_uids if plan else ())
        return named[0] if len(named) == 1 else None

    @property
    def reason_against(self) -> str:
        """Why no DVH of this RTDOSE may be compared, "" if they may."""
        used, uid = self.patient.dose_decision.used_uids, self.dvhs.dose_uid
        plan = self.patient.plan
        of_the_plan = plan is not None and self.dvhs.plan_uids == (plan.sop_instance_uid,)
        if used != (uid,) and not (of_the_plan and self.dvhs.summation_type == _PLAN):
            return (
                "its dose is one of several that were added" if uid in used else "its dose is not the one that counts"
            )
        if self.rtstruct_uid is None:
            return "it does not say of which structure set it is"
        if self.rtstruct_uid not in {structure_set.sop_instance_uid for structure_set in self.patient.structure_sets}:
            return "it is of another structure set"
        return ""

    def of_roi(self, each: TpsDvh | SkippedDvh, rois: Mapping[tuple[str, int], Roi]) -> PlanningDvh:
        """Return one of the DVHs with its ROI and what speaks against comparing it."""
        number, uid = each.roi_number, self.rtstruct_uid
        roi = None if uid is None or number is None else rois.get((uid, number))
        against = self.reason_against
        if not against and not isinstance(each, TpsDvh):
            against = each.reason
        if not against and roi is None:
            against = "the structure set has no such ROI"
        if not against and isinstance(each, TpsDvh) and each.dose_type != self.patient.cohort.dose_type:
            against = f"its dose type is {each.dose_type or 'not given'}"
        tps = each if isinstance(each, TpsDvh) else None
        return PlanningDvh(uid, number, roi, self.dvhs.dose_uid, tps, against)


def _row(patient: Patient, known: Mapping[tuple[str, int], Dvh | None], each: PlanningDvh) -> dict[str, Cell]:
    row: dict[str, Cell] = {
        "rtstruct_uid": each.rtstruct_uid,
        "roi_number": each.roi_number,
        "roi_name": each.roi.name if each.roi else None,
        **patient.standard_names.columns_of(each.rtstruct_uid, each.roi_number),
        "dose_uid": each.dose_uid,
    }
    if each.reason_against or each.roi is None or each.tps is None or each.rtstruct_uid is None:
        return row | {"verdict": NOT_COMPARED, "reason": each.reason_against}
    of_roi = each.rtstruct_uid, each.roi.number
    dvh = known.get(of_roi)
    if dvh is None:
        return row | {"verdict": NOT_COMPARED, "reason": NO_VOLUME}
    planar = patient.contours[of_roi]
    end_caps = stack_volume_cm3(planar, "half_slice") - stack_volume_cm3(planar, "none")
    return row | compare(dvh, each.tps, end_caps_cm3=end_caps, is_external=is_external(each.roi))
