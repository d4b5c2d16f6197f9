"""What gets the dose that was given gets it, whatever single precision made of its last digit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pdcp_dagster.domain.dose_volume import (
    volume_at_dose_cm3,
    volume_at_dose_pct,
    volume_below_dose_cm3,
    volume_below_dose_pct,
)
from pdcp_dagster.domain.dvh import Dvh, DvhSettings
from pdcp_dagster.domain.dvh_comparison import curve_gap
from pdcp_dagster.domain.interpolation import Interpolation
from pdcp_dagster.domain.legacy_dosimetry import dosimetry_columns, dosimetry_row, legacy_columns
from pdcp_dagster.domain.metrics import dvh_curve, dvh_row
from pdcp_dagster.domain.tps_dvh import TpsCurve, TpsDvh
from pdcp_dagster_tests.domain.known_dvhs import dvh_of_levels
from pdcp_dagster_tests.domain.known_stacks import SI, cylinder, dose_of, dvh_of

GIVEN_GY = 50.0
SCATTER = 4e-7
"""What sampling in single precision adds to a dose, as a share of it."""


def scattered(low: float, high: float) -> Dvh:
    """10 cm3 that get 50 Gy, as they are sampled: from `low` to `high` times 50 Gy, half of them to either side."""
    exact = dvh_of_levels({GIVEN_GY: 1.0})
    fraction = np.where(np.isclose(exact.edges_gy, GIVEN_GY), 0.5, exact.volume_fraction)
    return replace(exact, dmin_gy=low * GIVEN_GY, dmax_gy=high * GIVEN_GY, volume_fraction=fraction)


SCATTERS = pytest.mark.parametrize(
    "dvh",
    [
        scattered(1 - SCATTER, 1 + SCATTER),
        scattered(1 - 2 * SCATTER, 1 - SCATTER),
        scattered(1 + SCATTER, 1 + 2 * SCATTER),
    ],
    ids=["about it", "below it", "above it"],
)


@SCATTERS
def test_all_of_a_uniform_dose_gets_it_and_nothing_gets_a_hundredth_more(dvh: Dvh) -> None:
    assert (volume_at_dose_pct(dvh, GIVEN_GY), volume_at_dose_cm3(dvh, GIVEN_GY)) == (100, 10)
    assert (volume_below_dose_pct(dvh, GIVEN_GY), volume_below_dose_cm3(dvh, GIVEN_GY)) == (0, 0)
    assert (volume_at_dose_pct(dvh, GIVEN_GY - 0.01), volume_at_dose_pct(dvh, GIVEN_GY + 0.01)) == (100, 0)
    row = dvh_row(dvh, prescription_gy=GIVEN_GY)
    assert (row["v100_pct"], row["v105_pct"], row["v50gy_pct"]) == (100, 0, 100)


@SCATTERS
def test_the_curve_of_a_uniform_dose_reaches_it_with_all_of_the_volume(dvh: Dvh) -> None:
    dose_gy, volume_pct, _ = dvh_curve(dvh)
    assert (len(dose_gy), dose_gy[-1], volume_pct[-1]) == (501, GIVEN_GY, 100)


@SCATTERS
def test_the_originals_columns_of_a_uniform_dose_have_all_of_the_volume(dvh: Dvh) -> None:
    row = legacy_columns(dvh, GIVEN_GY, prescribed=True)
    assert (row["VGy_50.0"], row["V%_100.0"], row["VGy_50.5"]) == (100, 100, 0)
    dose_gy, volume_pct, _ = dvh_curve(dvh)
    stored = {**dvh_row(dvh, prescription_gy=GIVEN_GY), "patient_id": "007", "roi_name": "PTV"}
    cells = dosimetry_row(stored, dose_gy, volume_pct, prescribed=True)
    exported = dict(zip(dosimetry_columns(prescribed=True), cells, strict=True))
    assert (exported["VGy_50.0"], exported["V%_100.0"], exported["VGy_50.5"]) == (100, 100, 0)


@SCATTERS
def test_a_planning_systems_uniform_dose_is_no_gap_away(dvh: Dvh) -> None:
    theirs = TpsCurve(np.array([0, GIVEN_GY, GIVEN_GY + 0.01]), np.array([1.0, 1.0, 0.0]), 0.01, 10.0)
    gap = curve_gap(dvh, TpsDvh(1, theirs, 10.0, "PHYSICAL"), 0.02)
    assert (gap.largest_pct, gap.beyond_tolerance_pct) == pytest.approx((0, 0))


@pytest.mark.parametrize("highest", [1 - SCATTER, 1.0, 1 + SCATTER])
def test_half_that_gets_the_highest_dose_is_half(highest: float) -> None:
    """5 of 10 cm3 get 20 Gy and 5 get 60 Gy."""
    dvh = replace(dvh_of_levels({20.0: 1.0, 60.0: 1.0}), dmax_gy=60 * highest)
    assert volume_at_dose_pct(dvh, 60) == pytest.approx(50)
    assert volume_at_dose_pct(dvh, 60.01) == 0
    assert dvh_curve(dvh)[1][-1] == pytest.approx(50)
    assert legacy_columns(dvh, None, prescribed=False)["VGy_60.0"] == pytest.approx(50, abs=0.01)


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_a_cylinder_in_a_uniform_dose_gets_it_wholly_whatever_the_dose(interpolation: Interpolation) -> None:
    drawn, flat = cylinder(15, 3), dose_of(0 * SI)
    for gy in (1.8, 2, 7, 14, 20, 30.3, 40.05, 45.1, 50, 50.4, 59.4, 60, 66.6, 70, 78):
        dose = replace(flat, dose_gy=np.full_like(flat.dose_gy, gy))
        found = dvh_of(drawn, dose, DvhSettings(interpolation))
        assert volume_at_dose_pct(found, gy) == 100, gy
        assert volume_at_dose_pct(found, gy * 1.001) == 0, gy
