"""Areas of polygons by the even-odd rule: which contour is a hole, and what a contour encloses.

What lives here: flat arrays of many polygons at once, their signed areas, and the sign with which each counts on its
plane. What does not: where a contour comes from (`contours`), or its share of each pixel (`coverage`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_TURNING_TOLERANCE = 0.25
"""A simple polygon turns exactly once; rounding moves that number by far less than a quarter turn."""
_VERTICES_ASKED = 24


@dataclass(frozen=True, slots=True, eq=False)
class FlatPolygons:
    """The vertices of many polygons, one polygon after another.

    plane: `(polygons,)` index of the plane that each lies on.
    starts, counts: `(polygons,)` where each begins and how many vertices it has.
    x, y: `(vertices,)` mm.
    following: `(vertices,)` index of the next vertex of the same polygon (the last is followed by the first).
    """

    plane: NDArray[np.int64]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    following: NDArray[np.int64]

    def vertices(self, polygon: int) -> NDArray[np.float64]:
        """`(n, 2)` vertices of one polygon, mm."""
        span = slice(self.starts[polygon], self.starts[polygon] + self.counts[polygon])
        return np.stack([self.x[span], self.y[span]], axis=1)

    def per_vertex(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """Repeat one value per polygon for each of its vertices."""
        return np.repeat(values, self.counts)


def flatten(polygons: Sequence[tuple[int, NDArray[np.float64]]]) -> FlatPolygons:
    """Lay `(plane index, (n, 2) vertices)` pairs, each with at least one vertex, one after another."""
    counts = np.array([len(vertices) for _, vertices in polygons], dtype=np.int64)
    points = np.concatenate([vertices for _, vertices in polygons]) if len(polygons) else np.zeros((0, 2))
    ends = np.cumsum(counts)
    following = np.arange(1, len(points) + 1, dtype=np.int64)
    following[ends - 1] = ends - counts
    plane = np.array([index for index, _ in polygons], dtype=np.int64)
    return FlatPolygons(
        plane, ends - counts, counts, np.ascontiguousarray(points[:, 0]), np.ascontiguousarray(points[:, 1]), following
    )


def signed_areas_mm2(flat: FlatPolygons) -> NDArray[np.float64]:
    """`(polygons,)` area by the shoelace formula, mm2; the sign is the direction of drawing.

    A keyhole's inner loop runs against its outer one, and so is already subtracted.
    """
    return _sum_over_polygons(flat, 0.5 * _cross(flat))


def first_moments_mm3(flat: FlatPolygons) -> NDArray[np.float64]:
    """`(polygons, 2)` integral of x and y over each polygon, mm3, with the sign of its area."""
    cross = _cross(flat) / 6.0
    along_x = _sum_over_polygons(flat, (flat.x + flat.x[flat.following]) * cross)
    along_y = _sum_over_polygons(flat, (flat.y + flat.y[flat.following]) * cross)
    return np.stack([along_x, along_y], axis=1)


def turning_numbers(flat: FlatPolygons) -> NDArray[np.float64]:
    """`(polygons,)` full turns of the direction along each polygon: 1 or -1 if simple, 0 for a figure of eight."""
    dx, dy = flat.x[flat.following] - flat.x, flat.y[flat.following] - flat.y
    moves = (dx != 0) | (dy != 0)  # a repeated vertex has no direction
    owner = flat.per_vertex(np.arange(len(flat.counts)))[moves]
    heading = np.arctan2(dy[moves], dx[moves])
    after = np.arange(1, len(heading) + 1)
    last = np.flatnonzero(np.r_[owner[1:] != owner[:-1], len(owner) > 0])
    first = np.r_[0, last[:-1] + 1] if len(last) else last
    after[last] = first
    turn = heading[after] - heading
    turn -= 2 * np.pi * np.ceil(turn / (2 * np.pi) - 0.5)
    return np.bincount(owner, turn, minlength=len(flat.counts)) / (2 * np.pi)


def self_crossing(flat: FlatPolygons) -> NDArray[np.bool_]:
    """`(polygons,)` whether each certainly crosses itself: its direction does not turn exactly once."""
    return np.asarray(np.abs(np.abs(turning_numbers(flat)) - 1) > _TURNING_TOLERANCE)


def even_odd_signs(flat: FlatPolygons) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the sign with which each polygon counts on its plane, and which of them overlap a neighbour in part.

    A polygon inside an odd number of others is a hole: -1. Side by side, abutting or not, all count +1. Where outlines
    cross, no sign gives the even-odd area; those are marked.
    """
    signs = np.ones(len(flat.counts))
    tangled = np.zeros(len(flat.counts), dtype=bool)
    if len(flat.counts) == 0:
        return signs, tangled
    _, place, polygons = np.unique(flat.plane, return_inverse=True, return_counts=True)
    shared = np.flatnonzero(polygons[place] > 1)  # a polygon alone on its plane has no neighbour
    if len(shared) == 0:
        return signs, tangled
    low = np.stack([np.minimum.reduceat(c, flat.starts) for c in (flat.x, flat.y)], axis=1)
    high = np.stack([np.maximum.reduceat(c, flat.starts) for c in (flat.x, flat.y)], axis=1)
    order = shared[np.argsort(flat.plane[shared], kind="stable")]
    for group in np.split(order, np.flatnonzero(np.diff(flat.plane[order])) + 1):
        for position, one in enumerate(group):
            rest = group[position + 1 :]
            meets = rest[((low[rest] < high[one]) & (high[rest] > low[one])).all(axis=1)]
            for other in meets:
                _relate(flat, int(one), int(other), signs, tangled)
    return signs, tangled


