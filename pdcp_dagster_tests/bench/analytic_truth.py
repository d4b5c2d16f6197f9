"""The right answers for a case of the analytic bench: each contour, by the even-odd rule, extruded over its slice.

What lives here: volume, mean dose and DVH of the stack of contours under the dose itself, not under its samples on a
grid. What does not: anything of the program's own masks, contours, coverage or DVH: it is what those are judged by.

Volumes above a dose are closed forms for the linear doses (polygons above a line). For the Gaussian they are polygons
within a circle, in closed form, integrated over the height by Gauss and Legendre.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster_tests.bench.analytic_cases import LINEAR_GY, PEAK_GY, SIGMA_MM, dose_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pdcp_dagster_tests.bench.analytic_cases import Case

    Points = NDArray[np.float64]

_DOSES = 4001
_CIRCLES = 1001
_HEIGHTS_IN_A_SLICE = 16
_MM3_PER_CM3 = 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The exact DVH of a case.

    doses_gy, volumes_cm3: `(n,)` ascending doses and the volume that gets at least each.
    """

    volume_cm3: float
    dmean_gy: float
    doses_gy: Points
    volumes_cm3: Points

    def dose_at_pct(self, pct: float) -> float:
        """D_pct, Gy."""
        return float(np.interp(-pct / 100, -self.volumes_cm3 / self.volume_cm3, self.doses_gy))

    def curve(self, doses_gy: Points) -> Points:
        """Volume in % that gets at least each dose."""
        inside = np.interp(doses_gy, self.doses_gy, self.volumes_cm3, left=self.volume_cm3, right=0.0)
        return np.asarray(100 * inside / self.volume_cm3)


def truth_of(case: Case) -> Truth:
    """Work out the answers for a case."""
    doses = _doses(case)
    volumes = np.zeros(len(doses))
    whole = 0.0
    for z, outline in case.drawn():
        area = outline.sign * abs(float(_area_above(outline.points, np.array([-np.inf]))[0]))
        whole += area * case.slice_mm
        match case.dose:
            case "SI":
                volumes += area * np.clip(z + 0.5 * case.slice_mm - (doses - LINEAR_GY), 0, case.slice_mm)
            case "AP":
                above = np.abs(_area_above(outline.points, doses - LINEAR_GY))
                volumes += outline.sign * case.slice_mm * above
            case _:
                volumes += outline.sign * _within_balls(outline.points, z, case.slice_mm, _radii_mm(doses))
    volumes = np.clip(volumes, 0, whole)
    mean = doses[0] + float(np.trapezoid(volumes, doses)) / whole
    return Truth(whole / _MM3_PER_CM3, mean, doses, volumes / _MM3_PER_CM3)


def _doses(case: Case) -> Points:
    """From the lowest dose on the stack's surface, or just below it, to the highest dose in its box."""
    points = np.concatenate([outline.points for _, outline in case.drawn()])
    heights = np.array([z for z, _ in case.drawn()])
    low = np.r_[points.min(axis=0), heights.min() - case.slice_mm / 2]
    high = np.r_[points.max(axis=0), heights.max() + case.slice_mm / 2]
    corners = np.stack(np.meshgrid(*zip(low, high, strict=True)), axis=-1).reshape(-1, 3)
    nearest = np.clip(np.zeros(3), low, high)
    found = dose_at(case.dose, np.vstack([corners, nearest]))
    return np.linspace(float(found.min()), float(found.max()), _DOSES)


def _radii_mm(doses: Points) -> Points:
    """Radius of the ball about the origin in which the Gaussian is at least each dose."""
    return np.sqrt(np.maximum(2 * SIGMA_MM**2 * np.log(PEAK_GY / doses), 0))


def _area_above(points: Points, heights: Points) -> Points:
    """Signed areas of a polygon above lines of constant y: by Green's theorem, the edges above each line count."""
    x0, y0 = points[:, 0][:, None], points[:, 1][:, None]
    x1, y1 = np.roll(x0, -1, axis=0), np.roll(y0, -1, axis=0)
    bottom, top = np.maximum(np.minimum(y0, y1), heights), np.maximum(np.maximum(y0, y1), heights)
    slope = (x1 - x0) / np.where(y1 == y0, np.inf, y1 - y0)
    middle = x0 + (0.5 * (bottom + top) - y0) * slope
    return np.asarray((np.sign(y1 - y0) * middle * (top - bottom)).sum(axis=0))


def _within_balls(points: Points, z_mm: float, slice_mm: float, radii_mm: Points) -> Points:
    """Volume of a polygon's slab within balls about the origin, mm3."""
    nodes, weights = np.polynomial.legendre.leggauss(_HEIGHTS_IN_A_SLICE)
    reach = float(np.hypot(*points.T).max())
    squares = np.linspace(0, reach**2 * (1 + 1e-9), _CIRCLES)
    areas = np.abs(_area_within(points, np.sqrt(squares)))
    volume = np.zeros(len(radii_mm))
    for node, weight in zip(nodes, weights, strict=True):
        height = z_mm + 0.5 * slice_mm * node
        volume += 0.5 * slice_mm * weight * np.interp(radii_mm**2 - height**2, squares, areas)
    return volume


def _area_within(points: Points, radii_mm: Points) -> Points:
    """Signed areas of a polygon within circles about the origin: of each edge's triangle with the origin."""
    following = np.roll(points, -1, axis=0)
    start, stop = points[:, :, None], following[:, :, None]
    step = stop - start
    length = (step**2).sum(axis=1)
    length = np.where(length == 0, 1.0, length)
    middle = -(start * step).sum(axis=1) / length
    inner = middle**2 - ((start**2).sum(axis=1) - radii_mm**2) / length
    half = np.sqrt(np.maximum(inner, 0))
    first = np.where(inner > 0, np.clip(middle - half, 0, 1), 0.0)
    last = np.where(inner > 0, np.clip(middle + half, 0, 1), 0.0)
    entry, leave = start + first[:, None] * step, start + last[:, None] * step
    sectors = _angle(start, entry) + _angle(leave, stop)
    triangles = entry[:, 0] * leave[:, 1] - entry[:, 1] * leave[:, 0]
    return np.asarray(0.5 * (radii_mm**2 * sectors + triangles).sum(axis=0))


def _angle(one: Points, other: Points) -> Points:
    cross = one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]
    return np.asarray(np.arctan2(cross, (one * other).sum(axis=1)))
