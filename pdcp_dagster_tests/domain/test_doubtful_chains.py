"""Chains that link and may yet be wrong: each is for a person, with a code that says why."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from pdcp_dagster.domain.circumstances import Circumstances
from pdcp_dagster.domain.codes import Status
from pdcp_dagster_tests.domain.image_rows import Archive, codes, detail, reasons, status

CT_IMAGE, MR_IMAGE = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
FRAME: dict[str, Any] = {"FrameOfReferenceUID": "frame-ct"}
REJECTED: dict[str, Any] = {"eligibility": {"approval": {"exclude": ["REJECTED"]}}}


def drawn_on(planning: str, sop_class: str) -> Archive:
    """Return a patient whose structures name another series first."""
    archive = Archive().ct("cbct").rtstruct(on=[planning, "cbct"], images={planning: ["p.0", "p.1"]}).plan().dose()
    (structure_set,) = [row for row in archive.rows if row["Modality"] == "RTSTRUCT"]
    study = structure_set["ReferencedFrameOfReferenceSequence"][0]["RTReferencedStudySequence"][0]
    for image in study["RTReferencedSeriesSequence"][0]["ContourImageSequence"]:
        image["ReferencedSOPClassUID"] = sop_class
    return archive


# Another CT


def test_structures_drawn_on_a_ct_that_is_not_in_the_archive_are_for_a_person() -> None:
    verification = drawn_on("planning", CT_IMAGE).verified()
    assert codes(verification) == ["I_SUCC_001", "II_REV_012", "II_SUCC_001"]
    assert detail(verification, "II_REV_012") == "RTSTRUCT ss, CT planning, not in the archive"


def test_an_mr_beside_the_ct_is_no_other_ct() -> None:
    assert status(drawn_on("mr", MR_IMAGE).verified()) is Status.SUCCESS


def test_structures_drawn_on_a_ct_that_was_refused_are_for_a_person() -> None:
    archive = Archive().ct("planning", slices=9).ct("cbct").rtstruct(on=["planning", "cbct"]).plan().dose()
    verification = archive.verified()
    assert "II_REV_012" in codes(verification)
    assert detail(verification, "II_REV_012") == "RTSTRUCT ss, CT planning, 9 slices, more than 8"


def test_a_ct_of_one_uid_with_different_slices_in_two_studies_is_no_copy() -> None:
    archive = Archive().ct(study="1", slices=3).ct(study="2", slices=6)
    archive.rtstruct(study="2").plan(study="2").dose(study="2")
    assert status(archive.verified()) is Status.REVIEW
    assert archive.verified().selection is None


def test_a_ct_with_slices_in_two_frames_of_reference_is_for_a_person() -> None:
    archive = Archive().complete()
    archive.rows[0]["FrameOfReferenceUID"] = "frame-moved"
    assert codes(archive.verified()) == ["I_SUCC_001", "II_REV_010", "II_SUCC_001"]


# Objects of one UID


@pytest.mark.parametrize("tags", [{"ApprovalStatus": "REJECTED"}, {"PlanIntent": "PALLIATIVE"}])
def test_objects_of_one_uid_and_size_that_differ_in_their_tags_are_no_copies(tags: dict[str, Any]) -> None:
    archive = Archive().ct().rtstruct().plan(ApprovalStatus="APPROVED").dose().plan(study="2", **tags)
    assert codes(archive.verified())[-1] == "II_REV_006"


def test_of_an_ambiguous_plan_without_a_dose_of_its_own_crd_knows_no_link() -> None:
    archive = Archive().complete().plan(study="2", ApprovalStatus="REJECTED")
    assert codes(archive.verified(linkage="CRD"))[-1] == "II_REV_006"


# Fall-backs that may mean another


@pytest.mark.parametrize(
    ("archive", "keys"),
    [
        (
            Archive().ct().rtstruct().plan("a").plan("b", ApprovalStatus="REJECTED").stray_dose(structure_sets=["ss"]),
            REJECTED,
        ),
        (
            Archive()
            .ct()
            .rtstruct(frame="frame-ct")
            .plan("a", **FRAME)
            .plan("b", PlanIntent="VERIFICATION", **FRAME)
            .stray_dose(),
            {},
        ),
        (
            Archive()
            .ct()
            .rtstruct(frame="frame-ct")
            .rtstruct("s2", rois=["x"], frame="frame-ct")
            .plan(uses=[], **FRAME)
            .dose(),
            {},
        ),
        (
            Archive()
            .ct(series_description="Catphan")
            .ct("real", **FRAME)
            .rtstruct(on=[], frame="frame-ct")
            .plan()
            .dose(),
            {},
        ),
    ],
)
def test_a_fall_back_that_may_mean_what_was_refused_is_for_a_person_even_where_accepted(
    archive: Archive, keys: dict[str, Any]
) -> None:
    verification = archive.verified(fallback_links="accept", **keys)
    assert "II_REV_009" in codes(verification)
    assert "it may belong to any of several" in detail(verification, "II_REV_009")


def test_a_dose_of_a_plan_that_was_set_aside_is_not_linked_otherwise() -> None:
    archive = Archive().ct().rtstruct(frame="frame-ct").plan(study="2", study_description="lung")
    archive.stray_dose(ReferencedRTPlanSequence=[{"ReferencedSOPInstanceUID": "plan"}])
    keys: dict[str, Any] = {"study_description": {"exclude": ["lung"]}, "fallback_links": "accept"}
    verification = archive.verified(linkage="CRD", **keys)
    assert codes(verification)[-1] == "II_EXEC_002"
    assert reasons(verification)["dose"] == "the RTPLAN that it refers to was refused"


# Approval


@pytest.mark.parametrize("role", ["rtstruct", "plan", "dose"])
def test_whatever_selected_object_was_rejected_is_for_a_person(role: str) -> None:
    tags: dict[str, dict[str, Any]] = {
        each: {"ApprovalStatus": "REJECTED"} if each == role else {} for each in ("rtstruct", "plan", "dose")
    }
    archive = Archive().ct().rtstruct(**tags["rtstruct"]).plan(**tags["plan"]).dose(**tags["dose"])
    assert codes(archive.verified()) == ["I_SUCC_001", "II_REV_007", "II_SUCC_001"]


def test_crd_looks_at_the_approval_of_a_plan_that_is_there() -> None:
    archive = Archive().ct().rtstruct().plan(ApprovalStatus="REJECTED").dose()
    assert codes(archive.verified(linkage="CRD")) == ["I_SUCC_001", "II_REV_007", "II_SUCC_001"]


def test_where_the_cohort_has_a_table_it_counts_and_the_tag_does_not() -> None:
    archive = Archive().complete("a").complete("b", study="2")
    for row in archive.rows:
        if row["Modality"] == "RTPLAN":
            row["ApprovalStatus"] = "APPROVED" if row["StudyInstanceUID"] == "1" else "REJECTED"
    around = Circumstances(approvals={"plana": "UNAPPROVED", "planb": "APPROVED"})
    keys: dict[str, Any] = {"eligibility": {"approval": {"table": "approvals.csv"}}}
    verification = archive.verified(around, study_selection=["approved_plan"], **keys)
    assert codes(verification) == ["I_SUCC_005", "II_SUCC_001"]
    assert verification.selection is not None
    assert verification.selection.study_instance_uid == "2"


# References that contradict one another


def test_a_dose_that_names_another_structure_set_than_its_plan_is_for_a_person() -> None:
    archive = Archive().complete()
    archive.rows[-1]["ReferencedStructureSetSequence"] = [{"ReferencedSOPInstanceUID": "ss2"}]
    assert codes(archive.verified()) == ["I_SUCC_001", "II_REV_014", "II_SUCC_001"]


def test_a_plan_that_names_a_further_structure_set_is_told_of() -> None:
    verification = Archive().ct().rtstruct().plan(uses=["ss", "gone"]).dose().verified()
    assert detail(verification, "II_NOTE_007") == "RTPLAN plan, RTSTRUCT gone"


# Dates that anonymisers left


@pytest.mark.parametrize("date", ["99991231", "00010101", "17000101"])
def test_a_date_that_no_ct_can_have_is_a_dummy(date: str) -> None:
    rule: dict[str, Any] = {"eligibility": {"study_date_after": dt.date(2013, 11, 1)}}
    assert "I_REV_006" in codes(Archive().complete(StudyDate=date).verified(**rule))


@pytest.mark.parametrize("modified", ["REMOVED", "MODIFIED"])
def test_dates_that_were_removed_or_modified_decide_no_rule_on_dates(modified: str) -> None:
    tags = {"LongitudinalTemporalInformationModified": modified}
    rule: dict[str, Any] = {"eligibility": {"study_date_after": dt.date(2013, 11, 1)}}
    assert "I_REV_006" in codes(Archive().complete(StudyDate="20100101", **tags).verified(**rule))
    two = Archive().complete("a", StudyDate="20190101", **tags)
    two.complete("b", study="2", StudyDate="20200101", **tags)
    around = Circumstances(index_date=dt.date(2020, 1, 1))
    assert codes(two.verified(around, study_selection=[{"closest_to": "d.csv"}])) == ["I_REV_004"]
    latest = codes(two.verified(study_selection=["latest"]))
    assert latest == (["I_REV_004"] if modified == "REMOVED" else ["I_SUCC_007", "II_SUCC_001"])


# What was set aside says so


def test_what_was_set_aside_is_not_called_missing() -> None:
    archive = Archive().complete().rtstruct("couch", rois=["Couch"]).plan("p2", ["couch"], ApprovalStatus="UNAPPROVED")
    assert reasons(archive.verified())["p2"] == "the RTSTRUCT that it refers to was refused"


def test_a_ct_in_an_excluded_study_is_not_called_no_ct() -> None:
    archive = Archive().ct(study_description="Lung").rtstruct(study="2").plan(study="2").dose(study="2")
    verification = archive.verified(study_description={"exclude": ["lung"]})
    assert codes(verification) == ["I_EXEC_006"]


def test_an_exclusion_for_phantom_words_says_which() -> None:
    verification = Archive().complete(study_description="Breast QA approved").verified()
    assert "'Breast QA approved'" in detail(verification, "I_EXEC_004")


# Many objects


def test_of_sixty_plans_and_sixty_doses_that_may_be_anybodys_each_plan_is_a_candidate_with_all_doses() -> None:
    archive = Archive().ct(slices=4).rtstruct(frame="frame-ct")
    for n in range(60):
        archive.plan(f"p{n}", **FRAME).stray_dose(f"d{n}", at_mm=(20.0, 20.0, 0.0))
    verification = archive.verified()
    assert codes(verification) == ["I_SUCC_001", "II_REV_004"]
    assert [len(uids) for uids in verification.candidates["rtdose_uids"]] == [60] * 60
