"""Judgements on what was selected."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pdcp_dagster.domain.circumstances import Circumstances
from pdcp_dagster.domain.decisions import Decision, seen
from pdcp_dagster.domain.quality_linkage import judge_linkage
from pdcp_dagster.domain.verification import Verification
from pdcp_dagster_tests.domain.image_rows import Archive, codes


def judged(verification: Verification) -> tuple[bool, str]:
    found = judge_linkage(verification)
    assert found is not None
    return found.passed, found.said


def test_one_chain_linked_by_uid_passes() -> None:
    assert judged(Archive().complete().verified()) == (
        True,
        "The selected objects are the only ones that belong together, each linked by the UID it names.",
    )


def test_of_what_was_never_complete_nothing_is_said() -> None:
    assert judge_linkage(Archive().ct().rtstruct().plan().verified()) is None


def stray() -> Archive:
    """A dose that names the structure set and no plan."""
    return Archive().ct().rtstruct().plan().stray_dose(structure_sets=["ss"])


def test_a_fall_back_does_not_pass_though_the_cohort_accepts_it() -> None:
    for how, code in (("review", "II_REV_009"), ("accept", "II_NOTE_002")):
        verification = stray().verified(fallback_links=how)
        assert code in codes(verification, notes=True)
        passed, said = judged(verification)
        assert not passed
        assert said.startswith("Objects are linked otherwise than by the UID they should name")
        assert said.endswith(f"RTDOSE dose by structure set ({code}).")


def several() -> Archive:
    return Archive().complete("a", StudyDate="20190101").complete("b", study="2", StudyDate="20200101")


def test_what_is_left_to_a_person_does_not_pass() -> None:
    passed, said = judged(several().verified())
    assert not passed
    assert said.endswith("(I_REV_004).")
    passed, said = judged(Archive().complete().plan("boost").dose("boostdose", ["boost"]).verified())
    assert not passed
    assert said == "Several plans with a dose use the CT: boost, plan (II_REV_004)."


def test_a_choice_of_the_cohorts_rules_among_several_does_not_pass_and_is_said() -> None:
    passed, said = judged(several().verified(study_selection=["latest"]))
    assert not passed
    assert said.startswith("Of several studies the rule latest chose the last")
    assert said.endswith("of 2 studies (I_SUCC_007).")


def test_another_study_that_is_not_complete_is_no_other_candidate() -> None:
    verification = Archive().complete("a").ct("b", study="2").verified()
    assert judged(verification)[0]


def test_plans_that_are_added_as_the_cohort_asks_are_one_candidate() -> None:
    both = Archive().complete().plan("boost").dose("boostdose", ["boost"])
    assert judged(both.verified(dose_sum="plans"))[0]


def decided(archive: Archive, **content: Any) -> Verification:
    by = {"reviewer": "Dr A", "date": dt.date(2026, 1, 2), "reason": "Mrs B's index course"}
    evidence = archive.verified().evidence
    decision = Decision.model_validate({"patient_id": "0012", "evidence": evidence, **by, **content})
    return archive.verified(Circumstances(decision=decision))


def test_what_a_person_chose_or_accepted_passes_without_naming_anybody() -> None:
    assert judged(decided(several(), study_instance_uid="2")) == (
        True,
        "A person chose the objects that belong together.",
    )
    (doubt,) = [each for each in stray().verified().findings if each.code == "II_REV_009"]
    assert judged(decided(stray(), accepted=[seen(doubt)])) == (
        True,
        "A person looked at II_REV_009 and accepted it.",
    )


def test_of_a_patient_whom_a_person_excluded_nothing_is_said() -> None:
    assert judge_linkage(decided(several(), exclude=True)) is None
