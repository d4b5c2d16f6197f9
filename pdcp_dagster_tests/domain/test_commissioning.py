"""What a convention explains has its name; what none explains is told, and nothing is judged that cannot be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pdcp_dagster.domain.commissioning import CONVENTIONS, Convention, Differences, Judgement, differences, judge
from pdcp_dagster.domain.commissioning_tolerances import Tolerances
from pdcp_dagster.domain.dvh import Dvh
from pdcp_dagster.domain.tps_dvh import TpsDvh, differential_curve
from pdcp_dagster_tests.domain.known_dvhs import evenly_spread

OWN = Convention("half_slice", "linear")
NO_CAPS, CUBIC, BOTH = Convention("none", "linear"), Convention("half_slice", "cubic"), Convention("none", "cubic")
EQUAL = evenly_spread(10, 60)
"""10 cm3; a tolerance in dose of 0.3 Gy."""


def theirs(low_gy: float = 10, high_gy: float = 60, *, volume_cm3: float | None = 10, bin_gy: float = 0.1) -> TpsDvh:
    edges = np.arange(0, high_gy + bin_gy / 2, bin_gy)
    share = np.clip((np.append(edges[1:], edges[-1] + bin_gy) - low_gy) / (high_gy - low_gy), 0, 1)
    within = np.diff(np.insert(share, 0, 0.0))
    pairs = np.column_stack([np.full(len(within), bin_gy), within * (volume_cm3 or 1)]).ravel()
    return TpsDvh(1, differential_curve(pairs.tolist(), 1.0), volume_cm3, "PHYSICAL")


def found(ours: Dvh, tps: TpsDvh | None = None, tolerances: Tolerances | None = None, **keys: bool) -> Differences:
    chosen = {"is_external": False, **keys}
    compared = differences(ours, tps or theirs(), tolerances or Tolerances(), **chosen)
    assert isinstance(compared, Differences)
    return compared


def verdict(**by_convention: Dvh) -> Judgement:
    """Judge what is `own`, `no_caps`, `cubic` and `both`; what is not given is like the own."""
    names = {"own": OWN, "no_caps": NO_CAPS, "cubic": CUBIC, "both": BOTH}
    return judge({each: found(by_convention.get(name, by_convention["own"])) for name, each in names.items()}, OWN)


def shifted(gy: float) -> Dvh:
    return evenly_spread(10 + gy, 60 + gy)


def test_all_four_conventions_are_asked() -> None:
    assert set(CONVENTIONS) == {OWN, NO_CAPS, CUBIC, BOTH}


def test_equal_dvhs_agree_under_the_cohorts_own_convention_whatever_the_others_say() -> None:
    assert verdict(own=EQUAL) == Judgement("agrees", "", OWN)
    assert verdict(own=EQUAL, no_caps=shifted(5), both=shifted(9)) == Judgement("agrees", "", OWN)


@pytest.mark.parametrize(
    ("equal", "reason", "convention"),
    [
        (["no_caps"], "end caps", NO_CAPS),
        (["cubic"], "dose interpolation", CUBIC),
        (["both"], "end caps and dose interpolation", BOTH),
        (["no_caps", "both"], "end caps", NO_CAPS),
        (["cubic", "both"], "dose interpolation", CUBIC),
    ],
)
def test_what_vanishes_under_another_convention_is_named_by_the_fewest_changes(
    equal: list[str], reason: str, convention: Convention
) -> None:
    judged = verdict(own=shifted(2), **dict.fromkeys(equal, EQUAL))
    assert judged == Judgement("agrees by convention", reason, convention)


def test_of_two_conventions_with_as_many_changes_the_closer_one_explains() -> None:
    assert verdict(own=shifted(2), no_caps=shifted(0.2), cubic=shifted(0.1)).reason == "dose interpolation"


def test_a_dose_that_is_five_per_cent_too_high_differs_under_each_convention() -> None:
    """35 Gy on average; D95, D50 and D2 of an even spread from 10 to 60 Gy are 12.5, 35 and 59 Gy."""
    scaled = evenly_spread(10.5, 63)
    judged = verdict(own=scaled)
    assert (judged.verdict, judged.convention) == ("differs", OWN)
    for quantity in ("mean dose +1.75 Gy", "D95 +0.6", "D50 +1.75 Gy", "D2 +2.95 Gy"):
        assert quantity in judged.reason


def test_what_remains_is_told_of_the_closest_convention() -> None:
    judged = verdict(own=shifted(2), no_caps=shifted(0.5), cubic=shifted(3), both=shifted(4))
    assert (judged.verdict, judged.convention) == ("differs", NO_CAPS)
    assert judged.reason.startswith("mean dose +0.50 Gy, D95 +0.50 Gy")
    assert judged.reason.endswith("(closest with end_caps: none, dose_interpolation: linear)")


@pytest.mark.parametrize(("shift_gy", "within"), [(0.29, True), (-0.29, True), (0.31, False), (-0.31, False)])
def test_doses_agree_within_half_a_per_cent_of_the_highest(shift_gy: float, within: bool) -> None:
    assert (not found(shifted(shift_gy)).outside) == within


def test_low_doses_agree_within_two_hundredths_of_a_gray_and_coarse_bins_within_a_bin() -> None:
    low = theirs(0.1, 0.2, bin_gy=0.01)
    assert Tolerances().dose_tolerance_gy(low) == 0.02
    assert Tolerances().dose_tolerance_gy(theirs(bin_gy=0.5)) == pytest.approx(0.5)
    assert Tolerances(dose_gy=1.0).dose_tolerance_gy(theirs()) == 1.0
    assert not found(evenly_spread(0.115, 0.215), low).outside


@pytest.mark.parametrize(("ours_cm3", "outside"), [(10.09, ()), (9.91, ()), (10.5, ("volume +5.00 %",))])
def test_volumes_agree_within_one_per_cent(ours_cm3: float, outside: tuple[str, ...]) -> None:
    assert found(replace(EQUAL, volume_cm3=ours_cm3)).outside == outside


def test_volumes_of_the_body_of_small_rois_and_in_per_cent_are_not_judged() -> None:
    half_more = replace(EQUAL, volume_cm3=15)
    assert found(half_more).outside
    assert not found(half_more, is_external=True).outside
    assert not found(replace(EQUAL, volume_cm3=3), theirs(volume_cm3=2)).outside
    assert not found(half_more, theirs(volume_cm3=None)).outside
    assert found(replace(EQUAL, volume_cm3=3), theirs(volume_cm3=2), Tolerances(smallest_cm3=1)).outside


def test_another_shape_of_the_same_doses_shows_in_the_curve() -> None:
    """Mean, D95, D50 and D2 are equal; between 20 and 30 Gy, 6 % of the volume get 10 Gy more."""
    edges = EQUAL.edges_gy
    bump = 0.06 * ((edges > 20.0) & (edges < 30.0))
    bent = replace(EQUAL, volume_fraction=np.minimum.accumulate(EQUAL.volume_fraction + bump))
    compared = found(bent)
    assert compared.largest_gap_pct == pytest.approx(6, abs=0.1)
    (told,) = compared.outside
    assert told.startswith("curves apart")


def test_a_roi_that_lies_partly_outside_the_dose_or_has_coarse_bins_is_not_compared() -> None:
    outside = evenly_spread(10, 60, coverage=0.5)
    reason = differences(outside, theirs(), Tolerances(), is_external=False)
    assert reason == "too much of it lies outside the dose grid"
    assert judge(dict.fromkeys(CONVENTIONS, reason), OWN) == Judgement("not compared", str(reason), None)
    assert differences(EQUAL, theirs(bin_gy=10), Tolerances(), is_external=False) == "its bins of 10 Gy are too wide"


def test_a_roi_that_is_inside_the_dose_grid_without_end_caps_only_is_compared_without_them() -> None:
    away = "too much of it lies outside the dose grid"
    assert judge({OWN: away, NO_CAPS: found(EQUAL)}, OWN) == Judgement("agrees by convention", "end caps", NO_CAPS)
    assert judge({OWN: away, NO_CAPS: found(shifted(2))}, OWN).verdict == "differs"


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_tolerance_that_means_nothing_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="curve_pct"):
        Tolerances(curve_pct=value)


def test_the_tolerances_are_told_with_their_numbers_and_where_these_come_from() -> None:
    told = Tolerances(volume_pct=2.5).told()
    assert told[1][:2] == ("Volume", "2.5 %")
    assert all(what and within and why for what, within, why in told)


@pytest.mark.parametrize(("ours_cm3", "theirs_cm3"), [(4.9, 60.0), (60.0, 4.9)])
def test_a_large_volume_that_is_small_on_the_other_side_is_judged(ours_cm3: float, theirs_cm3: float) -> None:
    compared = found(evenly_spread(10, 60, volume_cm3=ours_cm3), theirs(volume_cm3=theirs_cm3))
    (outside,) = compared.outside
    assert outside.startswith("volume ")
