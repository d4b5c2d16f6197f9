"""From plans and doses to the dose volume, the plan table and the DVHs.

What lives here: the stages dose_volume, plan_table and dvh_table of one patient. What does not: the summing rule
(`domain.dose`), the rows of plans (`domain.plan_rows`), the DVH (`domain.dvh`), or file formats (adapters).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pdcp_dagster.adapters.dvh_plot import DvhCurve, draw_dvh
from pdcp_dagster.adapters.nifti import UnevenPlanes, write_dose
from pdcp_dagster.adapters.parquet import write_table
from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.dose_plausibility import (
    check_maximum,
    check_not_empty,
    compare_mean_with_prescription,
    compare_with_prescription,
)
from pdcp_dagster.domain.dvh import DvhSettings, compute_dvh
from pdcp_dagster.domain.keys import uid_name
from pdcp_dagster.domain.metrics import dose_columns, dvh_curve, dvh_row, parse_metric
from pdcp_dagster.domain.plan_rows import PLAN_COLUMNS, rows_from_tags, rows_of_doses
from pdcp_dagster.domain.prescription import is_target, prescription_for, prescription_isodose_volume_cm3
from pdcp_dagster.domain.words import some
from pdcp_dagster.stages.outcome import Kept, Picture, Rows, Shown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pdcp_dagster.domain.dose_grid import DoseGrid
    from pdcp_dagster.domain.dvh import Dvh
    from pdcp_dagster.domain.structures import Roi, StructureSet
    from pdcp_dagster.stages.patient import Patient

TARGET_COVERAGE = 0.995
"""A target less covered by the dose grid than this is for a person to look at (reference: dvh-and-masks)."""
DOUBTFUL = frozenset(
    {
        "crossing_contours",
        "self_crossing_contour",
        "near_duplicate_contour_dropped",
        "gap_in_contours",
        "outside_image",
        "partly_outside_image",
    }
)
"""Flags that may mean that a volume is not what was drawn."""
_SHOWN_ROIS = 60


def sum_doses(patient: Patient, target: Path) -> tuple[Kept, tuple[Finding, ...]]:
    """Write each selected dose on its own grid, and their sum by the rule of its DoseSummationType (PS3.3 C.8.8.3)."""
    decision = patient.dose_decision
    grid = decision.grid
    if grid is None:
        return Kept(), decision.findings
    bounds = patient.cohort.dose_max_gy
    maximum_gy = float(grid.dose_gy.max())
    odd = (
        check_maximum(maximum_gy, bounds.minimum, bounds.maximum, bounds.action),
        check_not_empty(maximum_gy),
        _against_prescription(patient, maximum_gy),
    )
    uneven = _write_doses(patient, grid, target)
    unwritten = (Finding("XXIV_REV_005", ", ".join(uneven)),) if uneven else ()
    findings = (*decision.findings, *(finding for finding in odd if finding is not None), *unwritten)
    shown: dict[str, Shown] = {
        "maximum_gy": round(maximum_gy, 3),
        "doses": len(decision.used_uids),
        "summation": decision.summation,
        "grid": " x ".join(str(size) for size in reversed(grid.dose_gy.shape)),
    }
    return Kept(shown, {"max_dose_gy": maximum_gy, "dose_uids": list(decision.used_uids)}), findings


def _write_doses(patient: Patient, total: DoseGrid, target: Path) -> list[str]:
    """Write the NIfTI files and return which were left out: uneven planes, which the format cannot hold."""
    uneven = []
    for dose in patient.doses:
        uid = dose.sop_instance_uid
        try:
            write_dose(dose.grid, target / "doses" / f"{uid_name(uid)}.nii.gz")
        except UnevenPlanes:
            uneven.append(uid)
    try:
        write_dose(total, target / "dose.nii.gz")
    except UnevenPlanes:
        uneven.append("the sum")
    return uneven


def _against_prescription(patient: Patient, maximum_gy: float) -> Finding | None:
    prescriptions = [
        reference.prescription_gy
        for reference in (patient.plan.dose_references if patient.plan else ())
        if reference.reference_type == "TARGET" and reference.prescription_gy
    ]
    return compare_with_prescription(maximum_gy, max(prescriptions, default=None), _fractions(patient))


def _fractions(patient: Patient) -> int | None:
    """Return the number of fractions planned; None where no plan says it."""
    groups = patient.plan.fraction_groups if patient.plan else ()
    return sum(group.fractions_planned or 0 for group in groups) or None


def tabulate_plans(patient: Patient, target: Path) -> tuple[Kept, tuple[Finding, ...]]:
    """Write a row per dose of the selected plan, and a row per other plan of the patient, from its tags.

    Where a person must choose the plan, nothing was retrieved: all rows are from tags. A linkage without plans has a
    row per dose.
    """
    rows = rows_of_doses(patient.doses, patient.plan, patient.dose_decision) if patient.selection else []
    role = "RTPLAN" if "RTPLAN" in patient.cohort.required_modalities else "RTDOSE"
    rows += rows_from_tags(patient.summary, patient.verified, role)
    table = pd.DataFrame(rows, columns=list(PLAN_COLUMNS)).astype(PLAN_COLUMNS)
    write_table(table, target / "plans.parquet")
    chosen = rows[0] if patient.selection and patient.plan is not None else {}
    shown: dict[str, Shown] = {name: chosen[key] for name, key in _SHOWN_OF_PLAN.items() if chosen.get(key) is not None}
    return Kept({**shown, "plans": _plans_shown(table)}), ()


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


def compute_dvhs(patient: Patient, target: Path) -> tuple[Kept, tuple[Finding, ...]]:
    """Compute the DVH of every ROI with closed contours, from contours and dose, never from the mask."""
    computed = _dvhs(patient)
    external = next((dvh for _, roi, dvh in computed if dvh and roi.interpreted_type == "EXTERNAL"), None)
    table = pd.DataFrame([_dvh_row(patient, structure_set, roi, dvh, external) for structure_set, roi, dvh in computed])
    numbers = [str(column) for column in table.columns if str(column).endswith(_NUMBER_SUFFIXES)]
    write_table(table.astype({**dict.fromkeys(numbers, "Float64"), "plan_uid": "string"}), target / "dvh.parquet")
    curves = [_curve_table(structure_set, roi, dvh) for structure_set, roi, dvh in computed if dvh is not None]
    write_table(pd.concat(curves, ignore_index=True) if curves else _no_curves(), target / "dvh_curves.parquet")
    drawn = [_drawn(roi, dvh) for _, roi, dvh in computed if dvh is not None]
    findings = (
        Finding("XXV_SUCC_001", f"{len(drawn)} ROIs"),
        *target_findings([(roi, dvh) for _, roi, dvh in computed]),
        *_of_prescriptions(patient, table, computed),
    )
    return _dvh_kept(patient, table, drawn), findings


def target_findings(computed: Sequence[tuple[Roi, Dvh | None]]) -> tuple[Finding, ...]:
    """Return what a person should look at: targets that the dose does not cover, that could not be placed, or doubtful.

    A target that was never drawn is common and is none of these.
    """
    targets = [(roi, dvh) for roi, dvh in computed if is_target(roi) and roi.contours]
    low = [
        f"{roi.name} {100 * dvh.dose_coverage:.1f} %"
        for roi, dvh in targets
        if dvh is not None and dvh.dose_coverage < TARGET_COVERAGE
    ]
    unplaced = [roi.name for roi, dvh in targets if dvh is None]
    doubtful = [
        f"{roi.name} {' '.join(sorted(DOUBTFUL & {*roi.flags, *dvh.flags}))}"
        for roi, dvh in targets
        if dvh is not None and DOUBTFUL & {*roi.flags, *dvh.flags}
    ]
    found = (("XXV_REV_001", low), ("XXV_REV_002", unplaced), ("XXV_REV_003", doubtful))
    return tuple(Finding(code, ", ".join(names)) for code, names in found if names)


def _of_prescriptions(
    patient: Patient, table: pd.DataFrame, computed: Sequence[tuple[StructureSet, Roi, Dvh | None]]
) -> tuple[Finding, ...]:
    """Return what the targets' mean doses say of their prescriptions; a note where none was found though asked for."""
    if patient.cohort.prescription_gy is None:
        return ()
    misfits: list[str] = []
    fits: list[str] = []
    for _, roi, dvh in computed:
        gy, _ = prescription_for(roi.number, roi.name, patient.plan, patient.cohort.prescription_gy)
        if dvh is None or dvh.dmean_gy is None or not is_target(roi) or not gy:
            continue
        finding = compare_mean_with_prescription(dvh.dmean_gy, gy, _fractions(patient))
        (misfits if finding else fits).append(f"{roi.name}, {finding.detail}" if finding else roi.name)
    if misfits:
        others = f" ({some(fits)} fit)" if fits else ""
        return (Finding("XXIV_REV_004", "; ".join(misfits) + others),)
    return (Finding("XXV_NOTE_001"),) if table["prescription_gy"].isna().all() else ()


