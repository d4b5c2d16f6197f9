"""Judgements on a whole cohort: shares at, below and above their limits, and codes that come up at once."""

from __future__ import annotations

import pytest

from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.quality import Judgement
from pdcp_dagster.domain.quality_cohort import (
    NewCodes,
    ReportedPatient,
    judge_exclusions,
    judge_failures,
    judge_new_codes,
)

LACKS, LINK = "I_EXEC_005", "II_REV_009"
NOTHING = ("I_SUCC_001",)


def some(count: int, status: Status, *codes: str, first: int = 0) -> list[ReportedPatient]:
    return [ReportedPatient(f"P{first + n}", status, codes) for n in range(count)]


def passing(count: int, first: int = 0) -> list[ReportedPatient]:
    return some(count, Status.SUCCESS, *NOTHING, first=first)


def lacking(count: int, first: int = 0) -> list[ReportedPatient]:
    return some(count, Status.EXCLUDE, LACKS, first=first)


@pytest.mark.parametrize(("excluded", "passed"), [(4, True), (5, True), (6, False)])
def test_exclusions_pass_up_to_the_limit_and_those_not_done_do_not_count(excluded: int, passed: bool) -> None:
    patients = [*lacking(excluded), *passing(10 - excluded), *some(90, Status.PENDING), *some(90, Status.FAILED)]
    judged = judge_exclusions(patients, at_most_pct=50)
    assert judged is not None
    assert judged.passed is passed
    assert judged.said.startswith(f"{excluded} of 10 ({10 * excluded}.0 %) of the patients with a result are excluded")


def test_the_commonest_reasons_are_said_in_words_each_patient_by_the_code_that_decided() -> None:
    patients = [*lacking(2), *some(1, Status.EXCLUDE, LINK, "XII_EXEC_002"), *passing(1)]
    assert judge_exclusions(patients, at_most_pct=80) == Judgement(
        passed=True,
        said="3 of 4 (75.0 %) of the patients with a result are excluded, at most 80 % is accepted "
        "(excluded_at_most_pct). 2: a modality that the cohort needs is not in the archive (I_EXEC_005); 1: the CT "
        "slices do not form a regular volume (gaps, duplicates, uneven spacing, shear or differing directions) "
        "(XII_EXEC_002).",
    )


@pytest.mark.parametrize(("failed", "passed"), [(0, True), (1, True), (2, False)])
def test_failures_pass_up_to_the_limit_among_those_that_were_run(failed: int, passed: bool) -> None:
    patients = [*some(failed, Status.FAILED), *passing(20 - failed), *some(50, Status.PENDING)]
    judged = judge_failures(patients, at_most_pct=5)
    assert judged is not None
    assert judged.passed is passed
    assert judged.said.startswith(f"{failed} of 20 ({5 * failed}.0 %) of the patients that were run failed")


def test_a_share_beyond_a_limit_never_reads_like_the_limit() -> None:
    judged = judge_exclusions([*lacking(1001), *passing(8999)], at_most_pct=10)
    assert judged is not None
    assert judged.said.startswith("1001 of 10000 (10.01 %) of the patients with a result are excluded, at most 10 %")


def test_of_nobody_nothing_is_said() -> None:
    waiting = some(3, Status.PENDING)
    assert judge_exclusions(waiting, 50) is None
    assert judge_failures(waiting, 5) is None
    assert judge_exclusions(some(3, Status.FAILED), 50) is None


def compared(now: list[ReportedPatient], before: list[ReportedPatient]) -> NewCodes:
    earlier = {str(patient.key): patient.codes for patient in before}
    return judge_new_codes(now, earlier, at_most_pct=50, at_least=10)


def test_a_code_that_most_new_patients_have_and_few_had_before_is_told_with_both_shares() -> None:
    before = [*passing(36), *lacking(4, first=36)]
    found = compared([*before, *lacking(9, first=40), *passing(3, first=49)], before)
    assert found.judgement == Judgement(
        passed=False,
        said="Of 12 patients new since an earlier report, 9 of 12 (75.0 %) have: a modality that the cohort needs is "
        "not in the archive (I_EXEC_005); before 4 of 40 (10.0 %).",
    )
    assert len(found.remembered) == 52


@pytest.mark.parametrize(
    ("now", "was"),
    [
        (6, 0),  # half of the new ones, which is the limit
        (8, 24),  # two thirds, and not by chance more than 60 % of 40
        (0, 40),
    ],
)
def test_a_code_that_is_not_most_common_or_was_common_before_is_nothing_sudden(now: int, was: int) -> None:
    before = [*lacking(was), *passing(40 - was, first=was)]
    found = compared([*before, *lacking(now, first=40), *passing(12 - now, first=40 + now)], before)
    assert found.judgement is not None
    assert found.judgement.passed


def test_too_few_new_patients_wait_until_there_are_enough() -> None:
    before = passing(40)
    first = compared([*before, *lacking(9, first=40)], before)
    assert first.judgement is None
    assert set(first.remembered) == {patient.key for patient in before}
    later = judge_new_codes([*before, *lacking(10, first=40)], first.remembered, 50, 10)
    assert later.judgement is not None
    assert not later.judgement.passed


def test_the_first_report_and_one_after_too_few_patients_have_nothing_to_compare_with() -> None:
    for before in ([], passing(9)):
        found = compared([*before, *lacking(30, first=10)], before)
        assert found.judgement is None
        assert len(found.remembered) == len(before) + 30


def test_what_changed_of_earlier_patients_is_compared_with_themselves() -> None:
    before = passing(40)
    changed = [*lacking(25), *passing(15, first=25)]
    found = compared(changed, before)
    assert found.judgement is not None
    assert found.judgement.said.startswith(
        "Of 40 patients who had a result at an earlier report, too, 25 of 40 (62.5 %) have: a modality"
    )
    few = compared([*lacking(5), *passing(35, first=5)], before)
    assert few.judgement is not None
    assert few.judgement.passed
    assert compared(before, before).judgement is None


def test_a_patient_who_waits_is_remembered_and_one_who_left_the_report_is_not() -> None:
    before = passing(40)
    now = [*some(1, Status.PENDING), *passing(38, first=1)]
    found = compared(now, before)
    assert found.remembered == {f"P{n}": NOTHING for n in range(39)}


def test_notes_and_codes_of_what_went_well_never_alarm() -> None:
    before = passing(40)
    noted = some(12, Status.SUCCESS, "I_SUCC_001", "XIV_NOTE_001", first=40)
    found = compared([*before, *noted], before)
    assert found.judgement == Judgement(
        passed=True, said="No code came up at once among 12 patients new since an earlier report."
    )


@pytest.mark.parametrize(("others", "passed"), [((), False), (("I_EXEC_002", "I_EXEC_003", LINK, "II_REV_001"), True)])
def test_the_more_codes_are_compared_the_less_likely_by_chance_one_must_be(
    others: tuple[str, ...], passed: bool
) -> None:
    """6 of 10 where 0 of 10 had it is 210 draws of 38760: below 0.01, not below a fifth of it."""
    before = passing(10)
    with_others = some(4, Status.REVIEW, *others, first=16) if others else passing(4, first=16)
    found = compared([*before, *lacking(6, first=10), *with_others], before)
    assert found.judgement is not None
    assert found.judgement.passed is passed
