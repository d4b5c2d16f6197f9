"""Contours of one plane that abut: one border, written twice.

What lives here: making the two writings of a common border the same. What does not: contours that were redrawn or that
overlap (`contour_overlap`), and the even-odd rule itself, which unites what shares its border exactly.

A border written twice is rounded twice, and often has other vertices. By the even-odd rule a sliver of overlap is a
hole, and a sliver apart is one, too: 0.01 mm of it on pixel centres took a whole column of pixels out of a mask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from pdcp_dagster.domain.contour_overlap import boxes, neighbours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pdcp_dagster.domain.contour_overlap import Polygons, Vertices

ABUTTING_MM = 0.02
"""Planning systems round coordinates to 0.01 mm: two roundings of one border lie no further apart."""
TENTHS_ABUTTING_MM = 0.2
"""Some round to 0.1 mm."""
SHORTEST_BORDER_MM = 1.0
"""Contours that touch at a corner have no border in common."""
_ROUNDING_MM = 1e-6
_SAMPLES_MM = 0.5
_MOST_SAMPLES = 200_000
_PAIRS_AT_ONCE = 200_000
_FEW_PAIRS = 2_000


def rounded_apart_mm(contours: Sequence[NDArray[np.float64]]) -> float:
    """Return how far apart two writings of one border may lie, by the decimals of a ROI's own coordinates, mm."""
    tenths = all(float(np.abs(10 * points - np.rint(10 * points)).max()) < _ROUNDING_MM for points in contours)
    return TENTHS_ABUTTING_MM if tenths else ABUTTING_MM


def join_abutting(polygons: Polygons, within_mm: float = ABUTTING_MM) -> tuple[list[tuple[int, Vertices]], set[str]]:
    """Give contours that lie side by side, within 0.02 mm, the same vertices along their common border.

    No border moves further than that; contours that only touch, or of which one lies in the other, stay as they are.
    Flags `abutting_contours_joined` where a border moved at all. Polygons are ordered by plane.
    """
    low, high = boxes(polygons)
    joined = [vertices for _, vertices in polygons]
    moved_mm = 0.0
    for one, rest in neighbours(polygons):
        apart = np.maximum(low[rest], low[one]) - np.minimum(high[rest], high[one])
        for other in rest[(apart <= within_mm).all(axis=1)]:
            pair = _joined(joined[one], joined[other], within_mm)
            if pair is not None:
                joined[one], joined[other], by_mm = pair
                moved_mm = max(moved_mm, by_mm)
    flags = {"abutting_contours_joined"} if moved_mm > _ROUNDING_MM else set()
    return [(plane, vertices) for (plane, _), vertices in zip(polygons, joined, strict=True)], flags


def _joined(first: Vertices, second: Vertices, within_mm: float) -> tuple[Vertices, Vertices, float] | None:
    """Return both with one common border, and how far it moved at most; None where they have none."""
    pulled, pulled_mm = _pulled(second, first, within_mm)
    one, bent_mm = _with_vertices_of(pulled, first, within_mm)
    other, bent_too_mm = _with_vertices_of(one, pulled, within_mm)
    if (one is first and other is second) or _common_border_mm(one, other) < SHORTEST_BORDER_MM:
        return None
    return one, other, max(pulled_mm, bent_mm, bent_too_mm)


def _common_border_mm(first: Vertices, second: Vertices) -> float:
    """Length of the edges that two polygons share and lie on different sides of, mm."""
    same_way = _signed_area_mm2(first) * _signed_area_mm2(second) > 0
    edges = _edges(first)
    others = _edges(second)[:, ::-1] if same_way else _edges(second)
    theirs = {tuple(edge) for edge in others.reshape(-1, 4).tolist()}
    shared = edges[[tuple(edge) in theirs for edge in edges.reshape(-1, 4).tolist()]]
    return float(_distance_mm(shared[:, 0], shared[:, 1]).sum())


def _signed_area_mm2(polygon: Vertices) -> float:
    x, y = polygon.T
    return 0.5 * float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())


def _pulled(polygon: Vertices, onto: Vertices, within_mm: float) -> tuple[Vertices, float]:
    """Move a polygon's vertices onto another's vertices or else edges, where they lie near; also return how far."""
    at, numbers = _near(polygon, onto, within_mm)
    if not len(at):
        return polygon, 0.0
    points, edges = polygon[at], _edges(onto)[numbers]
    corners = edges.reshape(-1, 2)
    to_corner, corner = cKDTree(corners).query(points)
    _, feet, _, _ = _nearest(points, edges)
    by_corner = to_corner <= within_mm
    goal = np.where(by_corner[:, None], corners[corner], feet)
    distance = _distance_mm(goal, points)
    close = distance <= within_mm
    if not close.any():
        return polygon, 0.0
    pulled = polygon.copy()
    pulled[at[close]] = goal[close]
    return pulled, float(distance[close].max())


