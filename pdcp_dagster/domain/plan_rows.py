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
    from pdcp_dagster.domain.dose_grid import RtDose
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


def rows_of_doses(doses: Iterable[RtDose], plan: RtPlan | None, decision: DoseDecision) -> list[Row]:
    """Return a row per dose of the selected plan; without a plan its columns are null but for the UID it goes by."""
    planned = _of_plan(plan) if plan is not None else {}
    return [{**_of_dose(dose, decision), **planned} for dose in doses]


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
    planes_mm = np.diff(dose.grid.plane_offsets_mm)
    used = dose.sop_instance_uid in decision.used_uids
    return {
        "plan_uid": _joined(dose.plan_uids),
        "dose_uid": dose.sop_instance_uid,
        "summation_type": dose.summation_type,
        "dose_type": dose.dose_type,
        "dose_units": dose.units,
        "heterogeneity_correction": _joined(dose.heterogeneity_correction),
        "grid_spacing_mm": [*dose.grid.spacing_mm, float(np.median(planes_mm)) if len(planes_mm) else 0.0],
        "maximum_gy": dose.max_gy,
        "verdict": SELECTED if used else "refused",
        "reason": "summed: " + decision.summation if used else dict(decision.refused).get(dose.sop_instance_uid),
    }


def _of_plan(plan: RtPlan) -> Row:
    treatment = [beam for beam in plan.beams if beam.delivery_type in {None, "TREATMENT", "CONTINUATION"}]
    fractions = [group.fractions_planned for group in plan.fraction_groups if group.fractions_planned]
    isocentres = sorted({beam.isocentre_mm for beam in treatment if beam.isocentre_mm is not None})
    metersets = [meterset for group in plan.fraction_groups for _, meterset in group.beam_metersets]
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
        "fractions_planned": sum(fractions) or None,
        **_prescribed_by(plan),
        "treatment_beams": len(treatment),
        "setup_beams": sum(beam.delivery_type == "SETUP" for beam in plan.beams),
        "radiation_type": _joined(beam.radiation_type for beam in treatment),
        "energies": sorted({energy for beam in treatment for energy in beam.energies}),
        "technique": _joined(beam.beam_type for beam in treatment),
        "machine": _joined(beam.machine for beam in treatment),
        "isocentres_mm": [coordinate for isocentre in isocentres for coordinate in isocentre],
        "meterset": sum(metersets) if metersets else None,
        "rtstruct_uid": _joined(plan.structure_set_uids),
    }


def _prescribed_by(plan: RtPlan) -> Row:
    prescription_gy, source = prescription_for(_NO_ROI, "", plan, FROM_PLAN)
    if prescription_gy is not None:
        return {"prescription_gy": prescription_gy, "prescription_source": source}
    return _largest([each.prescription_gy for each in plan.dose_references if each.reference_type == "TARGET"])


def _largest(targets_gy: Sequence[float | None]) -> Row:
    largest = max((gy or 0.0 for gy in targets_gy), default=0.0) or None
    return {"prescription_gy": largest, "prescription_source": LARGEST_TARGET if targets_gy else None}


def _plan_from_tags(tags: Row) -> Row:
    return {
        "plan_uid": tags["sop_instance_uid"],
        "label": tags["rt_plan_label"],
        "name": tags["rt_plan_name"],
        "date": tags["rt_plan_date"],
        "intent": tags["plan_intent"],
        "approval_status": tags["approval_status"],
        "fraction_groups": len(json.loads(tags["fraction_group_sequence"] or "[]")),
        "fractions_planned": sum(tags["fractions_planned"] or ()) or None,
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
