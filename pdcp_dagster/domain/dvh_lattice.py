"""The dose on the lattice over which a DVH is summed, plane by plane.

What lives here: dose and dose extent of the lattice's cells, by matrix products where the dose is parallel to the
image and point by point where it is rotated; the limit on cubic interpolation. What does not: the ROI's share of each
cell (`coverage`), the sum (`dvh`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pdcp_dagster.domain.sampling import AlignedDose, align_dose, dose_at_points, dose_axes, values_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pdcp_dagster.domain.dose_grid import DoseGrid
    from pdcp_dagster.domain.interpolation import DoseAxis, Interpolation
    from pdcp_dagster.domain.volume import Grid

_MARGIN = 5
"""Dose voxels kept around a ROI; a cubic spline has forgotten its end after five."""


class RotatedDoseError(ValueError):
    """Cubic interpolation was asked of a dose grid that is rotated against the image."""


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
    """Dose in Gy of some planes of the lattice, half the range of dose within each cell, and which cells are known.

    All `(planes, rows, columns)`; `inside` is None where the whole lattice lies inside the dose grid.
    """

    dose_gy: NDArray[np.float32]
    half_extent_gy: NDArray[np.float32]
    inside: NDArray[np.bool_] | None


class DoseLattice(Protocol):
    """A dose that can be asked for planes of a lattice, and at points."""

    @property
    def max_gy(self) -> float:
        """No sampled dose is higher."""

    def planes(self, which: NDArray[np.int64]) -> LatticePlanes:
        """Sample the planes of the lattice with these indices."""

    def at(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Trilinear dose at `(n, 3)` points in mm along the image's axes, NaN outside the dose grid."""

    def voxels_beyond(self, lowest_gy: float, highest_gy: float) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Find dose voxels about the lattice below or above two doses: `(n, 3)` centres in mm as above, `(n,)` Gy."""


def dose_lattice(dose: DoseGrid, grid: Grid, cells: Cells, kind: Interpolation) -> DoseLattice:
    """Prepare a dose for a lattice on the axes of an image.

    Raises RotatedDoseError for cubic interpolation of a dose that is not parallel to the image.
    """
    aligned = align_dose(dose, grid)
    if aligned is not None:
        return _parallel(aligned, cells, kind)
    if kind == "cubic":
        raise RotatedDoseError("cubic interpolation needs a dose grid parallel to the image: choose linear")
    return _rotated(dose, grid, cells)


@dataclass(frozen=True, slots=True, eq=False)
class _Limits:
    """Lowest and highest of the 4x4x4 values around each interval, and the interval of each lattice index.

    Never an overshoot, at a price: a true peak between dose voxels is cut to the highest of them (D2 of a 0.065 cm3
    sphere on the peak of a Gaussian of sigma 15 mm errs by up to 0.56 Gy on a 2.5 mm grid).
    """

    low: NDArray[np.float32]
    high: NDArray[np.float32]
    cell_i: NDArray[np.int64]
    cell_j: NDArray[np.int64]
    cell_k: NDArray[np.int64]

    def clip(self, sampled: NDArray[np.float32], which: NDArray[np.int64]) -> NDArray[np.float32]:
        around = np.ix_(self.cell_k[which], self.cell_j, self.cell_i)
        return np.clip(sampled, self.low[around], self.high[around], out=sampled)


@dataclass(frozen=True, slots=True, eq=False)
class _ParallelLattice:
    axes: tuple[DoseAxis, DoseAxis, DoseAxis]
    values: NDArray[np.float32]
    extent: NDArray[np.float32]
    weights: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
    linear: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
    known: tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]
    limits: _Limits | None
    max_gy: float

    def planes(self, which: NDArray[np.int64]) -> LatticePlanes:
        dose = _product(self.weights, self.values, which)
        if self.limits is not None:
            dose = self.limits.clip(dose, which)
        extent = _product(self.linear, self.extent, which)
        known_i, known_j, known_k = self.known
        if known_i.all() and known_j.all() and known_k[which].all():
            return LatticePlanes(dose, extent, None)
        inside = known_k[which][:, None, None] & known_j[None, :, None] & known_i[None, None, :]
        return LatticePlanes(dose, extent, inside)

    def at(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        return values_at(self.axes, self.values, points_mm)

    def voxels_beyond(self, lowest_gy: float, highest_gy: float) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        return _voxels_beyond(self.axes, self.values, lowest_gy, highest_gy)


def _parallel(aligned: AlignedDose, cells: Cells, kind: Interpolation) -> _ParallelLattice:
    at = (cells.i_mm, cells.j_mm, cells.k_mm)
    parts = [axis.part(where.min(), where.max(), _MARGIN) for axis, where in zip(aligned.axes, at, strict=True)]
    values = np.ascontiguousarray(aligned.dose_gy[parts[2], parts[1], parts[0]], dtype=np.float32)
    axes = tuple(type(a)(a.positions_mm[part], a.lone_width_mm) for a, part in zip(aligned.axes, parts, strict=True))
    i_axis, j_axis, k_axis = axes
    linear = i_axis.matrix(at[0]), j_axis.matrix(at[1]), k_axis.matrix(at[2])
    weights = linear
    limits = None
    if kind == "cubic":
        weights = i_axis.matrix(at[0], kind), j_axis.matrix(at[1], kind), k_axis.matrix(at[2], kind)
        low, high = _stencil_range(values)
        limits = _Limits(low, high, i_axis.cell(at[0]), j_axis.cell(at[1]), k_axis.cell(at[2]))
    known = tuple(whole.inside(where) for whole, where in zip(aligned.axes, at, strict=True))
    extent = _half_extent(values, (i_axis, j_axis, k_axis), np.eye(3), cells)
    return _ParallelLattice(
        (i_axis, j_axis, k_axis), values, extent, weights, linear, (known[0], known[1], known[2]), limits,
        float(values.max()),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _RotatedLattice:
    dose: DoseGrid
    grid: Grid
    cells: Cells
    extent: NDArray[np.float32]
    max_gy: float

    def planes(self, which: NDArray[np.int64]) -> LatticePlanes:
        k, j, i = np.meshgrid(self.cells.k_mm[which], self.cells.j_mm, self.cells.i_mm, indexing="ij")
        own = self._own_mm(np.stack([i, j, k], axis=-1).reshape(-1, 3))
        axes = dose_axes(self.dose)
        dose = values_at(axes, self.dose.dose_gy, own).reshape(i.shape)
        extent = values_at(axes, self.extent, own).reshape(i.shape)
        inside = np.isfinite(dose)
        return LatticePlanes(
            np.where(inside, dose, 0).astype(np.float32), np.where(inside, extent, 0).astype(np.float32), inside
        )

    def at(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        return dose_at_points(self.dose, self._patient_mm(points_mm))

    def voxels_beyond(self, lowest_gy: float, highest_gy: float) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        ends = [(at.min(), at.max()) for at in (self.cells.i_mm, self.cells.j_mm, self.cells.k_mm)]
        corners = self._own_mm(np.stack(np.meshgrid(*ends), axis=-1).reshape(-1, 3))
        whole = dose_axes(self.dose)
        parts = [a.part(at.min(), at.max(), _MARGIN) for a, at in zip(whole, corners.T, strict=True)]
        i_axis, j_axis, k_axis = (
            type(a)(a.positions_mm[part], a.lone_width_mm) for a, part in zip(whole, parts, strict=True)
        )
        values = self.dose.dose_gy[parts[2], parts[1], parts[0]]
        own, doses = _voxels_beyond((i_axis, j_axis, k_axis), values, lowest_gy, highest_gy)
        patient = own @ np.array(self.dose.axes) + np.array(self.dose.origin_mm)
        return self.grid.to_voxel(patient) * np.array(self.grid.spacing_mm), doses

    def _patient_mm(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.grid.to_patient(points_mm / np.array(self.grid.spacing_mm))

    def _own_mm(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        offset = self._patient_mm(points_mm) - np.array(self.dose.origin_mm)
        own: NDArray[np.float64] = offset @ np.linalg.inv(np.array(self.dose.axes).T).T
        return own


def _rotated(dose: DoseGrid, grid: Grid, cells: Cells) -> _RotatedLattice:
    turn = np.array(dose.axes) @ grid.direction  # row: dose axis, column: image axis
    extent = _half_extent(dose.dose_gy, dose_axes(dose), turn, cells)
    return _RotatedLattice(dose, grid, cells, extent, float(dose.dose_gy.max()))


def _voxels_beyond(
    axes: tuple[DoseAxis, DoseAxis, DoseAxis], values: NDArray[np.float32], lowest_gy: float, highest_gy: float
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return centres, in mm along the axes, and doses of the voxels below or above two doses."""
    which = np.flatnonzero((values < lowest_gy) | (values > highest_gy))
    k, j, i = np.unravel_index(which, values.shape)
    centres = np.column_stack([axis.positions_mm[index] for axis, index in zip(axes, (i, j, k), strict=True)])
    return centres, values[k, j, i]