def _with_vertices_of(other: Vertices, polygon: Vertices, within_mm: float) -> tuple[Vertices, float]:
    """Insert into a polygon's edges the other's vertices that lie near them; also return how far an edge was bent."""
    at, numbers = _near(other, polygon, within_mm)
    if not len(at):
        return polygon, 0.0
    points, edges = other[at], _edges(polygon)[numbers]
    edge, _, along, to_edge = _nearest(points, edges)
    to_ends = _distance_mm(edges[edge], points[:, None]).min(axis=1)
    inserted = (to_edge <= within_mm) & (to_ends > within_mm)
    if not inserted.any():
        return polygon, 0.0
    order = np.lexsort([along[inserted], numbers[edge[inserted]]])
    after, new = numbers[edge[inserted]][order] + 1, points[inserted][order]
    return np.insert(polygon, after, new, axis=0), float(to_edge[inserted].max())


def _near(points: Vertices, polygon: Vertices, within_mm: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices of the points that may lie near a polygon's edges, and those edges' numbers.

    By samples along the edges: rings one inside the other share their boxes, and all pairs of their vertices are many.
    Both are empty where nothing is near.
    """
    nothing = np.zeros(0, dtype=np.int64)
    at = _in_box(points, polygon, within_mm)
    edges = _edges(polygon)
    low, high = points.min(axis=0) - within_mm, points.max(axis=0) + within_mm
    numbers = np.flatnonzero(((edges.min(axis=1) <= high) & (edges.max(axis=1) >= low)).all(axis=1))
    if not len(at) or not len(numbers):
        return nothing, nothing
    if len(at) * len(numbers) <= _FEW_PAIRS:
        return at, numbers
    samples, owner, step_mm = _sampled(edges[numbers])
    reach_mm = within_mm + step_mm / 2 + _ROUNDING_MM
    at = at[np.isfinite(cKDTree(samples).query(points[at], distance_upper_bound=reach_mm)[0])]
    if not len(at):
        return nothing, nothing
    close = np.isfinite(cKDTree(points[at]).query(samples, distance_upper_bound=reach_mm)[0])
    return at, numbers[np.unique(owner[close])]


def _in_box(points: Vertices, polygon: Vertices, within_mm: float) -> NDArray[np.int64]:
    low, high = polygon.min(axis=0) - within_mm, polygon.max(axis=0) + within_mm
    return np.flatnonzero(((points >= low) & (points <= high)).all(axis=1))


def _sampled(edges: NDArray[np.float64]) -> tuple[Vertices, NDArray[np.int64], float]:
    """Return points along edges, both ends included, the edge that each is of, and how far they lie apart, mm."""
    run = edges[:, 1] - edges[:, 0]
    length = np.hypot(run[:, 0], run[:, 1])
    step_mm = max(_SAMPLES_MM, float(length.sum()) / _MOST_SAMPLES)
    pieces = np.maximum(np.ceil(length / step_mm).astype(np.int64), 1)
    owner = np.repeat(np.arange(len(edges)), pieces + 1)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(pieces + 1) - pieces - 1, pieces + 1)
    return edges[owner, 0] + run[owner] * (place / pieces[owner])[:, None], owner, step_mm


def _edges(polygon: Vertices) -> NDArray[np.float64]:
    """`(n, 2, 2)` both ends of each edge."""
    return np.stack([polygon, np.roll(polygon, -1, axis=0)], axis=1)


def _nearest(
    points: Vertices, edges: NDArray[np.float64]
) -> tuple[NDArray[np.int64], Vertices, NDArray[np.float64], NDArray[np.float64]]:
    """Return for each point its nearest edge, the nearest place on it, how far along (0 to 1), and how far off, mm.

    A bounded number of pairs at once: they may be millions.
    """
    at_once = max(1, _PAIRS_AT_ONCE // len(edges))
    parts = [_nearest_of_all(points[start : start + at_once], edges) for start in range(0, len(points), at_once)]
    edge, feet, along, off = (np.concatenate(part) for part in zip(*parts, strict=True))
    return edge, feet, along, off


def _nearest_of_all(
    points: Vertices, edges: NDArray[np.float64]
) -> tuple[NDArray[np.int64], Vertices, NDArray[np.float64], NDArray[np.float64]]:
    start, run = edges[:, 0], edges[:, 1] - edges[:, 0]
    length2 = (run**2).sum(axis=1)
    along = ((points[:, None] - start) * run).sum(axis=2) / np.where(length2 > 0, length2, 1.0)
    along = np.clip(along, 0.0, 1.0)
    feet = start + along[..., None] * run
    off = _distance_mm(feet, points[:, None])
    each, edge = np.arange(len(points)), off.argmin(axis=1)
    return edge, feet[each, edge], along[each, edge], off[each, edge]


def _distance_mm(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    away = one - other
    return np.hypot(away[..., 0], away[..., 1])
