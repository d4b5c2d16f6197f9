"""From the retrieved structure set to masks and the table of structures.

What lives here: the stage structure_masks of one patient. What does not: how a mask is filled (`domain.masks`), the
columns of the table (`structure_rows`), what findings mean (`structure_findings`), or file formats (adapters).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from pdcp_dagster.adapters.nifti import write_label_map, write_mask
from pdcp_dagster.adapters.parquet import write_table
from pdcp_dagster.domain.contours import centroid_mm
from pdcp_dagster.domain.keys import roi_file_stems, uid_name
from pdcp_dagster.domain.label_map import BITS, PackedMask, label_planes, pack_mask
from pdcp_dagster.domain.masks import MaskCrop, fill_mask
from pdcp_dagster.domain.point_dose import open_points_mm
from pdcp_dagster.stages.outcome import Kept, Rows
from pdcp_dagster.stages.quality import structure_checks
from pdcp_dagster.stages.standard_names import standard_name_checks
from pdcp_dagster.stages.structure_findings import findings_of, side_checks
from pdcp_dagster.stages.structure_rows import STRUCTURE_COLUMNS, FilledRoi, structure_row

if TYPE_CHECKING:
    from pathlib import Path

    from pdcp_dagster.domain.codes import Finding
    from pdcp_dagster.domain.contours import PlanarContours
    from pdcp_dagster.domain.structures import Roi, StructureSet
    from pdcp_dagster.stages.patient import Patient

_SHOWN_ROIS = 60


def fill_structures(patient: Patient, target: Path) -> tuple[Kept, tuple[Finding, ...]]:
    """Fill every ROI on the CT grid, one mask file per ROI and one row per ROI, empty and odd ones included."""
    drawn = [one for structure_set in patient.structure_sets for one in _fill_set(patient, structure_set, target)]
    checks = side_checks(drawn)
    rois = [replace(one, side_flag=check.flag if check else None) for one, check in zip(drawn, checks, strict=True)]
    rows = [structure_row(patient, one) for one in rois]
    table = pd.DataFrame(rows, columns=list(STRUCTURE_COLUMNS)).astype(STRUCTURE_COLUMNS)
    write_table(table, target / "structures.parquet")
    findings = findings_of(patient.cohort, rois, table, checks)
    checked = (*structure_checks(patient, rois), *standard_name_checks(patient))
    filled = int(table["file"].notna().sum())
    if not filled:
        return Kept(checks=checked), findings
    shown = Rows(
        tuple(
            {"roi": str(row["roi_name"]), "volume_cm3": _rounded(row["volume_cm3"]), "flags": " ".join(row["flags"])}
            for row in table.head(_SHOWN_ROIS).to_dict("records")
        )
    )
    counts = {"rois": len(table), "masks": filled}
    return Kept({**counts, "structures": shown}, counts, checked), findings


def mask_of(patient: Patient, planar: PlanarContours) -> MaskCrop | None:
    """Fill one ROI on the CT grid: the same bytes that its mask file holds."""
    return fill_mask(planar, patient.grid) if planar.polygons else None


def _fill_set(patient: Patient, structure_set: StructureSet, target: Path) -> list[FilledRoi]:
    """Write the masks of one structure set and, where the cohort asks for it, its label maps."""
    stems = roi_file_stems((roi.number, roi.name) for roi in structure_set.rois)
    name = uid_name(structure_set.sop_instance_uid)
    rois: list[FilledRoi] = []
    labelled: list[PackedMask] = []
    for roi in sorted(structure_set.rois, key=lambda roi: roi.number):
        planar = patient.contours[structure_set.sop_instance_uid, roi.number]
        one = FilledRoi(structure_set, roi, planar, _centroid(patient, roi, planar))
        mask = mask_of(patient, planar)
        if mask is not None and mask.voxels:
            path = target / "masks" / name / f"{stems[roi.number]}.nii.gz"
            write_mask(mask.values, mask.offset, patient.grid, path)
            one = replace(one, mask_voxels=mask.voxels, file=path.relative_to(target).as_posix())
            if patient.cohort.label_map:
                bit = len(labelled) % BITS
                one = replace(one, label_file=_label_file(name, len(labelled) // BITS), label_bit=bit)
                labelled.append(pack_mask(mask))
        rois.append(one)
    for part, first in enumerate(range(0, len(labelled), BITS)):
        planes = label_planes(labelled[first : first + BITS], patient.grid)
        write_label_map(planes, patient.grid, target / _label_file(name, part))
    return rois


def _label_file(name: str, part: int) -> str:
    """Return the path of a structure set's label map: `<UID>.nii.gz` for its first 32 ROIs with a mask, then `__2`."""
    return f"label_maps/{name}{f'__{part + 1}' if part else ''}.nii.gz"


def _centroid(patient: Patient, roi: Roi, planar: PlanarContours) -> tuple[float, float, float] | None:
    """Return where a ROI lies, LPS mm: its volume's middle, or its points' where it encloses nothing."""
    if planar.polygons:
        return centroid_mm(planar, patient.grid)
    points = open_points_mm(roi)
    if len(points) == 0 or "other_frame_of_reference" in planar.flags:
        return None
    x, y, z = (float(value) for value in points.mean(axis=0))
    return x, y, z


def _rounded(value: object) -> float | None:
    return round(float(value), 3) if isinstance(value, float) else None
