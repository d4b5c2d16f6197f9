"""Uneven, incomplete or sheared CT slices, interpolated linearly to an even stack; only where a cohort asks for it.

What lives here: whether slices may be interpolated (`resampling_problems`), the interpolation (`resample`), and what is
told of it. What does not: regular stacks (`stack`), and whether to interpolate at all (the cohort's `ct_geometry`).

The new stack has the slices' own axes and pixels; its planes lie a usual step apart, from the first slice on. Each
plane is interpolated between the slices below and above it, each of which is first moved in its own plane to the pixels
of the new grid (gantry tilt). So values that are linear in space stay exactly what they were. A plane at a slice is
that slice. Outside of what was scanned, and where an image's own padding stands, there is `PADDING_HU`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.domain.even_stack import even_stack, usual_step
from pdcp_dagster.domain.hounsfield import PADDING_HU
from pdcp_dagster.domain.slice_spacing import DUPLICATE_WITHIN_MM, REGULAR_WITHIN_MM, place_of
from pdcp_dagster.domain.stack import OrderedSlices, in_order
from pdcp_dagster.domain.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pdcp_dagster.domain.stack import SliceGeometry
    from pdcp_dagster.domain.volume import Vector

WIDEST_GAP_STEPS = 3
"""No more than two slices in a row may be missing: beyond that it is a part of the body that was not scanned."""
WIDEST_GAP_MM = 15.0
"""Nor may slices be farther apart than this, three of 5 mm: a small target or node could lie in between unseen."""

LARGEST_GROWTH = 4.0
"""A grid that holds all of sheared slices has at most this many times the pixels of one: 30 degrees of tilt over half
a metre come to 1.5 times for slices as wide."""


@dataclass(frozen=True, slots=True)
class Resampling:
    """What was done.

    slice_positions_mm: ImagePositionPatient of every slice used, LPS mm, ascending along the normal.
    planes: of the new stack; interpolated_planes: those of which no slice has the pixels as they are.
    step_mm: of the new stack, the usual one of the slices.
    widest_step_mm: between two slices.
    moved_mm: how far slices lie apart in their own plane, at most.
    repeated_slices: slices left out because another one at the same position has the same pixels.
    padded_voxels: of the new stack, outside of what was scanned; padded_share: from 0 to 1.
    """

    slice_positions_mm: tuple[Vector, ...]
    planes: int
    interpolated_planes: int
    step_mm: float
    widest_step_mm: float
    moved_mm: float
    repeated_slices: int
    padded_voxels: int
    padded_share: float

    def __str__(self) -> str:
        """Say in words what was done."""
        told = [
            f"{self.interpolated_planes} of {self.planes} planes were interpolated, {self.step_mm:.2f} mm apart",
            f"the widest step bridged is {self.widest_step_mm:.2f} mm",
        ]
        if self.moved_mm > REGULAR_WITHIN_MM:
            told.append(f"slices were moved in their own plane, by up to {self.moved_mm:.2f} mm")
        if self.repeated_slices:
            told.append(f"repeated slices with the same pixels left out: {self.repeated_slices}")
        if self.padded_voxels:
            told.append(f"{100 * self.padded_share:.1f} % of the voxels were not scanned and hold {PADDING_HU} HU")
        return "; ".join(told)


def resampling_problems(slices: Sequence[SliceGeometry], hounsfield: NDArray[np.generic]) -> tuple[str, ...]:
    """Say in words why slices cannot be interpolated; nothing where they can.

    slices: in ascending order along their normal; hounsfield: HU `(n, rows, columns)` of them.
    """
    found = in_order(slices)
    if not isinstance(found, OrderedSlices):
        return found
    kept, contradicting = _distinct(found, hounsfield)
    normal = found.axes[2]
    if contradicting.size:
        where = place_of(found.positions_mm[contradicting[0]], normal)
        return (f"cannot be interpolated: slices at one position, {where}, differ in their pixels or place",)
    placed = found.positions_mm[kept]
    if len(placed) < 2:  # noqa: PLR2004 - nothing lies between one slice and itself
        return ("cannot be interpolated: fewer than 2 slice positions",)
    return (*_too_wide(placed, normal), *_too_far_aside(found, placed))


def resample(
    slices: Sequence[SliceGeometry],
    hounsfield: NDArray[np.generic],
    unscanned: Sequence[NDArray[np.bool_] | None] = (),
) -> tuple[Volume, Resampling]:
    """Interpolate slices to an even stack; int16 where every HU is whole, else float32.

    slices: in ascending order along their normal; hounsfield: HU `(n, rows, columns)` of them; unscanned: `(rows,
    columns)` of each, true where there is no HU (padding), None or nothing at all where there is one everywhere.
    Raises ValueError where `resampling_problems` has anything to say.
    """
    problems = resampling_problems(slices, hounsfield)
    found = in_order(slices)
    if problems or not isinstance(found, OrderedSlices):
        raise ValueError("; ".join(problems))
    kept, _ = _distinct(found, hounsfield)
    made = even_stack(found, found.positions_mm[kept])

    def known(n: int) -> NDArray[np.float32]:
        values: NDArray[np.float32] = hounsfield[kept[n]].astype(np.float32)
        missing = unscanned[kept[n]] if unscanned else None
        if missing is not None:
            values[missing] = np.nan
        return values

    values = np.empty(made.shape, np.float32)
    padded = 0
    for k in range(len(made.planes)):
        plane = made.plane(k, known)
        unknown = np.isnan(plane)
        padded += int(unknown.sum())
        values[k] = np.where(unknown, np.float32(PADDING_HU), plane)
    grid = found.grid(made.origin_mm, made.step_mm, (made.shape[2], made.shape[1], made.shape[0]))
    return Volume(grid, _narrowest(values)), Resampling(
        slice_positions_mm=tuple(one.position_mm for one in slices),
        planes=made.shape[0],
        interpolated_planes=sum(not made.is_whole(k) for k in range(len(made.planes))),
        step_mm=made.step_mm,
        widest_step_mm=float(np.diff(made.along_mm).max()),
        moved_mm=float(np.linalg.norm(made.shifts_mm, axis=1).max()),
        repeated_slices=len(slices) - len(kept),
        padded_voxels=padded,
        padded_share=padded / values.size,
    )


def _distinct(found: OrderedSlices, hounsfield: NDArray[np.generic]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first slice at each position, and those at the position of another that are not the same."""
    along = found.positions_mm @ found.axes[2]
    kept: list[int] = []
    contradicting: list[int] = []
    for n in range(len(along)):
        if not kept or along[n] - along[kept[-1]] >= DUPLICATE_WITHIN_MM:
            kept.append(n)
            continue
        apart = float(np.linalg.norm(found.positions_mm[n] - found.positions_mm[kept[-1]]))
        if apart > REGULAR_WITHIN_MM or not np.array_equal(hounsfield[n], hounsfield[kept[-1]]):
            contradicting.append(n)
    return np.array(kept, dtype=np.intp), np.array(contradicting, dtype=np.intp)


