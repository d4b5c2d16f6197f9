"""The exact share of every pixel that a stack of contours covers, by the even-odd rule.

What lives here: signed edges, their fragments between pixel lines, and the areas that follow. What does not: masks
(`masks`, which ask for pixel centres only), slabs and volumes (`contours`), doses (`dvh`).

Each edge is cut at the pixel lines. A fragment of height h at mean distance x from its pixel's left side adds h(1 - x)
to its pixel and hx to the next; the running sum along the row is the signed covered area. So areas are exact wherever
no two outlines cross within one pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.domain.polygon_area import FlatPolygons, even_odd_signs, flatten, self_crossing, signed_areas_mm2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_PIXELS_ACROSS_A_TANGLE = 512
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Lattice:
    """Square pixels in a plane: centre of pixel (0, 0) in mm, pixel width in mm, and numbers of columns and rows."""

    x_mm: float
    y_mm: float
    step_mm: float
    columns: int
    rows: int

    @property
    def columns_mm(self) -> NDArray[np.float64]:
        """Centres of the columns, mm."""
        return self.x_mm + np.arange(self.columns, dtype=np.float64) * np.float64(self.step_mm)

    @property
    def rows_mm(self) -> NDArray[np.float64]:
        """Centres of the rows, mm."""
        return self.y_mm + np.arange(self.rows, dtype=np.float64) * np.float64(self.step_mm)


@dataclass(frozen=True, slots=True, eq=False)
class StackEdges:
    """The edges of all polygons, ordered by plane: from (x0, y0) to (x1, y1) in mm, with the sign they count with."""

    plane: NDArray[np.int64]
    x0: NDArray[np.float64]
    y0: NDArray[np.float64]
    x1: NDArray[np.float64]
    y1: NDArray[np.float64]
    sign: NDArray[np.float64]


def lattice_around(low: NDArray[np.float64], high: NDArray[np.float64], step_mm: float) -> Lattice:
    """Return the lattice centred on a box (`(2,)` corners, mm) that holds it wholly; no outermost pixel meets it."""
    size = ((high - low) / step_mm + _ROUNDING).astype(int) + 4
    first = 0.5 * (low + high) - 0.5 * (size - 1) * step_mm
    return Lattice(float(first[0]), float(first[1]), step_mm, int(size[0]), int(size[1]))


def stack_edges(polygons: Sequence[tuple[int, NDArray[np.float64]]]) -> StackEdges:
    """Edges of `(plane index, (n, 2) mm)` polygons: outlines counting +1, holes -1, whichever way they were drawn."""
    flat = flatten(sorted(polygons, key=lambda polygon: polygon[0]))
    signs, _ = even_odd_signs(flat)
    return _edges(flat, signs)


def covered_share(edges: StackEdges, lattice: Lattice, first: int, last: int) -> NDArray[np.float32]:
    """Share of each pixel inside the contours of planes `first` to `last - 1`: `(planes, rows, columns)`, 0 to 1.

    The lattice must hold every polygon wholly. Outlines counting +1 twice cancel, by the even-odd rule.
    """
    span = slice(*np.searchsorted(edges.plane, (first, last)))
    plane, row, column, weight, inset = _fragments(_in_pixels(edges, lattice, span, first))
    shape = (last - first, lattice.rows, lattice.columns + 1)
    cell = (plane * lattice.rows + row) * (lattice.columns + 1) + column
    total = int(np.prod(shape))
    carried = weight * inset
    steps = np.bincount(np.r_[cell, cell + 1], np.r_[weight - carried, carried], minlength=total + 1)[:total]
    winding = np.cumsum(steps.reshape(shape), axis=2)[:, :, :-1].astype(np.float32)
    winding -= 2 * np.rint(winding * np.float32(0.5))
    return np.abs(winding, out=winding)


def inside_stack(edges: StackEdges, plane: NDArray[np.int64], points_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
    """`(n,)` whether each of `(n, 2)` points lies inside the contours of its plane `(n,)`, by the even-odd rule.

    Points ordered by plane and y form one list, so that an edge meets a span of it: an edge costs the points that it
    passes, not all of them.
    """
    if len(points_mm) == 0 or len(edges.plane) == 0:
        return np.zeros(len(points_mm), dtype=bool)
    order = np.lexsort((points_mm[:, 1], plane))
    x, y, plane = points_mm[order, 0], points_mm[order, 1], plane[order]
    bottom, top = np.minimum(edges.y0, edges.y1), np.maximum(edges.y0, edges.y1)
    start = min(float(y.min()), float(bottom.min()))
    apart = max(float(y.max()), float(top.max())) - start + 1.0
    along = plane * apart + (y - start)
    first = np.searchsorted(along, edges.plane * apart + (bottom - start))
    count = np.searchsorted(along, edges.plane * apart + (top - start)) - first
    edge = np.repeat(np.arange(len(count)), count)
    point = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count - first, count)
    slope = (edges.x1 - edges.x0) / np.where(edges.y1 == edges.y0, 1.0, edges.y1 - edges.y0)
    beyond = x[point] < edges.x0[edge] + (y[point] - edges.y0[edge]) * slope[edge]
    inside = np.empty(len(order), dtype=bool)
    inside[order] = np.bincount(point[beyond], minlength=len(order)) % 2 == 1
    return inside


def plane_areas_mm2(polygons: Sequence[tuple[int, NDArray[np.float64]]], planes: int) -> NDArray[np.float64]:
    """`(planes,)` even-odd area of the polygons of each plane, mm2.

    Exact by the shoelace formula; where outlines cross themselves or one another, by pixels of a 512th of their width,
    exact but for the pixels with the crossings.
    """
    if not polygons:
        return np.zeros(planes)
    flat = flatten(polygons)
    signs, tangled = even_odd_signs(flat)
    areas = np.zeros(planes)
    np.add.at(areas, flat.plane, signs * np.abs(signed_areas_mm2(flat)))
    for plane in np.unique(flat.plane[tangled | self_crossing(flat)]):
        areas[plane] = area_by_pixels_mm2([(0, vertices) for index, vertices in polygons if index == plane])
    return areas


def area_by_pixels_mm2(polygons: Sequence[tuple[int, NDArray[np.float64]]]) -> float:
    """Even-odd area of polygons of one plane, numbered 0, by pixels of a 512th of their width, mm2."""
    points = np.concatenate([vertices for _, vertices in polygons])
    low, high = points.min(axis=0), points.max(axis=0)
    step = float((high - low).max()) / _PIXELS_ACROSS_A_TANGLE
    if step == 0:
        return 0.0
    share = covered_share(stack_edges(polygons), lattice_around(low, high, step), 0, 1)
    return float(share.sum(dtype=np.float64)) * step * step


def _edges(flat: FlatPolygons, signs: NDArray[np.float64]) -> StackEdges:
    drawn = np.where(signed_areas_mm2(flat) < 0, -signs, signs)
    plane = np.repeat(flat.plane, flat.counts)
    nxt = flat.following
    return StackEdges(plane, flat.x, flat.y, flat.x[nxt], flat.y[nxt], np.repeat(drawn, flat.counts))


def _in_pixels(edges: StackEdges, lattice: Lattice, span: slice, first: int) -> tuple[NDArray[np.float64], ...]:
    """Plane, x0, y0, x1, y1 and sign of rising edges, in pixels (pixel n spans n to n + 1); level ones left out."""
    x0, x1 = ((x[span] - lattice.x_mm) / lattice.step_mm + 0.5 for x in (edges.x0, edges.x1))
    y0, y1 = ((y[span] - lattice.y_mm) / lattice.step_mm + 0.5 for y in (edges.y0, edges.y1))
    rises = y0 != y1
    x0, y0, x1, y1, sign = (values[rises] for values in (x0, y0, x1, y1, edges.sign[span]))
    down = y0 > y1
    x0, x1 = np.where(down, x1, x0), np.where(down, x0, x1)
    y0, y1 = np.where(down, y1, y0), np.where(down, y0, y1)
    plane = (edges.plane[span][rises] - first).astype(np.float64)
    return plane, x0, y0, x1, y1, np.where(down, -sign, sign)


def _cells(low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each span from low to high: which span every unit cell it touches belongs to, and that cell's number."""
    first = np.floor(low)
    count = np.maximum((np.ceil(high) - first).astype(np.int64), 1)
    owner = np.repeat(np.arange(len(count)), count)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    return owner, first[owner] + within


def _fragments(
    edges: tuple[NDArray[np.float64], ...],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Cut edges at rows, then at columns: plane, row, column, signed height, mean distance from the left side."""
    plane, x0, y0, x1, y1, sign = edges
    slope = (x1 - x0) / (y1 - y0)
    edge, row = _cells(y0, y1)
    bottom, top = np.maximum(y0[edge], row), np.minimum(y1[edge], row + 1)
    at_bottom = x0[edge] + (bottom - y0[edge]) * slope[edge]
    at_top = x0[edge] + (top - y0[edge]) * slope[edge]
    height = (top - bottom) * sign[edge]
    left, right = np.minimum(at_bottom, at_top), np.maximum(at_bottom, at_top)
    piece, column = _cells(left, right)
    begins, ends = np.maximum(left[piece], column), np.minimum(right[piece], column + 1)
    width = right[piece] - left[piece]
    share = np.divide(ends - begins, width, out=np.ones_like(width), where=width > 0)
    inset = 0.5 * (begins + ends) - column
    where = (plane[edge[piece]], row[piece], column)
    planes, rows, columns = (values.astype(np.int64) for values in where)
    return planes, rows, columns, height[piece] * share, inset
