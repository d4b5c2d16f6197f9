"""The rows of dvh.parquet: what a ROI's DVH says, and what it was made of.

What lives here: one table per patient. What does not: the histograms (`domain.dvh`), what each column means
(`domain.metrics`, `domain.equivalent_dose`, `domain.eqd2`, `domain.legacy_dosimetry`), findings (`dvh_stage`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from pdcp_dagster.domain.contours import centroid_mm
from pdcp_dagster.domain.dvh import DvhSettings, compute_dvh
from pdcp_dagster.domain.eqd2 import alpha_beta_for, eqd2_columns, fractions_of
from pdcp_dagster.domain.equivalent_dose import geud_columns
from pdcp_dagster.domain.legacy_dosimetry import dosimetry_columns, legacy_columns
from pdcp_dagster.domain.metrics import dose_columns, dvh_row, parse_metric
from pdcp_dagster.domain.prescription import is_target, prescription_for, prescription_isodose_volume_cm3
from pdcp_dagster.domain.prescription_table import prescription_rule
from pdcp_dagster.domain.roi_kind import is_external, roi_kind
from pdcp_dagster.stages.standard_names import STANDARD_NAME_COLUMNS
from pdcp_dagster.stages.structure_findings import side_checks
from pdcp_dagster.stages.structure_rows import FilledRoi

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pdcp_dagster.domain.dose_grid import DoseGrid
    from pdcp_dagster.domain.dvh import Dvh
    from pdcp_dagster.domain.prescription import Rule
    from pdcp_dagster.domain.structures import Roi, StructureSet
    from pdcp_dagster.stages.patient import Patient

Computed = tuple["StructureSet", "Roi", "Dvh | None"]
"""A ROI with its structure set and its DVH, None where no closed contour encloses a volume."""

_NUMBER_SUFFIXES = ("_gy", "_pct", "_cm3", "_icru83", "ci_rtog", "ci_paddick", "dose_coverage")
_LEGACY_NUMBERS = frozenset(dosimetry_columns(prescribed=True)) - {"patient_id", "roi_name"}


def dvh_table(patient: Patient, computed: Sequence[Computed]) -> pd.DataFrame:
    """Return a row per ROI, in the contract's order of columns; null where a number is not known."""
    rows = _Rows(patient, _external(computed), _is_prescribed(patient, computed), _side_flags(patient, computed))
    table = pd.DataFrame([rows.row(structure_set, roi, dvh) for structure_set, roi, dvh in computed])
    names = [str(column) for column in table.columns]
    numbers = [name for name in names if name.endswith(_NUMBER_SUFFIXES) or name in _LEGACY_NUMBERS]
    types = {**dict.fromkeys(numbers, "Float64"), "plan_uid": "string", "eqd2_fractions": "Int64"}
    types |= STANDARD_NAME_COLUMNS
    return table.astype({name: kind for name, kind in types.items() if name in names})


def settings_of(patient: Patient) -> DvhSettings:
    """Return how the cohort wants DVHs to be computed."""
    dvh = patient.cohort.dvh
    return DvhSettings(interpolation=dvh.dose_interpolation, end_caps=dvh.end_caps, outside_grid=dvh.outside_grid)


def rule_of(patient: Patient) -> Rule:
    """Return what the cohort says of prescriptions to this patient."""
    tables = patient.settings.tables.prescriptions
    return prescription_rule(patient.cohort.prescription_gy, tables, patient.task.patient_id)


def prescription_of(patient: Patient, roi: Roi) -> tuple[float | None, str]:
    """Return what was prescribed to a ROI in Gy, and where it was found."""
    return prescription_for(roi.number, roi.name, patient.plan, rule_of(patient))


def _is_prescribed(patient: Patient, computed: Sequence[Computed]) -> bool:
    return any(prescription_of(patient, roi)[0] is not None for _, roi, _ in computed)


def _side_flags(patient: Patient, computed: Sequence[Computed]) -> dict[tuple[str, int], str]:
    """Return the flags that a place on the wrong side, or none to compare with, gives; as in structures.parquet."""
    placed = []
    for structure_set, roi, _ in computed:
        planar = patient.contours[structure_set.sop_instance_uid, roi.number]
        middle = centroid_mm(planar, patient.grid) if planar.polygons else None
        placed.append(FilledRoi(structure_set, roi, planar, middle))
    checks = zip(placed, side_checks(placed), strict=True)
    return {(one.structure_set.sop_instance_uid, one.roi.number): check.flag for one, check in checks if check}


