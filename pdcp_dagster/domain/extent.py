"""Where an image or a dose grid lies, from the image summary alone.

What lives here: the box of a CT series, the corners of a dose grid, and whether one lies in the other; all in LPS mm.
What does not: pixels, or whether slices form a regular volume (`stack`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pdcp_dagster.domain.ct_slices import each_slice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOLERANCE_MM = 1.0
"""How far a corner of the dose grid may lie outside the CT: below any dose voxel, above the rounding of positions."""


def is_inside(dose: Mapping[str, Any], slices: Sequence[Mapping[str, Any]]) -> bool | None:
    """Whether the voxel centres of a dose grid lie within the borders of a CT's voxels; None where that is unknown.

    Both are instances of the image summary, the CT as all its slices, single or as frames of multi-frame images.
    """
    corners = _corners_mm(dose)
    box = _box([*each_slice(slices)])
    if corners is None or box is None:
        return None
    axes, low, high = box
    along = corners @ axes.T
    return bool((along >= low - TOLERANCE_MM).all() and (along <= high + TOLERANCE_MM).all())


def _corners_mm(dose: Mapping[str, Any]) -> NDArray[np.float64] | None:
    """Return the eight outermost voxel centres `(8, 3)` of a grid (PS3.3 C.8.8.3.2 for the planes' offsets)."""
    plane = _plane(dose)
    offsets = _vector(dose.get("grid_frame_offset_vector"))
    if plane is None:
        return None
    if offsets is None or not len(offsets):
        offsets = np.zeros(1) if dose.get("number_of_frames") in {None, 1} else None
    if offsets is None:
        return None
    origin, axes, reach = plane
    if offsets[0] != 0:
        # Absolute positions along z, which the standard allows of axial planes only.
        offsets = offsets - offsets[0]
    ends = np.array([[u, v, w] for u in (0, reach[0]) for v in (0, reach[1]) for w in (offsets.min(), offsets.max())])
    return np.asarray(origin + ends @ axes, dtype=np.float64)


def _box(
    slices: Sequence[Mapping[str, Any]],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the axes `(3, 3)` of a CT and its voxels' borders along them, mm; None where its slices differ in form."""
    first = _plane(slices[0]) if slices else None
    origins = _alike([each.get("image_position_patient") for each in slices], 3)
    forms = [_alike([each.get(name) for each in slices], size) for name, size in _FORM.items()]
    counts = {(each.get("rows"), each.get("columns")) for each in slices}
    if first is None or origins is None or len(counts) > 1:
        return None
    if any(form is None or np.ptp(form, axis=0).max() > _SAME for form in forms):
        return None
    _, axes, reach = first
    along = origins @ axes.T
    positions = np.unique(along[:, 2].round(3))
    gap = float(np.median(np.diff(positions))) if len(positions) > 1 else 0.0
    spacing = np.asarray(slices[0]["pixel_spacing"], dtype=np.float64)
    half = np.array([spacing[1], spacing[0], gap]) / 2
    return axes, along.min(axis=0) - half, (along + np.array([*reach, 0.0])).max(axis=0) + half


_FORM = {"image_orientation_patient": 6, "pixel_spacing": 2}
_SAME = 1e-4
"""Cosines and spacings (mm) that differ by less are the same: decimal strings of limited length."""


def _alike(values: Sequence[object], size: int) -> NDArray[np.float64] | None:
    """Return vectors of one size as an array; None where one is missing or has another size."""
    if not all(isinstance(value, list | tuple | np.ndarray) and len(value) == size for value in values):
        return None
    return np.array(values, dtype=np.float64)


_Plane = tuple[NDArray[np.float64], NDArray[np.float64], tuple[float, float]]
"""The first voxel's centre, the axes (row, column, normal), and the reach along the first two, mm."""


def _plane(
    instance: Mapping[str, Any],
) -> _Plane | None:
    """Return where an instance lies; None where that is not said."""
    position = _vector(instance.get("image_position_patient"))
    cosines = _vector(instance.get("image_orientation_patient"))
    spacing = _vector(instance.get("pixel_spacing"))
    rows, columns = instance.get("rows"), instance.get("columns")
    if position is None or cosines is None or spacing is None:
        return None
    if (len(position), len(cosines), len(spacing)) != (3, 6, 2) or not rows or not columns:
        return None
    along_row, along_column = cosines[:3], cosines[3:]
    axes = np.array([along_row, along_column, np.cross(along_row, along_column)])
    return position, axes, ((int(columns) - 1) * spacing[1], (int(rows) - 1) * spacing[0])


def _vector(value: object) -> NDArray[np.float64] | None:
    if value is None or not isinstance(value, list | tuple | np.ndarray):
        return None
    return np.asarray(value, dtype=np.float64)
