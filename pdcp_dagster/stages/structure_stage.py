"""From the retrieved structure set to masks and the table of structures.

What lives here: the stage structure_masks of one patient. What does not: how a mask is filled (`domain.masks`), or file
formats (adapters).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from pdcp_dagster.adapters.nifti import write_mask
from pdcp_dagster.adapters.parquet import write_table
from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.contours import centroid_mm, plane_spacing_mm, stack_volume_cm3
from pdcp_dagster.domain.keys import roi_file_stems, uid_name
from pdcp_dagster.domain.masks import MaskCrop, fill_mask
from pdcp_dagster.stages.outcome import Kept, Rows

if TYPE_CHECKING:
    from pathlib import Path

    from pdcp_dagster.domain.contours import PlanarContours
    from pdcp_dagster.domain.structures import Roi, StructureSet
    from pdcp_dagster.stages.patient import Patient

_SHOWN_ROIS = 60


def fill_structures(patient: Patient, target: Path) -> tuple[Kept, tuple[Finding, ...]]:
    """Fill every ROI on the CT grid, one mask file per ROI and one row per ROI, empty and odd ones included."""
    rows: list[dict[str, object]] = []
    for structure_set in patient.structure_sets:
        rows.extend(_fill_set(patient, structure_set, target))
    table = pd.DataFrame(rows, columns=list(STRUCTURE_COLUMNS)).astype(STRUCTURE_COLUMNS)
    write_table(table, target / "structures.parquet")
    filled = int(table["file"].notna().sum())
    if not filled:
        strangers = sum("other_frame_of_reference" in flags for flags in table["flags"])
        why = f"; {strangers} of them in another frame of reference than the CT" if strangers else ""
        return Kept(), (Finding("XIV_EXEC_002", f"{len(table)} ROIs, none with a closed contour on the CT{why}"),)
    findings = [Finding("XIV_SUCC_001", f"{filled} masks")]
    flagged = table[table["flags"].map(len) > 0]
    if len(flagged):
        findings.append(Finding("XIV_NOTE_001", f"{len(flagged)} of {len(table)} ROIs"))
    shown = Rows(
        tuple(
            {"roi": str(row["roi_name"]), "volume_cm3": _rounded(row["volume_cm3"]), "flags": " ".join(row["flags"])}
            for row in table.head(_SHOWN_ROIS).to_dict("records")
        )
    )
    counts = {"rois": len(table), "masks": filled}
    return Kept({**counts, "structures": shown}, counts), tuple(findings)


STRUCTURE_COLUMNS: dict[str, str] = {
    "rtstruct_uid": "string",
    "roi_number": "Int64",
    "roi_name": "string",
    "roi_standard_name": "string",
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
}
"""The contract of structures.parquet."""


def mask_of(patient: Patient, planar: PlanarContours) -> MaskCrop | None:
    """Fill one ROI on the CT grid: the same bytes that its mask file holds."""
    return fill_mask(planar, patient.grid) if planar.polygons else None


def _fill_set(patient: Patient, structure_set: StructureSet, target: Path) -> list[dict[str, object]]:
    stems = roi_file_stems((roi.number, roi.name) for roi in structure_set.rois)
    folder = target / "masks" / uid_name(structure_set.sop_instance_uid)
    rows = []
    for roi in sorted(structure_set.rois, key=lambda roi: roi.number):
        planar = patient.contours[structure_set.sop_instance_uid, roi.number]
        mask = mask_of(patient, planar)
        file = None
        if mask is not None and mask.voxels:
            path = folder / f"{stems[roi.number]}.nii.gz"
            write_mask(mask.values, mask.offset, patient.grid, path)
            file = path.relative_to(target).as_posix()
        rows.append(_row(patient, structure_set, roi, mask=mask, file=file))
    return rows


def _row(
    patient: Patient, structure_set: StructureSet, roi: Roi, *, mask: MaskCrop | None, file: str | None
) -> dict[str, object]:
    planar = patient.contours[structure_set.sop_instance_uid, roi.number]
    closed = bool(planar.polygons)
    centroid = centroid_mm(planar, patient.grid) if closed else None
    end_caps = patient.cohort.dvh.end_caps
    flags = dict.fromkeys((*roi.flags, *planar.flags))
    if not roi.contours:
        flags["empty"] = None
    if closed and file is None:
        flags["no_mask_voxels"] = None
    return {
        "rtstruct_uid": structure_set.sop_instance_uid,
        "roi_number": roi.number,
        "roi_name": roi.name,
        "roi_standard_name": None,
        "interpreted_type": roi.interpreted_type,
        "generation_algorithm": roi.generation_algorithm,
        "roi_description": roi.description,
        "structure_set_label": structure_set.label,
        "structure_set_date": structure_set.date,
        "approval_status": structure_set.approval_status,
        "file": file,
        "volume_cm3": stack_volume_cm3(planar, end_caps) if closed else None,
        "mask_voxels": mask.voxels if mask is not None else 0,
        "contours": len(roi.contours),
        "planes": len(planar.planes_mm),
        "plane_spacing_mm": plane_spacing_mm(planar) if closed else None,
        "centroid_x_mm": centroid[0] if centroid is not None else None,
        "centroid_y_mm": centroid[1] if centroid is not None else None,
        "centroid_z_mm": centroid[2] if centroid is not None else None,
        "point_dose_gy": None,
        "flags": list(flags),
    }


def _rounded(value: object) -> float | None:
    return round(float(value), 3) if isinstance(value, float) else None
