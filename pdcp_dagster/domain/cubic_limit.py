"""How far a cubic dose may leave the doses around it: over a smooth peak by what its curvature says, at a step nowhere.

What lives here: the lowest and highest dose allowed between dose voxels. What does not: the spline itself
(`interpolation`), sampling (`dvh_lattice`).

A cubic spline rings at a step: it gives doses that no voxel has. Cut to the 4 x 4 x 4 values around each point it does
not, but then a true peak between voxels loses its top. What tells them apart is the second difference: over a smooth
peak it has one sign at all the voxels around, at a step it changes sign (as in the limiter of Suresh and Huynh 1997).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pdcp_dagster.domain.interpolation import DoseAxis

    Doses = NDArray[np.float32]

ALLOWANCE = 0.5
"""A dose may leave the values around it by this times the curvature times the voxel width squared, along each axis.

A parabola rises by an eighth of that between two voxels. Four times as much, because the smallest curvature around a
point is well below that of a narrow peak: docs/decisions/0008 has the figures.
"""


_CURVATURE_NEEDS = 3


@dataclass(frozen=True, slots=True, eq=False)
class DoseLimits:
    """Lowest and highest dose allowed between neighbouring voxels, `(k, j, i)` Gy; an axis of one voxel keeps length 1.

    Element n along an axis belongs to the interval from voxel n to n + 1.
    """

    low_gy: Doses
    high_gy: Doses

    def applied_to(self, sampled_gy: Doses, intervals: tuple[NDArray[np.int64], ...]) -> Doses:
        """Limit doses, in place, that lie in these intervals along k, j and i (arrays that index as one)."""
        return np.clip(sampled_gy, self.low_gy[intervals], self.high_gy[intervals], out=sampled_gy)


def dose_limits(values: Doses, axes: tuple[DoseAxis, DoseAxis, DoseAxis]) -> DoseLimits:
    """Return the limits between the voxels of a dose `(k, j, i)` in Gy with the axes i, j, k.

    The lowest and highest of the 4 x 4 x 4 values around, widened where the curvature along an axis has one sign at all
    of these, by `ALLOWANCE` times the smallest curvature times the voxel width squared; not below 0 where no value is.
    """
    lowest, highest = _around(values, np.minimum), _around(values, np.maximum)
    low, high = lowest.copy(), highest
    for axis, along in enumerate(reversed(axes)):
        if len(along.positions_mm) < _CURVATURE_NEEDS:
            continue
        bend = _curvature(values, along.positions_mm, axis)
        room = (ALLOWANCE * np.diff(along.positions_mm) ** 2).astype(np.float32)
        room = room.reshape([-1 if other == axis else 1 for other in range(3)])
        high += np.maximum(-_around(bend, np.maximum), 0) * room
        low -= np.maximum(_around(bend, np.minimum), 0) * room
    return DoseLimits(np.maximum(low, np.minimum(lowest, 0)), high)


def _curvature(values: Doses, positions_mm: NDArray[np.float64], axis: int) -> Doses:
    """Second derivative at each voxel along an axis, Gy/mm2; 0 at the ends, where it is not known."""
    moved = np.moveaxis(values, axis, 0)
    step = np.diff(positions_mm).astype(np.float32).reshape(-1, 1, 1)
    slope = np.diff(moved, axis=0) / step
    out = np.zeros_like(moved)
    out[1:-1] = 2 * np.diff(slope, axis=0) / (step[1:] + step[:-1])
    return np.moveaxis(out, 0, axis)


def _around(values: Doses, extreme: np.ufunc) -> Doses:
    """Extreme of the 4 x 4 x 4 values around each interval, fewer at the ends."""
    for axis in range(3):
        values = _window(values, axis, extreme)
    return values


def _window(values: Doses, axis: int, extreme: np.ufunc) -> Doses:
    moved = np.moveaxis(values, axis, 0)
    if len(moved) == 1:
        return values.copy()
    pairs = extreme(moved[:-1], moved[1:])
    out = pairs.copy()
    extreme(out[1:], pairs[:-1], out=out[1:])
    extreme(out[:-1], pairs[1:], out=out[:-1])
    return np.moveaxis(out, 0, axis)
