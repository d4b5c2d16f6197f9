"""From an RTDOSE file to a dose grid in Gy.

What lives here: reading RT Dose objects (PS3.3 A.18) with pydicom: scaling, planes in ascending order, references. What
does not: which doses may be summed, sampling, or the planning system's own DVHs.

Errors::

    DicomReadError
    └── DoseReadError(path, why)    unreadable, truncated or not decodable, pixels lost, impossible geometry
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pdcp_dagster.adapters.dicom_file import read_dicom, require_modest_frames
from pdcp_dagster.domain.dicom_values import (
    DicomReadError,
    UnusableValueError,
    code_of,
    cosines_of,
    failing_as,
    items_of,
    number_of,
    pixel_spacing_of,
    places_of,
    position_of,
    required,
    text_of,
    texts_of,
    whole_of,
)
from pdcp_dagster.domain.dose_grid import DoseGrid, RtDose
from pdcp_dagster.domain.stored_values import clear_unused_bits, pixel_format_of, require_enough, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

    from pdcp_dagster.domain.stored_values import PixelFormat
    from pdcp_dagster.domain.volume import Vector

_PERPENDICULAR_WITHIN = 1e-3
_SAME_PLANE_MM = 1e-3
_ABSOLUTE_WITHIN_MM = 1.0
"""A first offset this near to the z of ImagePositionPatient, and nearer than to 0, is a z coordinate, perhaps
rounded."""
_RELATIVE_WITHIN_MM = 0.01
"""A first offset this near to 0 is a rounded 0."""
_TRANSVERSE = 0.999
_LARGEST_DOSE = float(np.finfo(np.float32).max)


class DoseReadError(DicomReadError):
    """An RTDOSE could not be read; `path` names it, `why` says what is wrong."""


def read_dose(file: Path) -> RtDose:
    """Read one RTDOSE: the grid in Gy (DoseGridScaling applied once), its planes ascending along row x column.

    Units, dose type and summation type are passed on in capitals, as code strings are (PS3.5 6.2), and otherwise as
    they stand; where DoseUnits is RELATIVE the values are not Gy, and who sums must look. The grid is optional (PS3.3
    A.18.3): None where the object holds dose-volume histograms only, or describes no grid. Raises `DoseReadError`, also
    where a grid is described and its pixels are gone.
    """
    with failing_as(DoseReadError, file):
        data = read_dicom(file)
        modality = text_of(data, "Modality")
        if modality != "RTDOSE":
            raise UnusableValueError(f"not an RT Dose: Modality is {modality or 'missing'}")
        grid = _grid(data) if _promises_grid(data) else None
        plans = items_of(data, "ReferencedRTPlanSequence")
        groups = [group for plan in plans for group in items_of(plan, "ReferencedFractionGroupSequence")]
        return RtDose(
            sop_instance_uid=required(text_of(data, "SOPInstanceUID"), "SOPInstanceUID"),
            grid=grid,
            summation_type=code_of(data, "DoseSummationType"),
            dose_type=code_of(data, "DoseType"),
            units=code_of(data, "DoseUnits"),
            frame_of_reference_uid=text_of(data, "FrameOfReferenceUID"),
            plan_uids=tuple(uid for plan in plans if (uid := text_of(plan, "ReferencedSOPInstanceUID"))),
            fraction_groups=_numbers_in(groups, "ReferencedFractionGroupNumber"),
            beams=tuple(dict.fromkeys(pair for group in groups for pair in _beams_of(group))),
            heterogeneity_correction=texts_of(data, "TissueHeterogeneityCorrection"),
            max_gy=None if grid is None else float(grid.dose_gy.max()),
        )


def _numbers_in(items: Sequence[Dataset], keyword: str) -> tuple[int, ...]:
    found = (whole_of(item, keyword) for item in items)
    return tuple(dict.fromkeys(number for number in found if number is not None))


def _beams_of(group: Dataset) -> Iterator[tuple[int | None, int]]:
    """Yield (fraction group, beam) of an item of Referenced Fraction Group Sequence (PS3.3 C.8.8.3)."""
    number = whole_of(group, "ReferencedFractionGroupNumber")
    for beam in _numbers_in(items_of(group, "ReferencedBeamSequence"), "ReferencedBeamNumber"):
        yield number, beam


def _promises_grid(data: Dataset) -> bool:
    """Whether there are pixels, or should be: rows, and nothing else that the object could be there for."""
    return "PixelData" in data or ("Rows" in data and "DVHSequence" not in data)


def _grid(data: Dataset) -> DoseGrid:
    axes = _axes(data)
    stored = _stored_values(data)
    offsets = _plane_offsets(data, len(stored), axes[2])
    ascending = np.argsort(offsets, kind="stable")
    placed = offsets[ascending]
    if (np.diff(placed) < _SAME_PLANE_MM).any():
        raise UnusableValueError("GridFrameOffsetVector puts two planes at one position")
    origin = np.array(position_of(data)) + placed[0] * np.array(axes[2])
    between_rows, between_columns = pixel_spacing_of(data)
    return DoseGrid(
        origin_mm=_vector(origin),
        axes=axes,
        spacing_mm=(between_columns, between_rows),
        plane_offsets_mm=placed - placed[0],
        dose_gy=_gray(data, stored, ascending),
    )


def _axes(data: Dataset) -> tuple[Vector, Vector, Vector]:
    """Return unit vectors of columns (i), rows (j) and normal (k), made exactly perpendicular."""
    row, column = (np.array(cosines) / np.linalg.norm(cosines) for cosines in cosines_of(data))
    if abs(float(row @ column)) > _PERPENDICULAR_WITHIN:
        raise UnusableValueError("the rows and columns of ImageOrientationPatient are not perpendicular")
    normal = np.cross(row, column)
    normal /= np.linalg.norm(normal)
    return _vector(row), _vector(np.cross(normal, row)), _vector(normal)


def _plane_offsets(data: Dataset, frames: int, normal: Vector) -> NDArray[np.float64]:
    """Return the distance of each frame from ImagePositionPatient along the normal, mm (PS3.3 C.8.8.3.2).

    Relative vectors start at 0. Absolute ones hold z coordinates, which is possible for transverse planes only; there
    they count along the patient's z, whichever way the normal points. A vector that starts elsewhere is neither: it
    counts from its start where both readings put the planes at the same places, and is refused elsewhere.
    """
    vector = np.array(places_of(data, "GridFrameOffsetVector"), dtype=np.float64)
    if len(vector) != frames and (frames > 1 or len(vector) > 1):
        raise UnusableValueError(f"GridFrameOffsetVector has {len(vector)} values for {frames} frames")
    if frames == 1:
        return np.zeros(1)
    offsets: NDArray[np.float64] = vector - vector[0]
    first, start = float(vector[0]), position_of(data)[2]
    if first == 0.0 or normal[2] >= _TRANSVERSE:
        return offsets
    if abs(first - start) <= _ABSOLUTE_WITHIN_MM and abs(first - start) < abs(first):
        if normal[2] > -_TRANSVERSE:
            raise UnusableValueError("GridFrameOffsetVector holds z coordinates, but the planes are not transverse")
        return -offsets
    if abs(first) > _RELATIVE_WITHIN_MM:
        raise UnusableValueError(
            f"GridFrameOffsetVector starts at {first:g} mm, which is neither 0 nor the z of ImagePositionPatient "
            f"({start:g} mm), and the normal of the planes is not the patient's z: which way they follow is unknown"
        )
    return offsets


def _stored_values(data: Dataset) -> NDArray[np.integer]:
    """Return `(frames, rows, columns)` stored values; uncompressed little endian from the bytes, else by pydicom.

    More pixels than NumberOfFrames says are no padding: planes would be lost without a word.
    """
    if "PixelData" not in data:
        raise UnusableValueError("PixelData is missing: no dose grid")
    form = pixel_format_of(data)
    frames = whole_of(data, "NumberOfFrames") or 1
    meta = getattr(data, "file_meta", None)
    syntax = None if meta is None else meta.get("TransferSyntaxUID")
    if syntax is None or not syntax.is_encapsulated:
        _require_all(data.PixelData, form, frames)
    else:
        require_modest_frames(data, form, frames)
    if syntax in (ImplicitVRLittleEndian, ExplicitVRLittleEndian):
        return unpack(data.PixelData, form, frames)
    decoded = clear_unused_bits(data.pixel_array, form).reshape(-1, form.rows, form.columns)
    if len(decoded) != frames:
        raise UnusableValueError(f"pixel data holds {len(decoded)} frames, not {frames}")
    return decoded


def _require_all(raw: bytes, form: PixelFormat, frames: int) -> None:
    require_enough(raw, form, frames)
    held = len(raw) // (form.rows * form.columns * form.dtype.itemsize)
    if held > frames:
        raise UnusableValueError(f"pixel data holds {held} frames, not {frames} (NumberOfFrames)")


def _gray(data: Dataset, stored: NDArray[np.integer], order: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return stored values x DoseGridScaling, multiplied in double and kept in single precision, planes in `order`."""
    scaling = required(number_of(data, "DoseGridScaling"), "DoseGridScaling")
    if scaling <= 0.0:
        raise UnusableValueError(f"DoseGridScaling is {scaling}")
    if float(max(abs(int(stored.min())), int(stored.max()))) * scaling > _LARGEST_DOSE:
        raise UnusableValueError(f"DoseGridScaling {scaling:g}: doses beyond any number")
    dose = np.empty(stored.shape, np.float32)
    for k, frame in enumerate(order):
        dose[k] = stored[frame] * np.float64(scaling)
    return dose


def _vector(values: NDArray[np.float64]) -> Vector:
    x, y, z = (float(value) + 0.0 for value in values)  # + 0.0: no negative zeros
    return x, y, z
