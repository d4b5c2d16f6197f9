"""Months of study dates whose patients lack more than the others'."""

from __future__ import annotations

import datetime as dt

import pytest

from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.quality import Judgement
from pdcp_dagster.domain.quality_cohort import ReportedPatient
from pdcp_dagster.domain.quality_drift import judge_drift

ROLES = ("CT", "RTSTRUCT", "RTPLAN", "RTDOSE")
ALL = frozenset(ROLES)


def month(number: int, whole: int, without_dose: int = 0, year: int = 2024) -> list[ReportedPatient]:
    """Patients of one month, some of whom have no RTDOSE and are excluded for it."""
    date = dt.date(year, number, 15)
    return [
        *(ReportedPatient("P", Status.SUCCESS, ("I_SUCC_001",), date, ALL) for _ in range(whole)),
        *(ReportedPatient("P", Status.EXCLUDE, ("I_EXEC_005",), date, ALL - {"RTDOSE"}) for _ in range(without_dose)),
    ]


def drift(*months: list[ReportedPatient], at_least: int = 10) -> Judgement | None:
    return judge_drift([patient for of in months for patient in of], ROLES, at_least)


def test_a_month_without_doses_is_told_with_both_shares() -> None:
    found = drift(month(1, 20), month(2, 20), month(3, 4, 8), month(4, 19, 1))
    assert found == Judgement(
        passed=False,
        said="2024-03: 8 of 12 (66.7 %) excluded, for something is missing or not linked, in other months 1 of 60 "
        "(1.7 %); 2024-03: 8 of 12 (66.7 %) have no RTDOSE, in other months 1 of 60 (1.7 %).",
    )


def test_months_that_are_alike_pass_and_are_named() -> None:
    assert drift(month(1, 10, 2), month(2, 9, 3), month(3, 9)) == Judgement(
        passed=True, said="None of 2 months with at least 10 patients lacks more than the others (2024-01, 2024-02)."
    )


@pytest.mark.parametrize(
    ("of_month", "of_others"),
    [
        ((8, 2), (10, 0)),  # 2 of 10 and 0 of 10: chance 9/38
        ((6, 4), (20, 0)),  # 4 of 10 and 0 of 20: chance 210/27405, not below 0.01 of ten comparisons
    ],
)
def test_a_small_sample_by_chance_is_no_drift(of_month: tuple[int, int], of_others: tuple[int, int]) -> None:
    found = drift(month(1, *of_month), month(2, *of_others))
    assert found is not None
    assert found.passed


def test_a_month_that_is_better_than_the_others_is_no_alarm_of_its_own() -> None:
    found = drift(month(1, 30), month(2, 0, 12))
    assert found is not None
    assert found.said.count("2024-02:") == 2
    assert "2024-01:" not in found.said


def test_in_a_large_cohort_a_small_difference_is_no_drift_though_beyond_chance() -> None:
    found = drift(month(1, 2000), month(2, 1900, 100))  # 5 points apart
    assert found is not None
    assert found.passed


def test_too_few_patients_in_a_month_or_beside_it_compare_with_nothing() -> None:
    assert drift(month(1, 9), month(2, 0, 9)) is None
    assert drift(month(1, 100), month(2, 0, 9)) is None
    assert drift(month(1, 100)) is None
    assert drift() is None


def test_one_month_of_two_years_is_two_months() -> None:
    found = drift(month(1, 20), month(1, 0, 20, year=2025))
    assert found is not None
    assert found.said.startswith("2025-01: 20 of 20")


def unknown(number: int, count: int) -> list[ReportedPatient]:
    """Patients of one month into whose archive nobody could look."""
    return [ReportedPatient("P", Status.REVIEW, (), dt.date(2024, number, 15)) for _ in range(count)]


def test_what_nobody_could_look_at_is_neither_lacking_nor_there() -> None:
    # As lacking, March would have 20 of 30 without a CT; as there, 8 of 32 without an RTDOSE and not 8 of 12.
    found = drift(month(1, 30), month(3, 10), unknown(3, 20))
    assert found is not None
    assert found.passed
    assert found.said.endswith("(2024-01, 2024-03). The modalities of 20 are unknown and not compared.")
    found = drift(month(1, 60), month(3, 4, 8), unknown(3, 20))
    assert found is not None
    assert "2024-03: 8 of 12 (66.7 %) have no RTDOSE, in other months 0 of 60 (0.0 %)" in found.said


def test_a_month_of_which_too_little_is_known_is_compared_by_exclusions_alone() -> None:
    found = drift(month(1, 60), month(3, 0, 9), unknown(3, 3))
    assert found is not None
    assert found.said == (
        "2024-03: 9 of 12 (75.0 %) excluded, for something is missing or not linked, in other months 0 of 60 (0.0 %). "
        "The modalities of 3 are unknown and not compared."
    )


def test_patients_without_result_are_left_out_in_silence_and_those_without_date_are_told() -> None:
    date = dt.date(2024, 2, 1)
    others = [
        *(ReportedPatient("P", Status.FAILED, (), date) for _ in range(20)),
        *(ReportedPatient("P", Status.PENDING, (), date) for _ in range(20)),
        *(ReportedPatient("P", Status.EXCLUDE, ("I_EXEC_012",), date, frozenset()) for _ in range(20)),
        ReportedPatient(None, Status.EXCLUDE, ("I_EXEC_001",)),
    ]
    assert drift(month(1, 20), others) is None
    found = drift(month(1, 20), month(2, 10), others)
    assert found is not None
    assert found.said.endswith("(2024-01, 2024-02). Without a date and left out: 1.")