def _half_extent(
    values: NDArray[np.float32],
    axes: tuple[DoseAxis, DoseAxis, DoseAxis],
    turn: NDArray[np.float64],
    cells: Cells,
) -> NDArray[np.float32]:
    """Half the range of dose within a lattice cell, from the gradient at each dose voxel, Gy."""
    gradient = [_gradient(values, axes[axis].positions_mm, 2 - axis) for axis in range(3)]
    total = np.zeros(values.shape, dtype=np.float32)
    for image, width in enumerate((cells.width_mm, cells.width_mm, cells.height_mm)):
        along = np.zeros(values.shape, dtype=np.float32)
        for own in range(3):
            if turn[own, image] != 0:
                along += np.float32(turn[own, image] * width) * gradient[own]
        along *= along
        total += along
    np.sqrt(total, out=total)
    total *= np.float32(0.5)
    return total


def _gradient(values: NDArray[np.float32], positions_mm: NDArray[np.float64], axis: int) -> NDArray[np.float32]:
    if len(positions_mm) == 1:
        return np.zeros(values.shape, dtype=np.float32)
    moved = np.moveaxis(values, axis, 0)
    distance = np.r_[positions_mm[1:], positions_mm[-1]] - np.r_[positions_mm[0], positions_mm[:-1]]
    out = np.empty_like(values)
    slope = np.moveaxis(out, axis, 0)
    np.subtract(moved[2:], moved[:-2], out=slope[1:-1])
    np.subtract(moved[1], moved[0], out=slope[0])
    np.subtract(moved[-1], moved[-2], out=slope[-1])
    slope *= (1 / distance).astype(np.float32).reshape(-1, 1, 1)
    return out


