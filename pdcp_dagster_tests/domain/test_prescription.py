"""Whose word counts for a prescription, and what is a target."""

from __future__ import annotations

import numpy as np
import pytest

from pdcp_dagster.domain.dose_grid import DoseGrid
from pdcp_dagster.domain.dvh import Dvh
from pdcp_dagster.domain.plan import DoseReference, RtPlan
from pdcp_dagster.domain.prescription import is_target, prescription_for, prescription_isodose_volume_cm3
from pdcp_dagster.domain.structures import Roi


def reference(
    gy: float | None, *, roi: int | None = None, kind: str = "SITE", target: str = "TARGET", number: int = 1
) -> DoseReference:
    return DoseReference(number, kind, target, roi, gy)


def plan(*references: DoseReference) -> RtPlan:
    return RtPlan("plan", dose_references=references)


def test_a_dose_reference_that_names_the_roi_comes_first() -> None:
    named = plan(reference(70, roi=4), reference(56, roi=5))
    assert prescription_for(5, "PTV_56", named, {"PTV_56": 60}) == (56, "plan_roi")


def test_the_cohorts_table_comes_before_a_general_dose_reference() -> None:
    general = plan(reference(14))
    assert prescription_for(1, "PTV", general, {"PTV": 60}) == (60, "cohort")
    assert prescription_for(1, "ptv", general, {"PTV": 60}) == (60, "cohort")
    assert prescription_for(1, "PTV", general, 66) == (66, "cohort")
    assert prescription_for(1, "Heart", general, {"PTV": 60}) == (14, "plan_target")


def test_a_single_target_reference_that_is_no_point_counts_for_all() -> None:
    """As in a plan with SITE 14 Gy and COORDINATES 11.31 Gy."""
    both = plan(reference(14), reference(11.31, kind="COORDINATES", number=2))
    assert prescription_for(1, "PTV", both, "from_plan") == (14, "plan_target")


@pytest.mark.parametrize(
    "references",
    [
        (),
        (reference(None),),
        (reference(14, kind="COORDINATES"),),
        (reference(14, target="ORGAN_AT_RISK"),),
        (reference(14), reference(20, number=2)),
        (reference(14, roi=1), reference(20, roi=1, number=2)),
    ],
)
def test_where_the_plan_does_not_decide_the_prescription_is_unknown(references: tuple[DoseReference, ...]) -> None:
    assert prescription_for(1, "PTV", plan(*references), "from_plan") == (None, "unknown")


def test_a_patient_who_is_not_in_the_cohorts_table_has_what_the_plan_says() -> None:
    assert prescription_for(1, "PTV", plan(reference(14)), {}) == (14, "plan_target")


def test_without_a_plan_the_cohorts_own_prescriptions_count() -> None:
    assert prescription_for(1, "PTV", None, 66) == (66, "cohort")
    assert prescription_for(1, "PTV", None, {"ptv": 60}) == (60, "cohort")
    assert prescription_for(1, "Heart", None, {"ptv": 60}) == (None, "unknown")


def test_without_plan_or_rule_there_is_no_prescription() -> None:
    assert prescription_for(1, "PTV", None, "from_plan") == (None, "unknown")
    assert prescription_for(1, "PTV", plan(reference(14, roi=1)), None) == (None, "none")
    with pytest.raises(ValueError, match="expected 'from_plan'"):
        prescription_for(1, "PTV", None, "fromplan")


@pytest.mark.parametrize(
    ("name", "interpreted", "expected"),
    [
        ("Boost", "PTV", True),
        ("PTV_70", "AVOIDANCE", False),
        ("PTV_70", None, True),
        ("_ctv left", "", True),
        ("itv", None, True),
        ("Heart", None, False),
        ("Ring_PTV", None, False),
        ("x", "gtv ", True),
    ],
)
def test_a_target_is_known_by_its_type_and_else_by_its_name(name: str, interpreted: str | None, expected: bool) -> None:
    assert is_target(Roi(1, name, interpreted_type=interpreted)) is expected


def body(coverage: float) -> Dvh:
    """1000 cm3 evenly from 0 to 50 Gy."""
    edges = np.linspace(0, 50, 501)
    return Dvh(1, "BODY", 1000.0, edges, 1 - edges / 50, 0.0, 50.0, coverage, 25.0, 25.0, 1e5)


def test_the_prescription_isodose_is_measured_in_the_body() -> None:
    centre = np.zeros((5, 5, 5), dtype=np.float32)
    centre[2, 2, 2] = 50
    axes = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    closed = DoseGrid((0, 0, 0), axes, (1, 1), np.arange(5.0), centre)
    cut = DoseGrid((0, 0, 0), axes, (1, 1), np.arange(5.0), np.full((5, 5, 5), 50, dtype=np.float32))
    assert prescription_isodose_volume_cm3(body(1.0), closed, 40) == pytest.approx(200)
    assert prescription_isodose_volume_cm3(body(0.9), closed, 40) == pytest.approx(180)
    assert prescription_isodose_volume_cm3(body(1.0), cut, 40) == pytest.approx(200)
    assert prescription_isodose_volume_cm3(body(0.9), cut, 40) is None
    assert prescription_isodose_volume_cm3(None, closed, 40) is None
    assert prescription_isodose_volume_cm3(body(1.0), closed, None) is None
