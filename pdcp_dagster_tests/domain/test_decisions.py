"""People's decisions: replayed as long as what they saw still stands, void as soon as it does not."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from pdcp_dagster.domain.circumstances import Circumstances
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.decisions import Decision, seen
from pdcp_dagster.domain.summary import summarise
from pdcp_dagster.domain.verdict import NoSuchCandidateError
from pdcp_dagster.domain.verification import verify
from pdcp_dagster_tests.domain.image_rows import COHORT, Archive, codes, detail, reasons, status


def decision(archive: Archive, cohort: dict[str, Any] | None = None, **content: Any) -> Circumstances:
    """Return a decision on what the archive shows now; `candidate` is a number."""
    verification = archive.verified(**(cohort or {}))
    if "candidate" in content:
        content["chain"] = verification.chosen_chain(content.pop("candidate"))
    if "codes" in content:
        codes_seen = content.pop("codes")
        content["accepted"] = [seen(finding) for finding in verification.findings if finding.code in codes_seen]
    by = {"reviewer": "Dr A", "date": dt.date(2026, 1, 2), "reason": "the index course"}
    made = Decision.model_validate({"patient_id": "0012", "evidence": verification.evidence, **by, **content})
    return Circumstances(decision=made)


def two_studies() -> Archive:
    return Archive().complete("a", StudyDate="20190101").complete("b", study="2", StudyDate="20200101")


@pytest.mark.parametrize("choice", [{"study_instance_uid": "2"}, {"candidate": 2}])
def test_a_chosen_study_or_candidate_is_prepared(choice: dict[str, Any]) -> None:
    archive = two_studies()
    verification = archive.verified(decision(archive, **choice))
    assert codes(verification) == ["I_SUCC_002", "I_SUCC_010", "II_SUCC_001"] or codes(verification) == [
        "I_SUCC_010",
        "II_SUCC_001",
    ]
    assert status(verification) is Status.SUCCESS
    assert verification.selection is not None
    assert verification.selection.study_instance_uid == "2"
    assert reasons(verification)["cta"] == "a person chose another candidate"
    assert detail(verification, "I_SUCC_010") == "Dr A on 2026-01-02, 'the index course'"
    assert list(verification.candidates["verdict"]) == ["refused", "selected"]


def test_one_of_several_plans_is_chosen() -> None:
    archive = Archive().complete().plan("boost").dose("boostdose", ["boost"])
    shown = archive.verified().candidates
    (number,) = (row["candidate"] for row in shown.to_dict("records") if row["rtplan_uids"] == ["boost"])
    verification = archive.verified(decision(archive, candidate=number))
    assert verification.selection is not None
    assert [each.sop_instance_uid for each in verification.selection.rtplans] == ["boost"]


def test_a_person_may_choose_among_the_doses_of_a_candidate() -> None:
    archive = Archive().complete().dose("copy")
    whole = archive.verified().chosen_chain(1)
    chain = whole.model_copy(update={"rtdose_uids": ("copy",)})
    verification = archive.verified(decision(archive, chain=chain))
    assert verification.selection is not None
    assert [each.sop_instance_uid for each in verification.selection.rtdoses] == ["copy"]
    assert reasons(verification) == {"dose": "a person chose other doses"}
    assert list(verification.candidates["verdict"]) == ["selected"]


def test_a_person_may_exclude_the_patient() -> None:
    archive = two_studies()
    verification = archive.verified(decision(archive, exclude=True))
    assert codes(verification) == ["I_EXEC_011"]
    assert status(verification) is Status.EXCLUDE
    assert set(reasons(verification).values()) == {"a person excluded the patient"}


def test_an_accepted_finding_becomes_a_note_and_nothing_else_does() -> None:
    archive = Archive().ct(slices=7).rtstruct(frame="frame-mr").plan().dose()
    assert codes(archive.verified()) == ["I_SUCC_001", "II_REV_001", "II_REV_010", "II_SUCC_001"]
    one = archive.verified(decision(archive, codes=["II_REV_001"]))
    assert codes(one) == ["I_SUCC_001", "II_REV_010", "II_SUCC_001"]
    assert detail(one, "I_NOTE_013").startswith("II_REV_001 7 slices, more than 6 (CT ct)")
    both = archive.verified(decision(archive, codes=["II_REV_001", "II_REV_010"]))
    assert status(both) is Status.SUCCESS


CHANGES: dict[str, Callable[[Archive], object]] = {
    "a third study": lambda archive: archive.complete("c", study="3"),
    "a study less": lambda archive: archive.rows.__setitem__(slice(None), archive.rows[:7]),
    "another dose": lambda archive: archive.dose("late", ["planb"], study="2"),
    "a replaced plan": lambda archive: next(r for r in archive.rows if r["Modality"] == "RTPLAN").update(file_size=101),
    "another label": lambda archive: next(r for r in archive.rows if r["Modality"] == "RTPLAN").update(RTPlanLabel="B"),
    "a slice more": lambda archive: archive.rows.append(
        {**archive.rows[0], "SOPInstanceUID": "cta.9", "ImagePositionPatient": "0\\0\\12"}
    ),
    "another date": lambda archive: [row.update(StudyDate="20180101") for row in archive.rows[:7]],
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_decision_is_void_when_its_evidence_has_changed(change: str) -> None:
    archive = two_studies()
    around = decision(archive, study_instance_uid="2")
    CHANGES[change](archive)
    verification = archive.verified(around)
    assert "I_REV_008" in codes(verification)
    assert status(verification) is Status.REVIEW


def test_the_evidence_is_the_same_from_the_store_as_from_the_archive() -> None:
    archive = (
        two_studies().plan("boost", ["ssb"], study="2", prescribed_gy=10.0).dose("boostdose", ["boost"], study="2")
    )
    groups = [{"NumberOfFractionsPlanned": "25"}, {"NumberOfFractionsPlanned": "5"}]
    for row in archive.rows:
        if row["Modality"] == "RTPLAN":
            row["FractionGroupSequence"] = groups
    fresh = summarise(archive.rows)
    file = io.BytesIO()
    fresh.to_parquet(file)
    stored = pd.read_parquet(file)
    cohort = Cohort.model_validate(COHORT)
    one, other = verify(fresh, cohort), verify(stored, cohort)
    assert one.evidence == other.evidence
    assert list(one.candidates["fractions_planned"]) == [30, 30, 30]
    pd.testing.assert_frame_equal(one.candidates, other.candidates)


def test_a_decision_stands_whatever_the_order_of_the_rows_and_whatever_is_no_candidate() -> None:
    archive = two_studies()
    around = decision(archive, study_instance_uid="2")
    archive.rows.reverse()
    archive.ct("diagnostic", study="4").pt(study="4")
    assert status(archive.verified(around)) is Status.SUCCESS


def test_a_decision_on_a_patient_who_is_excluded_now_is_void_and_excludes_nobody_less() -> None:
    archive = Archive().complete()
    around = decision(archive, study_instance_uid="1")
    archive.rows = archive.rows[:4]
    verification = archive.verified(around)
    assert codes(verification) == ["I_EXEC_005", "I_REV_008"]
    assert status(verification) is Status.EXCLUDE


def test_in_quarantine_each_candidate_is_prepared_as_if_it_were_the_only_one() -> None:
    for number, study in ((1, "1"), (2, "2")):
        verification = two_studies().verified(Circumstances(only_candidate=number))
        assert status(verification) is Status.SUCCESS
        assert "I_NOTE_011" in codes(verification, notes=True)
        assert verification.selection is not None
        assert verification.selection.study_instance_uid == study
    with pytest.raises(NoSuchCandidateError, match="no candidate 3, but 2"):
        two_studies().verified(Circumstances(only_candidate=3))


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"study_instance_uid": "1", "exclude": True},
        {"exclude": True, "accepted": ["II_REV_001: seen"]},
        {"accepted": ["I_REV_004"]},
        {"accepted": ["II_EXEC_002"]},
        {"accepted": ["nonsense"]},
        {"study_instance_uid": "1", "evidence": "x"},
        {"study_instance_uid": "1", "reviewer": ""},
    ],
)
def test_a_decision_that_means_nothing_or_two_things_is_refused(content: dict[str, Any]) -> None:
    given = {"patient_id": "1", "reviewer": "A", "date": dt.date(2026, 1, 1), "reason": "b", "evidence": "0" * 16}
    with pytest.raises(ValidationError):
        Decision.model_validate({**given, **content})