def _stencil_range(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    low = high = values
    for axis in range(3):
        low, high = _window(low, axis, np.minimum), _window(high, axis, np.maximum)
    return low, high


def _window(values: NDArray[np.float32], axis: int, extreme: np.ufunc) -> NDArray[np.float32]:
    """Extreme of the four values around each interval along an axis, fewer at its ends."""
    moved = np.moveaxis(values, axis, 0)
    if len(moved) == 1:
        return values
    pairs = extreme(moved[:-1], moved[1:])
    out = pairs.copy()
    extreme(out[1:], pairs[:-1], out=out[1:])
    extreme(out[:-1], pairs[1:], out=out[:-1])
    return np.moveaxis(out, 0, axis)


def _product(
    weights: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]],
    values: NDArray[np.float32],
    which: NDArray[np.int64],
) -> NDArray[np.float32]:
    along_i, along_j, along_k = weights[0], weights[1], weights[2][which]
    needed = np.flatnonzero(along_k.any(axis=0))
    part = slice(int(needed[0]), int(needed[-1]) + 1)
    planes = (along_k[:, part] @ values[part].reshape(part.stop - part.start, -1)).reshape(-1, *values.shape[1:])
    sampled: NDArray[np.float32] = np.matmul(np.matmul(along_j, planes), along_i.T)
    return sampled
