"""Cubic interpolation of a dose: a Gaussian's closed form in any orientation, and what happens between few planes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pdcp_dagster.domain.dose_grid import DoseGrid
from pdcp_dagster.domain.dvh import DvhSettings
from pdcp_dagster.domain.dvh_lattice import Cells, dose_lattice
from pdcp_dagster.domain.metrics import dose_at_volume_pct
from pdcp_dagster.domain.volume import Grid
from pdcp_dagster_tests.domain.known_stacks import GRID, UPRIGHT, Axes, Points, dvh_of, peaked, sphere

TURNED: Axes = ((0.8, 0.6, 0), (-0.48, 0.64, 0.6), (0.36, -0.48, 0.8))


def test_cubic_interpolation_finds_a_gaussian_where_linear_flattens_it() -> None:
    """Sphere of 12 mm about the peak: V(d) = (r(d) / 12)^3 with r^2 = 450 ln(60 / d), so D50 lies at r = 9.524."""
    contours = [points - [0.3, -0.2, 0] for points in sphere(12, 0.5)]
    grid = replace(GRID, spacing_mm=(1.0, 1.0, 0.5))
    cubic = dvh_of(contours, peaked(2.5), DvhSettings("cubic"), grid)
    linear = dvh_of(contours, peaked(2.5), DvhSettings("linear"), grid)
    expected = {pct: 60 * np.exp(-((12 * (pct / 100) ** (1 / 3)) ** 2) / 450) for pct in (2, 50, 95)}
    for pct, gy in expected.items():
        assert dose_at_volume_pct(cubic, pct) == pytest.approx(gy, abs=0.06)
    assert (dose_at_volume_pct(linear, 2) or 0) < expected[2] - 0.2


@pytest.mark.parametrize("axes", [UPRIGHT, TURNED], ids=["upright", "rotated"])
@pytest.mark.parametrize("kept", [slice(None), np.r_[0:15, 15:27:2, 27:41]], ids=["even planes", "uneven planes"])
def test_a_cubic_dose_is_that_of_the_gaussian_in_any_orientation(axes: Axes, kept: slice | Points) -> None:
    """Sphere of 12 mm about the peak, drawn every 0.5 mm; uneven planes are 2.5 and 5 mm apart, the peak on none."""
    contours = [points - [0.3, -0.2, 0] for points in sphere(12, 0.5)]
    dose = peaked(2.5, axes)
    planes = dose.plane_offsets_mm[kept]
    uneven = replace(dose, plane_offsets_mm=planes - planes[0], dose_gy=np.ascontiguousarray(dose.dose_gy[kept]))
    found = dvh_of(contours, uneven, DvhSettings("cubic"), replace(GRID, spacing_mm=(1.0, 1.0, 0.5)))
    assert found.dose_coverage == 1
    for pct in (2, 50, 95):
        exact = 60 * np.exp(-((12 * (pct / 100) ** (1 / 3)) ** 2) / 450)
        assert dose_at_volume_pct(found, pct) == pytest.approx(exact, abs=0.06)


@pytest.mark.parametrize("planes", [1, 2, 3])
def test_below_four_planes_a_cubic_dose_is_linear_between_them(planes: int) -> None:
    """Planes at z = 0, 10 and 20 mm, doses of 10, 30 and 20 Gy, in the dose's own orientation and in a turned one."""
    doses = np.array([10, 30, 20], dtype=np.float32)[:planes]
    values = np.repeat(doses, 41 * 41).reshape(planes, 41, 41)
    for axes in (UPRIGHT, TURNED):
        corner = -50 * (np.array(axes[0]) + np.array(axes[1]))
        origin = (float(corner[0]), float(corner[1]), float(corner[2]))
        dose = DoseGrid(origin, axes, (2.5, 2.5), np.arange(planes, dtype=np.float64) * np.float64(10), values)
        cells = Cells(np.array([0.0, 2.0]), np.array([0.0]), np.arange(0.0, 20.5, 0.5), 1.0, 0.5)
        image = Grid((0, 0, 0), (1, 1, 1), UPRIGHT, (3, 3, 21))
        lattice = {kind: dose_lattice(dose, image, cells, kind) for kind in ("linear", "cubic")}
        found = {kind: one.planes(np.arange(41), np.ones((41, 1, 2), dtype=bool)) for kind, one in lattice.items()}
        cubic = found["cubic"].dose_gy if found["cubic"].centre_gy is None else found["cubic"].centre_gy
        assert cubic == pytest.approx(found["linear"].dose_gy, abs=1e-4)
        if axes == UPRIGHT:
            assert cubic[10, 0, 0] == pytest.approx(20 if planes > 1 else 10)
