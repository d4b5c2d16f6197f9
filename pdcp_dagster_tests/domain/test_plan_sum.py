"""Whether and how the doses of several plans make one dose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pdcp_dagster.domain.dose_grid import DoseGrid, RtDose
from pdcp_dagster.domain.plan import Beam, Brachytherapy, FractionGroup, RtPlan
from pdcp_dagster.domain.plan_sum import PlanSum, sum_plans
from pdcp_dagster.domain.volume import Vector

UPRIGHT: tuple[Vector, Vector, Vector] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
BASE = RtPlan("base", label="Base", fraction_groups=(FractionGroup(1, 25),))
BOOST = RtPlan("boost", label="Boost", fraction_groups=(FractionGroup(1, 5), FractionGroup(2, 3)))


def grid(gy: float, *, origin: Vector = (0, 0, 0), spacing: float = 2.0, size: int = 6) -> DoseGrid:
    """Return a uniform dose on a cube."""
    values = np.full((size, size, size), gy, dtype=np.float32)
    return DoseGrid(origin, UPRIGHT, (spacing, spacing), np.arange(size) * np.float64(spacing), values)


def dose(uid: str, gy: float, *of: str, **changes: object) -> RtDose:
    """Return a uniform PLAN dose of these plans."""
    base = RtDose(uid, grid(gy), "PLAN", "PHYSICAL", "GY", "frame", of)
    return replace(base, **changes)  # type: ignore[arg-type]  # fields by name


D_BASE, D_BOOST = dose("d-base", 50, "base"), dose("d-boost", 16, "boost")


def summed(*doses: RtDose, frame: str | None = "frame", dose_type: str = "PHYSICAL") -> PlanSum:
    return sum_plans(doses, (BASE, BOOST), frame, dose_type)


def codes(found: PlanSum) -> list[str]:
    return [finding.code for finding in found.decision.findings]


def detail(found: PlanSum, code: str) -> str:
    (told,) = [finding.detail for finding in found.decision.findings if finding.code == code]
    return told


def uniform_gy(found: PlanSum) -> float:
    assert found.decision.grid is not None, found.decision.findings
    (gy,) = set(found.decision.grid.dose_gy.ravel().tolist())
    return float(gy)


def assert_nothing_is_added(found: PlanSum, code: str) -> None:
    assert found.decision.grid is None
    assert (found.decision.used_uids, found.parts) == ((), ())
    assert codes(found)[0] == code


def test_base_and_boost_are_added_and_each_is_told_with_its_maximum() -> None:
    found = summed(D_BASE, D_BOOST)
    assert uniform_gy(found) == 66
    assert codes(found) == ["XXIV_SUCC_001", "XXIV_NOTE_003"]
    told = "'Base' (RTPLAN base) maximum 50.00 Gy; 'Boost' (RTPLAN boost) maximum 16.00 Gy"
    assert detail(found, "XXIV_NOTE_003") == told
    assert found.decision.summation == "sum of the doses of 2 plans"
    assert (found.decision.used_uids, found.decision.refused) == (("d-base", "d-boost"), ())


def test_each_plan_keeps_the_grid_of_its_own_dose() -> None:
    (base, base_grid), (boost, boost_grid) = summed(D_BASE, D_BOOST).parts
    assert (base, boost) == ("base", "boost")
    assert (base_grid.dose_gy.max(), boost_grid.dose_gy.max()) == (50, 16)


def spot(gy: float, at: int, *, origin: Vector = (0, 0, 0)) -> DoseGrid:
    """Return no dose but in one voxel on the cube's diagonal."""
    empty = grid(0, origin=origin)
    empty.dose_gy[at, at, at] = gy
    return empty


def test_the_sum_lies_where_both_doses_are_known() -> None:
    """From -1 to 11 mm and from 3 to 15 mm: what both cover are the four voxels from 3 to 11 mm."""
    found = summed(
        dose("d-base", 50, "base", grid=spot(50, 3)),
        dose("d-boost", 16, "boost", grid=spot(16, 1, origin=(4, 4, 4))),
    )
    total = found.decision.grid
    assert total is not None
    assert (total.origin_mm, total.dose_gy.shape) == ((4, 4, 4), (4, 4, 4))
    assert (total.dose_gy.max(), total.dose_gy[1, 1, 1]) == (66, 66)
    assert found.decision.summation == "sum of the doses of 2 plans on the region that all cover"


def test_a_sum_that_loses_more_than_a_tenth_of_a_dose_s_height_is_none() -> None:
    """The base has 50 Gy at 0 mm, and 46 (92 %) or 44 Gy (88 %) at 6 mm; the boost is known from 3 mm on."""
    boost = dose("d-boost", 16, "boost", grid=spot(16, 1, origin=(4, 4, 4)))
    base = spot(50, 0)
    base.dose_gy[3, 3, 3] = 46
    assert summed(dose("d-base", 50, "base", grid=base), boost).decision.grid is not None
    base.dose_gy[3, 3, 3] = 44
    found = summed(dose("d-base", 50, "base", grid=base), boost)
    assert_nothing_is_added(found, "XXIV_REV_006")
    told = "the dose of 'Base' (RTPLAN base) reaches 88 % of its highest dose in the region that all cover"
    assert detail(found, "XXIV_REV_006") == told


