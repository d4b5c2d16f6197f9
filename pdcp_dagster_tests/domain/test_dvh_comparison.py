"""Two DVHs of one ROI: equal ones agree, and whatever is wrong with a dose or a structure shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pdcp_dagster.domain.dvh import Dvh
from pdcp_dagster.domain.dvh_comparison import COLUMNS, Cell, compare, curve_gap
from pdcp_dagster.domain.tps_dvh import TpsDvh, cumulative_curve
from pdcp_dagster_tests.domain.known_dvhs import evenly_spread

OURS = evenly_spread(10, 60)
"""10 cm3."""


def theirs(
    low_gy: float = 10.0,
    high_gy: float = 60.0,
    *,
    volume_cm3: float = 10.0,
    bin_gy: float = 0.01,
    per_cent: bool = False,
) -> TpsDvh:
    middles = np.arange(0.0, high_gy + 2 * bin_gy, bin_gy) + bin_gy / 2
    volumes = volume_cm3 * np.clip((high_gy - middles) / (high_gy - low_gy), 0, 1)
    pairs = np.column_stack([np.full(len(middles), bin_gy), volumes]).ravel()
    curve = cumulative_curve(pairs.tolist(), 1.0)
    return TpsDvh(1, curve, None if per_cent else volume_cm3, "PHYSICAL", 250.0)


def verdict(
    tps: TpsDvh, ours: Dvh = OURS, *, end_caps_cm3: float = 0.0, is_external: bool = False
) -> tuple[Cell, Cell]:
    row = compare(ours, tps, end_caps_cm3=end_caps_cm3, is_external=is_external)
    assert set(row) <= set(COLUMNS)
    return row["verdict"], row["reason"]


def test_equal_dvhs_agree_and_the_row_says_what_both_say() -> None:
    row = compare(OURS, theirs(), end_caps_cm3=0, is_external=False)
    assert (row["verdict"], row["reason"]) == ("agrees", None)
    assert (row["tps_volume_cm3"], row["volume_cm3"], row["volume_difference_pct"]) == pytest.approx((10, 10, 0))
    assert (row["tps_dmean_gy"], row["dmean_gy"], row["tps_d95_gy"], row["d95_gy"]) == pytest.approx(
        (35, 35, 12.5, 12.5), abs=0.01
    )
    assert (row["dmean_difference_gy"], row["gap_beyond_tolerance_pct"]) == pytest.approx((0, 0), abs=0.01)
    assert row["dose_tolerance_gy"] == pytest.approx(1.2, abs=0.01)
    assert row["tps_stated_dmean"] == 250


def test_a_shift_of_dose_is_a_gap_of_its_share_of_the_slope() -> None:
    """Of 50 Gy spread over 100 %, 2.5 Gy are 5 %; with 1 Gy of tolerance 3 % are left."""
    gap = curve_gap(OURS, theirs(12.5, 62.5), 1.0)
    assert (gap.largest_pct, gap.beyond_tolerance_pct) == pytest.approx((5, 3), abs=0.05)
    assert 12.5 - 0.1 <= gap.at_gy <= 60.1


@pytest.mark.parametrize(
    ("low_gy", "high_gy", "says"),
    [
        (12, 62, "mean dose -2.00 Gy"),
        (20, 120, "mean dose -35.00 Gy, curves 60.0 % apart"),  # twice the dose
        (0.4, 2.4, "mean dose +33.60 Gy, curves 100.0 % apart"),  # the dose of one fraction
    ],
)
def test_another_dose_differs(low_gy: float, high_gy: float, says: str) -> None:
    found, reason = verdict(theirs(low_gy, high_gy))
    assert found == "differs"
    assert says in str(reason)


def test_another_shape_of_the_same_mean_differs() -> None:
    found, reason = verdict(theirs(25, 45))
    assert found == "differs"
    assert "curves 30.0 % apart" in str(reason)


def test_half_a_gray_in_sixty_agrees() -> None:
    assert verdict(theirs(10.5, 60.5)) == ("agrees", None)


def test_another_volume_differs_but_for_what_the_end_caps_explain() -> None:
    assert verdict(theirs(volume_cm3=9)) == ("differs", "volume +11.1 %")
    assert verdict(theirs(volume_cm3=9), end_caps_cm3=0.8) == ("agrees", None)
    assert verdict(theirs(volume_cm3=9.6)) == ("agrees", None)


def test_volumes_of_small_rois_of_the_body_and_in_per_cent_are_not_judged() -> None:
    small = replace(OURS, volume_cm3=0.7)
    assert verdict(theirs(volume_cm3=0.5), small) == ("agrees", None)
    assert verdict(theirs(volume_cm3=8), is_external=True) == ("agrees", None)
    assert verdict(theirs(per_cent=True)) == ("agrees", None)
    row = compare(OURS, theirs(per_cent=True), end_caps_cm3=0, is_external=False)
    assert (row["tps_volume_cm3"], row["volume_difference_pct"]) == (None, None)


@pytest.mark.parametrize(("ours_cm3", "theirs_cm3"), [(4.9, 60.0), (60.0, 4.9)])
def test_a_large_roi_that_is_small_on_one_side_differs(ours_cm3: float, theirs_cm3: float) -> None:
    said, _ = verdict(theirs(volume_cm3=theirs_cm3), evenly_spread(10, 60, volume_cm3=ours_cm3))
    assert said == "differs"


def test_a_coarse_histogram_is_allowed_its_bin() -> None:
    assert verdict(theirs(bin_gy=2.0))[0] == "agrees"


@pytest.mark.parametrize("bin_gy", [4.0, 20.0, 100.0])
def test_a_histogram_in_bins_wider_than_a_twentieth_of_the_dose_is_not_compared(bin_gy: float) -> None:
    row = compare(OURS, theirs(bin_gy=bin_gy), end_caps_cm3=0, is_external=False)
    assert (row["verdict"], row["reason"]) == ("not compared", f"its bins of {bin_gy:g} Gy are too wide")
    assert row.get("dose_tolerance_gy") is None
    assert row["tps_dmean_gy"] is not None


def test_bins_that_are_wide_for_a_low_dose_still_tell_it_from_a_high_one() -> None:
    """0.1 Gy bins of a ROI with 1.5 Gy at most, where 60 Gy were found; where that is found too they say little."""
    low = theirs(0.5, 1.5, bin_gy=0.1)
    assert verdict(low)[0] == "differs"
    assert verdict(low, evenly_spread(0.5, 1.5)) == ("not compared", "its bins of 0.1 Gy are too wide")


def test_bins_of_a_hundredth_of_a_gray_are_never_too_wide() -> None:
    assert verdict(theirs(0.01, 0.11), evenly_spread(0.01, 0.11)) == ("agrees", None)


def test_a_roi_partly_outside_the_dose_grid_is_not_compared() -> None:
    found, reason = verdict(theirs(), evenly_spread(10, 60, coverage=0.5))
    assert found == "not compared"
    assert "outside the dose grid" in str(reason)