def _dvhs(patient: Patient) -> list[tuple[StructureSet, Roi, Dvh | None]]:
    grid = patient.dose_decision.grid
    assert grid is not None, "the dose stage lets nobody pass without a dose"  # noqa: S101 - a law of the chain
    found = []
    for structure_set, roi in patient.rois:
        planar = patient.contours[structure_set.sop_instance_uid, roi.number]
        dvh = compute_dvh(planar, patient.grid, grid, _settings(patient)) if planar.polygons else None
        found.append((structure_set, roi, dvh))
    return found


_NUMBER_SUFFIXES = ("_gy", "_pct", "_cm3", "_icru83", "ci_rtog", "ci_paddick", "dose_coverage")


def _dvh_kept(patient: Patient, table: pd.DataFrame, drawn: list[DvhCurve]) -> Kept:
    prescription = table["prescription_gy"].dropna()
    content = draw_dvh(
        sorted(drawn, key=lambda curve: not curve.is_target),
        title=f"{patient.label}  {(patient.plan and patient.plan.label) or ''}".strip(),
        prescription_gy=float(prescription.iloc[0]) if len(prescription) else None,
    )
    wanted = ("roi_name", "volume_cm3", "dmean_gy", "d95_gy", "d2_gy")
    shown = Rows(
        tuple(
            {key: row[key] if isinstance(row[key], str) else _rounded(row[key]) for key in wanted}
            for row in table.head(_SHOWN_ROIS).to_dict("records")
        )
    )
    return Kept({"rois": len(table), "dvh": Picture("image/png", content, "DVH"), "doses_per_roi": shown})


