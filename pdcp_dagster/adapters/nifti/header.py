"""The NIfTI-1 header of a grid.

What lives here: the 352 bytes before the voxels, with the affine in RAS. What does not: voxels and compression.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pdcp_dagster.domain.volume import Grid

_TYPE_CODES = {
    "uint8": 2,
    "int16": 4,
    "int32": 8,
    "float32": 16,
    "float64": 64,
    "int8": 256,
    "uint16": 512,
    "uint32": 768,
}
_HEADER_BYTES = 348
DATA_OFFSET = 352
_LONGEST_AXIS = 32767
_SCANNER = 1
"""NIFTI_XFORM_SCANNER_ANAT: coordinates of the scanner, that is of the patient as DICOM has them."""
_MILLIMETRES = 2
"""NIFTI_UNITS_MM, and no unit of time."""
_LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])
_HEADER = struct.Struct("<i10s18sihcB8h3f4h8f3fhbb4f2i80s24s2h6f12f16s4s")


class UnstorableError(ValueError):
    """The image is not 3D with one number per voxel, or its type or size is none of NIfTI-1's."""


def header(grid: Grid, dtype: np.dtype[Any]) -> bytes:
    """Return the 352 bytes before the voxels: the NIfTI-1 header, and no extension."""
    code = _TYPE_CODES.get(dtype.name)
    if code is None or max(grid.size) > _LONGEST_AXIS:
        raise UnstorableError(f"an image of {dtype.name} and size {grid.size}")
    affine = (_LPS_TO_RAS[:, None] * grid.direction) * np.array(grid.spacing_mm)
    origin = _LPS_TO_RAS * np.array(grid.origin_mm)
    b, c, d, handedness = _quaternion(_LPS_TO_RAS[:, None] * grid.direction)
    rows = np.column_stack([affine, origin])
    packed = _HEADER.pack(
        _HEADER_BYTES, b"", b"", 0, 0, b"r", 0,  # sizeof_hdr .. regular, dim_info
        3, *grid.size, 1, 1, 1, 1,  # dim
        0.0, 0.0, 0.0, 0, code, dtype.itemsize * 8, 0,  # intent, datatype, bitpix, slice_start
        handedness, *grid.spacing_mm, 0.0, 0.0, 0.0, 0.0,  # pixdim
        float(DATA_OFFSET), 1.0, 0.0, 0, 0, _MILLIMETRES,  # vox_offset, scaling, slice_end, slice_code, units
        0.0, 0.0, 0.0, 0.0, 0, 0, b"", b"",  # cal, slice_duration, toffset, glmax, glmin, descrip, aux_file
        _SCANNER, _SCANNER, b, c, d, *origin, *rows.ravel(), b"", b"n+1",  # qform, sform
    )  # fmt: skip
    return packed + bytes(DATA_OFFSET - _HEADER_BYTES)


def _quaternion(rotation: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Return b, c, d of the unit quaternion (a >= 0) of a direction matrix, and qfac: -1 where it is left-handed.

    The largest of the four components is computed first, from the diagonal, so that none is lost to cancellation
    (Shepperd 1978; NIfTI-1 method 2).
    """
    qfac = 1.0 if np.linalg.det(rotation) > 0 else -1.0
    m = rotation * np.array([1.0, 1.0, qfac])
    outer = np.array(
        [
            [1 + m[0, 0] + m[1, 1] + m[2, 2], m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], 1 + m[0, 0] - m[1, 1] - m[2, 2], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0]],
            [m[0, 2] - m[2, 0], m[0, 1] + m[1, 0], 1 - m[0, 0] + m[1, 1] - m[2, 2], m[1, 2] + m[2, 1]],
            [m[1, 0] - m[0, 1], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], 1 - m[0, 0] - m[1, 1] + m[2, 2]],
        ]
    )  # four times the outer product of (a, b, c, d) with itself
    quaternion = outer[int(outer.diagonal().argmax())]
    quaternion = quaternion / np.linalg.norm(quaternion)
    if quaternion[0] < 0:
        quaternion = -quaternion
    _, b, c, d = (float(component) + 0.0 for component in quaternion)
    return b, c, d, qfac
