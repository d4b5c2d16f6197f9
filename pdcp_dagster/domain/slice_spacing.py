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
UPRIGHT_WITHIN = 1e-3
"""A lean of all slices by less than this, 0.06 degrees, is what direction cosines of three decimals leave of none."""
_LEAN_WITHIN_MM = 0.5
"""Nor may a slice lie farther aside for that: half a pixel of planning CT."""
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
    lean = _lean(distinct, normal)
    if lean.is_none:
        return ()
    if lean.wobble_mm > REGULAR_WITHIN_MM:
        return (f"slices lie shifted sideways by up to {lean.off_mm:.2f} mm",)
    tilt = math.degrees(math.atan(lean.slope))
    return (f"sheared (gantry tilt) by {tilt:.2f} degrees: slices lie shifted sideways by up to {lean.off_mm:.2f} mm",)


def is_upright(placed: NDArray[np.float64], normal: NDArray[np.float64]) -> bool:
    """Whether slices at `(n, 3)` positions, LPS mm, lie over one another along their normal.

    They do within `REGULAR_WITHIN_MM`, or where all lean one way by no more than the rounding of direction cosines. The
    directions stay those of the slices then, which contours are drawn by: leaning them with the stack would take the
    far corner of a slice 0.5 mm out of it, and outlines with it, to put its middle right by less.
    """
    return _lean(placed, normal).is_none


@dataclass(frozen=True, slots=True)
class _Lean:
    """How far slices lie aside of their mean, mm; the slope of the line through them; how far they lie off that, mm."""

    off_mm: float
    slope: float
    wobble_mm: float

    @property
    def is_none(self) -> bool:
        rounding = self.slope <= UPRIGHT_WITHIN and self.wobble_mm <= REGULAR_WITHIN_MM
        return self.off_mm <= REGULAR_WITHIN_MM or (rounding and self.off_mm <= _LEAN_WITHIN_MM)


def _lean(placed: NDArray[np.float64], normal: NDArray[np.float64]) -> _Lean:
    along = placed @ normal
    sideways = placed - np.outer(along, normal)
    sideways = sideways - sideways.mean(axis=0)
    centred = along - along.mean()
    slope = centred @ sideways / (centred @ centred)
    return _Lean(
        off_mm=float(np.linalg.norm(sideways, axis=1).max()),
        slope=float(np.linalg.norm(slope)),
        wobble_mm=float(np.linalg.norm(sideways - np.outer(centred, slope), axis=1).max()),
    )


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
