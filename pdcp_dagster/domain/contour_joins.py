"""Contours of one plane that abut: one border, written twice.

What lives here: making the two writings of a common border the same. What does not: contours that were redrawn or that
overlap (`contour_overlap`), and the even-odd rule itself, which unites what shares its border exactly.

A border written twice is rounded twice, and often has other vertices. By the even-odd rule a sliver of overlap is a
hole, and a sliver apart is one, too: 0.01 mm of it on pixel centres took a whole column of pixels out of a mask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.domain.contour_overlap import boxes, neighbours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pdcp_dagster.domain.contour_overlap import Polygons, Vertices

ABUTTING_MM = 0.02
"""Planning systems round coordinates to 0.01 mm: two roundings of one border lie no further apart."""
SHORTEST_BORDER_MM = 1.0
"""Contours that touch at a corner have no border in common."""
_ROUNDING_MM = 1e-6


def join_abutting(polygons: Polygons) -> tuple[list[tuple[int, Vertices]], set[str]]:
    """Give contours that lie side by side, within 0.02 mm, the same vertices along their common border.

    No border moves further than that; contours that only touch, or of which one lies in the other, stay as they are.
    Flags `abutting_contours_joined` where a border moved at all. Polygons are ordered by plane.
    """
    low, high = boxes(polygons)
    joined = [vertices for _, vertices in polygons]
    moved_mm = 0.0
    for one, rest in neighbours(polygons):
        apart = np.maximum(low[rest], low[one]) - np.minimum(high[rest], high[one])
        for other in rest[(apart <= ABUTTING_MM).all(axis=1)]:
            pair = _joined(joined[one], joined[other])
            if pair is not None:
                joined[one], joined[other], by_mm = pair
                moved_mm = max(moved_mm, by_mm)
    flags = {"abutting_contours_joined"} if moved_mm > _ROUNDING_MM else set()
    return [(plane, vertices) for (plane, _), vertices in zip(polygons, joined, strict=True)], flags


def _joined(first: Vertices, second: Vertices) -> tuple[Vertices, Vertices, float] | None:
    """Return both with one common border, and how far it moved at most; None where they have none."""
    pulled, pulled_mm = _pulled(second, first)
    one, bent_mm = _with_vertices_of(pulled, first)
    other, bent_too_mm = _with_vertices_of(one, pulled)
    if (one is first and other is second) or _common_border_mm(one, other) < SHORTEST_BORDER_MM:
        return None
    return one, other, max(pulled_mm, bent_mm, bent_too_mm)


def _common_border_mm(first: Vertices, second: Vertices) -> float:
    """Length of the edges that two polygons share and lie on different sides of, mm."""
    common = (first[:, None] == second[None]).all(axis=2)
    if not common.any():
        return 0.0
    follows = np.roll(common, -1, axis=0)  # the next vertex of the first is this vertex of the second
    same_way = _signed_area_mm2(first) * _signed_area_mm2(second) > 0
    shared = common & np.roll(follows, 1 if same_way else -1, axis=1)
    edge = np.flatnonzero(shared.any(axis=1))
    return float(np.hypot(*(np.roll(first, -1, axis=0)[edge] - first[edge]).T).sum())


def _signed_area_mm2(polygon: Vertices) -> float:
    x, y = polygon.T
    return 0.5 * float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())


def _pulled(polygon: Vertices, onto: Vertices) -> tuple[Vertices, float]:
    """Move a polygon's vertices onto another's vertices or else edges, where they lie near; also return how far."""
    at, edges = _near(polygon, onto), _edges(onto)[_edges_near(onto, polygon)]
    if not len(at) or not len(edges):
        return polygon, 0.0
    points, each = polygon[at], np.arange(len(at))
    corners = edges.reshape(-1, 2)
    to_corner = _distance_mm(points[:, None], corners[None])
    feet, _, to_edge = _feet(points, edges)
    corner, foot = to_corner.argmin(axis=1), to_edge.argmin(axis=1)
    by_corner = to_corner[each, corner] <= ABUTTING_MM
    goal = np.where(by_corner[:, None], corners[corner], feet[each, foot])
    distance = _distance_mm(goal, points)
    close = distance <= ABUTTING_MM
    if not close.any():
        return polygon, 0.0
    pulled = polygon.copy()
    pulled[at[close]] = goal[close]
    return pulled, float(distance[close].max())


def _with_vertices_of(other: Vertices, polygon: Vertices) -> tuple[Vertices, float]:
    """Insert into a polygon's edges the other's vertices that lie near them; also return how far an edge was bent."""
    at, numbers = _near(other, polygon), _edges_near(polygon, other)
    if not len(at) or not len(numbers):
        return polygon, 0.0
    edges, points, each = _edges(polygon)[numbers], other[at], np.arange(len(at))
    _, along, to_edge = _feet(points, edges)
    edge = to_edge.argmin(axis=1)
    to_ends = _distance_mm(edges[edge], points[:, None]).min(axis=1)
    inserted = (to_edge[each, edge] <= ABUTTING_MM) & (to_ends > ABUTTING_MM)
    if not inserted.any():
        return polygon, 0.0
    order = np.lexsort([along[each, edge][inserted], numbers[edge[inserted]]])
    after, new = numbers[edge[inserted]][order] + 1, points[inserted][order]
    return np.insert(polygon, after, new, axis=0), float(to_edge[each, edge][inserted].max())


def _near(points: Vertices, polygon: Vertices) -> NDArray[np.int64]:
    """Return the indices of the points within a polygon's box, and a hair around it."""
    low, high = polygon.min(axis=0) - ABUTTING_MM, polygon.max(axis=0) + ABUTTING_MM
    return np.flatnonzero(((points >= low) & (points <= high)).all(axis=1))


def _edges(polygon: Vertices) -> NDArray[np.float64]:
    """`(n, 2, 2)` both ends of each edge."""
    return np.stack([polygon, np.roll(polygon, -1, axis=0)], axis=1)


def _edges_near(polygon: Vertices, other: Vertices) -> NDArray[np.int64]:
    """Return the numbers of the edges of a polygon that reach into another's box, and a hair around it."""
    edges = _edges(polygon)
    low, high = other.min(axis=0) - ABUTTING_MM, other.max(axis=0) + ABUTTING_MM
    return np.flatnonzero(((edges.min(axis=1) <= high) & (edges.max(axis=1) >= low)).all(axis=1))


def _feet(points: Vertices, edges: NDArray[np.float64]) -> tuple[Vertices, Vertices, Vertices]:
    """Return for each point and edge the nearest place on the edge, how far along it that lies, and how far off.

    Along runs from 0 to 1. Shapes `(points, edges, 2)`, `(points, edges)` and, in mm, `(points, edges)`.
    """
    start, run = edges[:, 0], edges[:, 1] - edges[:, 0]
    length2 = (run**2).sum(axis=1)
    along = ((points[:, None] - start) * run).sum(axis=2) / np.where(length2 > 0, length2, 1.0)
    along = np.clip(along, 0.0, 1.0)
    feet = start + along[..., None] * run
    return feet, along, _distance_mm(feet, points[:, None])


def _distance_mm(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    away = one - other
    return np.hypot(away[..., 0], away[..., 1])
