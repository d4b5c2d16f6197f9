"""How a slice of a grid is shown: which of its axes runs across and which down, and what lies at each edge.

What lives here: the choice of a radiological view for a slice along any axis of any grid (patient's right on the left,
front and head on top), orientation letters, the square window around an ROI, its pixels. What does not: grey values
and colours (`display`), drawing (the pictures adapter).

Array axes are 0 = k, 1 = j, 2 = i throughout; directions are LPS (PS3.3 C.7.6.1.1.1 for the letters).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.domain.volume import Grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pdcp_dagster.domain.volume import Vector

_LETTERS = (("R", "L"), ("A", "P"), ("F", "H"))
"""Negative and positive end of x, y and z in LPS."""

OBLIQUE_COMPONENT = 0.2588
"""From 15 degrees off an axis on (this is its sine) a direction gets a second letter; below, it would only distract."""

_STRAIGHT_COMPONENT = 0.9999
_VIEWS: dict[int, tuple[str, Vector, Vector]] = {
    0: ("sagittal", (0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
    1: ("coronal", (1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
    2: ("axial", (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
}
"""By the patient axis nearest to the slice's normal: name, wanted direction across (to the right) and down."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Orientation letters at the four edges of a picture."""

    left: str
    right: str
    top: str
    bottom: str


