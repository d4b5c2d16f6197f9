"""From contours and the dose to the DVH table.

What lives here: the stage dvh_table of one patient, and what a person should look at. What does not: the DVH
(`domain.dvh`), the table's rows (`dvh_rows`), the planning system's own DVHs (`planning_system`), file formats.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pdcp_dagster.adapters.dvh_plot import DvhCurve, draw_dvh
from pdcp_dagster.adapters.parquet import write_table
from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.dose_plausibility import (
    compare_mean_with_prescription,
)
from pdcp_dagster.domain.dvh import compute_dvh
from pdcp_dagster.domain.eqd2 import fractions_of
from pdcp_dagster.domain.metrics import dvh_curve
from pdcp_dagster.domain.prescription import is_target
from pdcp_dagster.domain.words import some
from pdcp_dagster.stages.dvh_rows import dvh_table, prescription_of, settings_of
from pdcp_dagster.stages.outcome import Kept, Picture, Rows
from pdcp_dagster.stages.planning_system import (
    compare_with_planning_system,
    comparison_checks,
    comparison_finding,
    comparison_in_words,
)
from pdcp_dagster.stages.quality import target_checks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

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
        "sparse_contours",
        "planes_merged",
        "rois_of_one_number_joined",
        "outside_image",
        "partly_outside_image",
    }
)
"""Flags that may mean that a volume is not what was drawn."""
_SHOWN_ROIS = 60


def compute_dvhs(patient: Patient, target: Path) -> tuple[Kept, tuple[Finding, ...]]:
    """Compute the DVH of every ROI with closed contours, from contours and dose, never from the mask."""
    computed = _dvhs(patient)
    table = dvh_table(patient, computed)
    write_table(table, target / "dvh.parquet")
    curves = [_curve_table(structure_set, roi, dvh) for structure_set, roi, dvh in computed if dvh is not None]
    write_table(pd.concat(curves, ignore_index=True) if curves else _no_curves(), target / "dvh_curves.parquet")
    comparison = compare_with_planning_system(patient, computed)
    write_table(comparison, target / "dvh_comparison.parquet")
    drawn = [_drawn(roi, dvh) for _, roi, dvh in computed if dvh is not None]
    findings = (
        Finding("XXV_SUCC_001", f"{len(drawn)} ROIs"),
        *target_findings([(roi, dvh) for _, roi, dvh in computed]),
        *_of_prescriptions(patient, table, computed),
        *comparison_finding(comparison),
        *_of_fractions(patient),
    )
    checks = (*target_checks(patient, computed, table, TARGET_COVERAGE), *comparison_checks(comparison))
    return replace(_dvh_kept(patient, table, drawn, comparison), checks=checks), findings


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
    fractions = patient.plan.fractions_planned if patient.plan else None
    for _, roi, dvh in computed:
        gy, _ = prescription_of(patient, roi)
        if dvh is None or dvh.dmean_gy is None or not is_target(roi) or not gy:
            continue
        finding = compare_mean_with_prescription(dvh.dmean_gy, gy, fractions)
        (misfits if finding else fits).append(f"{roi.name}, {finding.detail}" if finding else roi.name)
    if misfits:
        others = f" ({some(fits)} fit)" if fits else ""
        return (Finding("XXIV_REV_004", "; ".join(misfits) + others),)
    return (Finding("XXV_NOTE_001"),) if table["prescription_gy"].isna().all() else ()


def _of_fractions(patient: Patient) -> tuple[Finding, ...]:
    """XXV_NOTE_003 where EQD2 was asked for, and the fractions are not known."""
    fractions, reason = fractions_of(patient.plan, patient.cohort.dose_type)
    asked = bool(patient.cohort.dvh.alpha_beta_gy)
    return (Finding("XXV_NOTE_003", reason),) if asked and fractions is None else ()


def _dvhs(patient: Patient) -> list[tuple[StructureSet, Roi, Dvh | None]]:
    grid = patient.dose_decision.grid
    assert grid is not None, "the dose stage lets nobody pass without a dose"  # noqa: S101 - a law of the chain
    found = []
    for structure_set, roi in patient.rois:
        planar = patient.contours[structure_set.sop_instance_uid, roi.number]
        dvh = compute_dvh(planar, patient.grid, grid, settings_of(patient)) if planar.polygons else None
        found.append((structure_set, roi, dvh))
    return found


def _dvh_kept(patient: Patient, table: pd.DataFrame, drawn: list[DvhCurve], comparison: pd.DataFrame) -> Kept:
    prescription = table["prescription_gy"].dropna()
    content = draw_dvh(
        sorted(drawn, key=lambda curve: not curve.is_target),
        title=f"{patient.label}  {patient.plan_label or ''}".strip(),
        prescription_gy=float(prescription.iloc[0]) if len(prescription) else None,
    )
    wanted = ("roi_name", "volume_cm3", "dmean_gy", "d95_gy", "d2_gy")
    shown = Rows(
        tuple(
            {key: row[key] if isinstance(row[key], str) else _rounded(row[key]) for key in wanted}
            for row in table.head(_SHOWN_ROIS).to_dict("records")
        )
    )
    return Kept(
        {
            "rois": len(table),
            "dvh": Picture("image/png", content, "DVH"),
            "doses_per_roi": shown,
            "planning_system": comparison_in_words(comparison),
        },
    )


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
