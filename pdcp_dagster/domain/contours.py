"""A ROI as a stack of polygons on the planes of an image.

What lives here: from contours in the patient's space to polygons in mm along the image's axes, the slab that each plane
stands for, and the volume and centroid of the stack. What does not: repairs of single contours (`contour_cleaning`),
areas (`polygon_area`, `coverage`), masks, doses.

The stack of contours is the truth of a ROI: each plane's contours, by the even-odd rule, extruded over its slab.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from pdcp_dagster.domain.contour_cleaning import closed_contours, cluster_planes, project, without_duplicates
from pdcp_dagster.domain.contour_joins import join_abutting, rounded_apart_mm
from pdcp_dagster.domain.contour_overlap import crossing_flags, without_near_duplicates
from pdcp_dagster.domain.contour_planes import (
    BETWEEN_SLICES_SHARE,
    GAP_FACTOR,
    farthest_drawn_mm,
    planes_of_slices,
    usual_distance_mm,
)
from pdcp_dagster.domain.coverage import plane_areas_mm2
from pdcp_dagster.domain.plane_moments import plane_moments
from pdcp_dagster.domain.polygon_area import flatten, self_crossing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pdcp_dagster.domain.structures import Roi
    from pdcp_dagster.domain.volume import Grid

EndCaps = Literal["half_slice", "none"]
"""Whether the first and last contour stand for half a slice beyond themselves; planning systems differ."""

SMALLEST_PLANE_TOLERANCE_MM = 0.01
LARGEST_PLANE_TOLERANCE_MM = 0.1
PLANE_TOLERANCE_SHARE = 0.05
"""Contours lie on one plane if within this share of the slice distance, between the two limits above."""
_NOTHING_LEFT = 1e-9
_ROUNDING = 1e-6
_MM3_PER_CM3 = 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class PlanarContours:
    """The closed contours of one ROI on planes parallel to an image's slices.

    planes_mm: `(planes,)` ascending positions along the image's k axis, mm from the centre of its first voxel.
    polygons: `(plane index, (n, 2))` vertices along i and j, mm from the same origin, ordered by plane, not closed by
    repetition.
    flags: what was left out or found odd.
    nominal_mm: the image's slice distance, which a single plane stands for.
    """

    planes_mm: NDArray[np.float64]
    polygons: tuple[tuple[int, NDArray[np.float64]], ...]
    flags: tuple[str, ...]
    number: int
    name: str
    nominal_mm: float = 1.0

    def box_mm(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest vertex along i and j, `(2,)` each, mm; there must be a polygon."""
        x, y = np.concatenate([vertices for _, vertices in self.polygons]).T.copy()
        return np.array([x.min(), y.min()]), np.array([x.max(), y.max()])


def planar_contours(roi: Roi, grid: Grid, frame_of_reference_uid: str | None = None) -> PlanarContours:
    """Project a ROI on the planes of an image of any orientation.

    Keeps CLOSED_PLANAR and CLOSEDPLANAR_XOR contours parallel to the slices; everything else is dropped and flagged
    (`skipped_POINT`, `non_axial_contour`, `degenerate_contour`, `duplicate_contour_dropped`,
    `near_duplicate_contour_dropped`, ...). Contours that abut but for rounding are joined: `abutting_contours_joined`.
    Contours of one slice written on slightly different planes are put on one: `planes_merged`. Flagged only:
    `crossing_contours` and `self_crossing_contour`, which the even-odd rule cuts out of each other, `cut_by_crossing`,
    where a tenth of a plane or more is lost that way, `gap_in_contours`, planes too far apart to be joined,
    `sparse_contours`, even planes far apart that are joined, and `between_slices`, planes that are no slices of the
    image: a slice takes the contours nearest to it.

    A ROI on another frame of reference than the given one keeps no contour and is flagged `other_frame_of_reference`:
    without a registration its place is unknown (PS3.3 C.7.4.1).
    """
    flags = set(roi.flags)
    if _on_another_frame(roi, frame_of_reference_uid):
        return _stack(roi, grid, [], np.zeros(0), flags | {"other_frame_of_reference"})
    if not roi.contours:
        return _stack(roi, grid, [], np.zeros(0), flags | {"empty"})
    closed, unusable = closed_contours(roi.contours)
    flat, tilted = project(closed, grid)
    tolerance = float(
        np.clip(PLANE_TOLERANCE_SHARE * grid.spacing_mm[2], SMALLEST_PLANE_TOLERANCE_MM, LARGEST_PLANE_TOLERANCE_MM)
    )
    planes, index = cluster_planes(np.array([position for position, _ in flat]), tolerance)
    on_planes = sorted(((k, vertices) for k, (_, vertices) in zip(index, flat, strict=True)), key=lambda p: p[0])
    planes, on_slices, merged = planes_of_slices(planes, on_planes, grid.spacing_mm[2])
    distinct, doubled = without_duplicates(on_slices)
    once, redrawn = without_near_duplicates(distinct)
    polygons, abutting = join_abutting(once, rounded_apart_mm(closed))
    flags |= unusable | tilted | merged | doubled | redrawn | abutting
    flags |= _shape_flags(polygons) | _plane_flags(planes, grid)
    stack = _stack(roi, grid, polygons, planes, flags)
    return replace(stack, flags=tuple(sorted(flags | _position_flags(stack, grid))))