@dataclass(frozen=True, slots=True)
class SliceView:
    """How slices along one array axis are shown.

    axis: the array axis that the slices are counted along.
    name: axial, coronal or sagittal, by anatomy, not by how the image was acquired.
    down, across: the array axes of the picture's rows and columns.
    flip_down, flip_across: whether the picture runs against these array axes.
    edges: what lies at the picture's edges.
    """

    axis: int
    name: str
    down: int
    across: int
    flip_down: bool
    flip_across: bool
    edges: Edges

    def plane(self, values: NDArray[np.generic], index: int) -> NDArray[np.generic]:
        """Return slice `index` of `(k, j, i)` values as `(down, across)`, unflipped, without copying."""
        plane = values[(slice(None),) * self.axis + (index,)]
        return plane if self.down < self.across else plane.T

    def upright(self, plane: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return a `(down, across, ...)` plane turned the way it is shown."""
        rows = slice(None, None, -1) if self.flip_down else slice(None)
        columns = slice(None, None, -1) if self.flip_across else slice(None)
        return plane[rows, columns]


@dataclass(frozen=True, slots=True)
class Window:
    """A span of voxels along two array axes: continuous edges, where voxel n reaches from n - 0.5 to n + 0.5."""

    down: tuple[float, float]
    across: tuple[float, float]


def view_along(grid: Grid, axis: int) -> SliceView:
    """Return the radiological view of slices along an array axis, for any position and direction of acquisition."""
    directions = {array_axis: np.array(grid.axes[2 - array_axis]) for array_axis in range(3)}
    name, wanted_across, wanted_down = _VIEWS[_dominant(directions[axis])]
    in_plane = [other for other in range(3) if other != axis]
    across = max(in_plane, key=lambda other: abs(float(directions[other] @ wanted_across)))
    down = next(other for other in in_plane if other != across)
    flip_across = bool(directions[across] @ wanted_across < 0)
    flip_down = bool(directions[down] @ wanted_down < 0)
    rightward = -directions[across] if flip_across else directions[across]
    downward = -directions[down] if flip_down else directions[down]
    return SliceView(axis, name, down, across, flip_down, flip_across, edges_of(rightward, downward))


def edges_of(rightward: NDArray[np.float64], downward: NDArray[np.float64]) -> Edges:
    """Return the letters at a picture's edges from the LPS directions that it runs to the right and down."""
    return Edges(
        left=orientation_letters(-rightward),
        right=orientation_letters(rightward),
        top=orientation_letters(-downward),
        bottom=orientation_letters(downward),
    )


def orientation_letters(direction: NDArray[np.float64]) -> str:
    """Return where an LPS direction points: one of R L A P H F, or where it is oblique several, strongest first."""
    strongest_first = sorted(range(3), key=lambda axis: (-round(abs(float(direction[axis])), 6), axis))
    kept = [
        axis
        for rank, axis in enumerate(strongest_first)
        if rank == 0 or abs(float(direction[axis])) >= OBLIQUE_COMPONENT
    ]
    return "".join(_LETTERS[axis][int(direction[axis] > 0)] for axis in kept)


def slice_position(grid: Grid, axis: int, index: int) -> tuple[str, float]:
    """Return the position of a slice along its normal, mm, and what to call it.

    "x", "y" or "z" and that LPS coordinate where the normal is a patient axis; "n" and the distance from the LPS origin
    along the normal where the slice is oblique.
    """
    normal = np.array(grid.axes[2 - axis])
    dominant = _dominant(normal)
    normal = normal * np.sign(normal[dominant])
    voxel = np.zeros((1, 3))
    voxel[0, 2 - axis] = index
    position = float(grid.to_patient(voxel)[0] @ normal)
    return ("xyz"[dominant] if normal[dominant] > _STRAIGHT_COMPONENT else "n"), position


def span_of(view: SliceView, shape: tuple[int, ...], start: tuple[int, int, int]) -> Window:
    """Return the box of a block of voxels, seen along a view's axis; `shape` and `start` are k, j, i."""

    def span(axis: int) -> tuple[float, float]:
        return start[axis] - 0.5, start[axis] + shape[axis] - 0.5

    return Window(span(view.down), span(view.across))


def box_of(plane: NDArray[np.generic], start: tuple[int, int]) -> Window:
    """Return the box around what is not 0 in a `(down, across)` plane that covers the grid from index `start` on.

    Raises ValueError where all is 0.
    """
    spans = []
    for first, touched in zip(start, (plane.any(axis=1), plane.any(axis=0)), strict=True):
        hits = np.flatnonzero(touched)
        if not hits.size:
            raise ValueError("the plane is empty")
        spans.append((first + float(hits[0]) - 0.5, first + float(hits[-1]) + 0.5))
    return Window(*spans)


def extent_mm(view: SliceView, grid: Grid, box: Window) -> float:
    """Return the longer edge of a window, mm."""
    down, across = (high - low for low, high in (box.down, box.across))
    return max(down * grid.spacing_mm[2 - view.down], across * grid.spacing_mm[2 - view.across])


def window_around(view: SliceView, grid: Grid, box: Window, side_mm: float) -> Window:
    """Return the square window of a slice around the middle of `box`, moved into the image where it can be.

    Where the image is smaller than the window the image stands in the middle of it.
    """

    def span(axis: int, box_span: tuple[float, float]) -> tuple[float, float]:
        half = side_mm / grid.spacing_mm[2 - axis] / 2
        size = grid.shape[axis]
        middle = (size - 1) / 2 if 2 * half >= size else min(max(sum(box_span) / 2, half - 0.5), size - 0.5 - half)
        return middle - half, middle + half

    return Window(span(view.down, box.down), span(view.across, box.across))


def cut(
    plane: NDArray[np.generic], start: tuple[int, int], window: Window, outside: float
) -> tuple[NDArray[np.generic], tuple[float, float, float, float]]:
    """Return the voxels of a plane that a window touches, and the window's box within them.

    plane: `(down, across)`, which covers the grid from index `start` on.
    outside: the value where the plane has no voxel.
    Returns the voxels, and (left, top, right, bottom) of the window in them, counted from the first voxel's edge.
    """
    top, bottom = int(np.floor(window.down[0])), int(np.ceil(window.down[1])) + 1
    left, right = int(np.floor(window.across[0])), int(np.ceil(window.across[1])) + 1
    found = np.full((bottom - top, right - left), outside, dtype=plane.dtype)
    rows, source_rows = _overlap(top, bottom, start[0], plane.shape[0])
    columns, source_columns = _overlap(left, right, start[1], plane.shape[1])
    found[rows, columns] = plane[source_rows, source_columns]
    box = (window.across[0] - left, window.down[0] - top, window.across[1] - left, window.down[1] - top)
    return found, tuple(edge + 0.5 for edge in box)  # type: ignore[return-value]  # four by construction


def pixel_grid(view: SliceView, grid: Grid, index: int, window: Window, pixels: int) -> Grid:
    """Return the grid of a picture's pixels: `pixels` along both edges of a window of slice `index`.

    Its rows run down the picture and its columns across, not yet upright: an array on it is `(1, down, across)`.
    """
    first, steps = [float(index)] * 3, []
    for axis, (low, high) in ((view.down, window.down), (view.across, window.across)):
        steps.append((high - low) / pixels)
        first[axis] = low + steps[-1] / 2
    return plane_grid(grid, first, (view.down, view.across), (steps[0], steps[1]), (pixels, pixels))


def plane_grid(
    grid: Grid, first: Sequence[float], axes: tuple[int, int], steps: tuple[float, float], size: tuple[int, int]
) -> Grid:
    """Return a grid of one plane, whose rows and columns follow two array axes of another grid.

    first: where in that grid its first voxel lies, as k, j, i. steps: voxels of that grid from row to row and from
    column to column. size: rows and columns.
    """
    down, across = (2 - axis for axis in axes)
    normal = 3 - down - across
    x, y, z = (float(value) for value in grid.to_patient(np.array([first[::-1]], dtype=np.float64))[0])
    spacing = (grid.spacing_mm[across] * steps[1], grid.spacing_mm[down] * steps[0], grid.spacing_mm[normal])
    return Grid((x, y, z), spacing, (grid.axes[across], grid.axes[down], grid.axes[normal]), (size[1], size[0], 1))


def _overlap(low: int, high: int, start: int, length: int) -> tuple[slice, slice]:
    first, last = max(low, start), min(high, start + length)
    last = max(first, last)
    return slice(first - low, last - low), slice(first - start, last - start)


def _dominant(direction: NDArray[np.float64]) -> int:
    return int(np.argmax(np.round(np.abs(direction), 6)))
