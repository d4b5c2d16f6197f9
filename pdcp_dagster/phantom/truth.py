"""The right answers, in closed form, for a stack of polygons in a dose that is linear along one axis.

What lives here: exact areas, moments and clipped areas of polygons, and the volume and dose statistics that follow. It
judges the program, so it shares no code with the program's masks, contours, dose or DVH. What does not: files
(`patient`).

Each contour stands for one slice thickness, half of it on either side, at the ends too (half-slice end caps).
Dx is the dose that x % of the volume gets at least (ICRU 83).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq

from pdcp_dagster.phantom.spec import Axis

if TYPE_CHECKING:
    from collections.abc import Callable

    from pdcp_dagster.phantom.solids import Points
    from pdcp_dagster.phantom.spec import LinearDose, PhantomRoi, Plane

_ROOT_TOLERANCE_MM = 1e-10


@dataclass(frozen=True, slots=True)
class RoiTruth:
    """The answers for one ROI; all None for a POINT and for a ROI without contours.

    volume_cm3 and the doses are those of the stack of contours; ideal_volume_cm3 is the smooth solid's.
    """

    roi_number: int
    roi_name: str
    interpreted_type: str
    volume_cm3: float | None = None
    ideal_volume_cm3: float | None = None
    dmin_gy: float | None = None
    dmean_gy: float | None = None
    dmax_gy: float | None = None
    d95_gy: float | None = None
    d2_gy: float | None = None
    v20gy_pct: float | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """How a volume is spread along one coordinate, in mm.

    share_below: share of the volume below a position, 0 to 1.
    position_of: the position below which a share lies (the inverse).
    """

    lowest_mm: float
    highest_mm: float
    mean_mm: float
    share_below: Callable[[float], float]
    position_of: Callable[[float], float]


def area_mm2(polygon: Points) -> float:
    """Area of a simple polygon, mm2 (shoelace formula)."""
    return abs(_signed_area(polygon))


def area_above_mm2(polygon: Points, level_mm: float) -> float:
    """Area of the polygon's part with y > level, mm2.

    Green's theorem on the clipped edges: the contour integral of x dy; the cut itself has dy = 0 and adds nothing.
    """
    (x0, y0), (x1, y1) = polygon.T, np.roll(polygon, -1, axis=0).T
    rise = np.where(y1 == y0, 1.0, y1 - y0)
    low, high = np.maximum(y0, level_mm), np.maximum(y1, level_mm)
    x_low, x_high = x0 + (x1 - x0) * (low - y0) / rise, x0 + (x1 - x0) * (high - y0) / rise
    return abs(float(np.sum((x_low + x_high) / 2 * (high - low))))


def moment_y_mm3(polygon: Points) -> float:
    """Integral of y over the polygon, mm3: its area times its centroid's y."""
    (x0, y0), (x1, y1) = polygon.T, np.roll(polygon, -1, axis=0).T
    signed = float(np.sum((y0 + y1) * (x0 * y1 - x1 * y0)) / 6)
    return signed if _signed_area(polygon) > 0 else -signed


def net_area_mm2(plane: Plane) -> float:
    """Area of the outline less the hole's, mm2."""
    return _net(plane, area_mm2)


def spread_along_si(planes: tuple[Plane, ...], slice_mm: float) -> Spread:
    """Spread of the stack along z: piecewise linear, its corners at the slabs' faces."""
    areas = np.array([net_area_mm2(plane) for plane in planes])
    centres = np.array([plane.z_mm for plane in planes])
    faces = np.append(centres - slice_mm / 2, centres[-1] + slice_mm / 2)
    heap = np.cumsum(areas)
    shares = np.append(0.0, heap / heap[-1])
    return Spread(
        lowest_mm=float(faces[0]),
        highest_mm=float(faces[-1]),
        mean_mm=float(areas @ centres / areas.sum()),
        share_below=lambda z: float(np.interp(z, faces, shares)),
        position_of=lambda share: float(np.interp(share, shares, faces)),
    )


def spread_along_ap(planes: tuple[Plane, ...]) -> Spread:
    """Spread of the stack along y: polygons clipped exactly, the inverse by a bracketed root."""
    total = sum(net_area_mm2(plane) for plane in planes)
    lowest = float(min(plane.outline[:, 1].min() for plane in planes))
    highest = float(max(plane.outline[:, 1].max() for plane in planes))

    def share_below(y_mm: float) -> float:
        return 1 - sum(_net(plane, lambda polygon: area_above_mm2(polygon, y_mm)) for plane in planes) / total

    def position_of(share: float) -> float:
        return float(brentq(lambda y: share_below(y) - share, lowest, highest, xtol=_ROOT_TOLERANCE_MM))

    mean = sum(_net(plane, moment_y_mm3) for plane in planes) / total
    return Spread(lowest, highest, mean, share_below, position_of)


def truth_of(roi: PhantomRoi, dose: LinearDose, slice_positions_mm: tuple[float, ...], slice_mm: float) -> RoiTruth:
    """Return the answers for one ROI."""
    planes = roi.planes(slice_positions_mm)
    if roi.solid is None or not planes:
        return RoiTruth(roi.number, roi.name, roi.interpreted_type)
    spread = spread_along_si(planes, slice_mm) if dose.axis is Axis.SI else spread_along_ap(planes)
    ends = dose.gy_at(spread.lowest_mm), dose.gy_at(spread.highest_mm)
    return RoiTruth(
        roi.number,
        roi.name,
        roi.interpreted_type,
        volume_cm3=sum(net_area_mm2(plane) for plane in planes) * slice_mm / 1000,
        ideal_volume_cm3=roi.solid.ideal_volume_cm3 - (roi.hole.ideal_volume_cm3 if roi.hole else 0.0),
        dmin_gy=min(ends),
        dmean_gy=dose.gy_at(spread.mean_mm),
        dmax_gy=max(ends),
        d95_gy=_dose_reached_by(0.95, spread, dose),
        d2_gy=_dose_reached_by(0.02, spread, dose),
        v20gy_pct=100 * _share_reaching(20.0, spread, dose),
    )


def _dose_reached_by(share: float, spread: Spread, dose: LinearDose) -> float:
    return dose.gy_at(spread.position_of(1 - share if dose.gradient_gy_per_mm > 0 else share))


def _share_reaching(dose_gy: float, spread: Spread, dose: LinearDose) -> float:
    below = spread.share_below(dose.position_mm(dose_gy))
    return 1 - below if dose.gradient_gy_per_mm > 0 else below


def _net(plane: Plane, measure: Callable[[Points], float]) -> float:
    return measure(plane.outline) - (measure(plane.hole) if plane.hole is not None else 0.0)


def _signed_area(polygon: Points) -> float:
    (x0, y0), (x1, y1) = polygon.T, np.roll(polygon, -1, axis=0).T
    return float(np.sum(x0 * y1 - x1 * y0) / 2)
