"""Judgements on the highest dose and on targets, with figures worked out by hand."""

from __future__ import annotations

import pytest

from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.cohort import DoseMaximum
from pdcp_dagster.domain.quality import Judgement
from pdcp_dagster.domain.quality_dose import TargetDose, judge_maximum, judge_targets
from pdcp_dagster.domain.quality_settings import DoseMaximumPct

ANY = DoseMaximum()
PTV = TargetDose("PTV", coverage=1.0, d95_gy=48.0, prescription_gy=50.0, source="plan_roi")


def maximum(gy: float, prescription_gy: float | None = 50.0, bounds: DoseMaximum = ANY) -> Judgement | None:
    return judge_maximum(gy, (), bounds, prescription_gy, DoseMaximumPct())


@pytest.mark.parametrize(("gy", "passed"), [(29.99, False), (30.0, True), (55.0, True), (75.0, True), (75.01, False)])
def test_the_highest_dose_is_plausible_from_60_to_150_per_cent_of_the_prescription(gy: float, passed: bool) -> None:
    judged = maximum(gy)
    assert judged is not None
    assert judged.passed is passed


def test_figures_and_the_limits_key_are_said() -> None:
    assert maximum(80.0) == Judgement(
        passed=False,
        said="The highest dose, 80.00 Gy, is 160 % of the plan's prescription of 50 Gy, above 150 % "
        "(checks.dose_maximum_pct).",
    )
    assert maximum(55.0, bounds=DoseMaximum(maximum=120)) == Judgement(
        passed=True,
        said="The highest dose is 55.00 Gy, within the cohort's bounds (dose_max_gy) and 110 % of the plan's "
        "prescription of 50 Gy.",
    )


def test_without_bounds_and_prescription_nothing_is_said() -> None:
    assert maximum(55.0, prescription_gy=None) is None
    assert maximum(55.0, None, DoseMaximum(minimum=38)) == Judgement(
        passed=True, said="The highest dose is 55.00 Gy, within the cohort's bounds (dose_max_gy)."
    )


def test_what_the_codes_say_is_said_first_and_never_passes() -> None:
    found = Finding("XXIV_REV_003", "the highest dose is 130.00 Gy, above 120 Gy")
    judged = judge_maximum(130.0, [found], DoseMaximum(maximum=120), None, DoseMaximumPct())
    assert judged == Judgement(passed=False, said="The highest dose is 130.00 Gy, above 120 Gy.")


def targets(*some: TargetDose) -> Judgement | None:
    return judge_targets(some, least_coverage=0.995, least_d95_pct=90.0)


def test_without_a_target_nothing_is_said() -> None:
    assert targets() is None


@pytest.mark.parametrize(("d95_gy", "passed"), [(44.99, False), (45.0, True), (50.0, True)])
def test_a_target_must_get_90_per_cent_of_its_prescription_in_95_per_cent_of_it(d95_gy: float, passed: bool) -> None:
    judged = targets(TargetDose("PTV", 1.0, d95_gy, 50.0))
    assert judged is not None
    assert judged.passed is passed


def test_a_target_that_is_covered_is_said_with_its_figures() -> None:
    judged = targets(PTV, TargetDose("GTV", 0.996, 49.0))
    assert judged == Judgement(
        passed=True,
        said="Within the dose grid: PTV, GTV. D95: PTV 48.00 Gy, 96.0 % of 50 Gy (the plan's for it). "
        "Not compared, for D95 or the prescription is unknown: GTV.",
    )


def test_the_gravest_comes_first_and_the_lowest_dose_before_others() -> None:
    judged = targets(
        TargetDose("A", 1.0, 40.0, 50.0),
        TargetDose("B", 1.0, 20.0, 50.0, "plan_target"),
        TargetDose("C", 0.9, None, 50.0),
        TargetDose("D", None),
        PTV,
    )
    assert judged == Judgement(
        passed=False,
        said="No dose-volume histogram: D; outside the dose grid: C to 10.0 %; D95 below 90 % of the prescription "
        "(checks.target_d95_pct): B 20.00 Gy, 40.0 % of 50 Gy (the plan's only target dose), A 40.00 Gy, "
        "80.0 % of 50 Gy.",
    )


def test_a_figure_beyond_a_limit_never_reads_like_the_limit() -> None:
    judged = targets(TargetDose("A", 0.9946, None), TargetDose("B", 1.0, 44.999, 50.0))
    assert judged == Judgement(
        passed=False,
        said="Outside the dose grid: A to 0.54 %; D95 below 90 % of the prescription (checks.target_d95_pct): "
        "B 45.00 Gy, 89.998 % of 50 Gy.",
    )
    too_high = maximum(75.01)
    assert too_high is not None
    assert "is 150.02 % of the plan's prescription of 50 Gy, above 150 %" in too_high.said
    at_limit = maximum(75.0)
    assert at_limit is not None
    assert "150 % of the plan's prescription" in at_limit.said
