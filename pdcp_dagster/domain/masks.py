"""Masks on an image grid: which voxel centres lie inside a ROI.

What lives here: the even-odd fill of a whole stack of contours in one pass, as a crop with its offset. What does not:
volumes and DVHs, which come from the contours and never from the mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.domain.contours import slabs
from pdcp_dagster.domain.polygon_area import flatten

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pdcp_dagster.domain.contours import PlanarContours
    from pdcp_dagster.domain.volume import Grid

_BOUNDARY_MM = 1e-4
"""An image plane this close to the boundary of two slabs belongs to the upper one, whatever rounding says."""
_CROSSINGS_AT_ONCE = 2_000_000
"""A zigzag of a million edges across 512 rows would take 40 GB at once."""


@dataclass(frozen=True, slots=True, eq=False)
class MaskCrop:
    """The part of a mask that holds a ROI.

    values: `(k, j, i)` uint8, 0 outside and 1 inside.
    offset: k, j, i of its first voxel in the image.
    """

    values: NDArray[np.uint8]
    offset: tuple[int, int, int]

    @property
    def voxels(self) -> int:
        """Number of voxels inside."""
        return int(np.count_nonzero(self.values))

    def on(self, grid: Grid) -> NDArray[np.uint8]:
        """Return the full `(k, j, i)` uint8 mask of the image."""
        full = np.zeros(grid.shape, dtype=np.uint8)
        full[tuple(slice(o, o + n) for o, n in zip(self.offset, self.values.shape, strict=True))] = self.values
        return full


def fill_mask(planar: PlanarContours, grid: Grid) -> MaskCrop | None:
    """Fill a ROI on the grid that its contours were projected on; None where no voxel of the grid can be inside.

    A voxel is inside if its centre is, by the even-odd rule; a centre exactly on an outline belongs to the ROI on the
    outline's low side and not on its high side, so that abutting ROIs share no voxel. An image plane takes the contours
    of the slab that contains it, so a ROI drawn on every second slice has no empty planes.
    """
    if not planar.polygons:
        return None
    planes, source = _image_planes(planar, grid)
    columns, rows = _box(planar, grid)
    if len(planes) == 0 or columns.start >= columns.stop or rows.start >= rows.stop:
        return None
    used, layer = np.unique(source, return_inverse=True)
    filled = _fill(planar, grid, used, columns, rows)
    offset = (int(planes[0]), rows.start, columns.start)
    depth = int(planes[-1] - planes[0]) + 1
    if len(used) == len(planes) == depth:
        return MaskCrop(filled, offset)
    values = np.zeros((depth, *filled.shape[1:]), dtype=np.uint8)
    values[planes - planes[0]] = filled[layer]
    return MaskCrop(values, offset)


def _image_planes(planar: PlanarContours, grid: Grid) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the image planes inside a slab, ascending, and the contour plane of each."""
    low, high = slabs(planar.planes_mm, planar.nominal_mm, "half_slice")
    centres = np.arange(grid.size[2]) * grid.spacing_mm[2] + _BOUNDARY_MM
    slab = np.searchsorted(low, centres, side="right") - 1
    inside = (slab >= 0) & (centres < high[np.maximum(slab, 0)])
    return np.flatnonzero(inside), slab[inside]


def _box(planar: PlanarContours, grid: Grid) -> tuple[range, range]:
    """Columns and rows of the image whose centres lie in the ROI's box."""
    low, high = planar.box_mm()
    spans = []
    for axis in (0, 1):
        first = max(int(np.ceil(low[axis] / grid.spacing_mm[axis])), 0)
        last = min(int(np.floor(high[axis] / grid.spacing_mm[axis])), grid.size[axis] - 1)
        spans.append(range(first, last + 1))
    return spans[0], spans[1]


def _fill(
    planar: PlanarContours, grid: Grid, used: NDArray[np.int64], columns: range, rows: range
) -> NDArray[np.uint8]:
    """Fill the contour planes `used`: toggle at each crossing of an edge with a row, then accumulate along the row."""
    layer_of = {int(plane): layer for layer, plane in enumerate(used)}
    flat = flatten([(layer_of[plane], points) for plane, points in planar.polygons if plane in layer_of])
    x, y = flat.x / grid.spacing_mm[0], flat.y / grid.spacing_mm[1]
    plane = np.repeat(flat.plane, flat.counts)
    out = np.zeros((len(used), len(rows), len(columns)), dtype=np.uint8)
    at_once = max(1, _CROSSINGS_AT_ONCE // len(rows))
    for start in range(0, len(x), at_once):
        edge, row, crossing = _crossings(x, y, flat.following, rows, np.arange(start, min(start + at_once, len(x))))
        # What begins left of the crop begins at its first column.
        column = np.maximum(np.ceil(crossing).astype(np.int64) - columns.start, 0)
        within = column < len(columns)
        cell = (plane[edge] * len(rows) + row - rows.start) * len(columns) + column
        np.bitwise_xor.at(out.reshape(-1), cell[within], np.uint8(1))
    return np.bitwise_xor.accumulate(out, axis=2, out=out)


def _crossings(
    x: NDArray[np.float64], y: NDArray[np.float64], following: NDArray[np.int64], rows: range, edges: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Edge, row and x, in pixels, of every crossing of `edges` with a row of the image; an edge holds its lower end.

    Computed from the lower end, and about the image's origin: two ROIs that share an edge must agree on it to the last
    bit, whichever way each was drawn and whatever box each has.
    """
    ends = following[edges]
    rises = y[edges] <= y[ends]
    lower, upper = np.where(rises, edges, ends), np.where(rises, ends, edges)
    first = np.maximum(np.ceil(y[lower]).astype(np.int64), rows.start)
    stop = np.minimum(np.ceil(y[upper]).astype(np.int64), rows.stop)
    count = np.maximum(stop - first, 0)
    edge = np.repeat(np.arange(len(count)), count)
    row = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    x0, y0, x1, y1 = x[lower][edge], y[lower][edge], x[upper][edge], y[upper][edge]
    return edges[edge], row, x0 + (row - y0) * (x1 - x0) / (y1 - y0)
