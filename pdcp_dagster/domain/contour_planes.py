"""The planes that contours lie on: how far apart they usually are, and which of them are one.

What lives here: distances of planes, and contours of one slice whose positions were written slightly apart. What does
not: the slabs that planes stand for (`contours`), or what lies on them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.domain.contour_overlap import boxes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pdcp_dagster.domain.contour_overlap import Polygons, Vertices

GAP_FACTOR = 1.5
"""Planes further apart than this many times the usual distance are not joined: a slice was left out on purpose."""
SPARSE_SLICES = 3.0
"""People draw on every second or third slice; what is further apart is one stack only if it is plainly even."""
SAME_SLICE_SHARE = 0.5
"""Planes that all lie within this share of the slice distance can only be one slice, written apart."""
BETWEEN_SLICES_SHARE = 0.1
"""A contour this share of the slice distance off its nearest slice was not drawn on this image's slices."""
_EVEN_SHARE = 0.1
_FEWEST_DISTANCES = 3
_ROUNDING_SHARE = 0.01
_COMMON_SLICE_MM = 5.05
"""Planning CTs are taken every 1 to 5 mm, and structures drawn on another one may keep its steps."""


def usual_distance_mm(planes_mm: NDArray[np.float64], nominal_mm: float) -> float:
    """Return how far apart ascending planes usually are; `nominal_mm`, the slice distance, where they do not tell.

    Four planes or more in a row in even steps tell by themselves, whatever lies beyond a gap, and so do three alone at
    a distance that CTs are taken at. Else only distances of up to three slices count: of few planes the median may be
    the very gap between two lesions.
    """
    distances = np.diff(planes_mm)
    run = _longest_even(distances)
    few = len(distances) == _FEWEST_DISTANCES - 1 and _even(distances) and distances.max() <= _COMMON_SLICE_MM
    if few or len(run) >= _FEWEST_DISTANCES:
        return float(np.median(distances if few else run))
    near = distances[distances <= farthest_drawn_mm(nominal_mm)]
    if len(near) == 0:
        return nominal_mm
    usual = float(np.median(near))
    return usual if (len(near) > 1 and _even(near)) or usual >= SAME_SLICE_SHARE * nominal_mm else nominal_mm


def farthest_drawn_mm(nominal_mm: float) -> float:
    """Return the largest distance of neighbouring planes that needs no further proof of being one stack, mm."""
    return SPARSE_SLICES * nominal_mm * (1 + _ROUNDING_SHARE)


def planes_of_slices(
    planes_mm: NDArray[np.float64], polygons: Polygons, nominal_mm: float
) -> tuple[NDArray[np.float64], Polygons, set[str]]:
    """Put contours of one slice whose positions were written apart on one plane; flags `planes_merged`.

    A few planes within half a slice of one another, and further from all others, are one slice if their contours lie
    beside one another. Contours one above the other are a slice drawn in finer steps, and stay apart: all but two
    planes within a tenth of a slice. `polygons` are ordered by plane, and so are those returned; the plane that is
    nearest to a slice stands for all.
    """
    distances = np.diff(planes_mm)
    runs = np.split(np.arange(len(planes_mm)), np.flatnonzero(distances >= SAME_SLICE_SHARE * nominal_mm) + 1)
    merged = [run for run in runs if len(run) > 1 and _one_slice(planes_mm[run], run, polygons, nominal_mm)]
    if not merged:
        return planes_mm, polygons, set()
    stands_for = np.arange(len(planes_mm))
    for run in merged:
        off = np.abs(planes_mm[run] / nominal_mm - np.rint(planes_mm[run] / nominal_mm))
        stands_for[run] = run[int(off.argmin())]
    kept, index = np.unique(stands_for, return_inverse=True)
    moved = [(int(index[plane]), vertices) for plane, vertices in polygons]
    return planes_mm[kept], moved, {"planes_merged"}


def _one_slice(planes_mm: NDArray[np.float64], run: NDArray[np.int64], polygons: Polygons, nominal_mm: float) -> bool:
    extent = float(planes_mm[-1] - planes_mm[0])
    if extent >= SAME_SLICE_SHARE * nominal_mm:
        return False
    if len(run) == 2 and extent <= BETWEEN_SLICES_SHARE * nominal_mm:  # noqa: PLR2004  # a pair
        return True
    return _beside(*(boxes([(0, vertices) for plane, vertices in polygons if plane == one]) for one in run))


def _beside(*planes: tuple[Vertices, Vertices]) -> bool:
    """Whether no box of one plane overlaps one of another."""
    return not any(_overlap(one, other) for number, one in enumerate(planes) for other in planes[:number])


def _overlap(one: tuple[Vertices, Vertices], other: tuple[Vertices, Vertices]) -> bool:
    common = np.minimum(one[1][:, None], other[1][None]) - np.maximum(one[0][:, None], other[0][None])
    return bool((common > 0).all(axis=2).any())


def _longest_even(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the longest run of neighbouring distances that are alike, the first of equals."""
    longest, start = distances[:0], 0
    for stop in range(1, len(distances) + 1):
        if stop == len(distances) or not _even(distances[start : stop + 1]):
            run = distances[start:stop]
            longest, start = (run if len(run) > len(longest) else longest), stop
    return longest


def _even(distances: Sequence[float] | NDArray[np.float64]) -> bool:
    return float(np.ptp(distances)) <= _EVEN_SHARE * float(np.max(distances))
