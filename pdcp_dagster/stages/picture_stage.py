"""Pictures to look at: each ROI where it is largest, on the CT, with the dose where there is one.

What lives here: the stage central_slices of one patient. What does not: which slice is central
(`domain.central_slices`), or how a picture is drawn (`adapters.pictures`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pdcp_dagster.adapters.atomic import whole_file
from pdcp_dagster.adapters.parquet import write_table
from pdcp_dagster.adapters.pictures import contact_sheet, draw_roi_picture, save_png
from pdcp_dagster.domain.central_slices import CentralSlices, central_slices
from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.keys import roi_file_stems
from pdcp_dagster.domain.prescription import is_target
from pdcp_dagster.domain.sampling import dose_on_grid
from pdcp_dagster.stages.outcome import Kept, Picture, Shown
from pdcp_dagster.stages.structure_stage import mask_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from pdcp_dagster.domain.masks import MaskCrop
    from pdcp_dagster.domain.structures import Roi, StructureSet
    from pdcp_dagster.stages.patient import Patient

CONTACT_SHEET_ROIS = 12


def draw_central_slices(patient: Patient, target: Path) -> tuple[Kept, tuple[Finding, ...]]:
    """Draw every ROI with a mask, keep its slice positions and features as a table and its slices as arrays."""
    dose = patient.dose_decision.grid if patient.has_doses else None
    dose_gy = dose_on_grid(dose, patient.grid) if dose is not None else None
    stems = _picture_stems(patient)
    rows, sheet = [], []
    arrays: dict[str, NDArray[np.generic]] = {}
    for (structure_set, roi), stem in zip(patient.rois, stems, strict=True):
        mask = mask_of(patient, patient.contours[structure_set.sop_instance_uid, roi.number])
        if mask is None or not mask.voxels:
            continue
        name = f"{stem}.png"
        slices = central_slices(
            mask.values, mask.offset, patient.grid, roi_number=roi.number, roi_name=roi.name, picture=name
        )
        picture = draw_roi_picture(
            patient.ct_volume,
            mask.values,
            mask.offset,
            dose_gy,
            slices,
            roi_name=_told(patient, structure_set, roi),
            plan_label=(patient.plan.label or "") if patient.plan else None,
            patient_label=patient.label,
            max_dose_gy=float(dose.dose_gy.max()) if dose is not None else None,
        )
        save_png(picture, target / "central_slices" / name)
        rows.append({"rtstruct_uid": structure_set.sop_instance_uid, **slices.as_row()})
        sheet.append((not is_target(roi), _told(patient, structure_set, roi), picture))
        arrays.update(_arrays(stem, mask, slices, patient, dose_gy))
    write_table(pd.DataFrame(rows), target / "central_slices.parquet")
    with whole_file(target / "central_slices.npz") as path, path.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)
    first = [(name, picture) for _, name, picture in sorted(sheet, key=lambda item: item[:2])][:CONTACT_SHEET_ROIS]
    content = Picture("image/jpeg", contact_sheet(first), "Targets first, then organs")
    shown: dict[str, Shown] = {
        "pictures": len(rows),
        "contact_sheet": content,
        "all_pictures": patient.folder.path / "central_slices",
    }
    return Kept(shown), (Finding("XXVI_SUCC_001", f"{len(rows)} pictures"),)


def _picture_stems(patient: Patient) -> list[str]:
    """Return a file stem per ROI; with several structure sets the stem starts with the set's position."""
    several = len(patient.structure_sets) > 1
    stems: list[str] = []
    for position, structure_set in enumerate(patient.structure_sets):
        safe = roi_file_stems((roi.number, roi.name) for roi in structure_set.rois)
        prefix = f"set{position + 1}_" if several else ""
        stems.extend(prefix + safe[roi.number] for roi in sorted(structure_set.rois, key=_number))
    return stems


def _number(roi: Roi) -> int:
    return roi.number


def _told(patient: Patient, structure_set: StructureSet, roi: Roi) -> str:
    """Return the ROI's name; with several structure sets also which of them it belongs to."""
    if len(patient.structure_sets) == 1:
        return roi.name
    label = f" {structure_set.label}" if structure_set.label else ""
    return f"{roi.name} (set {patient.structure_sets.index(structure_set) + 1}{label})"


def _arrays(
    stem: str, mask: MaskCrop, slices: CentralSlices, patient: Patient, dose_gy: NDArray[np.float32] | None
) -> dict[str, NDArray[np.generic]]:
    """Return, per axis, the ROI's box on the slice with most of it: CT in HU, mask, dose in Gy (NaN: unknown)."""
    box = tuple(slice(start, start + size) for start, size in zip(mask.offset, mask.values.shape, strict=True))
    found: dict[str, NDArray[np.generic]] = {f"{stem}/offset_kji": np.array(mask.offset)}
    for axis, name in enumerate(("axial", "coronal", "sagittal")):
        index = slices.most[axis]
        cut = tuple(index if position == axis else part for position, part in enumerate(box))
        inner = tuple(index - mask.offset[axis] if position == axis else slice(None) for position in range(3))
        found[f"{stem}/{name}/ct_hu"] = patient.ct_volume.values[cut]
        found[f"{stem}/{name}/mask"] = mask.values[inner]
        if dose_gy is not None:
            found[f"{stem}/{name}/dose_gy"] = dose_gy[cut]
    return found
