"""The voxelwise sum of dose grids.

What lives here: plain sums on one geometry, and sums on the union of several. What does not: which doses may be summed
(`dose`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.domain.dose_grid import DoseGrid
from pdcp_dagster.domain.sampling import dose_on_grid
from pdcp_dagster.domain.volume import Grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SAME_PLACE_MM = 1e-3
"""Grids whose numbers differ by less are the same: decimal strings of limited length."""
_SAME_COSINE = 1e-5
LARGEST_UNION = 150_000_000
"""Voxels. A union beyond this is of grids that do not belong together."""


class UnionTooLargeError(ValueError):
    """The grids lie so far apart, or differ so much in spacing, that their union is no dose grid."""


@dataclass(frozen=True, slots=True, eq=False)
class SummedDose:
    """A sum, and the share of its voxels that not every summand covers (there the others count alone)."""

    grid: DoseGrid
    partly_covered: float


def same_geometry(one: DoseGrid, other: DoseGrid) -> bool:
    """Whether two grids have the same voxels in the same places."""
    return (
        one.dose_gy.shape == other.dose_gy.shape
        and np.allclose(one.origin_mm, other.origin_mm, rtol=0, atol=SAME_PLACE_MM)
        and np.allclose(one.spacing_mm, other.spacing_mm, rtol=0, atol=SAME_PLACE_MM / max(one.dose_gy.shape))
        and np.allclose(one.plane_offsets_mm, other.plane_offsets_mm, rtol=0, atol=SAME_PLACE_MM)
        and np.allclose(one.axes, other.axes, rtol=0, atol=_SAME_COSINE)
    )


def sum_doses(grids: Sequence[DoseGrid]) -> SummedDose:
    """Sum at least one dose grid, in Gy.

    On one geometry a plain sum; else on the union of the grids along the first one's axes, at the finest spacing along
    each, by trilinear interpolation. Raises UnionTooLargeError.
    """
    first = grids[0]
    if all(same_geometry(first, other) for other in grids[1:]):
        plain = np.zeros(first.dose_gy.shape)
        for grid in grids:
            plain += grid.dose_gy
        return SummedDose(replace(first, dose_gy=plain.astype(np.float32)), 0.0)
    union = _union(grids)
    total = np.zeros(union.shape, dtype=np.float32)
    covered = np.ones(union.shape, dtype=bool)
    for grid in grids:
        sampled = dose_on_grid(grid, union)
        covered &= np.isfinite(sampled)
        total += np.nan_to_num(sampled, copy=False, nan=0.0)
    offsets = np.arange(union.size[2]) * union.spacing_mm[2]
    summed = DoseGrid(union.origin_mm, union.axes, union.spacing_mm[:2], offsets.astype(np.float64), total)
    return SummedDose(summed, float(1 - covered.mean()))


def _union(grids: Sequence[DoseGrid]) -> Grid:
    axes = np.array(grids[0].axes)
    lows, highs, steps = zip(*(_box_along(grid, axes) for grid in grids), strict=True)
    finest = np.argmin(steps, axis=0)
    step = np.min(steps, axis=0)
    anchor = np.array([lows[finest[axis]][axis] for axis in range(3)])  # keeps the voxels of the finest grid
    before = np.ceil((anchor - np.min(lows, axis=0)) / step - SAME_PLACE_MM)
    after = np.ceil((np.max(highs, axis=0) - anchor) / step - SAME_PLACE_MM)
    size = before + after + 1
    if float(np.prod(size)) > LARGEST_UNION:
        raise UnionTooLargeError(f"their union would have {np.prod(size):.2g} voxels")
    origin = (anchor - before * step) @ np.linalg.inv(axes).T
    i, j, k = (int(n) for n in size)
    return Grid(_triple(origin), _triple(step), grids[0].axes, (i, j, k))


def _box_along(
    grid: DoseGrid, axes: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest voxel centre of a grid along given axes, and the extent of its smallest voxel, mm."""
    ends = [positions[[0, -1]] for positions in grid.axis_positions_mm()]
    corners = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3)
    along = (np.array(grid.origin_mm) + corners @ np.array(grid.axes)) @ axes.T
    steps = np.diff(grid.plane_offsets_mm)
    widths = np.array([*grid.spacing_mm, steps.min() if len(steps) else max(grid.spacing_mm)])
    return along.min(axis=0), along.max(axis=0), widths @ np.abs(np.array(grid.axes) @ axes.T)


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
