"""The table of structures: a row per ROI.

What lives here: the columns of structures.parquet and where each value comes from. What does not: masks and findings
(`structure_stage`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdcp_dagster.domain.contours import plane_spacing_mm, stack_volume_cm3
from pdcp_dagster.domain.point_dose import open_points_mm, point_dose_gy
from pdcp_dagster.stages.standard_names import STANDARD_NAME_COLUMNS

if TYPE_CHECKING:
    from pdcp_dagster.domain.contours import PlanarContours
    from pdcp_dagster.domain.structures import Roi, StructureSet
    from pdcp_dagster.stages.patient import Patient

STRUCTURE_COLUMNS: dict[str, str] = {
    "rtstruct_uid": "string",
    "roi_number": "Int64",
    "roi_name": "string",
    **STANDARD_NAME_COLUMNS,
    "interpreted_type": "string",
    "generation_algorithm": "string",
    "roi_description": "string",
    "structure_set_label": "string",
    "structure_set_date": "object",
    "approval_status": "string",
    "file": "string",
    "volume_cm3": "Float64",
    "mask_voxels": "Int64",
    "contours": "Int64",
    "planes": "Int64",
    "plane_spacing_mm": "Float64",
    "centroid_x_mm": "Float64",
    "centroid_y_mm": "Float64",
    "centroid_z_mm": "Float64",
    "point_dose_gy": "Float64",
    "flags": "object",
    "label_file": "string",
    "label_bit": "Int64",
}
"""The contract of structures.parquet."""


@dataclass(frozen=True, slots=True)
class FilledRoi:
    """One ROI after its mask was written.

    file, label_file: paths below the patient's folder; None without a mask, or a label map.
    centroid_mm: LPS mm, of what the contours enclose, or of the points where they enclose nothing; None: unknown.
    side_flag: what was found of its side (`domain.laterality`).
    """

    structure_set: StructureSet
    roi: Roi
    planar: PlanarContours
    centroid_mm: tuple[float, float, float] | None
    mask_voxels: int = 0
    file: str | None = None
    label_file: str | None = None
    label_bit: int | None = None
    side_flag: str | None = None


def structure_row(patient: Patient, filled: FilledRoi) -> dict[str, object]:
    """Return the row of one ROI, by the names of `STRUCTURE_COLUMNS`."""
    structure_set, roi, planar = filled.structure_set, filled.roi, filled.planar
    closed = bool(planar.polygons)
    dose_gy, dose_flags = _point_dose(patient, filled)
    centroid = filled.centroid_mm or (None, None, None)
    return {
        "rtstruct_uid": structure_set.sop_instance_uid,
        "roi_number": roi.number,
        "roi_name": roi.name,
        **patient.standard_names.columns(structure_set, roi),
        "interpreted_type": roi.interpreted_type,
        "generation_algorithm": roi.generation_algorithm,
        "roi_description": roi.description,
        "structure_set_label": structure_set.label,
        "structure_set_date": structure_set.date,
        "approval_status": structure_set.approval_status,
        "file": filled.file,
        "volume_cm3": stack_volume_cm3(planar, patient.cohort.dvh.end_caps) if closed else None,
        "mask_voxels": filled.mask_voxels,
        "contours": len(roi.contours),
        "planes": len(planar.planes_mm),
        "plane_spacing_mm": plane_spacing_mm(planar) if closed else None,
        "centroid_x_mm": centroid[0],
        "centroid_y_mm": centroid[1],
        "centroid_z_mm": centroid[2],
        "point_dose_gy": dose_gy,
        "flags": _flags(filled, dose_flags, patient.standard_names.flag(structure_set, roi)),
        "label_file": filled.label_file,
        "label_bit": filled.label_bit,
    }


def _point_dose(patient: Patient, filled: FilledRoi) -> tuple[float | None, tuple[str, ...]]:
    """Return the dose at a ROI that encloses nothing; None, too, where the linkage has no dose or none was decided on.

    The doses are read only where there is such a ROI.
    """
    if filled.planar.polygons or filled.centroid_mm is None or not patient.has_doses:
        return None, ()
    dose = patient.dose_decision.grid
    return (None, ()) if dose is None else point_dose_gy(open_points_mm(filled.roi), dose)


def _flags(filled: FilledRoi, more: tuple[str, ...], of_name: str | None) -> list[str]:
    flags = dict.fromkeys((*filled.roi.flags, *filled.planar.flags, *more))
    if not filled.roi.contours:
        flags["empty"] = None
    if filled.planar.polygons and filled.file is None:
        flags["no_mask_voxels"] = None
    if filled.side_flag:
        flags[filled.side_flag] = None
    if of_name:
        flags[of_name] = None
    return list(flags)
