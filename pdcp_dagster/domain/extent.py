"""Where an image or a dose grid lies, from the image summary alone.

What lives here: the box of a CT series, the corners of a dose grid, and whether one lies in the other; all in LPS mm.
What does not: pixels, or whether slices form a regular volume (`stack`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOLERANCE_MM = 1.0
"""How far a corner of the dose grid may lie outside the CT: below any dose voxel, above the rounding of positions."""


def is_inside(dose: Mapping[str, Any], slices: Sequence[Mapping[str, Any]]) -> bool | None:
    """Whether the voxel centres of a dose grid lie within the borders of a CT's voxels; None where that is unknown.

    Both are instances of the image summary, the CT as all its slices.
    """
    corners = _corners_mm(dose)
    box = _box(slices)
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
    """Return the axes `(3, 3)` of a CT and its voxels' borders along them, mm."""
    planes = [plane for plane in map(_plane, slices) if plane is not None]
    if not planes or len(planes) < len(slices) or not _alike(planes):
        return None
    axes = planes[0][1]
    origins = np.array([origin for origin, _, _ in planes]) @ axes.T
    reach = np.array([[*plane[2], 0.0] for plane in planes])
    positions = np.unique(origins[:, 2].round(3))
    gap = float(np.median(np.diff(positions))) if len(positions) > 1 else 0.0
    spacing = _vector(slices[0].get("pixel_spacing"))
    assert spacing is not None, "a plane has one"  # noqa: S101
    half = np.array([spacing[1], spacing[0], gap]) / 2
    return axes, origins.min(axis=0) - half, (origins + reach).max(axis=0) + half


def _alike(planes: Sequence[_Plane]) -> bool:
    """Whether planes have one orientation and size."""
    _, axes, reach = planes[0]
    return all(np.allclose(plane[1], axes, atol=1e-4) and np.allclose(plane[2], reach) for plane in planes)


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
