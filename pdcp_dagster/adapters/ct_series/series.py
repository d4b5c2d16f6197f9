"""From the files of one CT series, in any order, to one volume in HU.

What lives here: what holds for the series as a whole. What does not: what one file holds (`images`), order and
regularity of the slices (`domain.stack`), interpolation (`domain.resample_ct`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from pdcp_dagster.adapters.ct_series.images import CtReadError, CtSlice, read_frame, read_image
from pdcp_dagster.adapters.dicom_file import read_dicom
from pdcp_dagster.domain.dicom_values import (
    UnusableValueError,
    date_of,
    failing_as,
    loose_number_of,
    text_of,
)
from pdcp_dagster.domain.hounsfield import count_unscanned, to_hounsfield
from pdcp_dagster.domain.resample_ct import resample, resampling_problems
from pdcp_dagster.domain.stack import Stack, stack
from pdcp_dagster.domain.volume import Volume

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from pdcp_dagster.domain.dicom_values import Attributes
    from pdcp_dagster.domain.resample_ct import Resampling

CtGeometry = Literal["refuse", "resample"]
"""What to do about slices that are no even stack (the cohort's `ct_geometry`)."""


@dataclass(frozen=True, slots=True, eq=False)
class CtSeries:
    """One CT series.

    stack: order, grid, or the problems that keep the slices from being a grid.
    volume: HU `(k, j, i)`, int16 where every HU is whole and fits, else float32; on the stack's grid, or, where slices
        were interpolated, on one of its own; None where there is neither.
    unscanned_voxels: of the volume, that hold PADDING_HU: padding of the slices (PixelPaddingValue), and, where slices
        were interpolated, what lies outside of them.
    resampling: what was interpolated; None where the slices stand as they are.
    sop_instance_uids: one per slice, ascending along the normal (in the order of the files where there is no order);
        the frames of a multi-frame image share theirs.
    localisers: SOPInstanceUIDs of the localiser images of the series, which are left out; of a localiser frame with
        its number.
    lossy_slices: how many slices were once compressed with loss.
    """

    stack: Stack
    volume: Volume | None
    unscanned_voxels: int
    resampling: Resampling | None
    sop_instance_uids: tuple[str, ...]
    localisers: tuple[str, ...]
    lossy_slices: int
    series_instance_uid: str
    study_instance_uid: str | None
    frame_of_reference_uid: str | None
    patient_id: str | None
    patient_position: str | None
    study_date: dt.date | None
    slice_thickness_mm: float | None
    kvp: float | None
    kernel: str | None
    manufacturer: str | None
    model: str | None

    @property
    def scanner(self) -> str | None:
        """Manufacturer and model, as far as they are known."""
        return " ".join(part for part in (self.manufacturer, self.model) if part) or None


def read_ct_slice(file: Path, frame: int | None = None) -> NDArray[np.generic]:
    """Return HU `(1, rows, columns)` of one CT image, wherever it lies.

    frame: which one of a multi-frame image, counted from 1; None: the middle one. Raises `CtReadError`.
    """
    with failing_as(CtReadError, file):
        data = read_dicom(file)
        return to_hounsfield([read_frame(data, frame).stored])


def read_ct_series(files: Sequence[Path], geometry: CtGeometry = "refuse") -> CtSeries:
    """Read the files of one CT series, in any order, as one volume in HU.

    Localiser images are left out and named. A stack that is no regular grid is no error: `stack.problems` says why and
    `volume` is None, unless `geometry` is `resample` and the slices can be interpolated: then `resampling` tells how.
    Raises `CtReadError` for the first file that cannot be read as what it should be.
    """
    if not files:
        raise CtReadError("", "no files")
    slices: list[CtSlice] = []
    localisers: list[str] = []
    described: Attributes | None = None
    for path in files:
        with failing_as(CtReadError, path):
            data = read_dicom(path)
            image = read_image(data)
            localisers += image.localisers
            slices += image.slices
            _require_same_series(slices)
            described = described or image.described
    if described is None:
        raise CtReadError(files[0], f"the series has {len(localisers)} localiser images and no other")
    with failing_as(CtReadError, files[0]):
        return _series(slices, tuple(localisers), described, geometry)


def _series(
    slices: list[CtSlice], localisers: tuple[str, ...], described: Attributes, geometry: CtGeometry
) -> CtSeries:
    stacked = stack([one.geometry for one in slices])
    ordered = [slices[index] for index in stacked.order] or slices
    made = _Made(stacked)
    apart = _frames_apart(slices)
    if apart:
        made = _Made(Stack(None, stacked.order, (*stacked.problems, apart)))
    elif stacked.grid is not None:
        stored = [one.stored for one in ordered]
        made = _Made(stacked, Volume(stacked.grid, to_hounsfield(stored)), count_unscanned(stored))
    elif geometry == "resample" and stacked.order:
        made = _interpolated(stacked, ordered)
    return CtSeries(
        stack=made.stack,
        volume=made.volume,
        unscanned_voxels=made.unscanned_voxels,
        resampling=made.resampling,
        sop_instance_uids=tuple(one.geometry.sop_instance_uid for one in ordered),
        localisers=localisers,
        lossy_slices=sum(one.lossy for one in slices),
        series_instance_uid=slices[0].series_instance_uid,
        study_instance_uid=text_of(described, "StudyInstanceUID"),
        frame_of_reference_uid=slices[0].frame_of_reference_uid,
        patient_id=text_of(described, "PatientID"),
        patient_position=text_of(described, "PatientPosition"),
        study_date=date_of(described, "StudyDate"),
        slice_thickness_mm=loose_number_of(described, "SliceThickness"),
        kvp=loose_number_of(described, "KVP"),
        kernel=text_of(described, "ConvolutionKernel"),
        manufacturer=text_of(described, "Manufacturer"),
        model=text_of(described, "ManufacturerModelName"),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    stack: Stack
    volume: Volume | None = None
    unscanned_voxels: int = 0
    resampling: Resampling | None = None


def _interpolated(stacked: Stack, ordered: Sequence[CtSlice]) -> _Made:
    """Interpolate an uneven stack, or add to its problems why that cannot be."""
    geometries, stored = [one.geometry for one in ordered], [one.stored for one in ordered]
    hounsfield = to_hounsfield(stored)
    problems = resampling_problems(geometries, hounsfield)
    if problems:
        return _Made(replace(stacked, problems=(*stacked.problems, *problems)))
    volume, resampling = resample(geometries, hounsfield, [one.unscanned() for one in stored])
    return _Made(stacked, volume, resampling.padded_voxels, resampling)


def _frames_apart(slices: Sequence[CtSlice]) -> str:
    """Say that slices are not known to lie in one frame of reference; nothing where all name the same, or none any."""
    named = {one.frame_of_reference_uid for one in slices} - {None}
    unnamed = sum(one.frame_of_reference_uid is None for one in slices)
    none = f"{unnamed} slice{' names' if unnamed == 1 else 's name'}"
    if len(named) > 1:
        apart = f"the slices lie in {len(named)} frames of reference"
        return f"{apart}, and {none} none" if unnamed else apart
    return f"{none} no frame of reference, the others do" if named and unnamed else ""


def _require_same_series(slices: list[CtSlice]) -> None:
    if not slices:
        return
    first, last = slices[0].series_instance_uid, slices[-1].series_instance_uid
    if first != last:
        raise UnusableValueError(f"is of series {last}, the files before it of series {first}")
