"""The rows of the plan table: a row per plan considered, with each dose of the selected one.

What lives here: what a row tells, from a plan's file, from a dose's file, or from tags alone. What does not: which plan
was selected (`verification`), which doses count (`dose`), files and Parquet (stages).

Planned, not delivered, dose. Where a cohort links doses without plans, a row is a dose and the plan that it names.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from pdcp_dagster.domain.candidates import cells
from pdcp_dagster.domain.prescription import FROM_PLAN, prescription_for
from pdcp_dagster.domain.selection import SELECTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from pdcp_dagster.domain.dose import DoseDecision
    from pdcp_dagster.domain.dose_grid import DoseGrid, RtDose
    from pdcp_dagster.domain.plan import RtPlan

PLAN_COLUMNS: dict[str, str] = {
    "plan_uid": "string",
    "label": "string",
    "name": "string",
    "date": "object",
    "intent": "string",
    "approval_status": "string",
    "sop_class": "string",
    "tps": "string",
    "fraction_groups": "Int64",
    "fractions_planned": "Int64",
    "prescription_gy": "Float64",
    "prescription_source": "string",
    "treatment_beams": "Int64",
    "setup_beams": "Int64",
    "radiation_type": "string",
    "energies": "object",
    "technique": "string",
    "machine": "string",
    "isocentres_mm": "object",
    "meterset": "Float64",
    "dose_uid": "string",
    "summation_type": "string",
    "dose_type": "string",
    "dose_units": "string",
    "heterogeneity_correction": "string",
    "grid_spacing_mm": "object",
    "maximum_gy": "Float64",
    "rtstruct_uid": "string",
    "verdict": "string",
    "reason": "string",
}
"""The contract of plans.parquet."""

Row = dict[str, Any]

LARGEST_TARGET = "largest TARGET reference"
BRACHY = "BRACHY"
"""Radiation type, and technique where the plan names none, of a plan with application setups instead of beams."""
_NO_ROI = -1
_FROM_TAGS = (
    "sop_instance_uid",
    "rt_plan_label",
    "rt_plan_name",
    "rt_plan_date",
    "plan_intent",
    "approval_status",
    "fraction_group_sequence",
    "fractions_planned",
    "target_prescriptions_gy",
    "referenced_structure_set_uids",
    "referenced_plan_uids",
    "dose_summation_type",
    "dose_type",
    "dose_units",
)


def rows_of_doses(doses: Sequence[RtDose], plans: Sequence[RtPlan], decision: DoseDecision) -> list[Row]:
    """Return a row per dose of the selected plans, and one per plan without a dose of its own.

    Without a plan its columns are null but for the UID it goes by. So they are, with several plans, for a dose that is
    not of exactly one of them.
    """
    if not plans:
        return [_of_dose(dose, decision) for dose in doses]
    rows = []
    for plan in plans:
        own = [dose for dose in doses if len(plans) == 1 or set(dose.plan_uids) == {plan.sop_instance_uid}]
        planned = _of_plan(plan)
        rows += [{**_of_dose(dose, decision), **planned} for dose in own] or [{**planned, "verdict": SELECTED}]
    told = {row.get("dose_uid") for row in rows}
    return rows + [_of_dose(dose, decision) for dose in doses if dose.sop_instance_uid not in told]


def rows_from_tags(summary: pd.DataFrame, verified: pd.DataFrame, role: str) -> list[Row]:
    """Return a row per object of `role` (RTPLAN or RTDOSE) that was considered and not selected, from tags alone.

    verified: the verified study, whose reasons are told. Columns that only a file tells are null.
    """
    refused = verified[(verified["role"] == role) & (verified["verdict"] != SELECTED)]
    if refused.empty:
        return []
    position = {str(uid): row for row, uid in enumerate(summary["instance_identifier"])}
    found = cells(summary, [position[str(uid)] for uid in refused["orthanc_id"]], _FROM_TAGS)
    tell = _plan_from_tags if role == "RTPLAN" else _dose_from_tags
    told = zip(found, refused["verdict"], refused["reason"], strict=True)
    return [{**tell(tags), "verdict": str(verdict), "reason": str(reason)} for tags, verdict, reason in told]


def _of_dose(dose: RtDose, decision: DoseDecision) -> Row:
    used = dose.sop_instance_uid in decision.used_uids
    return {
        "plan_uid": _joined(dose.plan_uids),
        "dose_uid": dose.sop_instance_uid,
        "summation_type": dose.summation_type,
        "dose_type": dose.dose_type,
        "dose_units": dose.units,
        "heterogeneity_correction": _joined(dose.heterogeneity_correction),
        "grid_spacing_mm": _spacing_of(dose.grid),
        "maximum_gy": dose.max_gy,
        "verdict": SELECTED if used else "refused",
        "reason": "summed: " + decision.summation if used else dict(decision.refused).get(dose.sop_instance_uid),
    }


def _spacing_of(grid: DoseGrid | None) -> list[float] | None:
    """Return the distances of columns, rows and (their median) planes, mm; None without a grid."""
    if grid is None:
        return None
    planes_mm = np.diff(grid.plane_offsets_mm)
    return [*grid.spacing_mm, float(np.median(planes_mm)) if len(planes_mm) else 0.0]


def _of_plan(plan: RtPlan) -> Row:
    return {
        "plan_uid": plan.sop_instance_uid,
        "label": plan.label,
        "name": plan.name,
        "date": plan.date,
        "intent": plan.intent,
        "approval_status": plan.approval_status,
        "sop_class": plan.sop_class,
        "tps": " ".join(filter(None, (plan.manufacturer, plan.model, plan.software_versions))) or None,
        "fraction_groups": len(plan.fraction_groups),
        "fractions_planned": plan.fractions_planned,
        **_prescribed_by(plan),
        **_treatment_of(plan),
        "rtstruct_uid": _joined(plan.structure_set_uids),
    }


def _treatment_of(plan: RtPlan) -> Row:
    """Tell how a plan treats; the meterset is that of one fraction of each group, setup beams aside."""
    treatment = [beam for beam in plan.beams if beam.treats]
    numbers = {beam.number for beam in treatment}
    isocentres = sorted({beam.isocentre_mm for beam in treatment if beam.isocentre_mm is not None})
    every = [pair for group in plan.fraction_groups for pair in group.beam_metersets]
    metersets = [meterset for number, meterset in every if number in numbers]
    brachy = plan.brachytherapy
    how = " ".join(filter(None, (brachy.treatment_type, brachy.technique))) or BRACHY if brachy else None
    return {
        "treatment_beams": len(treatment),
        "setup_beams": sum(beam.delivery_type == "SETUP" for beam in plan.beams),
        "radiation_type": _joined([BRACHY if brachy else None, *(beam.radiation_type for beam in treatment)]),
        "energies": sorted({energy for beam in treatment for energy in beam.energies}),
        "technique": _joined([how, *(beam.technique for beam in treatment)]),
        "machine": _joined([brachy.machine if brachy else None, *(beam.machine for beam in treatment)]),
        "isocentres_mm": [coordinate for isocentre in isocentres for coordinate in isocentre],
        "meterset": sum(metersets) if metersets else None,
    }


def _prescribed_by(plan: RtPlan) -> Row:
    prescription_gy, source = prescription_for(_NO_ROI, "", plan, FROM_PLAN)
    if prescription_gy is not None:
        return {"prescription_gy": prescription_gy, "prescription_source": source}
    return _largest([each.prescription_gy for each in plan.dose_references if each.reference_type == "TARGET"])


def _largest(targets_gy: Sequence[float | None]) -> Row:
    largest = max((gy or 0.0 for gy in targets_gy), default=0.0) or None
    return {"prescription_gy": largest, "prescription_source": LARGEST_TARGET if largest else None}


def _plan_from_tags(tags: Row) -> Row:
    groups, planned = json.loads(tags["fraction_group_sequence"] or "[]"), tags["fractions_planned"] or ()
    return {
        "plan_uid": tags["sop_instance_uid"],
        "label": tags["rt_plan_label"],
        "name": tags["rt_plan_name"],
        "date": tags["rt_plan_date"],
        "intent": tags["plan_intent"],
        "approval_status": tags["approval_status"],
        "fraction_groups": len(groups),
        "fractions_planned": sum(planned) if planned and len(planned) == len(groups) and all(planned) else None,
        **_largest(tags["target_prescriptions_gy"] or ()),
        "rtstruct_uid": _joined(tags["referenced_structure_set_uids"] or ()),
    }


def _dose_from_tags(tags: Row) -> Row:
    return {
        "plan_uid": _joined(tags["referenced_plan_uids"] or ()),
        "dose_uid": tags["sop_instance_uid"],
        "summation_type": tags["dose_summation_type"],
        "dose_type": tags["dose_type"],
        "dose_units": tags["dose_units"],
        "rtstruct_uid": _joined(tags["referenced_structure_set_uids"] or ()),
    }


def _joined(values: Iterable[str | None]) -> str | None:
    found = sorted({value for value in values if value})
    return ", ".join(found) or None
