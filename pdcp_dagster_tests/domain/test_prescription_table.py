"""What a cohort's table of prescriptions means for one patient, and whose word comes before it."""

from __future__ import annotations

import pytest

from pdcp_dagster.domain.plan import DoseReference, RtPlan
from pdcp_dagster.domain.prescription import Rule, prescription_for
from pdcp_dagster.domain.prescription_table import is_prescription_table, prescription_rule

TABLE = {"P1": {"ptv_60": 60.0}}
PLAN = RtPlan("plan", dose_references=(DoseReference(1, "SITE", "TARGET", None, 50.0),))


def test_a_patients_rois_are_found_case_aside() -> None:
    rule = prescription_rule("rx.csv", TABLE, "P1")
    assert prescription_for(1, "PTV_60", PLAN, rule) == (60, "cohort")


def test_who_is_not_in_the_table_has_the_plans_single_target_dose() -> None:
    """A patient without a row, and a ROI without one."""
    assert prescription_for(1, "PTV_60", PLAN, prescription_rule("rx.csv", TABLE, "P2")) == (50, "plan_target")
    assert prescription_for(2, "Heart", PLAN, prescription_rule("rx.csv", TABLE, "P1")) == (50, "plan_target")
    assert prescription_for(1, "PTV_60", None, prescription_rule("rx.csv", TABLE, "P2")) == (None, "unknown")


def test_a_dose_reference_that_names_the_roi_comes_before_the_table() -> None:
    named = RtPlan("plan", dose_references=(DoseReference(1, "VOLUME", "TARGET", 1, 66.0),))
    assert prescription_for(1, "PTV_60", named, prescription_rule("rx.csv", TABLE, "P1")) == (66, "plan_roi")


@pytest.mark.parametrize("rule", ["from_plan", 60.0, {"PTV": 60.0}, None])
def test_any_other_rule_is_the_same_for_every_patient(rule: Rule) -> None:
    assert prescription_rule(rule, TABLE, "P1") == rule
    assert not is_prescription_table(rule)


def test_a_table_is_told_by_its_ending() -> None:
    assert is_prescription_table("rx/Breast.CSV")