def slabs(
    planes_mm: NDArray[np.float64], nominal_mm: float, end_caps: EndCaps
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower and upper boundary of the slab that each ascending plane stands for, mm.

    Boundaries lie halfway between planes. At the ends of the stack, and on both sides of a gap wider than 1.5 times
    the usual distance, a slab reaches half a usual slice beyond its plane (`half_slice`) or ends at it (`none`). A
    plane without neighbours stands for a whole slice either way: `nominal_mm` if no planes tell a usual distance.
    """
    planes = np.asarray(planes_mm, dtype=np.float64)
    distance = np.diff(planes)
    usual = usual_distance_mm(planes, nominal_mm)
    joined = distance <= GAP_FACTOR * usual
    cap = 0.5 * usual if end_caps == "half_slice" else 0.0
    half = np.where(joined, 0.5 * distance, cap)
    below, above = np.r_[cap, half], np.r_[half, cap]
    alone = ~np.r_[False, joined] & ~np.r_[joined, False]
    below[alone] = above[alone] = 0.5 * usual
    return planes - below[: len(planes)], planes + above[: len(planes)]


def plane_spacing_mm(planar: PlanarContours) -> float:
    """Usual distance of neighbouring contour planes, mm; the image's slice distance where they do not tell."""
    return usual_distance_mm(planar.planes_mm, planar.nominal_mm)


def stack_volume_cm3(planar: PlanarContours, end_caps: EndCaps = "half_slice") -> float:
    """Volume of the stack: each plane's even-odd area times the thickness of its slab, cm3."""
    low, high = slabs(planar.planes_mm, planar.nominal_mm, end_caps)
    areas = plane_areas_mm2(planar.polygons, len(planar.planes_mm))
    return float(areas @ (high - low)) / _MM3_PER_CM3


def centroid_mm(planar: PlanarContours, grid: Grid) -> tuple[float, float, float] | None:
    """Centroid of the stack in LPS mm, for the grid that the contours were projected on; None without a contour."""
    if not planar.polygons:
        return None
    low, high = slabs(planar.planes_mm, planar.nominal_mm, "half_slice")
    areas, moments = plane_moments(planar.polygons, len(planar.planes_mm))
    volumes = areas * (high - low)
    box_low, box_high = planar.box_mm()
    if volumes.sum() <= _NOTHING_LEFT * float((box_high - box_low).prod() * (high - low).sum()):
        middle = np.r_[0.5 * (box_low + box_high), planar.planes_mm.mean()]
    else:
        middle = np.r_[(high - low) @ moments, volumes @ (0.5 * (low + high))] / volumes.sum()
    patient = grid.to_patient((middle / np.array(grid.spacing_mm))[None])[0]
    return float(patient[0]), float(patient[1]), float(patient[2])


def _on_another_frame(roi: Roi, frame_of_reference_uid: str | None) -> bool:
    return bool(
        frame_of_reference_uid and roi.frame_of_reference_uid and roi.frame_of_reference_uid != frame_of_reference_uid
    )


def _stack(
    roi: Roi, grid: Grid, polygons: list[tuple[int, NDArray[np.float64]]], planes: NDArray[np.float64], flags: set[str]
) -> PlanarContours:
    return PlanarContours(planes, tuple(polygons), tuple(sorted(flags)), roi.number, roi.name, grid.spacing_mm[2])


def _shape_flags(polygons: list[tuple[int, NDArray[np.float64]]]) -> set[str]:
    if not polygons:
        return {"no_closed_contour"}
    flags = {"self_crossing_contour"} if self_crossing(flatten(polygons)).any() else set()
    return flags | crossing_flags(polygons)


def _plane_flags(planes_mm: NDArray[np.float64], grid: Grid) -> set[str]:
    distances = np.diff(planes_mm)
    usual = usual_distance_mm(planes_mm, grid.spacing_mm[2])
    slices = planes_mm / grid.spacing_mm[2]
    found = {
        "gap_in_contours": len(distances) > 0 and float(distances.max()) > GAP_FACTOR * usual,
        "sparse_contours": usual > farthest_drawn_mm(grid.spacing_mm[2]),
        "between_slices": len(slices) > 0 and float(np.abs(slices - np.rint(slices)).max()) > BETWEEN_SLICES_SHARE,
    }
    return {flag for flag, is_so in found.items() if is_so}


def _position_flags(stack: PlanarContours, grid: Grid) -> set[str]:
    """`outside_image`, or `partly_outside_image`, by the borders of the image's outer voxels.

    A plane on the lower border of the first slice is outside: the slab that ends there holds no slice (`fill_mask`).
    """
    if not stack.polygons:
        return set()
    low_mm, high_mm = stack.box_mm()
    low = np.r_[low_mm, stack.planes_mm[0]] / grid.spacing_mm
    high = np.r_[high_mm, stack.planes_mm[-1]] / grid.spacing_mm
    size = np.array(grid.size)
    border = 0.5
    if (high < -border).any() or (low > size - border).any():
        return {"outside_image"}
    below = (low < -border).any() or low[2] <= -border + _ROUNDING
    return {"partly_outside_image"} if below or (high > size - border).any() else set()
