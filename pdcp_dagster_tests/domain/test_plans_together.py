"""Several plans on one CT and the same structures, prepared together where the cohort asks for their sum."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from pdcp_dagster.domain.circumstances import Circumstances
from pdcp_dagster.domain.decisions import ChosenChain, Decision
from pdcp_dagster.domain.plan_groups import SUMMED
from pdcp_dagster.domain.verification import Verification
from pdcp_dagster_tests.domain.image_rows import Archive, codes, detail, links, reasons

SUM: dict[str, Any] = {"dose_sum": "plans"}


def base_and_boost() -> Archive:
    """Return an archive of two plans on one structure set: plan with dose, boost with boostdose."""
    return Archive().complete().plan("boost").dose("boostdose", ["boost"])


def three_plans() -> Archive:
    return base_and_boost().plan("third").dose("thirddose", ["third"])


def plans(verification: Verification) -> list[str]:
    assert verification.selection is not None, verification.findings
    return [each.sop_instance_uid for each in verification.selection.rtplans]


def doses(verification: Verification) -> list[str]:
    assert verification.selection is not None, verification.findings
    return [each.sop_instance_uid for each in verification.selection.rtdoses]


def candidates(verification: Verification) -> list[tuple[list[str], str]]:
    """Return plans and verdict of each candidate, in the order of their numbers."""
    rows = verification.candidates.to_dict("records")
    return [(list(row["rtplan_uids"]), row["verdict"]) for row in rows]


def decided(archive: Archive, chain: ChosenChain) -> Circumstances:
    evidence = archive.verified().evidence
    by: dict[str, Any] = {"reviewer": "Dr A", "date": dt.date(2026, 1, 2), "reason": "given one after the other"}
    return Circumstances(decision=Decision(patient_id="0012", chain=chain, evidence=evidence, **by))


def chain_of(*uids: str) -> ChosenChain:
    doses = tuple("dose" if uid == "plan" else f"{uid}dose" for uid in uids)
    return ChosenChain(ct_series_uid="ct", rtstruct_uids=("ss",), rtplan_uids=uids, rtdose_uids=doses)


def test_without_the_cohorts_word_several_plans_are_for_a_person() -> None:
    verification = base_and_boost().verified()
    assert codes(verification)[-1] == "II_REV_004"
    assert candidates(verification) == [(["boost"], "open"), (["plan"], "open")]


def test_plans_on_one_ct_and_structure_set_are_selected_together() -> None:
    verification = base_and_boost().verified(**SUM)
    assert codes(verification)[-1] == "II_SUCC_001"
    assert detail(verification, "II_SUCC_001") == "CT ct, 2 plans together"
    assert (plans(verification), doses(verification)) == (["boost", "plan"], ["boostdose", "dose"])
    assert reasons(verification) == {}
    assert links(verification) == dict.fromkeys(("ss", "plan", "boost", "dose", "boostdose"), "uid")


def test_the_sum_is_a_candidate_after_those_of_one_plan() -> None:
    verification = base_and_boost().verified(**SUM)
    expected = [(["boost"], "refused"), (["plan"], "refused"), (["boost", "plan"], "selected")]
    assert candidates(verification) == expected
    assert list(verification.candidates["candidate"]) == [1, 2, 3]
    assert list(verification.candidates["reason"][:2]) == [SUMMED, SUMMED]


def test_one_plan_alone_is_selected_as_ever() -> None:
    verification = Archive().complete().verified(**SUM)
    assert detail(verification, "II_SUCC_001") == "CT ct"
    assert candidates(verification) == [(["plan"], "selected")]


@pytest.mark.parametrize("intent", ["VERIFICATION", "MACHINE_QA", "RESEARCH", "SERVICE"])
def test_a_plan_that_nobody_is_treated_with_is_never_added(intent: str) -> None:
    archive = base_and_boost().plan("qa", PlanIntent=intent).dose("qadose", ["qa"])
    verification = archive.verified(**SUM)
    assert plans(verification) == ["boost", "plan"]
    assert reasons(verification)["qa"] == f"plan intent {intent}"


def test_a_plan_that_the_cohort_refuses_for_its_approval_is_never_added() -> None:
    archive = base_and_boost().plan("draft", ApprovalStatus="UNAPPROVED").dose("draftdose", ["draft"])
    verification = archive.verified(**SUM, eligibility={"approval": {"exclude": ["UNAPPROVED"]}})
    assert plans(verification) == ["boost", "plan"]
    assert reasons(verification)["draft"] == "approval status UNAPPROVED"


@pytest.mark.parametrize(
    ("unlisted", "code", "prepared"),
    [
        ("review", "II_REV_011", ["boost", "plan"]),
        ("keep", "II_NOTE_003", ["boost", "plan"]),
        ("exclude", None, ["plan"]),
    ],
)
def test_each_plan_of_a_sum_must_be_in_the_table_of_approvals(
    unlisted: str, code: str | None, prepared: list[str]
) -> None:
    around = Circumstances(approvals={"plan": "APPROVED"})
    approval = {"table": "approvals.csv", "exclude": ["REJECTED"], "unlisted": unlisted}
    verification = base_and_boost().verified(around, **SUM, eligibility={"approval": approval})
    assert plans(verification) == prepared
    if code is not None:
        assert detail(verification, code).startswith("RTPLAN boost, RTDOSE boostdose, ")


def test_a_rejected_plan_that_the_cohort_keeps_is_a_persons_choice_and_never_added() -> None:
    archive = base_and_boost().plan("no", ApprovalStatus="REJECTED").dose("nodose", ["no"])
    verification = archive.verified(**SUM)
    assert codes(verification)[-1] == "II_REV_004"
    expected = [(["boost"], "refused"), (["no"], "open"), (["plan"], "refused"), (["boost", "plan"], "open")]
    assert candidates(verification) == expected


def test_plans_on_different_structure_sets_are_a_persons_choice() -> None:
    archive = Archive().complete().rtstruct("later").plan("boost", ["later"]).dose("boostdose", ["boost"])
    verification = archive.verified(**SUM)
    assert codes(verification)[-1] == "II_REV_004"
    assert candidates(verification) == [(["boost"], "open"), (["plan"], "open")]


def test_plans_on_different_cts_are_a_persons_choice() -> None:
    archive = base_and_boost().complete("b")
    verification = archive.verified(**SUM)
    assert codes(verification)[-1] == "II_REV_003"
    expected = [(["boost"], "refused"), (["plan"], "refused"), (["planb"], "open"), (["boost", "plan"], "open")]
    assert candidates(verification) == expected


def test_a_plan_without_a_dose_is_told_of_for_a_part_of_the_sum_may_be_missing() -> None:
    verification = base_and_boost().plan("lost").verified(**SUM)
    assert plans(verification) == ["boost", "plan"]
    assert detail(verification, "II_REV_013") == "RTPLAN lost"


def test_of_two_plans_of_one_uid_nobody_can_tell_which_is_meant() -> None:
    archive = Archive().complete().plan("plan", file_size=101, instance_identifier="other")
    assert codes(archive.verified(**SUM))[-1] == "II_REV_006"


def test_the_studies_of_several_plans_are_chosen_among_as_ever() -> None:
    archive = base_and_boost().complete("b", study="2", StudyDate="20210101")
    verification = archive.verified(**SUM)
    assert "I_REV_004" in codes(verification)
    expected = [(["boost"], "refused"), (["plan"], "refused"), (["planb"], "open"), (["boost", "plan"], "open")]
    assert candidates(verification) == expected
    chosen = archive.verified(**SUM, study_selection=["earliest"])
    assert plans(chosen) == ["boost", "plan"]
    assert reasons(chosen)["planb"] == "another study was chosen by earliest"


def test_a_person_may_still_choose_one_of_the_plans() -> None:
    archive = base_and_boost()
    verification = archive.verified(decided(archive, chain_of("boost")), **SUM)
    assert (plans(verification), doses(verification)) == (["boost"], ["boostdose"])
    assert reasons(verification) == {
        "plan": "a person chose another candidate",
        "dose": "a person chose another candidate",
    }


def test_a_person_may_name_some_of_the_plans() -> None:
    archive = three_plans()
    verification = archive.verified(decided(archive, chain_of("plan", "third")), **SUM)
    assert (plans(verification), doses(verification)) == (["plan", "third"], ["dose", "thirddose"])
    assert set(reasons(verification)) == {"boost", "boostdose"}


def test_a_plan_none_of_whose_doses_a_person_wants_is_left_out() -> None:
    archive = three_plans()
    whole = archive.verified(**SUM).chosen_chain(4)
    assert whole.rtplan_uids == ("boost", "plan", "third")
    chain = whole.model_copy(update={"rtdose_uids": ("boostdose", "dose")})
    verification = archive.verified(decided(archive, chain), **SUM)
    assert (plans(verification), doses(verification)) == (["boost", "plan"], ["boostdose", "dose"])


def test_a_dose_of_two_plans_belongs_to_both() -> None:
    archive = three_plans().dose("sum", ["plan", "boost"])
    table = archive.verified(**SUM).verified.set_index("sop_instance_uid")
    assert set(str(table.loc["sum", "linked_to"]).split("\\")) == {"plan", "boost"}
    some = chain_of("plan", "boost").model_copy(update={"rtdose_uids": ("sum",)})
    verification = archive.verified(decided(archive, some), **SUM)
    assert (plans(verification), doses(verification)) == (["boost", "plan"], ["sum"])


def test_a_decision_outlasts_the_cohorts_rule_for_it_names_what_the_person_saw() -> None:
    archive = base_and_boost()
    assert archive.verified().evidence == archive.verified(**SUM).evidence
    assert plans(archive.verified(decided(archive, chain_of("boost")))) == ["boost"]


def test_a_decision_for_a_sum_is_void_in_a_cohort_that_sums_nothing() -> None:
    archive = base_and_boost()
    verification = archive.verified(decided(archive, chain_of("plan", "boost")))
    assert "I_REV_008" in codes(verification)
    assert verification.selection is None


def test_in_quarantine_the_sum_is_prepared_by_its_number() -> None:
    archive = base_and_boost()
    assert plans(archive.verified(Circumstances(only_candidate=3), **SUM)) == ["boost", "plan"]
    assert plans(archive.verified(Circumstances(only_candidate=2), **SUM)) == ["plan"]


def test_what_several_plans_prescribe_together_is_unknown_to_who_decides() -> None:
    """A boost may state its own 16 Gy, or the 66 Gy of both."""
    groups = [{"FractionGroupNumber": "1", "NumberOfFractionsPlanned": "8"}]
    archive = Archive().complete().plan("boost", prescribed_gy=16, FractionGroupSequence=groups)
    rows = archive.dose("boostdose", ["boost"]).verified(**SUM).candidates.to_dict("records")
    boost, _, both = rows
    assert (boost["prescription_gy"], boost["fractions_planned"]) == (16, 8)
    assert (both["prescription_gy"], both["fractions_planned"]) == (None, None)
