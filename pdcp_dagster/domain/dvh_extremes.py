"""The lowest and highest dose of a ROI, which the cells of a DVH may step over.

What lives here: doses at the vertices of the contours, and at the centres of dose voxels inside the ROI. What does not:
doses of cells and their sum (`dvh`), which take most extremes on their own.

A dose interpolated linearly has its peaks at voxel centres; a ROI that a gradient crosses has its extremes on its
surface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.domain.coverage import inside_stack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pdcp_dagster.domain.contours import PlanarContours
    from pdcp_dagster.domain.coverage import StackEdges
    from pdcp_dagster.domain.dvh_lattice import DoseLattice

    Bounds = tuple[NDArray[np.float64], NDArray[np.float64]]

_JUST_INSIDE_MM = 1e-3
_VOXELS_AT_ONCE = 100_000


def outline_doses(planar: PlanarContours, bounds: Bounds, dose: DoseLattice) -> NDArray[np.float64]:
    """Doses in Gy at every vertex on its plane and on both caps of its slab; `bounds` as of `contours.slabs`."""
    points = np.concatenate([vertices for _, vertices in planar.polygons])
    plane = np.repeat([k for k, _ in planar.polygons], [len(vertices) for _, vertices in planar.polygons])
    low, high = bounds
    heights = (planar.planes_mm, low + _JUST_INSIDE_MM, np.maximum(high - _JUST_INSIDE_MM, low))
    found: NDArray[np.float64] = np.concatenate([dose.at(np.column_stack([points, at[plane]])) for at in heights])
    return np.asarray(found[np.isfinite(found)])


def voxel_extremes(
    edges: StackEdges, bounds: Bounds, dose: DoseLattice, *, lowest_gy: float, highest_gy: float
) -> NDArray[np.float64]:
    """Return the lowest dose below `lowest_gy` and the highest above `highest_gy` at voxel centres inside the ROI.

    Up to two doses in Gy. A voxel is inside if the contours of the slab that holds its centre enclose it. Only voxels
    beyond the two doses known already are asked, the most extreme first, so that most ROIs ask few.
    """
    points, doses = dose.voxels_beyond(lowest_gy, highest_gy)
    low, high = bounds
    plane = np.clip(np.searchsorted(low, points[:, 2], side="right") - 1, 0, len(low) - 1)
    held = (points[:, 2] >= low[plane]) & (points[:, 2] <= high[plane])
    points, doses, plane = points[held], doses[held], plane[held]
    coldest = _ordered(doses, np.flatnonzero(doses < lowest_gy))
    hottest = _ordered(-doses, np.flatnonzero(doses > highest_gy))
    first = [_first_inside(edges, plane, points, order) for order in (coldest, hottest)]
    return doses[np.concatenate(first)].astype(np.float64)


def _ordered(doses: NDArray[np.float32], which: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray(which[np.argsort(doses[which])])


def _first_inside(
    edges: StackEdges, plane: NDArray[np.int64], points: NDArray[np.float64], order: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the first of the points, in the order given, that lies inside; empty if none does."""
    for start in range(0, len(order), _VOXELS_AT_ONCE):
        part = order[start : start + _VOXELS_AT_ONCE]
        inside = part[inside_stack(edges, plane[part], points[part, :2])]
        if len(inside):
            return np.asarray(inside[:1])
    return order[:0]
