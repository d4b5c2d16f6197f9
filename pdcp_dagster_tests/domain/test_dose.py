"""Which doses make a plan's dose: every rule of summation, every reason for refusal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pdcp_dagster.domain.dose import DoseDecision, check_maximum, combine_doses
from pdcp_dagster.domain.dose_grid import DoseGrid, RtDose
from pdcp_dagster.domain.plan import Beam, FractionGroup, RtPlan
from pdcp_dagster.domain.volume import Vector

UPRIGHT: tuple[Vector, Vector, Vector] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))


def grid(gy: float, *, origin: Vector = (0, 0, 0), spacing: float = 2.0, size: int = 6) -> DoseGrid:
    """Return a uniform dose."""
    values = np.full((size, size, size), gy, dtype=np.float32)
    return DoseGrid(origin, UPRIGHT, (spacing, spacing), np.arange(size) * np.float64(spacing), values)


def dose(uid: str, gy: float = 50.0, kind: str | None = "PLAN", **changes: object) -> RtDose:
    base = RtDose(uid, grid(gy), kind, "PHYSICAL", "GY", "frame", ("plan",))
    return replace(base, **changes)  # type: ignore[arg-type]  # fields by name


def beam(number: int, delivery: str | None = "TREATMENT") -> Beam:
    return Beam(number, f"beam {number}", "PHOTON", "STATIC", delivery, "linac")


PLAN = RtPlan(
    "plan",
    beams=(beam(1), beam(2), beam(3, "SETUP")),
    fraction_groups=(FractionGroup(1, 25, beams=(1, 3)), FractionGroup(2, 8, beams=(2,))),
)


def codes(decision: DoseDecision) -> list[str]:
    return [finding.code for finding in decision.findings]


def highest(decision: DoseDecision) -> float:
    assert decision.grid is not None
    return float(decision.grid.dose_gy.max())


def test_a_plan_dose_is_taken_as_it_is() -> None:
    decision = combine_doses([dose("a")], PLAN)
    assert (highest(decision), decision.used_uids, decision.refused) == (50, ("a",), ())
    assert codes(decision) == ["XXIV_SUCC_001"]
    assert decision.summation == "one PLAN dose as it is"
    assert highest(combine_doses([dose("a", units="Gy")], PLAN)) == 50


def test_identical_doses_are_kept_once_with_a_note() -> None:
    decision = combine_doses([dose("a"), dose("b")], PLAN)
    assert (highest(decision), decision.used_uids) == (50, ("a",))
    assert codes(decision) == ["XXIV_SUCC_001", "XXIV_NOTE_001"]
    assert decision.refused == (("b", "identical to a"),)


def test_different_doses_of_one_plan_are_left_to_a_person() -> None:
    decision = combine_doses([dose("a"), dose("b", 49)], PLAN)
    assert decision.grid is None
    assert codes(decision)[0] == "XXIV_REV_001"
    assert "a, b" in decision.findings[0].detail
    assert {uid for uid, _ in decision.refused} == {"a", "b"}


def test_without_a_plan_doses_of_different_plans_are_left_to_a_person() -> None:
    decision = combine_doses([dose("a"), dose("b", 20, plan_uids=("boost",))], None)
    assert decision.grid is None
    assert codes(decision)[0] == "XXIV_REV_002"


def test_fraction_doses_are_summed_over_all_groups_and_never_multiplied() -> None:
    """Groups of 25 and 8 fractions: their doses are whole already, 45 + 15 = 60."""
    parts = [dose("a", 45, "FRACTION", fraction_groups=(1,)), dose("b", 15, "FRACTION", fraction_groups=(2,))]
    decision = combine_doses(parts, PLAN)
    assert highest(decision) == 60
    assert set(decision.used_uids) == {"a", "b"}
    assert codes(decision) == ["XXIV_SUCC_001"]


@pytest.mark.parametrize("groups", [[(1,)], [(1,), ()], [(1,), (3,)], [(1,), (2,), (3,)]])
def test_incomplete_or_unknown_fraction_groups_are_left_to_a_person(groups: list[tuple[int, ...]]) -> None:
    parts = [dose(str(n), 10 + n, "FRACTION", fraction_groups=group) for n, group in enumerate(groups)]
    decision = combine_doses(parts, PLAN)
    assert decision.grid is None
    assert codes(decision)[0] == "XXIV_REV_002"


def test_two_different_doses_of_one_fraction_group_differ() -> None:
    parts = [dose(uid, gy, "FRACTION", fraction_groups=(1,)) for uid, gy in (("a", 45), ("b", 44))]
    assert codes(combine_doses(parts, PLAN))[0] == "XXIV_REV_001"


def test_fraction_doses_without_a_plan_are_left_to_a_person() -> None:
    assert codes(combine_doses([dose("a", 45, "FRACTION", fraction_groups=(1,))], None))[0] == "XXIV_REV_002"


def test_beam_doses_are_summed_if_they_are_all_treatment_beams() -> None:
    parts = [dose("a", 30, "BEAM", beams=((1, 1),)), dose("b", 22, "BEAM", beams=((2, 2),))]
    assert highest(combine_doses(parts, PLAN)) == 52
    assert codes(combine_doses(parts[:1], PLAN))[0] == "XXIV_REV_002"
    with_setup = combine_doses([*parts, dose("c", 0.1, "BEAM", beams=((1, 3),))], PLAN)
    assert codes(with_setup)[0] == "XXIV_REV_002"
    assert with_setup.findings[0].detail == "beam 3 of fraction group 1 is no treatment beam of the plan"


def test_one_dose_may_be_of_several_beams_or_groups() -> None:
    assert highest(combine_doses([dose("a", 52, "BEAM", beams=((1, 1), (2, 2)))], PLAN)) == 52
    assert highest(combine_doses([dose("a", 60, "FRACTION", fraction_groups=(1, 2))], PLAN)) == 60
    overlapping = [dose("a", 30, "BEAM", beams=((1, 1),)), dose("b", 52, "BEAM", beams=((1, 1), (2, 2)))]
    assert codes(combine_doses(overlapping, PLAN))[0] == "XXIV_REV_001"


def test_a_beam_that_does_not_say_whether_it_treats_is_a_treatment_beam() -> None:
    plan = RtPlan("plan", beams=(beam(1), beam(2, None)), fraction_groups=(FractionGroup(1, 25, beams=(1, 2)),))
    assert codes(combine_doses([dose("a", 30, "BEAM", beams=((1, 1),))], plan))[0] == "XXIV_REV_002"
    assert highest(combine_doses([dose("a", 52, "BEAM", beams=((1, 1), (1, 2)))], plan)) == 52


@pytest.mark.parametrize(
    "parts",
    [
        [dose("b1", 30, "BEAM", beams=((1, 1),))],
        [dose("b1", 30, "BEAM", beams=((1, 1),)), dose("b2", 20, "BEAM", beams=((2, 2),))],
        [dose("f1", 40, "FRACTION", fraction_groups=(1,)), dose("f2", 10, "FRACTION", fraction_groups=(2,))],
    ],
    ids=["one of its beams", "all of its beams", "all of its fraction groups"],
)
def test_the_dose_of_the_whole_plan_wins_over_its_parts_and_none_is_added(parts: list[RtDose]) -> None:
    decision = combine_doses([*parts, dose("whole")], PLAN)
    assert (highest(decision), decision.used_uids) == (50, ("whole",))
    assert codes(decision) == ["XXIV_SUCC_001", *["XXIV_NOTE_002"] * len(parts)]
    assert {uid for uid, _ in decision.refused} == {part.sop_instance_uid for part in parts}


def test_the_highest_dose_is_that_of_the_sum_not_the_sum_of_the_highest() -> None:
    """Two fraction groups of 40 Gy each, one on the left and one on the right half: nowhere more than 40 Gy."""
    left, right = grid(0), grid(0)
    left.dose_gy[:, :, :3] = 40
    right.dose_gy[:, :, 3:] = 40
    parts = [
        dose("a", 0, "FRACTION", fraction_groups=(1,), grid=left),
        dose("b", 0, "FRACTION", fraction_groups=(2,), grid=right),
    ]
    maximum_gy = highest(combine_doses(parts, PLAN))
    assert maximum_gy == 40
    assert check_maximum(maximum_gy, 38, 50, "exclude") is None


def test_complete_beams_stand_in_for_incomplete_fraction_groups() -> None:
    doses = [
        dose("f", 45, "FRACTION", fraction_groups=(1,)),
        dose("a", 30, "BEAM", beams=((1, 1),)),
        dose("b", 22, "BEAM", beams=((2, 2),)),
    ]
    decision = combine_doses(doses, PLAN)
    assert highest(decision) == 52
    assert codes(decision)[0] == "XXIV_SUCC_001"


def test_a_multi_plan_dose_counts_only_if_its_plans_are_the_selected_one() -> None:
    alone = combine_doses([dose("a", 50, "MULTI_PLAN")], PLAN)
    assert (highest(alone), alone.of_all_plans) == (50, False)
    assert alone.summation == "one MULTI_PLAN dose as it is"
    for named in (("plan", "boost"), ()):
        decision = combine_doses([dose("a", 70, "MULTI_PLAN", plan_uids=named)], PLAN)
        assert decision.grid is None
        assert codes(decision)[0] == "XXIV_REV_002"


def test_beside_the_plans_own_dose_that_of_several_plans_is_left_aside() -> None:
    doses = [dose("all", 70, "MULTI_PLAN", plan_uids=("plan", "boost")), dose("own")]
    decision = combine_doses(doses, PLAN)
    assert (highest(decision), decision.used_uids) == (50, ("own",))
    assert decision.refused == (("all", "the plan's dose is complete without it: one PLAN dose as it is"),)


def test_a_multi_plan_dose_of_the_selected_plan_alone_is_held_against_its_plan_dose() -> None:
    same = combine_doses([dose("own"), dose("multi", 50, "MULTI_PLAN")], PLAN)
    assert (highest(same), same.refused) == (50, (("multi", "identical to own"),))
    other = combine_doses([dose("own"), dose("multi", 49, "MULTI_PLAN")], PLAN)
    assert other.grid is None
    assert codes(other)[0] == "XXIV_REV_001"


def test_of_several_selected_plans_the_dose_of_exactly_these_wins() -> None:
    """50 Gy of the plan and 20 Gy of its boost are the 70 Gy of both; what names a third plan is none of theirs."""
    both, three = ("boost", "plan"), ("plan", "boost", "third")
    doses = [
        dose("own"),
        dose("boost", 20, plan_uids=("boost",)),
        dose("both", 70, "MULTI_PLAN", plan_uids=both),
    ]
    decision = combine_doses(doses, PLAN, selected_plans=frozenset(both))
    assert (highest(decision), decision.used_uids, decision.of_all_plans) == (70, ("both",), True)
    assert dict(decision.refused)["own"] == "the plan's dose is complete without it: one MULTI_PLAN dose as it is"
    beyond = [*doses[:2], dose("three", 90, "MULTI_PLAN", plan_uids=three)]
    decision = combine_doses(beyond, PLAN, selected_plans=frozenset(both))
    assert (highest(decision), decision.used_uids, decision.of_all_plans) == (50, ("own",), False)
    assert dict(decision.refused) == {
        "boost": "it is the dose of another plan",
        "three": "a MULTI_PLAN dose sums other plans than the 2 selected ones",
    }


def test_two_different_doses_of_the_same_selected_plans_are_left_to_a_person() -> None:
    both = ("plan", "boost")
    doses = [dose(uid, gy, "MULTI_PLAN", plan_uids=both) for uid, gy in (("a", 70), ("b", 69))]
    decision = combine_doses([*doses, dose("own")], PLAN, selected_plans=frozenset(both))
    assert decision.grid is None
    assert codes(decision)[0] == "XXIV_REV_001"


def test_doses_weighted_for_biological_effect_count_only_if_the_cohort_asks_for_them() -> None:
    doses = [dose("physical", 50), dose("effective", 55, dose_type="EFFECTIVE")]
    physical = combine_doses(doses, PLAN)
    assert (highest(physical), physical.used_uids) == (50, ("physical",))
    assert codes(physical) == ["XXIV_SUCC_001", "XXIV_NOTE_002"]
    effective = combine_doses(doses, PLAN, dose_type="EFFECTIVE")
    assert (highest(effective), effective.used_uids) == (55, ("effective",))
    assert codes(effective) == ["XXIV_SUCC_001", "XXIV_NOTE_004", "XXIV_NOTE_002"]
    assert effective.refused == (("physical", "its dose type is PHYSICAL, not EFFECTIVE"),)
    assert codes(combine_doses(doses[:1], PLAN, dose_type="EFFECTIVE")) == ["XXIV_EXEC_004", "XXIV_NOTE_002"]


@pytest.mark.parametrize("wanted", ["PHYSICAL", "EFFECTIVE"])
def test_physical_and_weighted_doses_are_never_added(wanted: str) -> None:
    parts = [
        dose("a", 45, "FRACTION", fraction_groups=(1,)),
        dose("b", 15, "FRACTION", fraction_groups=(2,), dose_type="EFFECTIVE"),
    ]
    decision = combine_doses(parts, PLAN, dose_type=wanted)
    assert decision.grid is None
    assert codes(decision)[0] == "XXIV_REV_002"


def test_a_dose_or_an_image_without_a_frame_of_reference_is_left_to_the_linkage() -> None:
    assert highest(combine_doses([dose("a", frame_of_reference_uid=None)], PLAN, "frame")) == 50
    assert highest(combine_doses([dose("a", frame_of_reference_uid="any")], PLAN, None)) == 50
    parts = [
        dose("a", 30, "BEAM", beams=((1, 1),)),
        dose("b", 22, "BEAM", beams=((2, 2),), frame_of_reference_uid=None),
    ]
    assert highest(combine_doses(parts, PLAN, "frame")) == 52


def test_a_copy_without_a_frame_of_reference_is_a_copy() -> None:
    decision = combine_doses([dose("a"), dose("b", frame_of_reference_uid=None)], PLAN)
    assert decision.refused == (("b", "identical to a"),)


def test_the_same_values_in_another_place_are_no_copy() -> None:
    decision = combine_doses([dose("a"), dose("b", grid=grid(50, origin=(0, 0, 2)))], PLAN)
    assert codes(decision)[0] == "XXIV_REV_001"


def test_without_a_plan_a_multi_plan_dose_counts_only_if_it_names_one_plan() -> None:
    assert highest(combine_doses([dose("a", 50, "MULTI_PLAN", plan_uids=("gone",))], None)) == 50
    for named in ((), ("gone", "boost")):
        decision = combine_doses([dose("a", 70, "MULTI_PLAN", plan_uids=named)], None)
        assert decision.grid is None
        assert codes(decision)[0] == "XXIV_REV_002"


def test_without_a_plan_a_plan_dose_is_that_of_the_plan_it_names() -> None:
    assert highest(combine_doses([dose("a", 50, plan_uids=("gone",))], None)) == 50
    twice = [dose("a", 50, plan_uids=("gone",)), dose("b", 44, plan_uids=("gone",))]
    assert codes(combine_doses(twice, None))[0] == "XXIV_REV_001"


def test_without_a_plan_beam_doses_are_left_to_a_person() -> None:
    parts = [dose("a", 30, "BEAM", beams=((1, 1),)), dose("b", 22, "BEAM", beams=((2, 2),))]
    assert codes(combine_doses(parts, None))[0] == "XXIV_REV_002"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"units": "RELATIVE"}, "units are RELATIVE"),
        ({"units": None}, "units are not given"),
        ({"units": "gray"}, "units are gray, not GY"),
        ({"dose_type": "EFFECTIVE"}, "dose type is EFFECTIVE, not PHYSICAL: it is weighted for biological effect"),
        ({"dose_type": "ERROR"}, "dose type is ERROR, not PHYSICAL: it holds differences from a desired dose"),
        ({"dose_type": None}, "dose type is not given, not PHYSICAL"),
        (
            {"summation_type": "BEAM_SESSION"},
            "BEAM_SESSION is no part of a planned dose: it is the dose of one session",
        ),
        (
            {"summation_type": "FRACTION_SESSION"},
            "FRACTION_SESSION is no part of a planned dose: it is the dose of one",
        ),
        ({"summation_type": "BRACHY_SESSION"}, "BRACHY_SESSION is no part of a planned dose: it is the dose of one"),
        ({"summation_type": "BRACHY"}, "it is the dose of single brachytherapy application setups"),
        ({"summation_type": "PLAN_OVERVIEW"}, "it belongs to an overview of the plan"),
        ({"summation_type": "CONTROL_POINT"}, "it is the dose of single control points of a beam in one fraction"),
        ({"summation_type": "RECORD"}, "it was calculated from a treatment record, not from the plan"),
        ({"summation_type": None}, "(not given) is no part"),
        ({"summation_type": "VENDOR"}, "its summation type VENDOR is no part of a planned dose"),
        ({"plan_uids": ("boost",)}, "it is the dose of another plan"),
        ({"frame_of_reference_uid": "elsewhere"}, "its frame of reference is not the image's"),
        ({"grid": grid(float("nan"))}, "no numbers"),
        ({"grid": grid(float("inf"))}, "no numbers"),
        ({"grid": grid(-0.25)}, "it holds negative doses, down to -0.25 Gy"),
        ({"grid": grid(500_000)}, "its highest dose is 500000 Gy, more than the 10000 Gy that any treatment gives"),
        ({"grid": None}, "it holds no dose grid, at most dose-volume histograms"),
    ],
)
def test_unusable_doses_are_refused_with_their_reason(changes: dict[str, object], reason: str) -> None:
    decision = combine_doses([dose("a", **changes)], PLAN, "frame")  # type: ignore[arg-type]  # fields by name
    assert decision.grid is None
    assert codes(decision) == ["XXIV_EXEC_004", "XXIV_NOTE_002"]
    assert reason in decision.refused[0][1]
    beside = combine_doses([dose("a", **changes), dose("good", 48)], PLAN, "frame")  # type: ignore[arg-type]  # as above
    assert (highest(beside), beside.used_uids) == (48, ("good",))


def with_one_voxel_of(gy: float) -> DoseGrid:
    """Return 50 Gy but for one voxel."""
    values = np.full((6, 6, 6), 50, dtype=np.float32)
    values[0, 0, 0] = gy
    return replace(grid(50), dose_gy=values)


def test_what_lies_a_thousandth_of_the_maximum_below_zero_is_rounding_and_counts_as_zero() -> None:
    """A thousandth of 50 Gy is 0.05 Gy."""
    decision = combine_doses([dose("a", grid=with_one_voxel_of(-0.04))], PLAN)
    assert decision.grid is not None
    assert (decision.grid.dose_gy[0, 0, 0], highest(decision)) == (0, 50)
    assert codes(decision) == ["XXIV_SUCC_001", "XXIV_NOTE_005"]
    assert decision.findings[1].detail == "a: down to -0.04 Gy"
    refused = combine_doses([dose("a", grid=with_one_voxel_of(-0.06))], PLAN)
    assert codes(refused)[0] == "XXIV_EXEC_004"
    assert refused.refused == (("a", "it holds negative doses, down to -0.06 Gy"),)


def test_a_part_below_zero_takes_nothing_from_the_sum() -> None:
    parts = [
        dose("a", 0, "BEAM", beams=((1, 1),), grid=with_one_voxel_of(-0.04)),
        dose("b", 22, "BEAM", beams=((2, 2),)),
    ]
    summed = combine_doses(parts, PLAN).grid
    assert summed is not None
    assert (summed.dose_gy[0, 0, 0], summed.dose_gy[1, 1, 1]) == (22, 72)


def test_the_thousands_of_gray_next_to_a_brachytherapy_source_are_a_dose() -> None:
    assert highest(combine_doses([dose("a", 9_999)], PLAN)) == 9_999


def test_no_dose_is_no_usable_dose() -> None:
    assert codes(combine_doses([], PLAN)) == ["XXIV_EXEC_004"]


def test_a_dose_that_names_no_plan_is_left_to_the_linkage() -> None:
    assert highest(combine_doses([dose("a", plan_uids=())], PLAN)) == 50


def test_doses_of_different_frames_are_never_summed() -> None:
    parts = [
        dose("a", 30, "BEAM", beams=((1, 1),)),
        dose("b", 22, "BEAM", beams=((2, 2),), frame_of_reference_uid="other"),
    ]
    decision = combine_doses(parts, PLAN)
    assert decision.grid is None
    assert codes(decision)[0] == "XXIV_REV_002"


@pytest.mark.parametrize("plan", [PLAN, None])
def test_a_plan_dose_that_names_two_plans_is_not_taken_for_the_dose_of_one(plan: RtPlan | None) -> None:
    decision = combine_doses([dose("a", plan_uids=("plan", "boost"))], plan)
    assert (decision.grid, decision.used_uids) == (None, ())
    assert codes(decision) == ["XXIV_REV_002", "XXIV_NOTE_002"]
    assert decision.findings[0].detail == "PLAN dose a names 2 plans, so it may be the dose of all: boost, plan"


def test_rotated_grids_without_a_box_that_both_cover_are_left_to_a_person() -> None:
    c = np.sqrt(0.5)
    axes: tuple[Vector, Vector, Vector] = ((c, c, 0), (-c, c, 0), (0, 0, 1))
    parts = [
        dose("a", 30, "BEAM", beams=((1, 1),)),
        dose("b", 22, "BEAM", beams=((2, 2),), grid=replace(grid(22), axes=axes)),
    ]
    decision = combine_doses(parts, PLAN)
    assert decision.grid is None
    assert codes(decision)[0] == "XXIV_REV_002"
    assert "rotated" in decision.findings[0].detail


@pytest.mark.parametrize("apart", [11.0, 9e4])
def test_grids_without_a_common_region_are_not_summed(apart: float) -> None:
    parts = [
        dose("a", 30, "BEAM", beams=((1, 1),)),
        dose("b", 0, "BEAM", beams=((2, 2),), grid=grid(22, origin=(0, 0, apart))),
    ]
    decision = combine_doses(parts, PLAN)
    assert codes(decision)[0] == "XXIV_REV_002"
    assert "no region is covered by all" in decision.findings[0].detail


@pytest.mark.parametrize(
    ("hot", "code"), [((0, 0, 0), "XXIV_REV_002"), ((5, 5, 5), "XXIV_SUCC_001")], ids=["far corner", "common corner"]
)
def test_parts_are_not_added_on_a_corner_where_their_doses_are_not(hot: tuple[int, int, int], code: str) -> None:
    """Cubes from -1 to 11 mm and from 7 to 19 mm, which have 4 mm in common; the first has 50 Gy in one voxel."""
    first, second = grid(0), grid(0, origin=(8, 8, 8))
    first.dose_gy[hot], second.dose_gy[0, 0, 0] = 50, 20
    parts = [
        dose("a", 0, "BEAM", beams=((1, 1),), grid=first),
        dose("b", 0, "BEAM", beams=((2, 2),), grid=second),
    ]
    decision = combine_doses(parts, PLAN)
    assert codes(decision)[0] == code
    if decision.grid is None:
        told = "BEAM dose a reaches 0 % of its highest dose in the region that all cover"
        assert decision.findings[0].detail == told
