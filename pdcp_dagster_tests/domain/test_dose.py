"""Which doses make a plan's dose: every rule of summation, every reason for refusal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pdcp_dagster.domain.dose import DoseDecision, combine_doses
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
    fraction_groups=(FractionGroup(1, 25), FractionGroup(2, 8)),
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
    parts = [dose("a", 30, "BEAM", beams=(1,)), dose("b", 22, "BEAM", beams=(2,))]
    assert highest(combine_doses(parts, PLAN)) == 52
    assert codes(combine_doses(parts[:1], PLAN))[0] == "XXIV_REV_002"
    with_setup = [*parts, dose("c", 0.1, "BEAM", beams=(3,))]
    assert codes(combine_doses(with_setup, PLAN))[0] == "XXIV_REV_002"


def test_the_dose_of_the_whole_plan_wins_over_its_parts() -> None:
    doses = [dose("part", 30, "BEAM", beams=(1,)), dose("whole")]
    decision = combine_doses(doses, PLAN)
    assert (highest(decision), decision.used_uids) == (50, ("whole",))
    assert codes(decision) == ["XXIV_SUCC_001", "XXIV_NOTE_002"]
    assert decision.refused[0][0] == "part"


def test_complete_beams_stand_in_for_incomplete_fraction_groups() -> None:
    doses = [
        dose("f", 45, "FRACTION", fraction_groups=(1,)),
        dose("a", 30, "BEAM", beams=(1,)),
        dose("b", 22, "BEAM", beams=(2,)),
    ]
    decision = combine_doses(doses, PLAN)
    assert highest(decision) == 52
    assert codes(decision)[0] == "XXIV_SUCC_001"


def test_a_multi_plan_dose_counts_only_if_its_plans_are_the_selected_one() -> None:
    assert highest(combine_doses([dose("a", 50, "MULTI_PLAN")], PLAN)) == 50
    decision = combine_doses([dose("a", 70, "MULTI_PLAN", plan_uids=("plan", "boost"))], PLAN)
    assert decision.grid is None
    assert codes(decision)[0] == "XXIV_REV_002"


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
    parts = [dose("a", 30, "BEAM", beams=(1,)), dose("b", 22, "BEAM", beams=(2,))]
    assert codes(combine_doses(parts, None))[0] == "XXIV_REV_002"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"units": "RELATIVE"}, "units are RELATIVE"),
        ({"units": None}, "units are not given"),
        ({"dose_type": "EFFECTIVE"}, "dose type is EFFECTIVE"),
        ({"dose_type": "ERROR"}, "dose type is ERROR"),
        ({"summation_type": "BEAM_SESSION"}, "BEAM_SESSION is no part"),
        ({"summation_type": "FRACTION_SESSION"}, "FRACTION_SESSION is no part"),
        ({"summation_type": "CONTROL_POINT"}, "CONTROL_POINT is no part"),
        ({"summation_type": "RECORD"}, "RECORD is no part"),
        ({"summation_type": None}, "(not given) is no part"),
        ({"plan_uids": ("boost",)}, "another plan"),
        ({"frame_of_reference_uid": "elsewhere"}, "frame of reference"),
        ({"grid": grid(float("nan"))}, "no numbers"),
    ],
)
def test_unusable_doses_are_refused_with_their_reason(changes: dict[str, object], reason: str) -> None:
    decision = combine_doses([dose("a", **changes)], PLAN, "frame")  # type: ignore[arg-type]  # fields by name
    assert decision.grid is None
    assert codes(decision) == ["XXIV_EXEC_004", "XXIV_NOTE_002"]
    assert reason in decision.refused[0][1]
    beside = combine_doses([dose("a", **changes), dose("good", 48)], PLAN, "frame")  # type: ignore[arg-type]  # as above
    assert (highest(beside), beside.used_uids) == (48, ("good",))


def test_no_dose_is_no_usable_dose() -> None:
    assert codes(combine_doses([], PLAN)) == ["XXIV_EXEC_004"]


def test_a_dose_that_names_no_plan_is_left_to_the_linkage() -> None:
    assert highest(combine_doses([dose("a", plan_uids=())], PLAN)) == 50


def test_doses_of_different_frames_are_never_summed() -> None:
    parts = [dose("a", 30, "BEAM", beams=(1,)), dose("b", 22, "BEAM", beams=(2,), frame_of_reference_uid="other")]
    decision = combine_doses(parts, PLAN)
    assert decision.grid is None
    assert codes(decision)[0] == "XXIV_REV_002"


@pytest.mark.parametrize("plan", [PLAN, None])
def test_a_plan_dose_that_names_two_plans_is_not_taken_for_the_dose_of_one(plan: RtPlan | None) -> None:
    decision = combine_doses([dose("a", plan_uids=("plan", "boost"))], plan)
    assert (decision.grid, decision.used_uids) == (None, ())
    assert codes(decision) == ["XXIV_REV_002", "XXIV_NOTE_002"]
    assert decision.findings[0].detail == "PLAN dose a names 2 plans, so it may be the dose of all: boost, plan"


def test_a_sum_lies_on_the_region_that_all_grids_cover_at_the_finest_spacing() -> None:
    """A: centres 0 to 10 mm in steps of 2, ending at 11; B: 4 to 19 in steps of 3, beginning at 2.5.

    A's voxels at 4, 6, 8 and 10 mm lie whole in both; the one at 2 begins at 1, where B is unknown.
    """
    parts = [
        dose("a", 30, "BEAM", beams=(1,)),
        dose("b", 0, "BEAM", beams=(2,), grid=grid(22, origin=(4, 4, 4), spacing=3.0)),
    ]
    for order in (parts, parts[::-1]):
        decision = combine_doses(order, PLAN)
        summed = decision.grid
        assert summed is not None
        assert summed.spacing_mm == pytest.approx((2, 2))
        assert summed.origin_mm == pytest.approx((4, 4, 4))
        assert summed.plane_offsets_mm == pytest.approx([0, 2, 4, 6])
        assert summed.dose_gy == pytest.approx(np.full((4, 4, 4), 52))
        assert decision.summation == "sum of 2 BEAM doses on the region that all cover"


def test_a_sum_of_linear_doses_is_linear_whatever_the_order_and_sign_of_the_axes() -> None:
    """Dose x in Gy at x mm on both; the second's columns run along z and its planes along -x, from 14 down to -1 mm."""
    ramp = np.broadcast_to(np.arange(0, 12, 2, dtype=np.float32), (6, 6, 6))
    turned = np.broadcast_to(np.arange(14, -4, -3, dtype=np.float32)[:, None, None], (6, 6, 6))
    axes: tuple[Vector, Vector, Vector] = ((0, 0, 1), (0, 1, 0), (-1, 0, 0))
    offsets = np.arange(6) * np.float64(3)
    parts = [
        dose("a", 0, "BEAM", beams=(1,), grid=replace(grid(0), dose_gy=ramp)),
        dose("b", 0, "BEAM", beams=(2,), grid=DoseGrid((14, 0, 0), axes, (3.0, 3.0), offsets, turned)),
    ]
    summed = combine_doses(parts, PLAN).grid
    assert summed is not None
    assert summed.origin_mm == pytest.approx((0, 0, 0))
    assert summed.dose_gy == pytest.approx(2 * ramp, abs=1e-4)


def test_rotated_grids_without_a_box_that_both_cover_are_left_to_a_person() -> None:
    c = np.sqrt(0.5)
    axes: tuple[Vector, Vector, Vector] = ((c, c, 0), (-c, c, 0), (0, 0, 1))
    parts = [
        dose("a", 30, "BEAM", beams=(1,)),
        dose("b", 22, "BEAM", beams=(2,), grid=replace(grid(22), axes=axes)),
    ]
    decision = combine_doses(parts, PLAN)
    assert decision.grid is None
    assert codes(decision)[0] == "XXIV_REV_002"
    assert "rotated" in decision.findings[0].detail


@pytest.mark.parametrize("apart", [11.0, 9e4])
def test_grids_without_a_common_region_are_not_summed(apart: float) -> None:
    parts = [
        dose("a", 30, "BEAM", beams=(1,)),
        dose("b", 0, "BEAM", beams=(2,), grid=grid(22, origin=(0, 0, apart))),
    ]
    decision = combine_doses(parts, PLAN)
    assert codes(decision)[0] == "XXIV_REV_002"
    assert "no region is covered by all" in decision.findings[0].detail
