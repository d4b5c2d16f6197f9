"""RT Dose IOD (PS3.3 A.18.3): a plan's dose, linear along one axis, on a grid of its own.

What lives here: the grid, its scaling and the RT Dose module. What does not: what the dose is (`spec.LinearDose`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.phantom.dicom_base import SOP_CLASSES, TIME, da, ds_number, new_object, reference
from pdcp_dagster.phantom.dicom_rtplan import rt_plan_uid
from pdcp_dagster.phantom.dicom_rtstruct import structure_set_uid

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom.dataset import Dataset
    from pydicom.uid import UID

    from pdcp_dagster.phantom.dicom_base import Chain
    from pdcp_dagster.phantom.spec import PhantomSpec
    from pdcp_dagster.phantom.study_spec import DoseSpec

_MARGIN_VOXELS = 2


@dataclass(frozen=True, slots=True)
class DoseLattice:
    """Where the dose is known: the LPS centre of the first voxel, the spacing, and voxels along x, y, z."""

    origin_mm: tuple[float, float, float]
    spacing_mm: float
    size: tuple[int, int, int]

    def positions_mm(self, axis: int) -> NDArray[np.float64]:
        """Voxel centres along x, y or z, mm."""
        return np.asarray(self.origin_mm[axis] + np.arange(self.size[axis]) * self.spacing_mm, dtype=np.float64)


def dose_lattice(spec: PhantomSpec) -> DoseLattice:
    """Return the smallest lattice that covers all ROIs, half a slice beyond their ends, and two voxels more."""
    corners = []
    for roi in spec.rois:
        for plane in roi.planes(spec.slice_positions_mm):
            for side, bound in ((-1, plane.outline.min(axis=0)), (1, plane.outline.max(axis=0))):
                corners.append([*bound, plane.z_mm + side * spec.slice_mm / 2])
    step = spec.dose_grid_mm
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    first = [(math.floor(value / step) - _MARGIN_VOXELS) for value in low]
    last = [(math.ceil(value / step) + _MARGIN_VOXELS) for value in high]
    x, y, z = (round(index * step, 4) for index in first)
    nx, ny, nz = (end - start + 1 for start, end in zip(first, last, strict=True))
    return DoseLattice((x, y, z), step, (nx, ny, nz))


def max_dose_gy(spec: PhantomSpec, share: float = 1.0) -> float:
    """Return the largest of a share of the patient's dose on the lattice, Gy.

    ValueError where the dose would be negative somewhere.
    """
    ends = dose_lattice(spec).positions_mm(spec.dose.axis)[[0, -1]]
    doses = sorted(spec.dose.times(share).gy_at(float(position)) for position in ends)
    if doses[0] < 0:
        raise ValueError(f"the dose of patient {spec.patient_id} would be {doses[0]:.2f} Gy at its grid's edge")
    return doses[1]


def rt_dose(chain: Chain, plan: int = 1, number: int = 1) -> Dataset:
    """Return a dose of one of the chain's plans, both numbered from 1: PLAN, GY, PHYSICAL."""
    lattice = dose_lattice(chain.spec)
    planned = chain.study_spec.plans[plan - 1]
    dose = planned.doses[number - 1]
    first = (plan, number) == (1, 1)
    ds = new_object(chain, "RTDOSE", rt_dose_uid(chain, plan, number), "" if first else f"dose {plan}-{number}")
    ds.FrameOfReferenceUID = chain.uid("dose frame") if dose.in_another_frame else chain.frame_of_reference_uid
    ds.PositionReferenceIndicator = ""
    ds.InstanceNumber = 1
    ds.ContentDate = da(chain.date("RTDOSE"))
    ds.ContentTime = TIME
    _place(ds, lattice)
    _fill(ds, chain.spec, lattice, planned.share * dose.share)
    ds.DoseUnits = "GY"
    ds.DoseType = "PHYSICAL"
    ds.DoseSummationType = "PLAN"
    ds.TissueHeterogeneityCorrection = "IMAGE"
    _name(ds, dose, chain, plan)
    return ds


def rt_dose_uid(chain: Chain, plan: int = 1, number: int = 1) -> UID:
    """SOPInstanceUID of a dose of a plan."""
    return chain.uid("RTDOSE") if (plan, number) == (1, 1) else chain.uid("RTDOSE", plan, number)


def _name(ds: Dataset, dose: DoseSpec, chain: Chain, plan: int) -> None:
    """Say what the dose belongs to; PS3.3 C.8.8.3 wants the plan here, and not every system obeys."""
    match dose.names:
        case "plan":
            ds.ReferencedRTPlanSequence = [reference(SOP_CLASSES["RTPLAN"], rt_plan_uid(chain, plan))]
        case "structure_set":
            ds.ReferencedStructureSetSequence = [reference(SOP_CLASSES["RTSTRUCT"], structure_set_uid(chain))]
        case "nothing":
            pass


def _place(ds: Dataset, lattice: DoseLattice) -> None:
    step = ds_number(lattice.spacing_mm)
    ds.PixelSpacing = [step, step]
    ds.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    ds.ImagePositionPatient = [ds_number(value) for value in lattice.origin_mm]
    ds.SliceThickness = step
    ds.NumberOfFrames = lattice.size[2]
    ds.FrameIncrementPointer = 0x3004000C  # GridFrameOffsetVector
    ds.GridFrameOffsetVector = [ds_number(k * lattice.spacing_mm) for k in range(lattice.size[2])]


def _fill(ds: Dataset, spec: PhantomSpec, lattice: DoseLattice, share: float) -> None:
    dose = spec.dose.times(share)
    columns, rows, frames = lattice.size
    largest = 2**spec.dose_bits - 1
    scaling = f"{max_dose_gy(spec, share) / largest:.9e}"
    doses = dose.gy_at(0.0) + dose.gradient_gy_per_mm * lattice.positions_mm(dose.axis)
    stored = np.minimum(np.rint(doses / float(scaling)), largest).astype(f"<u{spec.dose_bits // 8}")
    along = stored.reshape((frames, 1, 1) if dose.axis == 2 else (1, rows, 1))  # noqa: PLR2004 - z, see Axis
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = rows, columns
    ds.BitsAllocated = ds.BitsStored = spec.dose_bits
    ds.HighBit = spec.dose_bits - 1
    ds.PixelRepresentation = 0
    ds.DoseGridScaling = scaling
    ds.add_new("PixelData", "OW", _even(np.broadcast_to(along, (frames, rows, columns)).tobytes()))


def _even(data: bytes) -> bytes:
    return data + b"\0" * (len(data) % 2)
