"""Dose-volume histograms against closed forms: the stack of contours under a dose that is linear is known exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pdcp_dagster.domain.contours import EndCaps, slabs
from pdcp_dagster.domain.dvh import DvhSettings, compute_dvh
from pdcp_dagster.domain.interpolation import Interpolation
from pdcp_dagster.domain.metrics import dose_at_volume_cm3, dose_at_volume_pct, volume_at_dose_cm3, volume_at_dose_pct
from pdcp_dagster.domain.volume import Grid
from pdcp_dagster_tests.domain.known_stacks import (
    AP,
    GRID,
    OBLIQUE,
    OFFSET_GY,
    SI,
    UPRIGHT,
    Axes,
    Points,
    annulus,
    cone,
    cylinder,
    disc,
    dose_of,
    dvh_of,
    keyhole,
    sphere,
    stack,
)


def above(outline: Points, heights: Points) -> Points:
    """Exact areas of a polygon above lines of constant y: by Green's theorem only edges above a line contribute."""
    x0, y0 = outline[:, 0][:, None], outline[:, 1][:, None]
    x1, y1 = np.roll(x0, -1, axis=0), np.roll(y0, -1, axis=0)
    bottom, top = np.maximum(np.minimum(y0, y1), heights), np.maximum(np.maximum(y0, y1), heights)
    slope = (x1 - x0) / np.where(y1 == y0, np.inf, y1 - y0)
    middle = x0 + (0.5 * (bottom + top) - y0) * slope
    return np.asarray(np.abs((np.sign(y1 - y0) * middle * (top - bottom)).sum(axis=0)))


class Truth:
    """The exact DVH of discs less other discs, each standing for a slab of dz, at 70 Gy and 1 Gy/mm."""

    def __init__(self, contours: list[Points], holes: list[Points], dz: float, gradient: Points) -> None:
        self.doses = np.linspace(OFFSET_GY - 15, OFFSET_GY + 15, 6001)
        self.volumes = np.zeros(6001)
        for sign, discs in ((1, contours), (-1, holes)):
            for points in discs:
                self.volumes += sign * self._volume(points, dz, gradient)

    def _volume(self, points: Points, dz: float, gradient: Points) -> Points:
        at = self.doses - OFFSET_GY
        if gradient[2]:
            return np.asarray(np.clip(points[0, 2] + dz / 2 - at, 0, dz) * above(points, np.array([-1e3]))[0])
        return dz * above(points, at)

    def dose_at(self, pct: float) -> float:
        return float(np.interp(-pct / 100, -self.volumes / self.volumes[0], self.doses))

    def volume_pct(self, gy: float) -> float:
        return float(100 * np.interp(gy, self.doses, self.volumes) / self.volumes[0])

    def mean(self) -> float:
        return float(self.doses[0] + np.trapezoid(self.volumes, self.doses) / self.volumes[0])


SHAPES = [("sphere", sphere), ("cylinder", cylinder), ("cone", cone), ("annulus", annulus), ("keyhole", keyhole)]


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
@pytest.mark.parametrize(("name", "shape"), SHAPES)
@pytest.mark.parametrize("dz", [1.0, 3.0])
@pytest.mark.parametrize("gradient", [SI, AP], ids=["SI", "AP"])
def test_the_dvh_of_a_stack_under_a_linear_dose_is_exact(
    name: str, shape: object, dz: float, gradient: Points, interpolation: str
) -> None:
    assert callable(shape)
    contours: list[Points] = shape(12.0, dz)
    ringed = name in {"annulus", "keyhole"}
    truth = Truth(cylinder(12.0, dz) if ringed else contours, cylinder(6.0, dz) if ringed else [], dz, gradient)
    grid = replace(GRID, spacing_mm=(1.0, 1.0, dz))
    found = dvh_of(contours, dose_of(gradient), DvhSettings("cubic" if interpolation == "cubic" else "linear"), grid)
    assert found.volume_cm3 == pytest.approx(truth.volumes[0] / 1000, rel=1e-5)
    assert found.dose_coverage == 1
    assert found.dmean_gy == pytest.approx(truth.mean(), abs=0.01)
    for pct in (98, 95, 50, 10, 2):
        assert dose_at_volume_pct(found, pct) == pytest.approx(truth.dose_at(pct), abs=0.03), f"D{pct}"
    for gy in (OFFSET_GY - 8, OFFSET_GY, OFFSET_GY + 5.5):
        assert volume_at_dose_pct(found, gy) == pytest.approx(truth.volume_pct(gy), abs=0.3)


