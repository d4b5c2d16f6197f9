"""From plans and doses to the dose volume and the plan table.

What lives here: the stages dose_volume and plan_table of one patient. What does not: the summing rule (`domain.dose`),
the rows of plans (`domain.plan_rows`), or file formats (adapters).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from pdcp_dagster.adapters.nifti import UnevenPlanes, write_dose, write_volume
from pdcp_dagster.adapters.parquet import write_table
from pdcp_dagster.adapters.store import DOSE_ON_CT
from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.dose_plausibility import (
    check_maximum,
    check_not_empty,
    compare_with_prescription,
)
from pdcp_dagster.domain.keys import uid_name
from pdcp_dagster.domain.plan_rows import PLAN_COLUMNS, rows_from_tags, rows_of_doses
from pdcp_dagster.domain.sampling import dose_on_grid
from pdcp_dagster.domain.volume import Volume
from pdcp_dagster.stages.outcome import Kept, Rows, Shown
from pdcp_dagster.stages.quality import dose_checks

if TYPE_CHECKING:
    from pathlib import Path

    from pdcp_dagster.domain.dose_grid import DoseGrid
    from pdcp_dagster.domain.plan_rows import Row
    from pdcp_dagster.stages.patient import Patient


def sum_doses(patient: Patient, target: Path) -> tuple[Kept, tuple[Finding, ...]]:
    """Write each selected dose on its own grid, and their sum by the rule of its DoseSummationType (PS3.3 C.8.8.3)."""
    decision = patient.dose_decision
    grid = decision.grid
    if grid is None:
        return Kept(), decision.findings
    bounds = patient.cohort.dose_max_gy
    maximum_gy = float(grid.dose_gy.max())
    prescription_gy = _prescription_gy(patient)
    doubts = (
        check_maximum(maximum_gy, bounds.minimum, bounds.maximum, bounds.action),
        check_not_empty(maximum_gy),
        compare_with_prescription(
            maximum_gy, prescription_gy, patient.plan.fractions_planned if patient.plan else None
        ),
    )
    odd = tuple(finding for finding in doubts if finding is not None)
    uneven = _write_doses(patient, grid, target)
    unwritten = (Finding("XXIV_REV_005", "; ".join(uneven)),) if uneven else ()
    findings = (*decision.findings, *odd, *unwritten)
    shown: dict[str, Shown] = {
        "maximum_gy": round(maximum_gy, 3),
        "doses": len(decision.used_uids),
        "summation": decision.summation,
        "grid": " x ".join(str(size) for size in reversed(grid.dose_gy.shape)),
    }
    checks = dose_checks(patient.cohort, maximum_gy, odd, prescription_gy)
    return Kept(shown, {"max_dose_gy": maximum_gy, "dose_uids": list(decision.used_uids)}, checks), findings


def _write_doses(patient: Patient, total: DoseGrid, target: Path) -> list[str]:
    """Write the NIfTI files of what is in Gy; return which used ones the format cannot hold, and why.

    A sum with uneven planes is written on the CT's grid, whether asked for or not, so that nobody is left without.
    """
    uneven = []
    on_ct = patient.cohort.dose_on_ct_grid
    for dose in patient.doses:
        uid = dose.sop_instance_uid
        if dose.grid is None or not dose.in_gray:
            continue
        try:
            write_dose(dose.grid, target / "doses" / f"{uid_name(uid)}.nii.gz")
        except UnevenPlanes as why:
            if uid in patient.dose_decision.used_uids:
                uneven.append(f"{uid}: {why}")
    try:
        write_dose(total, target / "dose.nii.gz")
    except UnevenPlanes as why:
        uneven.append(f"the sum: {why}")
        on_ct = True
    if on_ct:
        write_volume(Volume(patient.grid, dose_on_grid(total, patient.grid)), target / DOSE_ON_CT)
    return uneven


def _prescription_gy(patient: Patient) -> float | None:
    """Return the highest dose that the one plan prescribes to a target; None where it does not say."""
    prescriptions = [
        reference.prescription_gy
        for reference in (patient.plan.dose_references if patient.plan else ())
        if reference.reference_type == "TARGET" and reference.prescription_gy
    ]
    return max(prescriptions, default=None)


def tabulate_plans(patient: Patient, target: Path) -> tuple[Kept, tuple[Finding, ...]]:
    """Write a row per dose of the selected plans, and a row per other plan of the patient, from its tags.

    Where a person must choose the plan, nothing was retrieved: all rows are from tags. A linkage without plans has a
    row per dose.
    """
    rows = rows_of_doses(patient.doses, patient.plans, patient.dose_decision) if patient.selection else []
    role = "RTPLAN" if "RTPLAN" in patient.cohort.required_modalities else "RTDOSE"
    rows += rows_from_tags(patient.summary, patient.verified, role)
    table = pd.DataFrame(rows, columns=list(PLAN_COLUMNS)).astype(PLAN_COLUMNS)
    write_table(table, target / "plans.parquet")
    chosen = _told_of_chosen(patient, rows) if patient.selection else {}
    shown: dict[str, Shown] = {name: chosen[key] for name, key in _SHOWN_OF_PLAN.items() if chosen.get(key) is not None}
    return Kept({**shown, "plans": _plans_shown(table)}), ()


def _told_of_chosen(patient: Patient, rows: list[Row]) -> Row:
    """Return what is shown of the selected plan; of several the labels only, for the rest is in their rows."""
    if len(patient.plans) > 1:
        return {"label": patient.plan_label}
    return rows[0] if patient.plans else {}


_SHOWN_OF_PLAN = {
    "label": "label",
    "intent": "intent",
    "approval": "approval_status",
    "fractions_planned": "fractions_planned",
    "prescription_gy": "prescription_gy",
    "beams": "treatment_beams",
}
_SHOWN_PLANS = 30
_SHOWN_COLUMNS = (
    *("label", "date", "intent", "approval_status", "fractions_planned", "prescription_gy", "maximum_gy"),
    *("verdict", "reason", "plan_uid", "dose_uid"),
)


def _plans_shown(table: pd.DataFrame) -> Rows:
    records = table.head(_SHOWN_PLANS)[list(_SHOWN_COLUMNS)].astype(object).to_dict("records")
    return Rows(tuple({str(key): _plain(value) for key, value in row.items()} for row in records))


def _plain(value: object) -> str | float | None:
    if pd.isna(value):  # type: ignore[call-overload] # a cell of a table
        return None
    return value if isinstance(value, int | float) else str(value)
