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
"""A contour that spreads more than this across the planes was drawn in another plane."""
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
    kept = [points for points in (_without_closing_point(p) for p in near) if _has_area(points)]
    if len(kept) < len(near):
        flags.add("degenerate_contour")
    return kept, flags


def project(contours: Sequence[NDArray[np.float64]], grid: Grid) -> tuple[list[Polygon], set[str]]:
    """Project LPS contours on the grid's planes; any not parallel to them is dropped, flagged `non_axial_contour`."""
    if not contours:
        return [], set()
    counts = np.array([len(points) for points in contours])
    starts = np.cumsum(counts) - counts
    points = grid.to_voxel(np.concatenate(contours)) * np.array(grid.spacing_mm)
    across = points[:, 2]
    spread = np.maximum.reduceat(across, starts) - np.minimum.reduceat(across, starts)
    position = np.add.reduceat(across, starts) / counts
    parts = np.split(points[:, :2], starts[1:])
    flat = [(float(position[n]), parts[n]) for n in range(len(parts)) if spread[n] <= FLATNESS_MM]
    return flat, {"non_axial_contour"} if len(flat) < len(parts) else set()


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


def _has_area(points: NDArray[np.float64]) -> bool:
    return len(points) >= _FEWEST_POINTS and float(np.abs(points - points[0]).max()) > SAME_POINT_MM