def test_the_extremes_of_a_linear_dose_lie_on_the_surface() -> None:
    """A cylinder of radius 12 about y = -0.2, from z = -12 to 12."""
    along_z = dvh_of(cylinder(12, 3), dose_of(SI))
    assert (along_z.dmin_gy, along_z.dmax_gy) == pytest.approx((58, 82), abs=0.002)
    across = dvh_of(cylinder(12, 3), dose_of(AP))
    assert (across.dmin_gy, across.dmax_gy) == pytest.approx((70 - 12.2, 70 + 11.8), abs=0.002)


def test_without_end_caps_the_stack_ends_at_its_outer_planes() -> None:
    """Planes at -10.5 to 10.5: the mean stays, the volume loses 3 of 24 mm, the extremes move in by 1.5 Gy."""
    whole = dvh_of(cylinder(12, 3), dose_of(SI))
    caps: EndCaps = "none"
    bare = dvh_of(cylinder(12, 3), dose_of(SI), DvhSettings(end_caps=caps))
    assert bare.volume_cm3 == pytest.approx(whole.volume_cm3 * 21 / 24)
    assert bare.dmean_gy == pytest.approx(70, abs=0.005)
    assert (bare.dmin_gy, bare.dmax_gy) == pytest.approx((59.5, 80.5), abs=0.002)
    assert bare.settings.end_caps == "none"


def test_a_uniform_dose_gives_that_dose_and_nothing_else() -> None:
    found = dvh_of(sphere(10, 2), dose_of(np.zeros(3)))
    assert (found.dmin_gy, found.dmean_gy, found.dmax_gy) == pytest.approx((70, 70, 70))
    assert [dose_at_volume_pct(found, pct) for pct in (0, 2, 50, 98, 100)] == pytest.approx([70] * 5)
    assert (volume_at_dose_pct(found, 69.9), volume_at_dose_pct(found, 70.1)) == (100, 0)


def test_no_dose_at_all_is_a_dose_of_zero() -> None:
    dose = dose_of(SI)
    found = dvh_of(sphere(10, 2), replace(dose, dose_gy=np.zeros_like(dose.dose_gy)))
    assert (found.dmin_gy, found.dmean_gy, found.dmax_gy) == (0, 0, 0)
    assert (volume_at_dose_pct(found, 0), volume_at_dose_pct(found, 0.1)) == (100, 0)


def test_a_roi_without_closed_contours_has_no_dvh() -> None:
    assert compute_dvh(stack([]), GRID, dose_of(SI)) is None
    flat = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0]], dtype=np.float64)
    assert compute_dvh(stack([flat]), GRID, dose_of(SI)) is None


