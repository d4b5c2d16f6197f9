"""How slices become a grid, or why they do not.

What lives here: order and regularity of slices by their geometry (PS3.3 C.7.6.2.1.1), and the words for what is wrong.
What does not: pixels, files, the spacing rule itself (`slice_spacing`), and what to do about an irregular stack, which
the caller decides (`resample_ct` interpolates).

Slices are ordered by ImagePositionPatient along the normal (row x column), never by InstanceNumber, SliceLocation or
file name, none of which the standard ties to geometry. Nothing is repaired: a stack is regular, or it is no grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.domain.slice_spacing import fit_uniform, listed, spacing_problems
from pdcp_dagster.domain.volume import Grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pdcp_dagster.domain.volume import Vector

SAME_COSINE_WITHIN = 1e-4
"""Direction cosines this near are the same: 0.03 mm at 300 mm from the origin."""
SAME_SPACING_WITHIN_MM = 1e-4
"""Pixel spacings this near are the same: 0.05 mm over 512 pixels."""
PERPENDICULAR_WITHIN = 1e-3
"""The largest dot product of row and column direction that rounding to three decimals leaves."""
_GRID_DECIMALS = 9
"""Origin and step are rounded to the picometre, so that arithmetic noise does not show in them."""
_AXIS_NOISE = 1e-6
"""Direction cosines this near to 0 and 1 are 0 and 1: some writers leave -1.2e-16."""


@dataclass(frozen=True, slots=True)
class SliceGeometry:
    """Where one slice lies.

    position_mm: ImagePositionPatient, LPS mm, the centre of the first pixel.
    row_cosines: direction in which the column index grows (first three values of ImageOrientationPatient).
    column_cosines: direction in which the row index grows (last three values).
    pixel_spacing_mm: distance of rows, distance of columns, mm, as PixelSpacing has it.
    """

    sop_instance_uid: str
    position_mm: Vector
    row_cosines: Vector
    column_cosines: Vector
    pixel_spacing_mm: tuple[float, float]
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class Stack:
    """What a set of slices makes.

    grid: where the voxels lie, ascending along the normal; None where there are problems.
    order: indices into the slices given, ascending along the normal; empty where they have no common normal.
    problems: why they are no regular grid, in words with positions; empty where they are one.
    """

    grid: Grid | None
    order: tuple[int, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class OrderedSlices:
    """Slices that have pixels and a normal in common, ascending along it.

    order: indices into the slices given.
    positions_mm: `(n, 3)` ImagePositionPatient, LPS mm.
    axes: unit vectors of i, j, k as rows, perpendicular.
    pixel_spacing_mm: distance of rows, distance of columns, mm.
    """

    order: tuple[int, ...]
    positions_mm: NDArray[np.float64]
    axes: NDArray[np.float64]
    pixel_spacing_mm: tuple[float, float]
    rows: int
    columns: int

    def grid(self, origin_mm: NDArray[np.float64], step_mm: float, size: tuple[int, int, int]) -> Grid:
        """Return a grid along these axes with these pixels."""
        between_rows, between_columns = self.pixel_spacing_mm
        return Grid(
            origin_mm=_vector(origin_mm.round(_GRID_DECIMALS)),
            spacing_mm=(between_columns, between_rows, round(step_mm, _GRID_DECIMALS)),
            axes=(_vector(self.axes[0]), _vector(self.axes[1]), _vector(self.axes[2])),
            size=size,
        )


def stack(slices: Sequence[SliceGeometry]) -> Stack:
    """Order slices along their normal and return the regular grid they fill, or in words why they fill none.

    Regular: every position lies within `REGULAR_WITHIN_MM` of the least-squares line of equal steps along the normal,
    and as near to it sideways (shear, gantry tilt), a lean within the rounding of direction cosines aside
    (`is_upright`). The order in which slices are given does not matter.
    """
    found = in_order(slices)
    if not isinstance(found, OrderedSlices):
        return Stack(None, (), found)
    problems = spacing_problems(found.positions_mm, found.axes[2])
    if problems:
        return Stack(None, found.order, problems)
    return Stack(_regular_grid(found), found.order, ())


def in_order(slices: Sequence[SliceGeometry]) -> OrderedSlices | tuple[str, ...]:
    """Order slices along their normal, or return in words why they have none in common, or other pixels."""
    differences = _differences(slices)
    if differences:
        return differences
    axes = _common_axes(slices)
    if axes is None:
        return ("the rows and columns of the slices are not perpendicular",)
    positions = np.array([one.position_mm for one in slices], dtype=np.float64)
    order = _order(positions @ axes[2], slices)
    between_rows, between_columns = np.median([one.pixel_spacing_mm for one in slices], axis=0).tolist()
    return OrderedSlices(
        order=order,
        positions_mm=positions[list(order)],
        axes=axes,
        pixel_spacing_mm=(between_rows, between_columns),
        rows=slices[0].rows,
        columns=slices[0].columns,
    )


def _differences(slices: Sequence[SliceGeometry]) -> tuple[str, ...]:
    """Say in what the slices differ that one volume must have in common."""
    if not slices:
        return ("there are no slices",)
    cosines = np.array([one.row_cosines + one.column_cosines for one in slices])
    spacings = np.array([one.pixel_spacing_mm for one in slices])
    sizes = sorted({(one.rows, one.columns) for one in slices})
    problems = []
    if np.ptp(cosines, axis=0).max() > SAME_COSINE_WITHIN:
        problems.append(f"the slices differ in orientation: {_distinct(cosines, SAME_COSINE_WITHIN)}")
    if np.ptp(spacings, axis=0).max() > SAME_SPACING_WITHIN_MM:
        problems.append(f"the slices differ in pixel spacing (mm): {_distinct(spacings, SAME_SPACING_WITHIN_MM)}")
    if len(sizes) > 1:
        problems.append("the slices differ in size: " + listed([f"{r} x {c}" for r, c in sizes], " and "))
    return tuple(problems)


def _common_axes(slices: Sequence[SliceGeometry]) -> NDArray[np.float64] | None:
    """Return unit vectors of i, j, k as rows, exactly perpendicular; None where the cosines are too far from that.

    Medians do not depend on the order of the slices, to the last bit.
    """
    row = np.median([one.row_cosines for one in slices], axis=0)
    column = np.median([one.column_cosines for one in slices], axis=0)
    if abs(float(row @ column)) > PERPENDICULAR_WITHIN:
        return None
    row = _unit(row)
    normal = _unit(np.cross(row, column))
    axes: NDArray[np.float64] = np.array([row, np.cross(normal, row), normal])
    nearest = np.rint(axes)
    return nearest if np.abs(axes - nearest).max() < _AXIS_NOISE else axes


def _order(along: NDArray[np.float64], slices: Sequence[SliceGeometry]) -> tuple[int, ...]:
    def key(index: int) -> tuple[float, Vector, str]:
        return float(along[index]), slices[index].position_mm, slices[index].sop_instance_uid

    return tuple(sorted(range(len(slices)), key=key))


def _regular_grid(slices: OrderedSlices) -> Grid:
    placed, normal = slices.positions_mm, slices.axes[2]
    fit = fit_uniform(placed @ normal)
    origin = placed.mean(axis=0) - fit.step * (len(placed) - 1) / 2 * normal
    return slices.grid(origin, fit.step, (slices.columns, slices.rows, len(placed)))


def _distinct(values: NDArray[np.float64], within: float) -> str:
    decimals = round(-math.log10(within))
    return listed([str(tuple(row)) for row in np.unique(values.round(decimals), axis=0).tolist()], " and ")


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    unit: NDArray[np.float64] = vector / np.linalg.norm(vector)
    return unit


def _vector(values: NDArray[np.float64]) -> Vector:
    x, y, z = (float(value) + 0.0 for value in values)  # + 0.0: no negative zeros
    return x, y, z
