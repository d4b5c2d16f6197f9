"""From contours as drawn to clean polygons on planes of an image.

What lives here: which contours enclose an area, their projection on an image's axes, and the repairs that lose nothing.
What does not: the stack that they form (`contours`). Every contour left out, and every repair, is named by a flag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pdcp_dagster.domain.structures import Contour
    from pdcp_dagster.domain.volume import Grid

CLOSED_TYPES = frozenset({"CLOSED_PLANAR", "CLOSEDPLANAR_XOR"})
"""Contour Geometric Types that enclose an area (PS3.3 C.8.8.6.1)."""
FLATNESS_MM = 0.1
"""A contour that spreads more than this across the planes was not drawn quite on one of them ..."""
FLATNESS_SHARE = 0.25
"""... and one that spreads more than this share of the slice distance, too, was drawn in another plane."""
SAME_POINT_MM = 1e-3
"""Planning systems write coordinates to 0.01 mm or finer."""
FARTHEST_MM = 1e5
"""No patient is drawn 100 m from the origin: such numbers, and what is no number, are damage."""
_FEWEST_POINTS = 3

Polygon = tuple[float, "NDArray[np.float64]"]
"""Position of its plane along k, and `(n, 2)` vertices along i and j, mm from the grid's origin."""


def closed_contours(contours: Sequence[Contour]) -> tuple[list[NDArray[np.float64]], set[str]]:
    """Return the `(n, 3)` points of contours that enclose an area, and flags `skipped_<type>` for the others."""
    flags = {f"skipped_{contour.geometric_type}" for contour in contours if contour.geometric_type not in CLOSED_TYPES}
    closed = [contour.points_mm for contour in contours if contour.geometric_type in CLOSED_TYPES]
    near = [points for points in closed if _all_within(points, FARTHEST_MM)]
    if len(near) < len(closed):
        flags.add("implausible_contour_dropped")
    kept = _with_area([points for points in map(_without_closing_point, near) if len(points) >= _FEWEST_POINTS])
    if len(kept) < len(near):
        flags.add("degenerate_contour")
    return kept, flags


def project(contours: Sequence[NDArray[np.float64]], grid: Grid) -> tuple[list[Polygon], set[str]]:
    """Project LPS contours on the grid's planes; any not parallel to them is dropped, flagged `non_axial_contour`.

    What is off by less than a quarter of a slice (an image turned by a hair, a position rounded point by point) is
    projected at its mean position, flagged `tilted_contour`.
    """
    if not contours:
        return [], set()
    counts = np.array([len(points) for points in contours])
    starts = np.cumsum(counts) - counts
    points = grid.to_voxel(np.concatenate(contours)) * np.array(grid.spacing_mm)
    across = points[:, 2]
    spread = np.maximum.reduceat(across, starts) - np.minimum.reduceat(across, starts)
    position = np.add.reduceat(across, starts) / counts
    parts = np.split(points[:, :2], starts[1:])
    parallel = spread <= max(FLATNESS_MM, FLATNESS_SHARE * grid.spacing_mm[2])
    flat = [(float(position[n]), parts[n]) for n in np.flatnonzero(parallel)]
    flags = {"tilted_contour"} if (spread[parallel] > FLATNESS_MM).any() else set()
    return flat, flags if parallel.all() else flags | {"non_axial_contour"}


def cluster_planes(positions_mm: NDArray[np.float64], tolerance_mm: float) -> tuple[NDArray[np.float64], list[int]]:
    """Return the ascending planes on which positions lie, and the plane index of each position.

    Neighbouring positions no more than the tolerance apart lie on one plane, at their mean.
    """
    if len(positions_mm) == 0:
        return np.zeros(0), []
    order = np.argsort(positions_mm, kind="stable")
    ascending = positions_mm[order]
    label = np.r_[0, np.cumsum(np.diff(ascending) > tolerance_mm)]
    index = np.empty(len(order), dtype=np.int64)
    index[order] = label
    return np.bincount(label, ascending) / np.bincount(label), [int(plane) for plane in index]


def without_duplicates(
    polygons: Sequence[tuple[int, NDArray[np.float64]]],
) -> tuple[list[tuple[int, NDArray[np.float64]]], set[str]]:
    """Keep one of contours with the same vertices on one plane: by the even-odd rule two would erase each other."""
    seen: set[tuple[int, bytes]] = set()
    kept = []
    for plane, vertices in polygons:
        key = plane, _same_for_same_vertices(vertices)
        if key not in seen:
            seen.add(key)
            kept.append((plane, vertices))
    return kept, {"duplicate_contour_dropped"} if len(kept) < len(polygons) else set()


def _same_for_same_vertices(vertices: NDArray[np.float64]) -> bytes:
    """Whichever vertex a contour starts at, and whichever way it runs."""
    rounded = np.rint(vertices / SAME_POINT_MM).astype(np.int64)
    return np.sort(rounded[:, 0] * (1 << 31) + rounded[:, 1]).tobytes()


def _all_within(points: NDArray[np.float64], limit_mm: float) -> bool:
    return len(points) == 0 or float(np.abs(points).max()) <= limit_mm  # false for NaN


def _without_closing_point(points: NDArray[np.float64]) -> NDArray[np.float64]:
    while len(points) > 1 and np.array_equal(points[0], points[-1]):
        points = points[:-1]
    return points


def _with_area(contours: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Leave out contours whose points lie on one line; loops of a figure of eight cancel, but are no line."""
    if not contours:
        return []
    counts = np.array([len(points) for points in contours])
    points = np.concatenate(contours)
    starts = np.cumsum(counts) - counts
    points = points - np.repeat(points[starts], counts, axis=0)
    following = np.arange(1, len(points) + 1)
    following[starts + counts - 1] = starts
    (x, y, z), (u, v, w) = points.T, points[following].T
    crossed = (np.add.reduceat(part, starts) for part in (y * w - z * v, z * u - x * w, x * v - y * u))
    area = 0.5 * np.sqrt(sum(part**2 for part in crossed))
    reach = np.maximum.reduceat(np.abs(points).max(axis=1), starts)
    wide = area > SAME_POINT_MM * reach
    return [contours[n] for n in range(len(contours)) if wide[n] or not _on_a_line(contours[n])]


def _on_a_line(points: NDArray[np.float64]) -> bool:
    away = points - points[0]
    far = away[int((away**2).sum(axis=1).argmax())]
    length = float(np.linalg.norm(far))
    return length <= SAME_POINT_MM or float(np.abs(np.cross(away, far / length)).max()) <= SAME_POINT_MM
