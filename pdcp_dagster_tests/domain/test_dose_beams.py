"""When doses of beams make the dose of a plan with one or several fraction groups."""

from __future__ import annotations

import numpy as np
import pytest

from pdcp_dagster.domain.dose import DoseDecision, combine_doses
from pdcp_dagster.domain.dose_grid import DoseGrid, RtDose
from pdcp_dagster.domain.plan import Beam, FractionGroup, RtPlan

Named = tuple[int | None, int]


def dose(uid: str, gy: float, *beams: Named) -> RtDose:
    """Return a uniform dose of beams, named as (fraction group, beam)."""
    values = np.full((2, 2, 2), gy, dtype=np.float32)
    grid = DoseGrid((0, 0, 0), ((1, 0, 0), (0, 1, 0), (0, 0, 1)), (2.0, 2.0), np.array([0.0, 2.0]), values)
    return RtDose(uid, grid, "BEAM", "PHYSICAL", "GY", "frame", ("plan",), beams=beams)


def plan(*groups: tuple[int, ...], beams: int = 2) -> RtPlan:
    """Return a plan of so many treatment beams and a setup beam 9; groups are numbered from 1 and have these beams."""
    described = (*(beam(number, "TREATMENT") for number in range(1, beams + 1)), beam(9, "SETUP"))
    numbered = (FractionGroup(number, 5, beams=its) for number, its in enumerate(groups, start=1))
    return RtPlan("plan", beams=described, fraction_groups=tuple(numbered))


def beam(number: int, delivery: str) -> Beam:
    return Beam(number, None, "PHOTON", "STATIC", delivery, None)


def total_gy(decision: DoseDecision) -> float:
    assert decision.grid is not None, decision.findings
    return float(decision.grid.dose_gy.max())


def assert_undecided(decision: DoseDecision, code: str, detail: str) -> None:
    assert decision.grid is None
    assert (decision.findings[0].code, decision.findings[0].detail) == (code, detail)


def test_beams_of_one_group_are_not_the_dose_of_a_plan_with_two() -> None:
    """Both groups have beams 1 and 2; all beams are there, and half of the plan is missing."""
    both_of_the_first = [dose("a", 30, (1, 1)), dose("b", 20, (1, 2))]
    missing = "no dose of treatment beam 1, 2 of fraction group 2"
    assert_undecided(combine_doses(both_of_the_first, plan((1, 2), (1, 2))), "XXIV_REV_002", missing)


def test_one_beam_in_two_groups_has_two_doses_that_complete_one_another() -> None:
    parts = [dose("a", 30, (1, 1)), dose("b", 10, (2, 1))]
    assert total_gy(combine_doses(parts, plan((1,), (1,), beams=1))) == 40


def test_two_doses_of_one_beam_in_one_group_differ() -> None:
    parts = [dose("a", 30, (1, 1)), dose("b", 29, (1, 1)), dose("c", 10, (2, 1))]
    told = "doses that differ for treatment beam 1 of fraction group 1"
    assert_undecided(combine_doses(parts, plan((1,), (1,), beams=1)), "XXIV_REV_001", told)


def test_equal_doses_of_one_beam_in_two_groups_are_both_added() -> None:
    parts = [dose("a", 30, (1, 1)), dose("b", 30, (2, 1))]
    assert total_gy(combine_doses(parts, plan((1,), (1,), beams=1))) == 60


def test_setup_beams_of_a_group_have_no_dose_and_need_none() -> None:
    parts = [dose("a", 30, (1, 1)), dose("b", 20, (1, 2))]
    assert total_gy(combine_doses(parts, plan((1, 2, 9)))) == 50
    told = "beam 9 of fraction group 1 is no treatment beam of the plan"
    assert_undecided(combine_doses([*parts, dose("c", 1, (1, 9))], plan((1, 2, 9))), "XXIV_REV_002", told)


def test_the_group_of_a_beam_must_be_the_plans() -> None:
    parts = [dose("a", 30, (1, 1)), dose("b", 20, (2, 2))]
    told = (
        "no dose of treatment beam 2 of fraction group 1; beam 2 of fraction group 2 is no treatment beam of the plan"
    )
    assert_undecided(combine_doses(parts, plan((1, 2))), "XXIV_REV_002", told)


@pytest.mark.parametrize("groups", [((1, 2),), ((),), ()], ids=["with its beams", "without its beams", "no group"])
def test_where_a_plan_has_one_group_at_most_doses_need_not_name_it(groups: tuple[tuple[int, ...], ...]) -> None:
    parts = [dose("a", 30, (None, 1)), dose("b", 20, (None, 2))]
    assert total_gy(combine_doses(parts, plan(*groups))) == 50
    missing = "no dose of treatment beam 2"
    assert_undecided(combine_doses(parts[:1], plan(*groups)), "XXIV_REV_002", missing)


def test_the_beams_of_a_single_group_that_lists_none_are_those_of_the_plan() -> None:
    parts = [dose("a", 30, (1, 1)), dose("b", 20, (1, 2))]
    assert total_gy(combine_doses(parts, plan(()))) == 50


@pytest.mark.parametrize(
    "parts",
    [[dose("a", 30, (None, 1)), dose("b", 20, (None, 2))], [dose("a", 30, (None, 1)), dose("b", 20, (2, 2))]],
    ids=["no dose names a group", "one does"],
)
def test_of_several_groups_a_dose_must_say_which(parts: list[RtDose]) -> None:
    told = "a dose does not say of which fraction group its beams are"
    assert_undecided(combine_doses(parts, plan((1,), (2,))), "XXIV_REV_002", told)


def test_a_group_cannot_be_checked_against_a_plan_without_any() -> None:
    told = "no plan says which fraction groups there are"
    assert_undecided(combine_doses([dose("a", 50, (1, 1), (1, 2))], plan()), "XXIV_REV_002", told)


def test_a_treatment_beam_in_no_group_may_be_missing() -> None:
    """Whether beam 2 is given, the plan does not say."""
    told = "no fraction group of the plan has treatment beam 2"
    assert_undecided(combine_doses([dose("a", 30, (1, 1))], plan((1,))), "XXIV_REV_002", told)


def test_a_beam_that_the_plan_does_not_describe_might_treat() -> None:
    told = "no dose of treatment beam 7 of fraction group 1"
    parts = [dose("a", 30, (1, 1)), dose("b", 20, (1, 2))]
    assert_undecided(combine_doses(parts, plan((1, 2, 7))), "XXIV_REV_002", told)
