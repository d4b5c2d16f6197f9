"""Interpolation along one axis as a matrix, so that a separable lattice is sampled by matrix products.

What lives here: linear and cubic weights on even or uneven positions, what counts as inside, and the same cubic spline
at scattered points. What does not: which axes a dose has (`sampling`), and the limit that keeps cubic from overshooting
(`cubic_limit`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from scipy.interpolate import NdBSpline, make_interp_spline

if TYPE_CHECKING:
    from numpy.typing import NDArray

Interpolation = Literal["linear", "cubic"]

ROUNDING_MM = 1e-3
"""Positions are decimal strings of limited length; a point this far beyond the border is still inside."""
_CUBIC_NEEDS = 4


@dataclass(frozen=True, slots=True, eq=False)
class DoseAxis:
    """Centres of dose voxels along one axis.

    positions_mm: `(n,)` ascending.
    lone_width_mm: the width of a voxel where there is only one, mm.
    """

    positions_mm: NDArray[np.float64]
    lone_width_mm: float

    def inside(self, at_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether positions lie within the voxels: up to half a voxel beyond the outer centres."""
        first, last = self._ends_mm()
        return np.asarray((at_mm >= first) & (at_mm <= last))

    def inside_share(self, at_mm: NDArray[np.float64], width_mm: float) -> NDArray[np.float32]:
        """Share of cells of a width, by their centres, that lies within the voxels as `inside` takes them: 0 to 1."""
        first, last = self._ends_mm()
        low, high = np.maximum(at_mm - 0.5 * width_mm, first), np.minimum(at_mm + 0.5 * width_mm, last)
        return np.clip((high - low) / width_mm, 0, 1).astype(np.float32)

    def _ends_mm(self) -> tuple[float, float]:
        known = self.positions_mm
        if len(known) == 1:
            first = last = 0.5 * self.lone_width_mm
        else:
            first, last = 0.5 * (known[1] - known[0]), 0.5 * (known[-1] - known[-2])
        return float(known[0] - first - ROUNDING_MM), float(known[-1] + last + ROUNDING_MM)

    def matrix(self, at_mm: NDArray[np.float64], kind: Interpolation = "linear") -> NDArray[np.float32]:
        """`(m, n)` weights of the n known values at m positions; the outer half voxels take the outer value.

        Cubic is the interpolating spline through all n values, and linear below four of them. Outside is clamped: ask
        `inside`.
        """
        known = self.positions_mm
        count = len(known)
        if count == 1:
            return np.ones((len(at_mm), 1), dtype=np.float32)
        clamped = np.clip(at_mm, known[0], known[-1])
        if kind == "cubic" and count >= _CUBIC_NEEDS:
            return np.asarray(make_interp_spline(known, np.eye(count), k=3)(clamped), dtype=np.float32)
        cell = self.cell(clamped)
        beyond = (clamped - known[cell]) / (known[cell + 1] - known[cell])
        weights = np.zeros((len(at_mm), count), dtype=np.float32)
        row = np.arange(len(at_mm))
        weights[row, cell] = 1 - beyond
        weights[row, cell + 1] = beyond
        return weights

    def cell(self, at_mm: NDArray[np.float64]) -> NDArray[np.int64]:
        """Index of the interval between two known positions in which each position lies, 0 to n - 2."""
        found = np.searchsorted(self.positions_mm, at_mm, side="right") - 1
        return np.clip(found, 0, max(len(self.positions_mm) - 2, 0))

    def part(self, low_mm: float, high_mm: float, margin: int) -> slice:
        """Return the known positions needed between two positions, with a margin; never fewer than two if there are."""
        count = len(self.positions_mm)
        first = int(np.searchsorted(self.positions_mm, low_mm)) - margin
        last = int(np.searchsorted(self.positions_mm, high_mm)) + margin
        first = min(max(first, 0), max(count - 2, 0))
        return slice(first, max(min(last, count), min(first + 2, count)))


@dataclass(frozen=True, slots=True, eq=False)
class SplineDose:
    """A cubic spline through a dose, for points that do not lie on a lattice parallel to it."""

    axes: tuple[DoseAxis, DoseAxis, DoseAxis]
    spline: NdBSpline

    @classmethod
    def through(cls, axes: tuple[DoseAxis, DoseAxis, DoseAxis], values: NDArray[np.float32]) -> Self:
        """Lay the spline of `DoseAxis.matrix` through values `(k, j, i)` with the axes i, j, k.

        Along an axis of fewer than four values it is linear.
        """
        coefficients = values.astype(np.float64)
        knots, degrees = [], []
        for axis, along in enumerate(reversed(axes)):
            at, moved = along.positions_mm, np.moveaxis(coefficients, axis, 0)
            if len(at) == 1:
                at, moved = np.array([at[0], at[0] + 1.0]), np.repeat(moved, 2, axis=0)
            fitted = make_interp_spline(at, moved, k=3 if len(at) >= _CUBIC_NEEDS else 1)
            coefficients = np.moveaxis(fitted.c, 0, axis)
            knots.append(fitted.t)
            degrees.append(fitted.k)
        return cls(axes, NdBSpline(tuple(knots), np.ascontiguousarray(coefficients), tuple(degrees)))

    def __call__(self, points_mm: NDArray[np.float64]) -> NDArray[np.float32]:
        """Values at `(n, 3)` points in mm along i, j, k; beyond the outer values they are those at the border."""
        clamped = [
            np.clip(at, axis.positions_mm[0], axis.positions_mm[-1])
            for axis, at in zip(self.axes, points_mm.T, strict=True)
        ]
        return np.asarray(self.spline(np.column_stack(clamped[::-1])), dtype=np.float32)
