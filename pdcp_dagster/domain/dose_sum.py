"""The voxelwise sum of dose grids.

What lives here: plain sums on one geometry, and sums on the region that several have in common. What does not: which
doses may be summed (`dose`).

Outside its grid a dose is unknown, not 0, and so is any sum with it: the sum ends where the first of the grids ends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pdcp_dagster.domain.dose_grid import DoseGrid
from pdcp_dagster.domain.sampling import dose_axes, dose_on_grid
from pdcp_dagster.domain.volume import Grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pdcp_dagster.domain.interpolation import DoseAxis
    from pdcp_dagster.domain.volume import Vector

SAME_PLACE_MM = 1e-3
"""Grids whose numbers differ by less are the same: decimal strings of limited length."""
_SAME_COSINE = 1e-5
MOST_LOST = 0.1
"""By this share of its highest dose a summand may be lower in the region that all cover; else the sum is a corner. A
boost on a small grid keeps the plateau of both plans; ROIs that reach beyond lose their statistics, not the sum."""
LARGEST_COMMON_GRID = 150_000_000
"""Voxels. A grid beyond this is of doses that do not belong together."""


class NoCommonGridError(ValueError):
    """No box of believable size is covered by all grids."""


@dataclass(frozen=True, slots=True, eq=False)
class SummedDose:
    """A sum.

    resampled: whether it lies on a grid of its own: the region that all summands cover.
    lost_shares: by which share of its highest dose each summand's highest in that region is lower.
    """

    grid: DoseGrid
    resampled: bool
    lost_shares: tuple[float, ...]


def lost_outside(share: float) -> str:
    """Say how much of a summand a sum would lose."""
    return f"reaches {100 * (1 - share):.0f} % of its highest dose in the region that all cover"


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

    On one geometry a plain sum; else on the box that all grids cover, half voxels at their borders included, at the
    finest spacing along each axis, by trilinear interpolation. Where grids are turned against one another, the box lies
    along the axes of the first whose box all cover. Raises NoCommonGridError.
    """
    first = grids[0]
    if all(same_geometry(first, other) for other in grids[1:]):
        plain = np.zeros(first.dose_gy.shape)
        for grid in grids:
            plain += grid.dose_gy
        return SummedDose(
            replace(first, dose_gy=plain.astype(np.float32)), resampled=False, lost_shares=(0.0,) * len(grids)
        )
    refusals: list[NoCommonGridError] = []
    for axes in dict.fromkeys(grid.axes for grid in grids):
        try:
            return _sum_along(axes, grids)
        except NoCommonGridError as refusal:
            refusals.append(refusal)
    raise refusals[0]


def _sum_along(axes: tuple[Vector, Vector, Vector], grids: Sequence[DoseGrid]) -> SummedDose:
    common = _common_grid(axes, grids)
    total = np.zeros(common.shape, dtype=np.float32)
    for grid in grids:
        total += dose_on_grid(grid, common)
    if not np.isfinite(total).all():
        raise NoCommonGridError("they are rotated against one another, and no box is covered by all")
    offsets = np.arange(common.size[2]) * common.spacing_mm[2]
    summed = DoseGrid(common.origin_mm, common.axes, common.spacing_mm[:2], offsets.astype(np.float64), total)
    shares = tuple(_lost_share(grid, common) for grid in grids)
    return SummedDose(summed, resampled=True, lost_shares=shares)


def _lost_share(grid: DoseGrid, common: Grid) -> float:
    """Return by which share of its highest dose a grid's highest in a region is lower (0 where it has no dose).

    Voxels whose centres lie within one of their own widths of the region are at its border, and not yet lost: any sum
    of unequal grids ends between the voxels of some.
    """
    axes = np.array(common.axes)
    step = np.array(common.spacing_mm)
    beyond = 0.5 * step + _box_along(grid, axes).step
    first = (np.array(grid.origin_mm) - np.array(common.origin_mm)) @ axes.T
    along_i, along_j, along_k = (
        np.outer(positions, axes @ np.array(axis))
        for positions, axis in zip(grid.axis_positions_mm(), grid.axes, strict=True)
    )
    low, high = -beyond, (np.array(common.size) - 1) * step + beyond
    highest = 0.0
    for plane, start in zip(grid.dose_gy, first + along_k, strict=True):
        inside = np.ones(plane.shape, dtype=bool)
        for axis in range(3):
            at = start[axis] + along_j[:, None, axis] + along_i[None, :, axis]
            inside &= (at >= low[axis]) & (at <= high[axis])
        highest = max(highest, float(plane.max(initial=0.0, where=inside)))
    own = float(grid.dose_gy.max())
    return 1 - highest / own if own > 0 else 0.0


def _common_grid(along: tuple[Vector, Vector, Vector], grids: Sequence[DoseGrid]) -> Grid:
    """Return the voxels of the finest grid, continued, that lie whole within every grid's box along these axes."""
    axes = np.array(along)
    boxes = [_box_along(grid, axes) for grid in grids]
    steps = np.array([box.step for box in boxes])
    step, finest = steps.min(axis=0), steps.argmin(axis=0)
    anchor = np.array([boxes[finest[axis]].centre[axis] for axis in range(3)])
    low, high = np.max([box.low for box in boxes], axis=0), np.min([box.high for box in boxes], axis=0)
    first = np.ceil((low - anchor) / step + 0.5 - SAME_PLACE_MM)
    size = np.floor((high - anchor) / step - 0.5 + SAME_PLACE_MM) - first + 1
    if size.min() < 1:
        raise NoCommonGridError("no region is covered by all")
    if float(np.prod(size)) > LARGEST_COMMON_GRID:
        raise NoCommonGridError(f"their common grid would have {np.prod(size):.2g} voxels")
    origin = (anchor + first * step) @ np.linalg.inv(axes).T
    i, j, k = (int(n) for n in size)
    return Grid(_triple(origin), _triple(step), along, (i, j, k))


class _Box(NamedTuple):
    """A grid along given axes, mm: the borders of its outer voxels, one voxel's centre, the smallest voxel's extent."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    centre: NDArray[np.float64]
    step: NDArray[np.float64]


def _box_along(grid: DoseGrid, axes: NDArray[np.float64]) -> _Box:
    own = dose_axes(grid)
    corners = np.stack(np.meshgrid(*(_borders(axis) for axis in own), indexing="ij"), axis=-1).reshape(-1, 3)
    origin = np.array(grid.origin_mm)
    along = (origin + corners @ np.array(grid.axes)) @ axes.T
    widths = np.array([np.diff(axis.positions_mm).min(initial=_lone_width(axis)) for axis in own])
    return _Box(along.min(axis=0), along.max(axis=0), origin @ axes.T, widths @ np.abs(np.array(grid.axes) @ axes.T))


def _lone_width(axis: DoseAxis) -> float:
    return axis.lone_width_mm if len(axis.positions_mm) == 1 else np.inf


def _borders(axis: DoseAxis) -> tuple[float, float]:
    """Return where the outer voxels end, as `DoseAxis.inside` has it."""
    known = axis.positions_mm
    if len(known) == 1:
        return float(known[0]) - 0.5 * axis.lone_width_mm, float(known[0]) + 0.5 * axis.lone_width_mm
    return float(1.5 * known[0] - 0.5 * known[1]), float(1.5 * known[-1] - 0.5 * known[-2])


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
