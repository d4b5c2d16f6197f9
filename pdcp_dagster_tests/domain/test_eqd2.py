"""Doses in 2 Gy fractions: by hand, point for point, and not at all where the fractions are not known."""

from __future__ import annotations

import pytest

from pdcp_dagster.domain.eqd2 import COLUMNS, alpha_beta_for, eqd2_columns, eqd2_gy, fractions_of
from pdcp_dagster.domain.plan import FractionGroup, RtPlan
from pdcp_dagster_tests.domain.known_dvhs import dvh_of_levels, evenly_spread


@pytest.mark.parametrize(
    ("gy", "fractions", "alpha_beta_gy", "worth"),
    [
        (60, 30, 3, 60),  # 2 Gy a fraction is what it is
        (60, 30, 10, 60),
        (40, 15, 3, 40 * (40 / 15 + 3) / 5),  # 45.33
        (26, 5, 3, 26 * 8.2 / 5),  # 42.64
        (54, 3, 10, 126),  # 54 * 28 / 12
        (0, 30, 3, 0),
    ],
)
def test_a_dose_is_worth_what_the_linear_quadratic_model_says(
    gy: float, fractions: int, alpha_beta_gy: float, worth: float
) -> None:
    assert eqd2_gy(gy, fractions, alpha_beta_gy) == pytest.approx(worth)


def test_a_uniform_dose_is_converted_in_every_column() -> None:
    row = eqd2_columns(dvh_of_levels({54.0: 1.0}), 3, 10.0)
    assert tuple(row) == COLUMNS
    assert (row["alpha_beta_gy"], row["eqd2_fractions"]) == (10, 3)
    doses = [row[name] for name in COLUMNS[2:]]
    assert doses == pytest.approx([126] * len(doses), abs=0.05)


def test_of_two_levels_the_mean_is_of_what_each_is_worth_and_not_what_the_mean_is_worth() -> None:
    """20 and 60 Gy in 20 fractions at 3 Gy: 20 * 4 / 5 = 16 and 60 * 6 / 5 = 72, mean 44; 40 Gy would be worth 40."""
    row = eqd2_columns(dvh_of_levels({20.0: 0.5, 60.0: 0.5}), 20, 3.0)
    assert row["eqd2_dmean_gy"] == pytest.approx(44, abs=0.01)
    assert (row["eqd2_dmin_gy"], row["eqd2_dmax_gy"]) == pytest.approx((16, 72))
    assert (row["eqd2_d98_gy"], row["eqd2_d2_gy"]) == pytest.approx((16, 72), abs=0.03)


def test_of_a_dose_spread_evenly_the_mean_has_its_closed_form() -> None:
    """The mean of d^2 over [10, 60] is (60^3 - 10^3) / (3 * 50) = 1433.3, of d it is 35."""
    row = eqd2_columns(evenly_spread(10, 60), 25, 3.0)
    assert row["eqd2_dmean_gy"] == pytest.approx((215_000 / 150 / 25 + 3 * 35) / 5, abs=0.01)
    assert row["eqd2_d50_gy"] == pytest.approx(35 * (35 / 25 + 3) / 5, abs=0.01)


def test_what_is_not_known_is_null() -> None:
    dvh = evenly_spread(10, 60)
    without_fractions = eqd2_columns(dvh, None, 3.0)
    assert {name for name, value in without_fractions.items() if value is not None} == {"alpha_beta_gy"}
    without_ratio = eqd2_columns(dvh, 25, None)
    assert {name for name, value in without_ratio.items() if value is not None} == {"eqd2_fractions"}
    small = eqd2_columns(evenly_spread(10, 60, volume_cm3=0.05), 25, 3.0)
    assert (small["eqd2_d0_1cc_gy"], small["eqd2_d2cc_gy"]) == (None, None)
    assert small["eqd2_d0_03cc_gy"] is not None


def test_of_a_roi_partly_outside_the_dose_only_lower_bounds_remain() -> None:
    row = eqd2_columns(evenly_spread(10, 60, coverage=0.5), 25, 3.0)
    known = {name for name, value in row.items() if value is not None}
    assert known == {"alpha_beta_gy", "eqd2_fractions", *(name for name in COLUMNS if name.endswith("cc_gy"))}


def test_alpha_beta_is_of_the_name_as_written_else_case_aside_else_the_default() -> None:
    table = {"default": 3.0, "PTV_70": 10.0, "ptv_70": 8.0}
    assert (alpha_beta_for("PTV_70", table), alpha_beta_for("ptv_70", table)) == (10, 8)
    assert alpha_beta_for("HEART", {"Heart": 2.5}) == 2.5
    assert (alpha_beta_for("Cord", table), alpha_beta_for("Cord", {"PTV": 10.0})) == (3, None)


def groups(*planned: int | None) -> RtPlan:
    return RtPlan("plan", fraction_groups=tuple(FractionGroup(n, each) for n, each in enumerate(planned, 1)))


def test_fractions_are_those_of_one_plan_with_one_fraction_group() -> None:
    assert fractions_of(groups(25), "PHYSICAL") == (25, "")


@pytest.mark.parametrize(
    ("plan", "dose_type", "why"),
    [
        (groups(25), "EFFECTIVE", "weighted for its biological effect"),
        (None, "PHYSICAL", "not of one plan"),
        (groups(25, 8), "PHYSICAL", "2 fraction groups"),
        (groups(None), "PHYSICAL", "does not say"),
        (groups(0), "PHYSICAL", "does not say"),
        (groups(), "PHYSICAL", "does not say"),
    ],
)
def test_where_fractions_are_not_known_the_reason_is_told(plan: RtPlan | None, dose_type: str, why: str) -> None:
    fractions, reason = fractions_of(plan, dose_type)
    assert fractions is None
    assert why in reason
