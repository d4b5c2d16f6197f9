"""Volumes at the dose of a plateau: all of it gets that dose, whatever rounding does to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pdcp_dagster.domain.dose_grid import DoseGrid
from pdcp_dagster.domain.dvh import DvhSettings
from pdcp_dagster.domain.interpolation import Interpolation
from pdcp_dagster.domain.metrics import dose_at_volume_pct, volume_at_dose_pct
from pdcp_dagster_tests.domain.known_stacks import UPRIGHT, Axes, Points, dose_of, dvh_of

INTERPOLATIONS: list[Interpolation] = ["linear", "cubic"]
TURNED: Axes = ((0.8, 0.6, 0), (-0.48, 0.64, 0.6), (0.36, -0.48, 0.8))
VOXEL_MM = 2.0


def box(first_mm: float, last_mm: float) -> list[Points]:
    """From x = first to last, y = -15 to 15, z = -12 to 12, drawn every 3 mm."""
    corners = [(first_mm, -15), (last_mm, -15), (last_mm, 15), (first_mm, 15)]
    return [np.array([(x, y, z) for x, y in corners], dtype=np.float64) for z in np.arange(-10.5, 12, 3)]


def plateau(gy_per_mm: float) -> DoseGrid:
    """60 Gy from x = 0 on, and a straight fall towards -x; a voxel's centre lies at x = 0."""
    flat = dose_of(np.zeros(3), spacing=VOXEL_MM)
    x = flat.origin_mm[0] + VOXEL_MM * np.arange(flat.dose_gy.shape[2])
    values = np.broadcast_to(np.minimum(60, 60 + gy_per_mm * x), flat.dose_gy.shape)
    return replace(flat, dose_gy=values.astype(np.float32))


def uniform(gy: float, axes: Axes) -> DoseGrid:
    dose = dose_of(np.zeros(3), axes=axes)
    return replace(dose, dose_gy=np.full_like(dose.dose_gy, gy))


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("gy_per_mm", [0.1, 0.5, 1.3])
def test_the_volume_at_the_dose_of_a_plateau_is_the_share_of_the_plateau(
    gy_per_mm: float, interpolation: Interpolation
) -> None:
    """Half of the box lies on the plateau; a spread of equal doses about themselves would leave a quarter."""
    found = dvh_of(box(-40, 40), plateau(gy_per_mm), DvhSettings(interpolation))
    assert volume_at_dose_pct(found, 60) == pytest.approx(50, abs=1.5)
    assert volume_at_dose_pct(found, 60.01) == 0
    assert found.dmax_gy == pytest.approx(60)
    assert dose_at_volume_pct(found, 45) == pytest.approx(60, abs=0.01)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize(("first_mm", "last_mm"), [(-10, 10), (-10, 30), (-30, 10), (-25, 35)])
def test_the_edge_of_a_plateau_lies_within_a_dose_voxel_of_where_it_is(
    first_mm: float, last_mm: float, interpolation: Interpolation
) -> None:
    """Only cells within a voxel of the edge have a range of dose: 2 mm of the box's width, and the plateau's end."""
    found = dvh_of(box(first_mm, last_mm), plateau(0.5), DvhSettings(interpolation))
    width = last_mm - first_mm
    assert volume_at_dose_pct(found, 60) == pytest.approx(100 * last_mm / width, abs=100 * VOXEL_MM / width)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_a_box_wholly_on_the_plateau_gets_all_of_its_dose(interpolation: Interpolation) -> None:
    found = dvh_of(box(12, 40), plateau(0.5), DvhSettings(interpolation))
    assert (volume_at_dose_pct(found, 60), volume_at_dose_pct(found, 60.01)) == (100, 0)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("axes", [UPRIGHT, TURNED], ids=["upright", "rotated"])
@pytest.mark.parametrize("gy", [0.07, 1.8, 20, 50.4, 60, 66.6, 78.1])
def test_of_a_uniform_dose_everything_gets_that_dose_and_nothing_more(
    gy: float, axes: Axes, interpolation: Interpolation
) -> None:
    found = dvh_of(box(-9.7, 14.2), uniform(gy, axes), DvhSettings(interpolation))
    assert [volume_at_dose_pct(found, asked) for asked in (0, 0.3 * gy, 0.95 * gy, gy)] == [100] * 4
    assert volume_at_dose_pct(found, 1.001 * gy) == 0
    assert [dose_at_volume_pct(found, pct) for pct in (0, 2, 50, 98, 100)] == pytest.approx([gy] * 5)
