"""Whether slice positions are equal steps along one normal, and the words for what is wrong where they are not.

What lives here: the uniform fit with its tolerance, gaps, duplicates, irregular steps, shear. What does not: order,
orientation and the grid (`stack`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

REGULAR_WITHIN_MM = 0.1
"""A position this near to the best uniform fit is regular: ten times what writers round to (two decimals of a mm), and
a tenth of the finest slice spacing in planning CT."""
DUPLICATE_WITHIN_MM = 0.01
"""Two slices nearer than the usual rounding of ImagePositionPatient lie at one position."""
GAP_FACTOR = 1.5
"""A step above this many usual (median) steps is a gap: at least one slice is missing."""
_LISTED = 5
_ALONG_AN_AXIS = 0.999


@dataclass(frozen=True, slots=True)
class UniformFit:
    """The least-squares line through ascending positions: `first + k * step`, and the largest distance from it, mm."""

    first: float
    step: float
    deviation: float


def fit_uniform(positions: NDArray[np.float64]) -> UniformFit:
    """Return the least-squares line of equal steps through two or more ascending positions, mm."""
    index = np.arange(len(positions), dtype=np.float64)
    centred = index - index.mean()
    step = float(centred @ positions / (centred @ centred))
    first = float(positions.mean() - step * index.mean())
    return UniformFit(first, step, float(np.abs(positions - (first + index * step)).max()))


def spacing_problems(placed: NDArray[np.float64], normal: NDArray[np.float64]) -> tuple[str, ...]:
    """Say what keeps ordered positions from being equal steps along the normal."""
    along = placed @ normal
    repeated = np.diff(along) < DUPLICATE_WITHIN_MM
    distinct = placed[np.concatenate([[True], ~repeated])]
    problems = []
    if repeated.any():
        where = listed([place_of(point, normal) for point in placed[1:][repeated]])
        slices = "1 slice lies" if repeated.sum() == 1 else f"{repeated.sum()} slices lie"
        problems.append(f"{slices} at the position of another: {where}")
    if len(distinct) < 2:  # noqa: PLR2004 - one position has no spacing
        return (*problems, "fewer than 2 slice positions: the slice spacing is unknown")
    return (*problems, *_gaps(distinct, normal), *_irregularity(distinct, normal), *_shear(distinct, normal))


def _gaps(distinct: NDArray[np.float64], normal: NDArray[np.float64]) -> tuple[str, ...]:
    steps = np.diff(distinct @ normal)
    usual = float(np.median(steps))
    wide = np.flatnonzero(steps > GAP_FACTOR * usual)
    if not wide.size:
        return ()
    words = [
        f"{place_of(distinct[k], normal)} to {place_of(distinct[k + 1], normal)} ({steps[k]:.2f} mm, "
        f"about {max(1, round(steps[k] / usual) - 1)} missing)"
        for k in wide
    ]
    gaps = "1 gap" if wide.size == 1 else f"{wide.size} gaps"
    return (f"{gaps} where the usual step is {usual:.2f} mm: {listed(words)}",)


def _irregularity(distinct: NDArray[np.float64], normal: NDArray[np.float64]) -> tuple[str, ...]:
    """Say that positions are off the uniform fit, where that is more than the gaps that are listed already."""
    along = distinct @ normal
    steps = np.diff(along)
    usual = float(np.median(steps))
    ordinary = steps[steps <= GAP_FACTOR * usual]
    deviation = fit_uniform(along).deviation
    explained = len(ordinary) < len(steps) and float(np.abs(ordinary - usual).max()) <= 2 * REGULAR_WITHIN_MM
    if deviation <= REGULAR_WITHIN_MM or explained:
        return ()
    spread = f"steps from {steps.min():.2f} to {steps.max():.2f} mm"
    return (f"irregular slice spacing: {spread}, positions up to {deviation:.2f} mm off the best uniform fit",)


def _shear(distinct: NDArray[np.float64], normal: NDArray[np.float64]) -> tuple[str, ...]:
    """Say that slices are shifted sideways, which a grid with perpendicular axes cannot hold."""
    along = distinct @ normal
    sideways = distinct - np.outer(along, normal)
    sideways = sideways - sideways.mean(axis=0)
    off = float(np.linalg.norm(sideways, axis=1).max())
    if off <= REGULAR_WITHIN_MM:
        return ()
    centred = along - along.mean()
    slope = centred @ sideways / (centred @ centred)
    wobble = float(np.linalg.norm(sideways - np.outer(centred, slope), axis=1).max())
    if wobble > REGULAR_WITHIN_MM:
        return (f"slices lie shifted sideways by up to {off:.2f} mm",)
    tilt = math.degrees(math.atan(float(np.linalg.norm(slope))))
    return (f"sheared (gantry tilt) by {tilt:.1f} degrees: slices lie shifted sideways by up to {off:.2f} mm",)


def place_of(point: NDArray[np.float64], normal: NDArray[np.float64]) -> str:
    """Name a position as a person would: by its coordinate where the normal is a patient axis."""
    axis = int(np.abs(normal).argmax())
    if abs(normal[axis]) > _ALONG_AN_AXIS:
        return f"{'xyz'[axis]} {point[axis]:.2f} mm"
    return "({:.2f}, {:.2f}, {:.2f}) mm".format(*point)


def listed(words: Sequence[str], joint: str = ", ") -> str:
    """Join the first few of `words`, and say how many more there are."""
    more = f" and {len(words) - _LISTED} more" if len(words) > _LISTED else ""
    return joint.join(words[:_LISTED]) + more
