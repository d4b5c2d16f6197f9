"""The dose at what encloses nothing: points and open contours.

What lives here: which points of a ROI count, and their dose. What does not: doses of volumes (`dvh`), or how a dose is
sampled (`sampling`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.domain.contour_cleaning import FARTHEST_MM
from pdcp_dagster.domain.sampling import dose_at_points

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pdcp_dagster.domain.dose_grid import DoseGrid
    from pdcp_dagster.domain.structures import Roi

OPEN_TYPES = frozenset({"POINT", "OPEN_PLANAR", "OPEN_NONPLANAR"})
"""Contour Geometric Types that enclose no area (PS3.3 C.8.8.6.1)."""


def open_points_mm(roi: Roi) -> NDArray[np.float64]:
    """Return the `(n, 3)` points, LPS mm, of a ROI's open contours; a contour of one point is one, whatever its type.

    Points that can be no place in a patient are left out.
    """
    found = [
        contour.points_mm
        for contour in roi.contours
        if contour.geometric_type in OPEN_TYPES or len(contour.points_mm) == 1
    ]
    points = np.concatenate(found) if found else np.zeros((0, 3))
    return np.asarray(points[(np.abs(points) <= FARTHEST_MM).all(axis=1)])


def point_dose_gy(points_mm: NDArray[np.float64], dose: DoseGrid) -> tuple[float | None, tuple[str, ...]]:
    """Return the dose in Gy at `(n, 3)` LPS points, and flags.

    One point: its dose, interpolated linearly. Several, or an open contour: the mean over the points as written,
    flagged `mean_of_points`. With any point outside the dose grid, where the dose is unknown: None, flagged
    `point_outside_dose_grid`.
    """
    if len(points_mm) == 0:
        return None, ()
    doses = dose_at_points(dose, points_mm)
    if np.isnan(doses).any():
        return None, ("point_outside_dose_grid",)
    return float(doses.mean()), ("mean_of_points",) if len(doses) > 1 else ()
