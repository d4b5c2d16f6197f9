"""The even stack of planes that uneven or sheared slices are interpolated to: where it lies, which slices make a plane.

What lives here: step, number and place of the planes, weights of slices, moving a slice in its own plane. What does
not: whether slices may be interpolated, and what is told of it (`resample_ct`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.domain.slice_spacing import DUPLICATE_WITHIN_MM, REGULAR_WITHIN_MM, is_upright

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pdcp_dagster.domain.stack import OrderedSlices

_SNAP_MM = DUPLICATE_WITHIN_MM
"""A plane this near to a slice is that slice, and a row this near to another is that row: positions are rounded so."""


@dataclass(frozen=True, slots=True, eq=False)
class EvenStack:
    """Where the voxels of the stack lie, and which slices each plane is made of.

    origin_mm: LPS, mm; shape: `(k, j, i)`.
    along_mm: `(n,)` of the slices along the normal.
    shifts_mm: `(n, 2)` of their first pixels along i and j, from the origin.
    pixel_mm: distance of columns, of rows.
    planes: of each plane its slice, or the one below and the one above, with their weights.
    """

    origin_mm: NDArray[np.float64]
    step_mm: float
    shape: tuple[int, int, int]
    along_mm: NDArray[np.float64]
    shifts_mm: NDArray[np.float64]
    pixel_mm: tuple[float, float]
    planes: tuple[tuple[tuple[int, float], ...], ...]

    def plane(self, k: int, slice_of: Callable[[int], NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return a plane, interpolated between slices `(rows, columns)`; NaN outside of what was scanned.

        slice_of: HU of a slice by its number; NaN where it was not scanned, as is whatever lies next to that.
        """
        (below, _), *above = self.planes[k]
        plane = self._moved(slice_of(below), below)
        for other, share in above:
            # In this form equal values stay what they are, to the last bit.
            plane = plane + np.float32(share) * (self._moved(slice_of(other), other) - plane)
        return plane

    def is_whole(self, k: int) -> bool:
        """Whether a plane is one slice, its pixels as they are."""
        columns, rows = self._offset(self.planes[k][0][0])
        return len(self.planes[k]) == 1 and columns.is_integer() and rows.is_integer()

    def _moved(self, hounsfield: NDArray[np.float32], n: int) -> NDArray[np.float32]:
        """Return a slice on the pixels of the new grid, NaN outside of it."""
        columns, rows = self._offset(n)
        moved = _moved_along_columns(hounsfield, columns, self.shape[2])
        return _moved_along_columns(moved.T, rows, self.shape[1]).T

    def _offset(self, n: int) -> tuple[float, float]:
        """Return by how many columns and rows a slice lies from the origin; whole ones where it is as good as that."""
        exact = [shift / pixel for shift, pixel in zip(self.shifts_mm[n].tolist(), self.pixel_mm, strict=True)]
        near = [
            float(round(each)) if abs(each - round(each)) * pixel <= _SNAP_MM else each
            for each, pixel in zip(exact, self.pixel_mm, strict=True)
        ]
        return near[0], near[1]


def even_stack(found: OrderedSlices, placed: NDArray[np.float64]) -> EvenStack:
    """Return the stack for slices at `(n, 3)` distinct positions, LPS mm, ascending along the normal.

    It holds all pixels of slices that lie sideways of one another, and all planes up to the last slice; where steps are
    uneven the last plane may lie up to a step before it.
    """
    along, inside = placed @ found.axes[2], placed @ found.axes[:2].T
    step, count = _even(along)
    pixel = found.pixel_spacing_mm[1], found.pixel_spacing_mm[0]
    spread = np.ptp(inside, axis=0)
    if is_upright(placed, found.axes[2]):
        first, inside, spread = inside.mean(axis=0), np.zeros_like(inside), np.zeros(2)
    else:
        first = inside.min(axis=0)
        inside = inside - first
    beyond = [math.ceil((wide - _SNAP_MM) / one) for wide, one in zip(spread.tolist(), pixel, strict=True)]
    return EvenStack(
        origin_mm=np.array([*first, along[0]]) @ found.axes,
        step_mm=step,
        shape=(count, found.rows + max(0, beyond[1]), found.columns + max(0, beyond[0])),
        along_mm=along,
        shifts_mm=inside,
        pixel_mm=pixel,
        planes=tuple(_parts(along, float(along[0]) + k * step) for k in range(count)),
    )


def _even(along: NDArray[np.float64]) -> tuple[float, int]:
    """Return the step of the new stack, mm, and how many planes it has between the first and the last slice.

    Where slices are only missing, the step is such that all others are planes; a rounded position, or the median of
    rounded steps, would drift away from them.
    """
    usual = usual_step(along)
    number = np.cumsum(np.rint(np.diff(along) / usual))
    length = float(along[-1] - along[0])
    step = length / float(number[-1])
    if np.abs(along[0] + number * step - along[1:]).max() <= REGULAR_WITHIN_MM:
        return step, int(number[-1]) + 1
    return usual, math.floor((length + _SNAP_MM) / usual) + 1


def usual_step(along: NDArray[np.float64]) -> float:
    """Return the median step; of two in the middle the smaller, so that it is one that occurs."""
    return float(np.quantile(np.diff(along), 0.5, method="lower"))


def _parts(along: NDArray[np.float64], position: float) -> tuple[tuple[int, float], ...]:
    """Return the slices that a plane lies at or between, with their weights."""
    nearest = int(np.abs(along - position).argmin())
    # The last plane may lie above the last slice, by what its distance is rounded to: a hair more than the snap.
    if abs(float(along[nearest]) - position) <= _SNAP_MM or position >= along[-1]:
        return ((nearest, 1.0),)
    above = int(np.searchsorted(along, position))
    share = (position - float(along[above - 1])) / float(along[above] - along[above - 1])
    return ((above - 1, 1.0 - share), (above, share))


def _moved_along_columns(values: NDArray[np.float32], offset: float, length: int) -> NDArray[np.float32]:
    """Return `(rows, length)` values moved by `offset` columns, interpolated between columns; NaN where none was."""
    moved = np.full((values.shape[0], length), np.nan, np.float32)
    whole, part = math.floor(offset), offset - math.floor(offset)
    if part:
        left, right = values[:, :-1], values[:, 1:]
        moved[:, whole + 1 : whole + values.shape[1]] = right + np.float32(part) * (left - right)
    else:
        moved[:, whole : whole + values.shape[1]] = values
    return moved