def test_a_copy_that_was_calculated_again_is_not_doubled() -> None:
    """50 Gy and 50.2 Gy: 0.4 % apart. 50 Gy and 50.4 Gy: 0.8 %."""
    found = summed(D_BASE, dose("d-boost", 50.2, "boost"))
    assert_nothing_is_added(found, "XXIV_REV_006")
    assert "have the same dose" in detail(found, "XXIV_REV_006")
    assert summed(D_BASE, dose("d-boost", 50.4, "boost")).decision.grid is not None


@pytest.mark.parametrize("of", [(), ("base", "boost")])
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"units": "RELATIVE"}, "its units are RELATIVE, not GY"),
        ({"summation_type": "FRACTION_SESSION"}, "it is the dose of one session, not of the whole treatment"),
        ({"grid": None, "max_gy": None}, "it holds no dose grid"),
    ],
)
def test_a_dose_of_no_single_plan_that_is_of_no_use_stands_in_no_sums_way(
    of: tuple[str, ...], change: dict[str, object], why: str
) -> None:
    found = summed(D_BASE, D_BOOST, dose("stray", 5, *of, **change))
    assert uniform_gy(found) == 66
    assert codes(found) == ["XXIV_SUCC_001", "XXIV_NOTE_003", "XXIV_NOTE_002"]
    assert why in dict(found.decision.refused)["stray"]


def test_doses_without_a_common_region_are_not_added() -> None:
    found = summed(D_BASE, dose("d-boost", 16, "boost", grid=grid(16, origin=(100, 0, 0))))
    assert_nothing_is_added(found, "XXIV_REV_006")
    assert "no region is covered by all" in detail(found, "XXIV_REV_006")
    assert dict(found.decision.refused).keys() == {"d-base", "d-boost"}


def test_each_plans_own_dose_is_made_by_its_own_rule() -> None:
    """The boost has two fraction groups of 10 and 6 Gy, which are never multiplied."""
    first = dose("f1", 10, "boost", summation_type="FRACTION", fraction_groups=(1,))
    second = dose("f2", 6, "boost", summation_type="FRACTION", fraction_groups=(2,))
    found = summed(D_BASE, first, second)
    assert uniform_gy(found) == 66
    assert found.decision.used_uids == ("d-base", "f1", "f2")


def test_a_part_is_no_sum_where_one_plans_dose_is_not_decided() -> None:
    found = summed(D_BASE, D_BOOST, dose("other", 15, "boost"))
    assert_nothing_is_added(found, "XXIV_REV_001")
    assert detail(found, "XXIV_REV_001").startswith("'Boost' (RTPLAN boost) 2 doses that differ")
    assert dict(found.decision.refused)["d-base"] == "the doses of the selected plans cannot be added"


def test_an_incomplete_dose_of_one_plan_stands_as_it_is() -> None:
    found = summed(D_BASE, dose("f1", 10, "boost", summation_type="FRACTION", fraction_groups=(1,)))
    assert_nothing_is_added(found, "XXIV_REV_002")
    assert "no dose of fraction group 2" in detail(found, "XXIV_REV_002")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"units": "RELATIVE"}, "its units are RELATIVE"),
        ({"dose_type": "EFFECTIVE"}, "its dose type is EFFECTIVE, not PHYSICAL"),
        ({"frame_of_reference_uid": "another"}, "its frame of reference is not the image's"),
        ({"grid": None, "max_gy": None}, "it holds no dose grid"),
    ],
)
def test_doses_of_different_units_types_or_frames_are_never_added(change: dict[str, object], why: str) -> None:
    found = summed(D_BASE, dose("d-boost", 16, "boost", **change))
    assert_nothing_is_added(found, "XXIV_REV_006")
    assert why in detail(found, "XXIV_REV_006")
    assert detail(found, "XXIV_REV_006").startswith("'Boost' (RTPLAN boost) has no dose that can be used")


def test_frames_of_reference_must_agree_where_the_image_has_none() -> None:
    strange = dose("d-boost", 16, "boost", frame_of_reference_uid="another")
    assert_nothing_is_added(summed(D_BASE, strange, frame=None), "XXIV_REV_006")
    assert uniform_gy(summed(D_BASE, dose("d-boost", 16, "boost", frame_of_reference_uid=None), frame=None)) == 66


def test_weighted_doses_are_added_among_themselves_where_the_cohort_asks_for_them() -> None:
    weighted = [replace(each, dose_type="EFFECTIVE") for each in (D_BASE, D_BOOST)]
    found = summed(*weighted, dose_type="EFFECTIVE")
    assert uniform_gy(found) == 66
    assert codes(found) == ["XXIV_SUCC_001", "XXIV_NOTE_003", "XXIV_NOTE_004"]
    assert_nothing_is_added(summed(weighted[0], D_BOOST, dose_type="EFFECTIVE"), "XXIV_REV_006")


