"""How contours of one plane lie to one another: redrawn, crossing, or neither.

What lives here: two things that the even-odd rule turns into lost volume. What does not: repairs of single contours
(`contour_cleaning`), the stack (`contours`).

Boxes are compared first, then edges; only contours that touch or nearly coincide are compared by area.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.domain.coverage import area_by_pixels_mm2, covered_share, lattice_around, stack_edges

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Vertices = NDArray[np.float64]
    Polygons = Sequence[tuple[int, Vertices]]

SAME_BOX_MM = 0.5
SAME_AREA_SHARE = 0.05
"""An outline redrawn has the same box within the first, and differs in less than the second of its area."""
THINNEST_WALL_MM = 0.2
"""Outlines one inside the other and further apart than this on average are a wall, however thin, not one redrawn."""
CROSSING_SHARE = 0.01
CROSSING_MM2 = 0.5
"""Contours cross if they share, and have apart, more than both; less is the rounding of a border drawn twice."""
HOLE_SHARE = 0.5
HOLE_INSIDE_SHARE = 0.9
"""What has at most the first share of an outline's area, and lies inside it by the second, was drawn as its hole."""
LOST_SHARE = 0.1
"""A plane that loses more of its area to crossings says nothing certain of the volume that was meant."""
_PIXELS_ACROSS = 128
_EDGE_PAIRS_AT_ONCE = 1_000_000


def without_near_duplicates(polygons: Polygons) -> tuple[list[tuple[int, Vertices]], set[str]]:
    """Keep the first of contours of one plane that were redrawn almost alike: two would erase each other.

    Redrawn outlines touch, or lie within 0.2 mm; a thin wall does neither. Flags `near_duplicate_contour_dropped`.
    Polygons are ordered by plane.
    """
    low, high = boxes(polygons)
    dropped: set[int] = set()
    for one, rest in neighbours(polygons):
        if one in dropped:
            continue
        off = np.maximum(np.abs(low[rest] - low[one]), np.abs(high[rest] - high[one])).max(axis=1)
        alike = [int(other) for other in rest[off <= SAME_BOX_MM] if int(other) not in dropped]
        dropped.update(other for other in alike if _redrawn(polygons[one][1], polygons[other][1]))
    kept = [polygon for index, polygon in enumerate(polygons) if index not in dropped]
    return kept, {"near_duplicate_contour_dropped"} if dropped else set()


def crossing_flags(polygons: Polygons) -> set[str]:
    """Flag `crossing_contours` where contours of one plane overlap in part: the even-odd rule cuts out what they share.

    Where that is a tenth of the plane or more, as of an outline drawn twice and moved, also `cut_by_crossing`.
    """
    cut_mm2: dict[int, float] = {}
    for one, other in _crossing_pairs(polygons):
        plane, first = polygons[one]
        cut_mm2[plane] = cut_mm2.get(plane, 0.0) + _cut_mm2(first, polygons[other][1])
    if not cut_mm2:
        return set()
    for plane, lost in cut_mm2.items():
        left = area_by_pixels_mm2([(0, vertices) for index, vertices in polygons if index == plane])
        if lost > LOST_SHARE * (lost + left):
            return {"crossing_contours", "cut_by_crossing"}
    return {"crossing_contours"}


def _cut_mm2(first: Vertices, second: Vertices) -> float:
    """Return the area that two crossing contours have in common; none for a hole that reaches out by a little."""
    one, other, pixel_mm2 = _shares(first, second)
    common, areas = float(np.minimum(one, other).sum()), sorted((float(one.sum()), float(other.sum())))
    is_hole = areas[0] <= HOLE_SHARE * areas[1] and common >= HOLE_INSIDE_SHARE * areas[0]
    return 0.0 if is_hole else pixel_mm2 * common


def _crossing_pairs(polygons: Polygons) -> Iterator[tuple[int, int]]:
    low, high = boxes(polygons)
    for one, rest in neighbours(polygons):
        common = np.minimum(high[rest], high[one]) - np.maximum(low[rest], low[one])
        meets = rest[(common > 0).all(axis=1) & (common.prod(axis=1) > CROSSING_MM2)]
        for other in meets:
            first, second = polygons[one][1], polygons[int(other)][1]
            if _touch(first, second) and _overlap_in_part(first, second):
                yield one, int(other)