@pytest.mark.parametrize(
    "axes",
    [((-1, 0, 0), (0, -1, 0), (0, 0, 1)), ((0, 0, 1), (1, 0, 0), (0, 1, 0)), ((0, -1, 0), (0, 0, 1), (-1, 0, 0))],
)
def test_the_order_and_sign_of_the_dose_axes_do_not_matter(axes: Axes) -> None:
    upright = dvh_of(sphere(12, 3), dose_of(OBLIQUE))
    turned = dvh_of(sphere(12, 3), dose_of(OBLIQUE, axes=axes))
    assert turned.dmean_gy == pytest.approx(upright.dmean_gy, abs=1e-3)
    for pct in (95, 50, 2):
        assert dose_at_volume_pct(turned, pct) == pytest.approx(dose_at_volume_pct(upright, pct), abs=0.005)


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_a_rotated_dose_grid_gives_the_same_dvh(interpolation: Interpolation) -> None:
    rows = Rotation.from_rotvec([0.2, 0.1, 0.4]).as_matrix()
    axes = tuple((float(a[0]), float(a[1]), float(a[2])) for a in rows)
    rotated = dose_of(OBLIQUE, axes=(axes[0], axes[1], axes[2]))
    chosen = DvhSettings(interpolation)
    upright, turned = dvh_of(sphere(12, 3), dose_of(OBLIQUE), chosen), dvh_of(sphere(12, 3), rotated, chosen)
    assert turned.dose_coverage == 1
    assert turned.dmean_gy == pytest.approx(upright.dmean_gy, abs=0.005)
    for pct in (98, 95, 50, 2):
        assert dose_at_volume_pct(turned, pct) == pytest.approx(dose_at_volume_pct(upright, pct), abs=0.01)


def test_uneven_dose_planes_change_nothing_where_the_dose_is_linear() -> None:
    dose = dose_of(SI)
    kept = np.r_[0, 3, 4, 7, 8:30:3, 30:41]
    uneven = replace(dose, plane_offsets_mm=dose.plane_offsets_mm[kept], dose_gy=dose.dose_gy[kept])
    even = dvh_of(sphere(12, 3), dose)
    found = dvh_of(sphere(12, 3), uneven)
    assert found.dmean_gy == pytest.approx(even.dmean_gy, abs=0.005)
    assert dose_at_volume_pct(found, 95) == pytest.approx(dose_at_volume_pct(even, 95), abs=0.01)


def test_half_outside_the_dose_grid_statistics_are_withheld_and_bounds_given() -> None:
    """The dose ends at x = 0.3, the cylinder's middle, so the half towards -x is known; the dose varies along z."""
    dose = dose_of(SI, centre=(0.3 - 1.25 - 50, 0, 0))
    found = dvh_of(cylinder(12, 3), dose)
    whole = dvh_of(cylinder(12, 3), dose_of(SI))
    assert found.dose_coverage == pytest.approx(0.5, abs=0.01)
    assert not found.evaluable
    assert found.dmean_gy is None
    assert dose_at_volume_pct(found, 95) is None
    assert volume_at_dose_pct(found, 20) is None
    assert found.dmean_inside_gy == pytest.approx(70, abs=0.01)
    assert found.dmean_outside_zero_gy == pytest.approx(70 * found.dose_coverage)
    assert "partly_outside_dose_grid" in found.flags
    assert volume_at_dose_cm3(found, 70) == pytest.approx(0.25 * whole.volume_cm3, rel=0.02)
    hottest = dose_at_volume_cm3(whole, 1.0)
    bound = dose_at_volume_cm3(found, 1.0)
    assert hottest is not None
    assert bound is not None
    assert 70 < bound < hottest


def test_up_to_the_allowed_share_outside_statistics_are_of_the_part_inside() -> None:
    dose = dose_of(SI, centre=(0.3 - 1.25 - 50, 0, 0))
    found = dvh_of(cylinder(12, 3), dose, DvhSettings(outside_grid=0.6))
    assert found.dmean_gy == pytest.approx(70, abs=0.01)
    assert volume_at_dose_pct(found, 70) == pytest.approx(50, abs=0.5)


def test_a_roi_wholly_outside_the_dose_grid_has_volume_and_no_dose() -> None:
    found = dvh_of(sphere(10, 2), dose_of(SI, centre=(500, 0, 0)))
    assert found.volume_cm3 > 4
    assert found.dose_coverage == 0
    assert "outside_dose_grid" in found.flags
    assert found.dmean_gy is None
    assert dose_at_volume_cm3(found, 0.1) is None
    assert volume_at_dose_cm3(found, 10) is None


