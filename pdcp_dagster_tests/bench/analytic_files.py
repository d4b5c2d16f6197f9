"""A case of the analytic bench as DICOM files: CT, RTSTRUCT, RTPLAN and RTDOSE, for programs that read nothing else.

What lives here: one synthetic patient per case. What does not: how objects are made (`pdcp_dagster.phantom`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.phantom.dicom_base import ds_number, file_bytes
from pdcp_dagster.phantom.patient import objects
from pdcp_dagster.phantom.spec import Axis, LinearDose, PhantomRoi, PhantomSpec, Plane
from pdcp_dagster_tests.bench.analytic_cases import LINEAR_GY

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import Dataset

    from pdcp_dagster_tests.bench.analytic_cases import Case

_LARGEST = 2**32 - 1


@dataclass(frozen=True, slots=True)
class _DrawnRoi(PhantomRoi):
    """A ROI whose contours are given."""

    drawn: tuple[Plane, ...] = ()

    def planes(self, slice_positions_mm: tuple[float, ...]) -> tuple[Plane, ...]:  # noqa: ARG002 - all lie on slices
        return self.drawn


def write_case_dicom(case: Case, folder: Path) -> None:
    """Write the files of a case, e.g. `CT_1-1_001.dcm`, `RTSTRUCT_1-1_001.dcm`, `RTDOSE_1-1_001.dcm`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, dataset in objects(_spec(case)):
        if dataset.Modality == "RTDOSE":
            _put_dose(dataset, case)
        (folder / name).write_bytes(file_bytes(dataset))


def _spec(case: Case) -> PhantomSpec:
    planes: dict[float, list[np.ndarray]] = {}
    for z, outline in case.drawn():
        planes.setdefault(z, []).append(outline.points)
    drawn = tuple(Plane(z, points[0], *points[1:]) for z, points in planes.items())
    return PhantomSpec(
        patient_id=case.name,
        seed=1,
        size=case.grid.size,
        pixel_mm=case.pixel_mm,
        slice_mm=case.slice_mm,
        rois=(_DrawnRoi(1, "PTV", interpreted_type="PTV", drawn=drawn),),
        dose=LinearDose(Axis.SI, at_mm=0.0, dose_gy=LINEAR_GY, gradient_gy_per_mm=1.0),
        noise_hu=0.0,
    )


def _put_dose(ds: Dataset, case: Case) -> None:
    """Replace the synthetic patient's dose by that of the case, on its own grid, rounded to less than 1e-7 Gy."""
    dose = case.dose_grid()
    scaling = f"{float(dose.dose_gy.max()) / _LARGEST:.9e}"
    stored = np.minimum(np.rint(dose.dose_gy.astype(np.float64) / float(scaling)), _LARGEST)
    step = ds_number(case.dose_grid_mm)
    ds.ImagePositionPatient = [ds_number(value) for value in dose.origin_mm]
    ds.PixelSpacing, ds.SliceThickness = [step, step], step
    ds.NumberOfFrames, ds.Rows, ds.Columns = dose.dose_gy.shape
    ds.GridFrameOffsetVector = [ds_number(offset) for offset in dose.plane_offsets_mm]
    ds.BitsAllocated = ds.BitsStored = 32
    ds.HighBit = 31
    ds.DoseGridScaling = scaling
    ds.PixelData = stored.astype("<u4").tobytes()