def contains(polygon: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """`(m,)` whether each of `(m, 2)` points lies inside an `(n, 2)` polygon by the even-odd rule."""
    x0, y0 = polygon[:, 0], polygon[:, 1]
    x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
    px, py = points[:, 0][:, None], points[:, 1][:, None]
    spans = (y0 > py) != (y1 > py)
    rise = np.where(y1 == y0, 1.0, y1 - y0)
    right = px < x0 + (py - y0) * ((x1 - x0) / rise)
    return np.asarray((spans & right).sum(axis=1) % 2 == 1)


def _relate(flat: FlatPolygons, one: int, other: int, signs: NDArray[np.float64], tangled: NDArray[np.bool_]) -> None:
    first, second = flat.vertices(one), flat.vertices(other)
    inside_second = float(contains(second, _apart(first, second)).mean())
    inside_first = float(contains(first, _apart(second, first)).mean())
    half = 0.5
    if inside_second > half and inside_second >= inside_first:
        signs[one] = -signs[one]
    elif inside_first > half:
        signs[other] = -signs[other]
    if {inside_second, inside_first} != {0.0, 1.0}:
        tangled[[one, other]] = True


def _apart(polygon: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points of a polygon's outline that are none of the other's: on a common border nothing is in or out."""
    middles = 0.5 * (polygon + np.roll(polygon, -1, axis=0))
    other_middles = 0.5 * (other + np.roll(other, -1, axis=0))
    for points, others in ((_some(polygon), other), (polygon, other), (middles, other_middles)):
        common = (points[:, None] == others[None]).all(axis=2).any(axis=1)
        if not common.all():
            return np.asarray(points[~common])
    return _some(polygon)


def _some(vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vertices all along a polygon, enough to tell inside from outside."""
    return vertices[:: max(1, len(vertices) // _VERTICES_ASKED)]


def _cross(flat: FlatPolygons) -> NDArray[np.float64]:
    nxt = flat.following
    product: NDArray[np.float64] = flat.x * flat.y[nxt] - flat.x[nxt] * flat.y
    return product


def _sum_over_polygons(flat: FlatPolygons, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.add.reduceat(values, flat.starts) if len(values) else np.zeros(0)
