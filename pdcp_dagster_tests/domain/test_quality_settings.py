"""What a cohort file says of quality checks is refused where it cannot be meant."""

from __future__ import annotations

import pytest
import yaml
from pydantic import ValidationError

from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.notes import STAGES
from pdcp_dagster.domain.quality import CHECKS, COHORT_CHECKS, PATIENT_CHECKS, Severity
from pdcp_dagster.domain.quality_settings import Checks


def cohort(text: str) -> Cohort:
    return Cohort.model_validate(yaml.safe_load(f"name: breast\nchecks: {text}"))


def test_every_check_has_a_name_of_its_own_and_is_of_an_asset() -> None:
    assert len(CHECKS) == len(PATIENT_CHECKS) + len(COHORT_CHECKS)
    assert {check.asset for check in PATIENT_CHECKS} <= {*STAGES}
    assert {check.asset for check in COHORT_CHECKS} == {"cohort_report"}
    assert Severity.OFF not in {check.severity for check in CHECKS.values()}


def test_data_are_warned_of_and_faults_of_the_work_are_errors() -> None:
    errors = [name for name in CHECKS if Checks().severity_of(name) is Severity.ERROR]
    assert errors == ["pictures_present", "failures_within_limit"]


def test_the_cohort_file_says_how_grave_a_check_is_and_off_needs_no_quotes() -> None:
    checks = cohort("{severity: {pictures_present: warn, roi_names_unique: off, contours_inside_ct: 'off'}}").checks
    assert checks.severity_of("pictures_present") is Severity.WARN
    assert checks.severity_of("roi_names_unique") is Severity.OFF
    assert checks.severity_of("contours_inside_ct") is Severity.OFF
    assert checks.severity_of("linkage_unambiguous") is Severity.WARN


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{severity: {roi_name_unique: warn}}", "there is no check roi_name_unique, but identifiers_removed, .*drift"),
        ("{severity: {roi_names_unique: fatal}}", "expected warn, error, off"),
        ("{severity: {roi_names_unique: on}}", "expected warn, error, off"),
        ("{severities: {}}", "Extra inputs"),
        ("{excluded_at_most_pct: 101}", "less than or equal to 100"),
        ("{dose_maximum_pct: {minimum: 120, maximum: 110}}", "minimum 120 is above maximum 110"),
        ("{compare_at_least: 4}", "greater than or equal to 5"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(text: str, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        cohort(text)


def test_a_severity_has_nothing_made_again_and_a_limit_has_what_reads_it() -> None:
    plain, graver, stricter = (
        cohort("{}"),
        cohort("{severity: {pictures_present: off}}"),
        cohort("{target_d95_pct: 95}"),
    )
    key = "checks.target_d95_pct"
    assert plain.config_hash("dvh", key) == graver.config_hash("dvh", key)
    assert plain.config_hash("dvh", key) != stricter.config_hash("dvh", key)
    assert plain.config_hash("checks.dose_maximum_pct") == stricter.config_hash("checks.dose_maximum_pct")
    assert plain.config_hash("checks") != graver.config_hash("checks")
    assert plain.config_hash("checks", key) == plain.config_hash(key, "checks") == plain.config_hash("checks")
    for unknown in ("checks.d95", "dose_sum.plans", "patient.name"):
        with pytest.raises(ValueError, match=f"a cohort has no {unknown}"):
            plain.config_hash(unknown)
