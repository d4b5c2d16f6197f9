"""Pictures to look at: each ROI where it is largest, on the CT, with the dose where there is one.

What lives here: the stage central_slices of one patient. What does not: which slice is central
(`domain.central_slices`), or how a picture is drawn (`adapters.pictures`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pdcp_dagster.adapters.array_file import write_arrays
from pdcp_dagster.adapters.parquet import write_table
from pdcp_dagster.adapters.pictures import axial_panel, contact_sheet, draw_roi_picture, save_png
from pdcp_dagster.domain.central_slices import central_slices
from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.dose_part import dose_of_part
from pdcp_dagster.domain.keys import roi_file_stems
from pdcp_dagster.domain.prescription import is_target
from pdcp_dagster.domain.views import plane_grid
from pdcp_dagster.stages.outcome import Kept, Picture, Shown
from pdcp_dagster.stages.quality import picture_checks
from pdcp_dagster.stages.standard_names import STANDARD_NAME_COLUMNS
from pdcp_dagster.stages.structure_stage import mask_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.Image import Image

    from pdcp_dagster.adapters.pictures.panel import Dose
    from pdcp_dagster.domain.central_slices import CentralSlices
    from pdcp_dagster.domain.masks import MaskCrop
    from pdcp_dagster.domain.structures import Roi, StructureSet
    from pdcp_dagster.domain.volume import Volume
    from pdcp_dagster.stages.patient import Patient

CONTACT_SHEET_ROIS = 12
_AXES = ("axial", "coronal", "sagittal")


def draw_central_slices(patient: Patient, target: Path) -> tuple[Kept, tuple[Finding, ...]]:
    """Draw every ROI with a mask, keep its slice positions and features as a table and its slices as arrays."""
    drawing = _Drawing.of(patient)
    rows, sheet = [], []
    arrays: dict[str, NDArray[np.generic]] = {}
    for (structure_set, roi), stem in zip(patient.rois, _picture_stems(patient), strict=True):
        mask = mask_of(patient, patient.contours[structure_set.sop_instance_uid, roi.number])
        if mask is None or not mask.voxels:
            continue
        name, told = f"{stem}.png", _told(patient, structure_set, roi)
        slices = central_slices(
            mask.values, mask.offset, patient.grid, roi_number=roi.number, roi_name=roi.name, picture=name
        )
        picture = drawing.picture(mask, slices, told)
        save_png(picture, target / "central_slices" / name)
        rows.append(_row(patient, structure_set, roi, slices))
        sheet.append((not is_target(roi), told, axial_panel(picture)))
        arrays.update({f"{stem}/{key}": values for key, values in drawing.arrays(mask, slices).items()})
    table = pd.DataFrame(rows)
    write_table(table.astype(STANDARD_NAME_COLUMNS) if rows else table, target / "central_slices.parquet")
    write_arrays(arrays, target / "central_slices.npz")
    first = [(name, panel) for _, name, panel in sorted(sheet, key=lambda item: item[:2])][:CONTACT_SHEET_ROIS]
    shown: dict[str, Shown] = {
        "pictures": len(rows),
        "contact_sheet": Picture("image/jpeg", contact_sheet(first), "Targets first, then organs"),
        "all_pictures": patient.folder.path / "central_slices",
    }
    checks = picture_checks(target / "central_slices", [(str(row["roi_name"]), str(row["picture"])) for row in rows])
    return Kept(shown, checks=checks), (Finding("XXVI_SUCC_001", f"{len(rows)} pictures"),)


@dataclass(frozen=True, slots=True, eq=False)
class _Drawing:
    """What the pictures of one patient share."""

    ct: Volume
    dose: Dose | None
    max_dose_gy: float | None
    plan_label: str | None
    patient_label: str

    @classmethod
    def of(cls, patient: Patient) -> _Drawing:
        """Take the sum of the doses where there is one."""
        dose = patient.dose_decision.grid if patient.has_doses else None
        if dose is None:
            return cls(patient.ct_volume, None, None, patient.plan_label, patient.label)
        return cls(
            patient.ct_volume, partial(dose_of_part, dose), float(dose.dose_gy.max()), patient.plan_label, patient.label
        )

    def picture(self, mask: MaskCrop, slices: CentralSlices, name: str) -> Image:
        """Draw one ROI."""
        return draw_roi_picture(
            self.ct,
            mask.values,
            mask.offset,
            self.dose,
            slices,
            roi_name=name,
            plan_label=self.plan_label,
            patient_label=self.patient_label,
            max_dose_gy=self.max_dose_gy,
        )

    def arrays(self, mask: MaskCrop, slices: CentralSlices) -> dict[str, NDArray[np.generic]]:
        """Return the ROI's box on each of its slices: CT in HU, mask, dose in Gy (NaN: unknown).

        `axial` is the slice with most of the ROI, `axial_central` the one through its centroid, also where they are
        the same.
        """
        found: dict[str, NDArray[np.generic]] = {"offset_kji": np.array(mask.offset)}
        for axis, name in enumerate(_AXES):
            for kind, index in ((name, slices.most[axis]), (f"{name}_central", slices.central[axis])):
                found.update({f"{kind}/{key}": values for key, values in self._slice(mask, axis, index).items()})
        return found

    def _slice(self, mask: MaskCrop, axis: int, index: int) -> dict[str, NDArray[np.generic]]:
        first = [index if position == axis else start for position, start in enumerate(mask.offset)]
        box = [
            slice(start, start + (1 if position == axis else size))
            for position, (start, size) in enumerate(zip(first, mask.values.shape, strict=True))
        ]
        found: dict[str, NDArray[np.generic]] = {
            "ct_hu": self.ct.values[tuple(box)].squeeze(axis),
            "mask": np.take(mask.values, index - mask.offset[axis], axis),
        }
        if self.dose is not None:
            down, across = (other for other in range(3) if other != axis)
            size = (mask.values.shape[down], mask.values.shape[across])
            found["dose_gy"] = self.dose(plane_grid(self.ct.grid, first, (down, across), (1, 1), size))[0]
        return found


def _row(
    patient: Patient, structure_set: StructureSet, roi: Roi, slices: CentralSlices
) -> dict[str, int | float | str | None]:
    which: dict[str, int | float | str | None] = {
        "rtstruct_uid": structure_set.sop_instance_uid,
        "roi_number": roi.number,
        "roi_name": roi.name,
    }
    return {**which, **patient.standard_names.columns(structure_set, roi), **slices.as_row()}


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