def _too_wide(placed: NDArray[np.float64], normal: NDArray[np.float64]) -> tuple[str, ...]:
    along = placed @ normal
    steps = np.diff(along)
    usual = usual_step(along)
    limit = max(min(WIDEST_GAP_STEPS * usual, WIDEST_GAP_MM), usual)
    wide = np.flatnonzero(steps > limit + REGULAR_WITHIN_MM)
    if not wide.size:
        return ()
    gap = f"{place_of(placed[wide[0]], normal)} to {place_of(placed[wide[0] + 1], normal)}"
    told = f"cannot be interpolated: {steps.max():.2f} mm without a slice, the first of such gaps from {gap}; "
    return (
        told + f"at most {limit:.2f} mm are bridged ({WIDEST_GAP_STEPS} usual steps, never above {WIDEST_GAP_MM:g} mm)",
    )


def _too_far_aside(found: OrderedSlices, placed: NDArray[np.float64]) -> tuple[str, ...]:
    """Refuse slices that hardly lie over one another, or of which the grid that holds them all is mostly empty."""
    inside = placed @ found.axes[:2].T
    wide = np.array([found.columns * found.pixel_spacing_mm[1], found.rows * found.pixel_spacing_mm[0]])
    spread = np.ptp(inside, axis=0)
    growth = float(np.prod(1 + spread / wide))
    if (np.abs(np.diff(inside, axis=0)) < wide / 2).all() and growth <= LARGEST_GROWTH:
        return ()
    return (f"cannot be interpolated: slices lie {spread.max():.2f} mm apart in their own plane, beside one another",)


def _narrowest(values: NDArray[np.float32]) -> NDArray[np.generic]:
    """Return int16 where every value is whole and fits, plane by plane so as not to need a second volume to know it."""
    whole = all(np.array_equal(plane, np.rint(plane)) for plane in values)
    ends = np.iinfo(np.int16)
    if whole and values.min() >= ends.min and values.max() <= ends.max:
        return values.astype(np.int16)
    return values
