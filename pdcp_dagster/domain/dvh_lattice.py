"""The dose on the lattice over which a DVH is summed, plane by plane.

What lives here: dose and dose extent of the lattice's cells, by matrix products where the dose is parallel to the
image and point by point where it is rotated. What does not: how far a cubic dose may leave the doses around it
(`cubic_limit`), the ROI's share of each cell (`coverage`), the sum (`dvh`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pdcp_dagster.domain.banded import Banded, used_columns
from pdcp_dagster.domain.cubic_limit import DoseLimits, dose_limits
from pdcp_dagster.domain.interpolation import SplineDose
from pdcp_dagster.domain.sampling import AlignedDose, align_dose, dose_axes, values_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pdcp_dagster.domain.dose_grid import DoseGrid
    from pdcp_dagster.domain.interpolation import DoseAxis, Interpolation
    from pdcp_dagster.domain.volume import Grid

    Axes = tuple[DoseAxis, DoseAxis, DoseAxis]
    Weights = tuple[Banded, Banded, NDArray[np.float32]]

_MARGIN = {"linear": 2, "cubic": 5}
"""Dose voxels kept around a ROI: for gradients two; a cubic spline has forgotten its end after five."""
_VOXELS_AT_ONCE = 100_000
"""Keeps working arrays in the processor's cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The centres of a lattice in mm along the image's axes from its origin, and a cell's width in-plane and height."""

    i_mm: NDArray[np.float64]
    j_mm: NDArray[np.float64]
    k_mm: NDArray[np.float64]
    width_mm: float
    height_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class LatticePlanes:
    """Dose in Gy of some planes of the lattice; all `(planes, rows, columns)`.

    dose_gy: in each cell's middle; where the dose is cubic and parallel to the image, mean over each cell.
    half_extent_gy: half the range of dose within each cell.
    inside: share of each cell that lies inside the dose grid, 0 to 1; None where every cell does.
    centre_gy: dose in each cell's middle, where a peak may lie; None where extremes lie at voxels or on outlines only.
    """

    dose_gy: NDArray[np.float32]
    half_extent_gy: NDArray[np.float32]
    inside: NDArray[np.float32] | None
    centre_gy: NDArray[np.float32] | None = None