def test_a_contour_of_absurd_size_takes_little_memory_and_is_not_evaluated() -> None:
    """A square of 40 m: its DVH would have 10^8 cells of the usual size."""
    square = 2e4 * np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], dtype=np.float64)
    found = dvh_of([square], dose_of(SI))
    assert found.volume_cm3 == pytest.approx(4e4**2 * 3 / 1000)
    assert not found.evaluable


def test_small_rois_are_flagged_and_keep_their_order() -> None:
    tiny = dvh_of(sphere(2.5, 1), dose_of(OBLIQUE))
    assert {"few_dose_voxels", "small_for_dose_grid"} <= set(tiny.flags)
    assert tiny.dose_voxels == pytest.approx(tiny.volume_cm3 * 1000 / 2.5**3)
    doses = [tiny.dmax_gy, *(dose_at_volume_pct(tiny, pct) for pct in (0.1, 2, 50, 98, 99.9)), tiny.dmin_gy]
    assert doses == sorted(doses, key=lambda gy: -(gy or 0))
    assert not {"few_dose_voxels", "small_for_dose_grid"} & set(dvh_of(sphere(20, 3), dose_of(SI)).flags)


@pytest.mark.parametrize("cm3", [0.03, 0.1])
def test_a_large_roi_keeps_the_peak_of_the_dose_in_it(cm3: float) -> None:
    """The trilinear Gaussian is a product of three interpolated ones: its hottest volumes by cubes of 0.1 mm."""
    nodes = np.arange(-150, 150.1, 2.5)
    along = np.exp(-(nodes**2) / 450)
    dose = dose_of(np.zeros(3), half_mm=150)
    dose = replace(dose, dose_gy=(60 * np.einsum("k,j,i->kji", along, along, along)).astype(np.float32))
    fine = np.interp(np.arange(-5, 5, 0.1) + 0.05, nodes, along)
    hottest = np.sort(60 * np.einsum("k,j,i->kji", fine, fine, fine), axis=None)[::-1]
    large = [disc(140, float(z)) for z in np.arange(-99, 100, 3)]
    found = dvh_of(large, dose, grid=Grid((-150.0, -150.0, -99.0), (1.0, 1.0, 3.0), UPRIGHT, (301, 301, 67)))
    assert found.dmax_gy == 60
    assert dose_at_volume_cm3(found, cm3) == pytest.approx(hottest[round(cm3 * 1e6)], abs=0.2)


def test_no_dose_is_shifted_by_the_bins_it_is_counted_in() -> None:
    """A cylinder about y = -0.2 under 1 Gy/mm: D50 is the middle's dose, and D_p and D_100-p lie evenly about it."""
    shifts = np.linspace(0, 0.01, 7)[:-1]
    off = []
    for shift in shifts:
        dose = dose_of(AP)
        found = dvh_of(cylinder(12, 3), replace(dose, dose_gy=dose.dose_gy + np.float32(shift)))
        doses = {pct: dose_at_volume_pct(found, pct) or 0.0 for pct in (2, 5, 50, 95, 98)}
        middles = [doses[50], (doses[5] + doses[95]) / 2, (doses[2] + doses[98]) / 2]
        off.append([middle - (OFFSET_GY - 0.2 + shift) for middle in middles])
    assert np.abs(np.mean(off, axis=0)).max() < 0.001
    assert np.abs(off).max() < 0.002


def test_each_slab_counts_with_its_own_thickness() -> None:
    """Planes at 0, 3, 6 and 8 mm stand for 3, 3, 2.5 and 2 mm; the mean dose along z follows."""
    contours = [disc(10, z) for z in (0.0, 3.0, 6.0, 8.0)]
    found = dvh_of(contours, dose_of(SI))
    low, high = slabs(np.array([0.0, 3.0, 6.0, 8.0]), 3.0, "half_slice")
    assert found.dmean_gy == pytest.approx(70 + 0.5 * (low[0] + high[-1]), abs=0.02)
    assert (found.dmin_gy, found.dmax_gy) == pytest.approx((70 + low[0], 70 + high[-1]), abs=0.002)