def _external(computed: Sequence[Computed]) -> Dvh | None:
    """Return the DVH of the patient's outline: the largest ROI of type EXTERNAL, else of those that are named so."""
    outlines = [(roi, dvh) for _, roi, dvh in computed if dvh is not None and is_external(roi)]
    outlines.sort(key=lambda outline: (outline[0].interpreted_type != "EXTERNAL", -outline[1].volume_cm3))
    return outlines[0][1] if outlines else None


@dataclass(frozen=True, slots=True)
class _Rows:
    """What the rows of one patient have in common."""

    patient: Patient
    external: Dvh | None
    prescribed: bool
    side_flags: dict[tuple[str, int], str]

    def row(self, structure_set: StructureSet, roi: Roi, dvh: Dvh | None) -> dict[str, object]:
        patient, settings = self.patient, self.patient.cohort.dvh
        prescription_gy, source = prescription_of(patient, roi)
        doses = self._doses(roi, dvh, prescription_gy)
        return {
            "patient_id": patient.task.patient_id,
            "rtstruct_uid": structure_set.sop_instance_uid,
            "roi_number": roi.number,
            "roi_name": roi.name,
            **patient.standard_names.columns(structure_set, roi),
            "status": "computed" if dvh is not None else "no_closed_contour",
            **doses,
            "flags": self._flags(structure_set, roi, doses["flags"]),
            "prescription_gy": prescription_gy,
            "prescription_source": source,
            "dose_interpolation": settings.dose_interpolation,
            "end_caps": settings.end_caps,
            "dose_uids": list(patient.dose_decision.used_uids),
            "dose_coverage_by_plan": self._coverage_by_plan(structure_set, roi, dvh),
            "plan_uid": patient.plan_uid,
            "ct_series_uid": patient.ct.series_instance_uid,
            "config_hash": patient.config_hash,
            "software_version": patient.settings.software_version,
            **self._further_doses(roi, dvh),
            **self._legacy(dvh, prescription_gy),
        }

    def _doses(self, roi: Roi, dvh: Dvh | None, prescription_gy: float | None) -> dict[str, object]:
        metrics = tuple(parse_metric(text) for text in self.patient.cohort.dvh.metrics)
        numbers: dict[str, object] = dict.fromkeys(dose_columns(metrics))
        grid = self.patient.dose_decision.grid
        if dvh is None or grid is None:
            return numbers
        return numbers | dvh_row(
            dvh,
            is_target=is_target(roi),
            prescription_gy=prescription_gy,
            metrics=metrics,
            piv_cm3=prescription_isodose_volume_cm3(self.external, grid, prescription_gy),
        )

    def _further_doses(self, roi: Roi, dvh: Dvh | None) -> dict[str, object]:
        """Columns that are there only where the cohort file asks for them."""
        settings = self.patient.cohort.dvh
        columns: dict[str, object] = {**geud_columns(dvh, settings.geud_a)}
        if settings.alpha_beta_gy:
            fractions, _ = fractions_of(self.patient.plan, self.patient.cohort.dose_type)
            columns |= eqd2_columns(dvh, fractions, alpha_beta_for(roi.name, settings.alpha_beta_gy))
        return columns

    def _legacy(self, dvh: Dvh | None, prescription_gy: float | None) -> dict[str, object]:
        if self.patient.cohort.dvh_columns != "legacy":
            return {}
        return {**legacy_columns(dvh, prescription_gy, prescribed=self.prescribed)}

    def _flags(self, structure_set: StructureSet, roi: Roi, of_dvh: object) -> list[str]:
        of_roi = structure_set.sop_instance_uid, roi.number
        of_name = self.patient.standard_names.flag(structure_set, roi)
        told = {roi_kind(roi), self.side_flags.get(of_roi), of_name} - {None}
        found = {*roi.flags, *self.patient.contours[of_roi].flags, *map(str, told)}
        if isinstance(of_dvh, list):
            return sorted({*found, *of_dvh})
        return sorted(found) or ["no_closed_contour"]

    def _coverage_by_plan(self, structure_set: StructureSet, roi: Roi, dvh: Dvh | None) -> list[float] | None:
        """Share of the ROI inside each plan's own dose grid, in the order of the plans; None where one plan counts."""
        grids = [grid for _, grid in self.patient.plan_doses]
        if dvh is None or not grids:
            return None
        return [self._coverage(structure_set, roi, grid) for grid in grids]

    def _coverage(self, structure_set: StructureSet, roi: Roi, grid: DoseGrid) -> float:
        planar = self.patient.contours[structure_set.sop_instance_uid, roi.number]
        found = compute_dvh(planar, self.patient.grid, grid, settings_of(self.patient))
        return found.dose_coverage if found is not None else 0.0
