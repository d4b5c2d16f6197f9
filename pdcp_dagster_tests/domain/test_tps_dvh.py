"""Curves from bin widths and volumes, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pdcp_dagster.domain.tps_dvh import TpsDvhError, cumulative_curve, differential_curve

EVEN_CUMULATIVE = [value for n in range(100) for value in (0.1, 10 - 0.1 * (n + 0.5))]
"""10 cm3 of which each 0.1 cm3 gets 0.1 Gy more, from 0 to 10 Gy; volumes as in the middle of each bin."""


def test_a_cumulative_curve_gives_mean_and_doses_at_volumes() -> None:
    curve = cumulative_curve(EVEN_CUMULATIVE, 1.0)
    assert curve.total == pytest.approx(9.95)
    assert curve.dmean_gy == pytest.approx(5, abs=0.05)
    assert [curve.dose_at_pct(pct) for pct in (95, 50, 2)] == pytest.approx([0.5, 5, 9.8], abs=0.06)
    assert curve.fraction_at(np.array([-1.0, 0.0, 5.0, 10.0, 20.0])) == pytest.approx([1, 1, 0.5, 0, 0], abs=0.01)
    assert (curve.dmax_gy, curve.bin_gy) == pytest.approx((10, 0.1))


def test_volumes_lie_in_the_middle_of_their_bins() -> None:
    """All gets the dose of the first two bins, half of it that of the third, and nothing more."""
    curve = cumulative_curve([1, 4, 1, 4, 1, 2, 1, 0], 1.0)
    assert curve.dose_gy == pytest.approx([0, 0.5, 1.5, 2.5, 3.5, 4])
    assert curve.fraction == pytest.approx([1, 1, 1, 0.5, 0, 0])
    assert curve.dmean_gy == pytest.approx(0.5 + 1 + 0.75 + 0.25)


def test_a_wide_first_bin_reaches_to_the_lowest_dose_and_the_volumes_are_those_at_the_ends_of_their_bins() -> None:
    """10 cm3 get 50 Gy and 51 Gy, 5 cm3 get 52 Gy, and none gets 53 Gy."""
    curve = cumulative_curve([50, 10, 1, 10, 1, 5, 1, 0], 1.0)
    assert curve.dose_at_pct(100) == pytest.approx(51)
    assert curve.dose_at_pct(50) == pytest.approx(52)
    assert curve.dmean_gy == pytest.approx(52)
    assert curve.bin_gy == 1


@pytest.mark.parametrize("offset_gy", [0.0, 40.0])
def test_a_dose_spread_evenly_over_20_gy_has_its_mean_wherever_it_begins(offset_gy: float) -> None:
    """100 % get the offset, 95 % 1 Gy more, ..., none 20 Gy more: the mean is 10 Gy more."""
    pairs = [value for n in range(21) for value in (1.0 if n else offset_gy, 100.0 - 5 * n)]
    curve = cumulative_curve(pairs, 1.0)
    assert curve.dmean_gy == pytest.approx(offset_gy + 10)
    assert [curve.dose_at_pct(pct) for pct in (95, 50, 5)] == pytest.approx([offset_gy + gy for gy in (1, 10, 19)])
    assert curve.fraction_at(np.array([offset_gy + 5])) == pytest.approx([0.75])
    assert (curve.dmax_gy, curve.bin_gy) == pytest.approx((offset_gy + 20, 1))


def test_a_differential_histogram_is_added_up_from_the_top() -> None:
    curve = differential_curve([10, 0, 10, 3, 10, 1], 1.0)
    assert curve.dose_gy == pytest.approx([0, 10, 20, 30])
    assert curve.fraction == pytest.approx([1, 1, 0.25, 0])
    assert curve.total == 4
    assert curve.dmean_gy == pytest.approx((3 * 15 + 25) / 4)


def test_dose_scaling_multiplies_the_bin_widths() -> None:
    assert cumulative_curve([100, 4, 100, 2, 100, 0], 0.01).dose_gy[-1] == pytest.approx(3)


def test_tiny_negative_volumes_at_the_end_are_none() -> None:
    assert cumulative_curve([1, 4, 1, 2, 1, -2.9e-13], 1.0).fraction[-2] == 0


@pytest.mark.parametrize(
    ("pairs", "why"),
    [
        ([], "0 bins"),
        ([1, 4], "1 bins"),
        ([1, 4, 1], "no pairs"),
        ([1, 4, 1, float("nan")], "no numbers"),
        ([1, 4, float("inf"), 4], "no numbers"),
        ([1, 4, -1, 3], "widths are not positive"),
        ([0, 4, 0, 3], "widths are not positive"),
        ([1, 0, 1, 0], "volumes are not positive"),
        ([1, 4, 1, -1], "volumes are not positive"),
        ([10, 4, 20, 3, 30, 2], "as if they were doses"),
        ([1, 2, 1, 4, 1, 0], "rise with dose"),
    ],
)
def test_numbers_that_cannot_be_a_histogram_are_refused_with_the_reason(pairs: list[float], why: str) -> None:
    with pytest.raises(TpsDvhError, match=why):
        cumulative_curve(pairs, 1.0)


def test_a_differential_histogram_may_rise() -> None:
    assert differential_curve([1, 2, 1, 4, 1, 0], 1.0).total == 6