def test_without_any_usable_dose_the_patient_has_none() -> None:
    found = summed(*(replace(each, units="RELATIVE") for each in (D_BASE, D_BOOST)))
    assert_nothing_is_added(found, "XXIV_EXEC_004")


def test_external_beams_and_brachytherapy_are_never_added() -> None:
    plans = (
        replace(BASE, beams=(Beam(1, None, "PHOTON", None, None, None),)),
        replace(BOOST, brachytherapy=Brachytherapy()),
    )
    for doses in ((D_BASE, D_BOOST), (dose("both", 66, "base", "boost", summation_type="MULTI_PLAN"),)):
        found = sum_plans(doses, plans, "frame")
        assert_nothing_is_added(found, "XXIV_REV_006")
        told = "brachytherapy ('Boost' (RTPLAN boost)) is never added to external beams"
        assert detail(found, "XXIV_REV_006") == told


def test_two_brachytherapy_plans_are_added() -> None:
    plans = [replace(plan, brachytherapy=Brachytherapy("HDR")) for plan in (BASE, BOOST)]
    assert uniform_gy(sum_plans((D_BASE, D_BOOST), plans, "frame")) == 66


def test_the_planning_systems_own_sum_of_just_these_plans_goes_before_ours() -> None:
    found = summed(D_BASE, D_BOOST, dose("both", 65, "boost", "base", summation_type="MULTI_PLAN"))
    assert uniform_gy(found) == 65
    assert (found.decision.used_uids, found.parts) == (("both",), ())
    assert codes(found)[:2] == ["XXIV_SUCC_001", "XXIV_NOTE_003"]
    assert detail(found, "XXIV_NOTE_003").endswith("maximum 65.00 Gy")
    reason = "the planning system gives the dose of all selected plans"
    assert dict(found.decision.refused) == {"d-base": reason, "d-boost": reason}


@pytest.mark.parametrize("of", [("base", "third"), ("base", "boost", "third"), ()])
def test_a_dose_of_other_plans_together_is_left_out(of: tuple[str, ...]) -> None:
    found = summed(D_BASE, D_BOOST, dose("sum", 65, *of, summation_type="MULTI_PLAN"))
    assert uniform_gy(found) == 66
    assert dict(found.decision.refused) == {"sum": "it sums other plans than the selected ones"}
    assert codes(found) == ["XXIV_SUCC_001", "XXIV_NOTE_003", "XXIV_NOTE_002"]


def test_a_dose_of_plans_together_that_names_one_plan_is_that_plans() -> None:
    found = summed(dose("d-base", 50, "base", summation_type="MULTI_PLAN"), D_BOOST)
    assert uniform_gy(found) == 66
    assert found.decision.used_uids == ("d-base", "d-boost")


def test_an_unusable_sum_of_the_planning_system_leaves_ours() -> None:
    relative = dose("both", 65, "base", "boost", summation_type="MULTI_PLAN", units="RELATIVE")
    found = summed(D_BASE, D_BOOST, relative)
    assert uniform_gy(found) == 66
    assert "its units are RELATIVE" in dict(found.decision.refused)["both"]


def test_two_sums_of_the_planning_system_that_differ_are_for_a_person() -> None:
    several = [dose(uid, gy, "base", "boost", summation_type="MULTI_PLAN") for uid, gy in (("one", 65), ("two", 64))]
    assert_nothing_is_added(summed(D_BASE, D_BOOST, *several), "XXIV_REV_001")


@pytest.mark.parametrize("kind", ["PLAN", "FRACTION", "BEAM"])
@pytest.mark.parametrize("of", [(), ("base", "boost")])
def test_a_dose_that_is_not_of_one_plan_alone_would_count_twice(kind: str, of: tuple[str, ...]) -> None:
    found = summed(D_BASE, D_BOOST, dose("whose", 5, *of, summation_type=kind))
    assert_nothing_is_added(found, "XXIV_REV_006")
    assert detail(found, "XXIV_REV_006").startswith("RTDOSE whose names ")


def test_the_same_dose_in_two_plans_is_a_plan_and_its_copy_and_is_not_doubled() -> None:
    found = summed(D_BASE, dose("d-boost", 50, "boost"))
    assert_nothing_is_added(found, "XXIV_REV_006")
    assert "have the same dose" in detail(found, "XXIV_REV_006")


def test_a_dose_exported_twice_counts_once() -> None:
    found = summed(D_BASE, dose("again", 50, "base"), D_BOOST)
    assert uniform_gy(found) == 66
    assert codes(found) == ["XXIV_SUCC_001", "XXIV_NOTE_003", "XXIV_NOTE_001"]


def test_the_order_of_doses_and_plans_does_not_change_the_sum() -> None:
    one, other = sum_plans((D_BASE, D_BOOST), (BASE, BOOST)), sum_plans((D_BOOST, D_BASE), (BOOST, BASE))
    assert uniform_gy(one) == uniform_gy(other) == 66
