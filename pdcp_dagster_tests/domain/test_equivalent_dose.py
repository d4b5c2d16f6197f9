"""gEUD of histograms that are known by heart, and the laws that every power mean obeys."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdcp_dagster.domain.dose_shares import dose_shares
from pdcp_dagster.domain.dvh import Dvh
from pdcp_dagster.domain.eqd2 import eqd2_columns
from pdcp_dagster.domain.equivalent_dose import geud_columns, geud_gy
from pdcp_dagster_tests.domain.known_dvhs import dvh_of_levels, evenly_spread
from pdcp_dagster_tests.domain.known_stacks import SI, cylinder, dose_of, dvh_of

EXPONENTS = (-100.0, -10.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 8.0, 20.0, 100.0)


def test_a_uniform_dose_is_its_own_equivalent_whatever_a() -> None:
    for a in EXPONENTS:
        assert geud_gy(dvh_of_levels({60.0: 1.0}), a) == pytest.approx(60, abs=1e-9)


@pytest.mark.parametrize(
    ("a", "gy"),
    [
        (1, 40),  # the mean
        (2, np.sqrt((20**2 + 60**2) / 2)),  # 44.72
        (-1, 30),  # 2 / (1/20 + 1/60)
        (0, np.sqrt(20 * 60)),  # 34.64
        (0.5, ((np.sqrt(20) + np.sqrt(60)) / 2) ** 2),  # 37.32
        (100, 60 * 0.5**0.01),
        (-100, 20 * 0.5**-0.01),
    ],
)
def test_half_at_20_and_half_at_60_gy(a: float, gy: float) -> None:
    assert geud_gy(dvh_of_levels({20.0: 0.5, 60.0: 0.5}), a) == pytest.approx(gy, abs=0.01)


def test_a_dose_spread_evenly_from_10_to_60_gy_has_the_closed_form() -> None:
    """The mean of d^a over [10, 60] is (60^(a+1) - 10^(a+1)) / (50 (a + 1)); of 1/d it is ln 6 / 50."""
    for a in (-10, -0.5, 0.5, 2, 8, 20):
        exact = ((60.0 ** (a + 1) - 10.0 ** (a + 1)) / (50 * (a + 1))) ** (1 / a)
        assert geud_gy(evenly_spread(10, 60), a) == pytest.approx(exact, abs=0.01)
    assert geud_gy(evenly_spread(10, 60), -1) == pytest.approx(50 / np.log(6), abs=0.01)


def test_a_of_one_is_the_mean_dose_whatever_binning_did_to_it() -> None:
    blurred = evenly_spread(10, 60, mean_gy=35.004)
    assert geud_gy(blurred, 1) == pytest.approx(35.004, abs=1e-9)


def test_a_of_one_is_the_mean_dose_where_half_of_the_roi_gets_the_lowest() -> None:
    """Half gets Dmin, 10.005 Gy, in the middle of its bin; 30 Gy stand in theirs as 30.005: only those may move."""
    dvh = replace(dvh_of_levels({10.0: 0.5, 30.0: 0.25, 60.0: 0.25}), dmin_gy=10.005, dmean_inside_gy=27.5025)
    assert geud_gy(dvh, 1) == pytest.approx(27.5025, abs=1e-9)
    shares = dose_shares(dvh)
    assert shares is not None
    assert shares.dose_gy == pytest.approx([10.005, 30.0025, 59.9975], abs=1e-9)


def test_a_few_hot_voxels_keep_their_dose_though_nearly_all_gets_the_lowest() -> None:
    """0.2 % at 80 Gy in 1 Gy: the mean of d^20 is 0.002 * 80^20."""
    dvh = replace(dvh_of_levels({1.0: 0.998, 80.0: 0.002}), dmin_gy=1.0)
    assert geud_gy(dvh, 1) == pytest.approx(1.158, abs=1e-9)
    assert geud_gy(dvh, 20) == pytest.approx(80 * 0.002 ** (1 / 20), abs=0.01)


def test_a_of_one_is_the_mean_of_a_roi_of_which_one_voxel_is_hot() -> None:
    """1 Gy, and a peak of 80 Gy at one voxel of 2.5 mm: trilinear, so its square is worth 8/27 of the voxel."""
    cold = dose_of(0 * SI)
    values = np.ones_like(cold.dose_gy)
    values[20, 20, 20] = 80
    dvh = dvh_of(cylinder(10, 3), replace(cold, dose_gy=values))
    assert geud_gy(dvh, 1) == pytest.approx(dvh.dmean_inside_gy, rel=1e-6)
    share = 2.5**3 / (dvh.volume_cm3 * 1000)
    mean, square = 1 + 79 * share, 1 + 2 * 79 * share + 79**2 * share * 8 / 27
    assert dvh.dmean_inside_gy == pytest.approx(mean, rel=2e-3)
    row = eqd2_columns(dvh, 1, 3.0)
    assert row["eqd2_dmean_gy"] == pytest.approx((square + 3 * mean) / 5, rel=0.015)


def test_a_target_of_which_some_gets_nothing_is_worth_nothing_for_a_of_nought_and_below() -> None:
    missed = dvh_of_levels({0.0: 0.1, 60.0: 0.9})
    assert [geud_gy(missed, a) for a in (-10, -0.5, 0)] == [0, 0, 0]
    assert geud_gy(missed, 1) == pytest.approx(54, abs=0.01)


def test_no_dose_at_all_is_worth_nothing() -> None:
    assert [geud_gy(dvh_of_levels({0.0: 1.0}), a) for a in EXPONENTS] == [0.0] * len(EXPONENTS)


def test_a_roi_that_lies_too_much_outside_the_dose_grid_has_none() -> None:
    assert geud_gy(evenly_spread(10, 60, coverage=0.9), 1) is None
    assert dose_shares(evenly_spread(10, 60, coverage=0.9)) is None


def test_there_is_a_column_for_each_a() -> None:
    columns = geud_columns(dvh_of_levels({60.0: 1.0}), (1, 0.5, -10, 12.25, 0))
    assert list(columns) == ["geud_a1_gy", "geud_a0_5_gy", "geud_am10_gy", "geud_a12_25_gy", "geud_a0_gy"]
    assert geud_columns(None, (1,)) == {"geud_a1_gy": None}


LEVELS = st.dictionaries(
    st.floats(0, 80).map(lambda gy: round(gy, 2)), st.floats(0.01, 1), min_size=1, max_size=6
)  # fmt: skip


@settings(max_examples=60, derandomize=True, deadline=None)
@given(LEVELS)
def test_geud_never_falls_with_a_and_lies_between_the_lowest_and_the_highest_dose(levels: dict[float, float]) -> None:
    dvh: Dvh = dvh_of_levels(levels)
    found = [geud_gy(dvh, a) for a in EXPONENTS]
    doses = [gy for gy in found if gy is not None]
    assert len(doses) == len(EXPONENTS)
    assert all(low <= high + 1e-9 for low, high in pairwise(doses))
    assert min(levels) <= doses[0]
    assert doses[-1] <= max(levels)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(LEVELS)
def test_the_shares_are_all_of_the_volume_and_keep_the_mean(levels: dict[float, float]) -> None:
    dvh = dvh_of_levels(levels)
    shares = dose_shares(dvh)
    assert shares is not None
    assert shares.share.sum() == pytest.approx(1)
    assert shares.share @ shares.dose_gy == pytest.approx(dvh.dmean_inside_gy, abs=1e-9)