def boxes(polygons: Polygons) -> tuple[Vertices, Vertices]:
    """Return the lowest and the highest corner of each polygon, `(polygons, 2)` each, mm."""
    if not polygons:
        return np.zeros((0, 2)), np.zeros((0, 2))
    counts = np.array([len(vertices) for _, vertices in polygons])
    points = np.concatenate([vertices for _, vertices in polygons])
    starts = np.cumsum(counts) - counts
    return np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)


def neighbours(polygons: Polygons) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield each polygon with those that follow it on its plane, where there are any; polygons are ordered by plane."""
    planes = np.array([plane for plane, _ in polygons], dtype=np.int64)
    ends = np.searchsorted(planes, planes, side="right")
    for one in np.flatnonzero(ends - np.arange(len(planes)) > 1):
        yield int(one), np.arange(one + 1, ends[one])


def _shares(first: Vertices, second: Vertices) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Share of each pixel that each polygon covers, on one lattice, and a pixel's area in mm2."""
    both = np.concatenate([first, second])
    low, high = both.min(axis=0), both.max(axis=0)
    lattice = lattice_around(low, high, max(float((high - low).max()) / _PIXELS_ACROSS, 1e-6))
    one, other = covered_share(stack_edges([(0, first), (1, second)]), lattice, 0, 2)
    return one, other, lattice.step_mm**2


def _redrawn(first: Vertices, second: Vertices) -> bool:
    one, other, pixel_mm2 = _shares(first, second)
    apart = float(np.abs(one - other).sum())
    if apart >= SAME_AREA_SHARE * max(float(one.sum()), float(other.sum())):
        return False
    around = np.hypot(*(first - np.roll(first, 1, axis=0)).T).sum()
    return pixel_mm2 * apart <= THINNEST_WALL_MM * float(around) or _touch(first, second)


def _overlap_in_part(first: Vertices, second: Vertices) -> bool:
    """Compare lower bounds of what is shared and what is not: a pixel half in each may hold no common point."""
    one, other, pixel_mm2 = _shares(first, second)
    least = max(CROSSING_MM2, CROSSING_SHARE * pixel_mm2 * float(min(one.sum(), other.sum())))
    parts = one + other - 1, one - other, other - one
    return all(pixel_mm2 * float(np.maximum(part, 0).sum()) > least for part in parts)


def _touch(first: Vertices, second: Vertices) -> bool:
    """Whether any edges of two polygons meet, at a point or more."""
    one, other = _edges_near(first, second), _edges_near(second, first)
    at_once = max(1, _EDGE_PAIRS_AT_ONCE // max(len(other), 1))
    return any(_any_meet(one[start : start + at_once], other) for start in range(0, len(one), at_once))


def _edges_near(polygon: Vertices, other: Vertices) -> NDArray[np.float64]:
    """`(n, 2, 2)` ends of the edges of one polygon that reach into the box of another."""
    edges = np.stack([polygon, np.roll(polygon, -1, axis=0)], axis=1)
    reaches = (edges.min(axis=1) <= other.max(axis=0)) & (edges.max(axis=1) >= other.min(axis=0))
    return np.asarray(edges[reaches.all(axis=1)])


def _any_meet(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    one, other = first[:, None], second[None]
    near = ((one.min(axis=2) <= other.max(axis=2)) & (one.max(axis=2) >= other.min(axis=2))).all(axis=2)
    at, with_ = np.nonzero(near)
    one, other = first[at], second[with_]
    parted = (_side(one, other[:, 0]) * _side(one, other[:, 1]) > 0) | (
        _side(other, one[:, 0]) * _side(other, one[:, 1]) > 0
    )
    return bool((~parted).any())


def _side(edge: NDArray[np.float64], point: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positive on the left of an edge, negative on its right, 0 on its line."""
    along, towards = edge[:, 1] - edge[:, 0], point - edge[:, 0]
    return np.asarray(along[:, 0] * towards[:, 1] - along[:, 1] * towards[:, 0])
