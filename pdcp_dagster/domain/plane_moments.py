"""Where the area of each plane of a ROI lies, by the even-odd rule.

What lives here: area and first moments of contours plane by plane. What does not: slabs, and the centroid of a stack
(`contours`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.domain.coverage import covered_share, lattice_around, stack_edges
from pdcp_dagster.domain.polygon_area import (
    even_odd_signs,
    first_moments_mm3,
    flatten,
    self_crossing,
    signed_areas_mm2,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_PIXELS_ACROSS_A_TANGLE = 512


def plane_moments(
    polygons: Sequence[tuple[int, NDArray[np.float64]]], planes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the even-odd area of each plane, `(planes,)` mm2, and the integral of x and y over it, `(planes, 2)` mm3.

    Exact, but for planes whose outlines cross: no signs of whole polygons give what the even-odd rule leaves of those,
    so that it is counted by pixels of a 512th of their width.
    """
    areas, moments = np.zeros(planes), np.zeros((planes, 2))
    if not polygons:
        return areas, moments
    flat = flatten(polygons)
    signs, tangled = even_odd_signs(flat)
    drawn = signed_areas_mm2(flat)
    signs = np.where(drawn < 0, -signs, signs)
    np.add.at(areas, flat.plane, signs * drawn)
    np.add.at(moments, flat.plane, signs[:, None] * first_moments_mm3(flat))
    for plane in np.unique(flat.plane[tangled | self_crossing(flat)]):
        areas[plane], moments[plane] = _by_pixels([vertices for index, vertices in polygons if index == plane])
    return areas, moments


def _by_pixels(outlines: Sequence[NDArray[np.float64]]) -> tuple[float, NDArray[np.float64]]:
    points = np.concatenate(outlines)
    low, high = points.min(axis=0), points.max(axis=0)
    step = float((high - low).max()) / _PIXELS_ACROSS_A_TANGLE
    if step == 0:
        return 0.0, np.zeros(2)
    lattice = lattice_around(low, high, step)
    (share,) = covered_share(stack_edges([(0, outline) for outline in outlines]), lattice, 0, 1).astype(np.float64)
    along_x, along_y = share.sum(axis=0) @ lattice.columns_mm, share.sum(axis=1) @ lattice.rows_mm
    return float(share.sum()) * step**2, np.array([along_x, along_y]) * step**2
