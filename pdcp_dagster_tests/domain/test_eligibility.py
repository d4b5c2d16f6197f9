"""Rules of eligibility: dates, modalities, approvals, the cohort's own rules, and phantoms by name."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pytest

from pdcp_dagster.domain.circumstances import Circumstances
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.eligibility import Exclude, Review
from pdcp_dagster.domain.study_rules import Answer, OwnRule, OwnRuleError
from pdcp_dagster_tests.domain.image_rows import Archive, codes, detail, reasons, status

AFTER_2013 = {"study_date_after": dt.date(2013, 11, 1)}


def by(rule: OwnRule) -> Circumstances:
    return Circumstances(rules=(("rules:mine", rule),))


# Dates


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("20131102", ["I_SUCC_001", "II_SUCC_001"]),
        ("20131101", ["I_EXEC_008"]),
        ("20080515", ["I_EXEC_008"]),
    ],
)
def test_a_study_must_be_younger_than_the_date(date: str, expected: list[str]) -> None:
    assert codes(Archive().complete(StudyDate=date).verified(eligibility=AFTER_2013)) == expected


@pytest.mark.parametrize("date", [None, "", "19000101", "19010101", "2013", "someday"])
def test_a_missing_dummy_or_removed_date_neither_passes_nor_fails_but_is_for_a_person(date: str | None) -> None:
    verification = Archive().complete(StudyDate=date).verified(eligibility=AFTER_2013)
    assert codes(verification) == ["I_SUCC_001", "I_REV_006", "II_SUCC_001"]
    assert verification.selection is not None


def test_the_old_study_is_set_aside_and_the_young_one_taken() -> None:
    archive = Archive().complete("a", StudyDate="20080101").complete("b", study="2", StudyDate="20150101")
    verification = archive.verified(eligibility=AFTER_2013)
    assert codes(verification, notes=True) == ["I_NOTE_006", "I_SUCC_001", "II_SUCC_001"]
    assert reasons(verification)["cta"] == "study date 2008-01-01 is not after 2013-11-01"


def test_the_date_of_a_study_without_a_ct_does_not_count() -> None:
    archive = Archive().ct(StudyDate="20150101").rtstruct(StudyDate="20150101")
    archive.plan(study="2", StudyDate="20080101").dose(study="2", StudyDate="20080101")
    assert status(archive.verified(eligibility=AFTER_2013)) is Status.SUCCESS


# Modalities


def test_a_study_without_a_modality_that_it_must_contain_is_set_aside() -> None:
    rule = {"study_must_contain": ["PT"]}
    assert codes(Archive().complete().verified(eligibility=rule)) == ["I_EXEC_009"]
    assert status(Archive().complete().pt().verified(eligibility=rule)) is Status.SUCCESS
    both = Archive().complete("a").complete("b", study="2").pt(study="2").verified(eligibility=rule)
    assert codes(both, notes=True) == ["I_NOTE_007", "I_SUCC_001", "II_SUCC_001"]
    assert both.selection is not None
    assert both.selection.study_instance_uid == "2"


# Approval

REJECTED = {"approval": {"exclude": ["Rejected", "UNAPPROVED"]}}


@pytest.mark.parametrize("tag", ["REJECTED", "UNAPPROVED", "rejected"])
def test_a_plan_that_the_cohort_does_not_accept_is_refused_with_its_dose(tag: str) -> None:
    verification = Archive().ct().rtstruct().plan(ApprovalStatus=tag).dose().verified(eligibility=REJECTED)
    assert codes(verification) == ["I_SUCC_001", "II_EXEC_004"]
    assert reasons(verification)["plan"] == f"approval status {tag.upper()}"
    assert reasons(verification)["dose"] == "the RTPLAN that it refers to was refused"


def test_of_two_plans_the_accepted_one_is_taken() -> None:
    archive = Archive().complete(ApprovalStatus="APPROVED").plan("draft", ApprovalStatus="UNAPPROVED")
    verification = archive.dose("draftdose", ["draft"]).verified(eligibility=REJECTED)
    assert codes(verification) == ["I_SUCC_001", "II_SUCC_001"]


def test_an_absent_approval_is_unknown_kept_and_noted() -> None:
    verification = Archive().complete().verified(eligibility=REJECTED)
    assert codes(verification, notes=True) == ["I_SUCC_001", "II_NOTE_003", "II_SUCC_001"]


def test_a_missing_link_is_no_matter_of_approval() -> None:
    archive = Archive().ct().rtstruct(on=["elsewhere"]).plan(ApprovalStatus="REJECTED").dose()
    assert codes(archive.verified(eligibility=REJECTED)) == ["I_SUCC_001", "II_EXEC_002"]


def tabled(unlisted: str = "keep") -> dict[str, Any]:
    return {"approval": {"exclude": ["UNPLANNED", "REJECTED"], "table": "approvals.csv", "unlisted": unlisted}}


@pytest.mark.parametrize("uid", ["dose", "series-dose", "plan", "series-plan"])
def test_a_table_refuses_plans_and_doses_by_instance_or_series(uid: str) -> None:
    around = Circumstances(approvals={uid: "UNPLANNED"})
    verification = Archive().complete().verified(around, eligibility=tabled())
    assert codes(verification) == ["I_SUCC_001", "II_EXEC_004"]


def test_with_a_table_the_tag_does_not_count() -> None:
    around = Circumstances(approvals={"plan": "TREATED"})
    archive = Archive().ct().rtstruct().plan(ApprovalStatus="REJECTED").dose()
    verification = archive.verified(around, eligibility=tabled())
    assert "II_SUCC_001" in codes(verification)


@pytest.mark.parametrize(
    ("unlisted", "expected"),
    [
        ("keep", ["I_SUCC_001", "II_NOTE_003", "II_SUCC_001"]),
        ("review", ["I_SUCC_001", "II_REV_011", "II_SUCC_001"]),
        ("exclude", ["I_SUCC_001", "II_NOTE_001", "II_NOTE_001", "II_EXEC_004"]),
    ],
)
def test_a_plan_that_is_not_in_the_table_is_kept_reviewed_or_excluded(unlisted: str, expected: list[str]) -> None:
    verification = Archive().complete().verified(eligibility=tabled(unlisted))
    found = [code for code in codes(verification, notes=True) if unlisted != "exclude" or code != "II_NOTE_001"]
    assert found == [code for code in expected if unlisted != "exclude" or code != "II_NOTE_001"]


def test_what_hangs_on_a_plan_that_is_not_in_the_table_says_so() -> None:
    verification = Archive().complete().verified(eligibility=tabled("exclude"))
    of_plan, of_rest = "not in the cohort's table of approvals", "its plan is not in the cohort's table of approvals"
    assert reasons(verification) == {"ct": of_rest, "ss": of_rest, "plan": of_plan, "dose": of_plan}


def test_a_chain_counts_as_listed_by_any_of_its_plan_and_doses() -> None:
    around = Circumstances(approvals={"dose": "TREATED"})
    assert status(Archive().complete().verified(around, eligibility=tabled("exclude"))) is Status.SUCCESS


# The cohort's own rules


def test_a_rule_without_objection_changes_nothing() -> None:
    verification = Archive().complete().verified(by(lambda _: None))
    assert codes(verification) == ["I_SUCC_001", "II_SUCC_001"]


def test_a_rule_sees_the_whole_summary_and_cannot_change_it() -> None:
    seen = []

    def rule(summary: pd.DataFrame) -> Answer:
        seen.append(sorted(summary["modality"].unique()))
        summary["modality"] = "MR"
        return None

    assert status(Archive().complete().pt().verified(by(rule))) is Status.SUCCESS
    assert seen == [["CT", "PT", "RTDOSE", "RTPLAN", "RTSTRUCT"]]


def test_a_rule_that_changes_lists_changes_its_own_copy() -> None:
    def rule(summary: pd.DataFrame) -> Answer:
        for names in summary["referenced_plan_uids"].dropna():
            names.clear()
        return None

    assert status(Archive().complete().verified(by(rule))) is Status.SUCCESS


def test_a_rule_may_exclude_the_patient() -> None:
    verification = Archive().complete().verified(by(lambda _: Exclude("a man")))
    assert codes(verification) == ["I_EXEC_010"]
    assert detail(verification, "I_EXEC_010") == "rules:mine says 'a man'"
    assert set(reasons(verification).values()) == {"rules:mine says 'a man'"}


def test_a_rule_may_set_one_study_aside() -> None:
    archive = Archive().complete("a").complete("b", study="2")
    verification = archive.verified(by(lambda _: Exclude("a rescan", study_instance_uid="2")))
    assert codes(verification, notes=True) == ["I_NOTE_008", "I_SUCC_001", "II_SUCC_001"]


def test_a_rule_that_sets_the_only_study_aside_excludes_the_patient() -> None:
    assert codes(Archive().complete().verified(by(lambda _: Exclude("old", "1")))) == ["I_EXEC_010"]


def test_a_rule_may_ask_for_a_person() -> None:
    verification = Archive().complete().verified(by(lambda _: [Review("look at the name")]))
    assert codes(verification) == ["I_REV_007", "I_SUCC_001", "II_SUCC_001"]


def _broken(_: pd.DataFrame) -> Answer:
    raise KeyError("kvp")


def _ends(_: pd.DataFrame) -> Answer:
    raise SystemExit(0)


def _misnames(_: pd.DataFrame) -> Answer:
    return Exclude("a rescan", study_instance_uid="1 ")


NONSENSE: list[Any] = [_broken, _ends, _misnames, lambda _: False, lambda _: ["no"], lambda _: "", lambda _: {}]


@pytest.mark.parametrize("rule", [*NONSENSE, lambda _: Exclude(3)])  # type: ignore[arg-type]
def test_a_rule_that_breaks_or_answers_nonsense_is_a_failure_and_no_verdict(rule: Any) -> None:
    with pytest.raises(OwnRuleError, match="rules:mine"):
        Archive().complete().verified(by(rule))


# Phantoms


@pytest.mark.parametrize("tags", [{"PatientName": "Phantom^Chest"}, {"PatientID": "QA-17"}, {"PatientID": "Delta4"}])
def test_a_phantom_word_in_the_name_alone_sets_nothing_aside_and_is_for_a_person(tags: dict[str, str]) -> None:
    verification = Archive().complete(**tags).verified()
    assert codes(verification) == ["I_REV_005", "I_SUCC_001", "II_SUCC_001"]
    assert verification.selection is not None


def test_a_phantom_word_in_the_study_description_is_noted_and_takes_the_study() -> None:
    archive = Archive().complete("a").complete("b", study="2", study_description="Octavius QA")
    verification = archive.verified()
    assert codes(verification, notes=True) == ["I_NOTE_001", "I_SUCC_001", "II_SUCC_001"]
    assert detail(verification, "I_NOTE_001") == "4 objects, by the words in 'Octavius QA'"


def test_a_patient_of_whom_nothing_can_be_identified_has_no_usable_object() -> None:
    archive = Archive().ct()
    archive.rows = [{**row, "Modality": None} for row in archive.rows]
    assert codes(archive.verified(), notes=True) == ["I_NOTE_012", "I_EXEC_003"]


def test_objects_without_identifiers_or_modality_are_set_aside_and_told_of() -> None:
    archive = Archive().complete()
    archive.rows.append({**archive.rows[-1], "SOPInstanceUID": None, "instance_identifier": "orphan"})
    archive.rows.append({**archive.rows[0], "Modality": None, "SeriesInstanceUID": "x", "series_identifier": "blank"})
    verification = archive.verified()
    assert codes(verification, notes=True) == ["I_NOTE_012", "I_SUCC_001", "II_SUCC_001"]
    assert {"orphan", "blank"} <= set(detail(verification, "I_NOTE_012").replace(",", "").split())