def _settings(patient: Patient) -> DvhSettings:
    dvh = patient.cohort.dvh
    return DvhSettings(interpolation=dvh.dose_interpolation, end_caps=dvh.end_caps, outside_grid=dvh.outside_grid)


def _dvh_row(
    patient: Patient, structure_set: StructureSet, roi: Roi, dvh: Dvh | None, external: Dvh | None
) -> dict[str, object]:
    settings = patient.cohort.dvh
    metrics = tuple(parse_metric(text) for text in settings.metrics)
    prescription_gy, source = prescription_for(roi.number, roi.name, patient.plan, patient.cohort.prescription_gy)
    numbers: dict[str, object] = dict.fromkeys(dose_columns(metrics))
    grid = patient.dose_decision.grid
    if dvh is not None and grid is not None:
        numbers |= dvh_row(
            dvh,
            is_target=is_target(roi),
            prescription_gy=prescription_gy,
            metrics=metrics,
            piv_cm3=prescription_isodose_volume_cm3(external, grid, prescription_gy),
        )
    else:
        planar = patient.contours[structure_set.sop_instance_uid, roi.number]
        numbers["flags"] = list(dict.fromkeys((*roi.flags, *planar.flags))) or ["no_closed_contour"]
    return {
        "patient_id": patient.task.patient_id,
        "rtstruct_uid": structure_set.sop_instance_uid,
        "roi_number": roi.number,
        "roi_name": roi.name,
        "roi_standard_name": None,
        "status": "computed" if dvh is not None else "no_closed_contour",
        **numbers,
        "prescription_gy": prescription_gy,
        "prescription_source": source,
        "dose_interpolation": settings.dose_interpolation,
        "end_caps": settings.end_caps,
        "dose_uids": list(patient.dose_decision.used_uids),
        "plan_uid": patient.plan.sop_instance_uid if patient.plan else None,
        "ct_series_uid": patient.ct.series_instance_uid,
        "config_hash": patient.config_hash,
        "software_version": patient.settings.software_version,
    }


def _curve_table(structure_set: StructureSet, roi: Roi, dvh: Dvh) -> pd.DataFrame:
    dose_gy, volume_pct, volume_cm3 = dvh_curve(dvh)
    return pd.DataFrame(
        {
            "rtstruct_uid": structure_set.sop_instance_uid,
            "roi_number": roi.number,
            "roi_name": roi.name,
            "dose_gy": dose_gy,
            "volume_pct": volume_pct,
            "volume_cm3": volume_cm3,
        }
    )


def _no_curves() -> pd.DataFrame:
    empty = np.zeros(0)
    return pd.DataFrame({"roi_number": empty, "dose_gy": empty, "volume_pct": empty, "volume_cm3": empty})


def _drawn(roi: Roi, dvh: Dvh) -> DvhCurve:
    dose_gy, volume_pct, _ = dvh_curve(dvh)
    return DvhCurve(name=roi.name, dose_gy=dose_gy, volume_pct=volume_pct, is_target=is_target(roi))


def _rounded(value: object) -> float | None:
    return round(float(value), 3) if isinstance(value, float) else None
