"""Believable doses: bounds of a cohort, and the traps of one fraction and of multiplied fractions."""

from __future__ import annotations

from typing import Literal

import pytest

from pdcp_dagster.domain.dose_plausibility import (
    check_maximum,
    check_not_empty,
    compare_mean_with_prescription,
    compare_with_prescription,
)


@pytest.mark.parametrize(("action", "code"), [("exclude", "XXIV_EXEC_003"), ("review", "XXIV_REV_003")])
def test_a_maximum_outside_the_bounds_follows_the_cohorts_action(
    action: Literal["exclude", "review"], code: str
) -> None:
    low, high = check_maximum(37.9, 38, 120, action), check_maximum(120.1, 38, 120, action)
    assert low is not None
    assert high is not None
    assert (low.code, high.code) == (code, code)
    assert "below 38 Gy" in low.detail
    assert "above 120 Gy" in high.detail


@pytest.mark.parametrize(("minimum", "maximum"), [(38, 120), (None, 120), (38, None), (None, None), (50, 50)])
def test_a_maximum_within_the_bounds_is_no_finding(minimum: float | None, maximum: float | None) -> None:
    assert check_maximum(50.0, minimum, maximum, "exclude") is None


@pytest.mark.parametrize(
    ("gy", "said"), [(50 * 25, "multiplied"), (53 * 25, "multiplied"), (2.0, "of one"), (2.2, "of one")]
)
def test_a_dose_near_n_or_one_nth_of_the_prescription_is_for_review(gy: float, said: str) -> None:
    finding = compare_with_prescription(gy, 50.0, 25)
    assert finding is not None
    assert finding.code == "XXIV_REV_004"
    assert said in finding.detail


@pytest.mark.parametrize(
    ("gy", "prescription", "fractions"),
    [(52.0, 50.0, 25), (30.0, 50.0, 25), (80.0, 50.0, 25), (2.0, None, 25), (2.0, 50.0, None), (50.0, 50.0, 1)],
)
def test_other_ratios_say_nothing(gy: float, prescription: float | None, fractions: int | None) -> None:
    assert compare_with_prescription(gy, prescription, fractions) is None


@pytest.mark.parametrize(
    ("gy", "fractions", "said"),
    [
        (2.0, 25, "target mean dose 2.00 Gy, prescription 50.00 Gy in 25 fractions, so perhaps of one fraction"),
        (1250.0, 25, "in 25 fractions, so perhaps multiplied by the fractions"),
        (24.9, 25, "target mean dose 24.90 Gy, prescription 50.00 Gy in 25 fractions"),
        (100.1, 25, "target mean dose 100.10 Gy, prescription 50.00 Gy in 25 fractions"),
        (2.0, None, "target mean dose 2.00 Gy, prescription 50.00 Gy"),
        (2.0, 1, "target mean dose 2.00 Gy, prescription 50.00 Gy in 1 fraction"),
        (0.0, 25, "target mean dose 0.00 Gy"),
        (26.0, 2, "in 2 fractions, so perhaps of one fraction"),
    ],
)
def test_a_target_mean_far_from_its_prescription_is_for_review(gy: float, fractions: int | None, said: str) -> None:
    finding = compare_mean_with_prescription(gy, 50.0, fractions)
    assert finding is not None
    assert finding.code == "XXIV_REV_004"
    assert said in finding.detail
    assert ("perhaps" in finding.detail) == ("perhaps" in said)


@pytest.mark.parametrize(
    ("gy", "prescription", "fractions"),
    [(51.0, 50.0, 25), (25.0, 50.0, 25), (100.0, 50.0, None), (50.0, 50.0, 1), (2.0, None, 25), (2.0, 0.0, 25)],
)
def test_a_target_mean_from_half_to_twice_its_prescription_says_nothing(
    gy: float, prescription: float | None, fractions: int | None
) -> None:
    assert compare_mean_with_prescription(gy, prescription, fractions) is None


def test_a_dose_of_zero_everywhere_is_for_review() -> None:
    finding = check_not_empty(0.0)
    assert finding is not None
    assert finding.code == "XXIV_REV_004"
    assert "0.00 Gy" in finding.detail
    assert check_not_empty(0.01) is None