class DoseLattice(Protocol):
    """A dose that can be asked for planes of a lattice, and at points."""

    @property
    def max_gy(self) -> float:
        """No sampled dose is higher."""

    def planes(self, which: NDArray[np.int64], wanted: NDArray[np.bool_]) -> LatticePlanes:
        """Sample the planes of the lattice with these indices; cells that are not wanted may be left out, as 0."""

    def at(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Trilinear dose at `(n, 3)` points in mm along the image's axes, NaN outside the dose grid."""

    def voxels_beyond(self, lowest_gy: float, highest_gy: float) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Find dose voxels about the lattice below or above two doses: `(n, 3)` centres in mm as above, `(n,)` Gy."""


def dose_lattice(dose: DoseGrid, grid: Grid, cells: Cells, kind: Interpolation) -> DoseLattice:
    """Prepare a dose for a lattice on the axes of an image."""
    aligned = align_dose(dose, grid)
    return _rotated(dose, grid, cells, kind) if aligned is None else _parallel(aligned, cells, kind)


@dataclass(frozen=True, slots=True, eq=False)
class _ParallelLattice:
    axes: Axes
    values: NDArray[np.float32]
    extent: NDArray[np.float32]
    means: Weights
    points: Weights | None
    linear: Weights
    known: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
    intervals: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
    limits: DoseLimits | None
    max_gy: float

    def planes(self, which: NDArray[np.int64], wanted: NDArray[np.bool_]) -> LatticePlanes:  # noqa: ARG002 - all cost as much
        dose, centre = _product(self.means, self.values, which), None
        if self.limits is not None and self.points is not None:
            i, j, k = self.intervals
            between = np.ix_(k[which], j, i)
            dose = self.limits.applied_to(dose, between)
            centre = self.limits.applied_to(_product(self.points, self.values, which), between)
        extent = _product(self.linear, self.extent, which)
        known_i, known_j, known_k = self.known
        inside = None
        if min(known_i.min(), known_j.min(), known_k[which].min()) < 1:
            inside = known_k[which][:, None, None] * known_j[None, :, None] * known_i[None, None, :]
        return LatticePlanes(dose, extent, inside, centre)

    def at(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        return values_at(self.axes, self.values, points_mm)

    def voxels_beyond(self, lowest_gy: float, highest_gy: float) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        return _voxels_beyond(self.axes, self.values, lowest_gy, highest_gy)


def _parallel(aligned: AlignedDose, cells: Cells, kind: Interpolation) -> _ParallelLattice:
    at = (cells.i_mm, cells.j_mm, cells.k_mm)
    axes, values = _part(aligned.axes, aligned.dose_gy, [(where.min(), where.max()) for where in at], _MARGIN[kind])
    widths = cells.width_mm, cells.width_mm, cells.height_mm
    linear = _weights([axis.matrix(where) for axis, where in zip(axes, at, strict=True)])
    means = linear
    if kind == "cubic":
        means = _weights([_cell_means(*one, kind) for one in zip(axes, at, widths, strict=True)])
    points = (
        _weights([axis.matrix(where, kind) for axis, where in zip(axes, at, strict=True)]) if kind == "cubic" else None
    )
    limits = dose_limits(values, axes) if kind == "cubic" else None
    known_i, known_j, known_k = (
        axis.inside_share(where, width) for axis, where, width in zip(aligned.axes, at, widths, strict=True)
    )
    intervals = axes[0].cell(at[0]), axes[1].cell(at[1]), axes[2].cell(at[2])
    extent = _half_extent(values, axes, np.eye(3), cells)
    top = values if limits is None else limits.high_gy
    return _ParallelLattice(
        axes, values, extent, means, points, linear, (known_i, known_j, known_k), intervals, limits, float(top.max())
    )


@dataclass(frozen=True, slots=True, eq=False)
class _RotatedLattice:
    dose: DoseGrid
    grid: Grid
    cells: Cells
    axes: Axes
    values: NDArray[np.float32]
    extent: NDArray[np.float32]
    spline: SplineDose | None
    limits: DoseLimits | None
    max_gy: float

    def planes(self, which: NDArray[np.int64], wanted: NDArray[np.bool_]) -> LatticePlanes:
        k, j, i = np.nonzero(wanted)
        places = np.column_stack([self.cells.i_mm[i], self.cells.j_mm[j], self.cells.k_mm[which][k]])
        own = _own_mm(self.dose, self.grid, places)
        sampled = values_at(self.axes, self.values, own).astype(np.float32)
        inside = np.isfinite(sampled)
        if self.spline is not None and self.limits is not None:
            cell_i, cell_j, cell_k = (axis.cell(at) for axis, at in zip(self.axes, own.T, strict=True))
            sampled = self.limits.applied_to(self.spline(own), (cell_k, cell_j, cell_i))
        dose, extent = np.zeros(wanted.shape, dtype=np.float32), np.zeros(wanted.shape, dtype=np.float32)
        known = np.zeros(wanted.shape, dtype=bool)
        known[wanted] = inside
        dose[known] = sampled[inside]
        extent[known] = values_at(self.axes, self.extent, own[inside])
        return LatticePlanes(dose, extent, known.astype(np.float32))

    def at(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        return values_at(self.axes, self.values, _own_mm(self.dose, self.grid, points_mm))

    def voxels_beyond(self, lowest_gy: float, highest_gy: float) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        own, doses = _voxels_beyond(self.axes, self.values, lowest_gy, highest_gy)
        patient = own @ np.array(self.dose.axes) + np.array(self.dose.origin_mm)
        return self.grid.to_voxel(patient) * np.array(self.grid.spacing_mm), doses


def _rotated(dose: DoseGrid, grid: Grid, cells: Cells, kind: Interpolation) -> _RotatedLattice:
    ends = [(at.min(), at.max()) for at in (cells.i_mm, cells.j_mm, cells.k_mm)]
    corners = _own_mm(dose, grid, np.stack(np.meshgrid(*ends), axis=-1).reshape(-1, 3))
    axes, values = _part(dose_axes(dose), dose.dose_gy, [(at.min(), at.max()) for at in corners.T], _MARGIN[kind])
    turn = np.array(dose.axes) @ grid.direction  # row: dose axis, column: image axis
    extent = _half_extent(values, axes, turn, cells)
    spline = SplineDose.through(axes, values) if kind == "cubic" else None
    limits = dose_limits(values, axes) if kind == "cubic" else None
    top = values if limits is None else limits.high_gy
    return _RotatedLattice(dose, grid, cells, axes, values, extent, spline, limits, float(top.max()))


def _own_mm(dose: DoseGrid, grid: Grid, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """From mm along the image's axes to mm along the dose's own, both from their origins."""
    offset = grid.to_patient(points_mm / np.array(grid.spacing_mm)) - np.array(dose.origin_mm)
    own: NDArray[np.float64] = offset @ np.linalg.inv(np.array(dose.axes).T).T
    return own


def _part(
    axes: Axes, values: NDArray[np.float32], ends_mm: Sequence[tuple[float, float]], margin: int
) -> tuple[Axes, NDArray[np.float32]]:
    """Cut a dose `(k, j, i)` to what its axes i, j, k need between these ends, with a margin."""
    parts = [axis.part(low, high, margin) for axis, (low, high) in zip(axes, ends_mm, strict=True)]
    i_axis, j_axis, k_axis = (
        type(axis)(axis.positions_mm[part], axis.lone_width_mm) for axis, part in zip(axes, parts, strict=True)
    )
    kept = np.ascontiguousarray(values[parts[2], parts[1], parts[0]], dtype=np.float32)
    return (i_axis, j_axis, k_axis), kept


def _voxels_beyond(
    axes: Axes, values: NDArray[np.float32], lowest_gy: float, highest_gy: float
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return centres, in mm along the axes, and doses of the voxels below or above two doses."""
    which = np.flatnonzero((values < lowest_gy) | (values > highest_gy))
    k, j, i = np.unravel_index(which, values.shape)
    centres = np.column_stack([axis.positions_mm[index] for axis, index in zip(axes, (i, j, k), strict=True)])
    return centres, values[k, j, i]


def _half_extent(
    values: NDArray[np.float32],
    axes: Axes,
    turn: NDArray[np.float64],
    cells: Cells,
) -> NDArray[np.float32]:
    """Half the range of dose within a lattice cell, from the gradient at each dose voxel, Gy."""
    out = np.empty_like(values)
    at_once = max(1, _VOXELS_AT_ONCE // max(values[0].size, 1))
    for first in range(0, len(values), at_once):
        part = slice(first, min(first + at_once, len(values)))
        gradient = [_gradient(values, axes[axis].positions_mm, 2 - axis, part) for axis in range(3)]
        total = np.zeros_like(gradient[0])
        for image, width in enumerate((cells.width_mm, cells.width_mm, cells.height_mm)):
            along = sum(np.float32(turn[own, image] * width) * gradient[own] for own in range(3) if turn[own, image])
            total += np.square(along)
        np.multiply(np.sqrt(total, out=total), np.float32(0.5), out=out[part])
    return out


def _gradient(
    values: NDArray[np.float32], positions_mm: NDArray[np.float64], axis: int, planes: slice
) -> NDArray[np.float32]:
    """Gradient along one axis of some planes, Gy/mm; on one side only at the ends."""
    count = len(positions_mm)
    before, after = np.maximum(np.arange(count) - 1, 0), np.minimum(np.arange(count) + 1, count - 1)
    distance = positions_mm[after] - positions_mm[before]
    per_mm = (1 / np.where(distance > 0, distance, 1.0)).astype(np.float32)
    if axis == 0:
        return (values[after[planes]] - values[before[planes]]) * per_mm[planes, None, None]
    moved = np.moveaxis(values[planes], axis, 0)
    out = np.empty_like(values[planes])
    slope = np.moveaxis(out, axis, 0)
    np.subtract(moved[2:], moved[:-2], out=slope[1:-1])
    slope[0] = moved[min(1, count - 1)] - moved[0]
    slope[-1] = moved[-1] - moved[max(count - 2, 0)]
    slope *= per_mm.reshape(-1, 1, 1)
    return out


def _weights(matrices: Sequence[NDArray[np.float32]]) -> Weights:
    along_i, along_j, along_k = matrices
    return Banded.of(along_i), Banded.of(along_j), along_k


def _cell_means(
    axis: DoseAxis, at_mm: NDArray[np.float64], width_mm: float, kind: Interpolation
) -> NDArray[np.float32]:
    """Weights for the mean over cells along an axis, by Gauss' rule of two points: exact for cubic doses."""
    apart = width_mm / np.sqrt(12)
    mean: NDArray[np.float32] = np.float32(0.5) * (axis.matrix(at_mm - apart, kind) + axis.matrix(at_mm + apart, kind))
    return mean


def _product(weights: Weights, values: NDArray[np.float32], which: NDArray[np.int64]) -> NDArray[np.float32]:
    along_i, along_j, along_k = weights[0], weights[1], weights[2][which]
    part = used_columns(along_k)
    planes = (along_k[:, part] @ values[part].reshape(part.stop - part.start, -1)).reshape(-1, *values.shape[1:])
    return along_i.along_columns(along_j.along_rows(planes))
