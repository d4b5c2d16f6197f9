"""What users of the original suffered for what their archive's tags said: each of its corrected bugs is a law here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pdcp_dagster.domain.circumstances import Circumstances
from pdcp_dagster.domain.codes import Status, in_words, reason_of
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.notes import notes_document
from pdcp_dagster.domain.summary import summarise
from pdcp_dagster.domain.verification import Verification
from pdcp_dagster_tests.domain.image_rows import Archive, codes, detail, links, reasons, status

PDCPS_BOUNDS = {"minimum": 50, "review_above": 380, "maximum": 500}


def selected(verification: Verification) -> set[str]:
    """Return what retrieval would fetch, the CT by its series."""
    assert verification.selection is not None, reason_of(verification.findings)
    chosen = verification.verified[verification.verified["verdict"] == "selected"]
    return set(chosen["sop_instance_uid"].fillna(chosen["series_uid"]))


def notes_of(verification: Verification) -> dict[str, Any]:
    return notes_document(
        findings_by_stage={"image_summary": (), "verified_study": verification.findings},
        list_of_values=verification.list_of_values,
        raw_images_summary=verification.raw_images_summary,
        verified_images_summary=verification.verified_images_summary,
        version="",
        linkage="CRDP",
    )


# Text from the archive that was executed, or taken for something else


def test_a_roi_name_with_python_code_in_it_is_text(tmp_path: Path) -> None:
    name = f"__import__('pathlib').Path({str(tmp_path / 'executed')!r}).touch()"
    archive = Archive().ct().rtstruct(rois=[name, "PTV"]).plan().dose()
    assert summarise(archive.rows)["roi_names"].dropna().tolist() == [[name, "PTV"]]
    assert status(archive.verified()) is Status.SUCCESS
    assert list(tmp_path.iterdir()) == []


def test_a_reference_with_python_code_in_it_refers_to_nothing(tmp_path: Path) -> None:
    archive = Archive().complete().dose("odd")
    code = f"__import__('pathlib').Path({str(tmp_path / 'executed')!r}).touch()"
    archive.rows[-1]["ReferencedRTPlanSequence"] = code
    verification = archive.verified()
    assert selected(verification) == {"ct", "ss", "plan", "dose"}
    assert reasons(verification) == {"odd": "it refers to no RTPLAN"}
    assert list(tmp_path.iterdir()) == []


def test_a_description_that_reads_like_a_code_excludes_nobody() -> None:
    verification = Archive().complete().ct("qa", series_description="QA: bad_EXEC_name:EXECLUDE").verified()
    assert status(verification) is Status.SUCCESS
    told = notes_of(verification)
    assert told["status"] == "SUCCESS"
    assert {len(note.split(":")) for note in told["verification_notes"]} <= {3, 4}
    assert not [note for note in told["verification_notes"] if "_EXEC_" in note.split(":")[1]]


def test_a_patient_id_of_digits_keeps_its_zeros_in_summary_and_notes() -> None:
    verification = Archive().complete(PatientID="0071").verified()
    assert verification.list_of_values["PatId"] == "0071"
    assert verification.raw_images_summary["PatId"] == "0071"


def test_an_absent_tag_and_an_empty_one_are_both_nothing_and_not_the_word_missing() -> None:
    archive = Archive().dose("absent").dose("empty", DoseSummationType="").dose("said", DoseSummationType="PLAN")
    told = summarise(archive.rows).set_index("sop_instance_uid")["dose_summation_type"]
    assert told.isna().to_dict() == {"absent": True, "empty": True, "said": False}


# Patients who were lost without a code


def test_a_plan_with_an_empty_reference_sequence_does_not_lose_the_patient_without_a_code() -> None:
    verification = Archive().complete().plan("empty", uses=[]).verified()
    assert selected(verification) == {"ct", "ss", "plan", "dose"}
    assert reasons(verification) == {"empty": "it refers to no RTSTRUCT"}

    alone = Archive().ct().rtstruct().plan(uses=[]).dose().verified()
    assert status(alone) is Status.EXCLUDE
    assert {"II_NOTE_005", "II_EXEC_002"} <= set(codes(alone, notes=True))


def test_a_dose_without_a_plan_reference_does_not_lose_the_patient_without_a_code() -> None:
    archive = Archive().complete().dose("stray", DoseSummationType="PLAN")
    del archive.rows[-1]["ReferencedRTPlanSequence"]
    verification = archive.verified()
    assert selected(verification) == {"ct", "ss", "plan", "dose"}
    assert reasons(verification) == {"stray": "it refers to no RTPLAN"}

    alone = Archive().ct().rtstruct().plan().dose(of=[], DoseSummationType="PLAN").verified()
    assert status(alone) is Status.EXCLUDE
    assert {"II_NOTE_004", "II_EXEC_002"} <= set(codes(alone, notes=True))


@pytest.mark.parametrize("without", ["CT", "RTSTRUCT", "RTPLAN", "RTDOSE"])
def test_a_missing_study_date_does_not_lose_the_patient(without: str) -> None:
    archive = Archive().complete()
    for row in archive.rows:
        if row["Modality"] == without:
            row["StudyDate"] = None
            row["study_tags"] = {}
    verification = archive.verified()
    assert status(verification) is Status.SUCCESS
    assert ("I_NOTE_004" in codes(verification, notes=True)) == (without == "CT")
    assert verification.list_of_values["StudyDate"] == (None if without == "CT" else 20200131)


@pytest.mark.parametrize("description", [None, "", " "])
@pytest.mark.parametrize("match", ["word", "substring"])
def test_an_empty_study_description_does_not_lose_the_patient(description: str | None, match: str) -> None:
    archive = Archive().complete(study_description=description)
    verification = archive.verified(study_description={"exclude": ["lung"], "match": match})
    assert status(verification) is Status.SUCCESS
    assert "I_NOTE_005" in codes(verification, notes=True)


def test_a_structure_set_without_its_inner_sequences_does_not_lose_the_patient_for_ever() -> None:
    archive = Archive().complete().rtstruct("bare")
    archive.rows[-1]["ReferencedFrameOfReferenceSequence"] = [{"FrameOfReferenceUID": "frame-elsewhere"}]
    verification = archive.verified()
    assert selected(verification) == {"ct", "ss", "plan", "dose"}
    assert "II_NOTE_006" in codes(verification, notes=True)


def test_a_patient_without_a_single_image_gets_a_code() -> None:
    assert codes(Archive().verified()) == ["I_EXEC_003"]


@pytest.mark.parametrize("missing", ["CT", "RTSTRUCT", "RTPLAN", "RTDOSE"])
def test_an_excluded_patients_notes_have_a_status_and_the_code(missing: str) -> None:
    archive = Archive().complete()
    archive.rows = [row for row in archive.rows if row["Modality"] != missing]
    notes = notes_of(archive.verified())
    assert (notes["status"], notes["code"]) == ("EXECLUDE", f"I: I_EXEC_005:EXECLUDE:no {missing} in the archive")


def test_codes_can_be_compared_without_cutting_blanks_off() -> None:
    found = notes_of(Archive().complete().verified())["stages"]["verified_study"]
    assert [entry["code"] for entry in found] == ["I_SUCC_001", "II_SUCC_001"]


def test_a_patient_about_whom_nothing_was_found_out_is_no_success() -> None:
    notes = notes_document(
        findings_by_stage={},
        list_of_values={},
        raw_images_summary={},
        verified_images_summary={},
        version="",
        linkage="CRDP",
    )
    assert (notes["status"], notes["patientimagingfilesready"]) == (None, False)


# Links that were missed, or made up


def test_a_structure_set_that_names_a_pet_first_and_its_ct_second_is_linked_to_its_ct() -> None:
    archive = Archive().pt().ct().rtstruct(on=["pt", "ct"]).plan().dose()
    assert selected(archive.verified()) == {"ct", "ss", "plan", "dose"}


def test_a_plan_or_dose_that_names_what_is_wanted_second_is_not_lost() -> None:
    archive = Archive().ct().rtstruct().plan(uses=["gone", "ss"]).dose(of=["gone", "plan"])
    assert selected(archive.verified()) == {"ct", "ss", "plan", "dose"}


def test_objects_in_another_study_than_their_ct_are_not_lost() -> None:
    archive = Archive().ct().rtstruct(study="2").plan(study="2").dose(study="3")
    assert selected(archive.verified()) == {"ct", "ss", "plan", "dose"}


def test_a_dose_that_names_a_structure_set_is_not_taken_for_a_plan() -> None:
    archive = Archive().ct().rtstruct().plan(uses=["gone"])
    archive.dose("first", ReferencedStructureSetSequence=[{"ReferencedSOPInstanceUID": "ss"}]).dose("second", ["first"])
    verification = archive.verified()
    assert status(verification) is Status.EXCLUDE
    assert reasons(verification)["second"] == "the RTPLAN that it refers to is not in the archive"


def test_a_dose_that_names_its_structure_set_only_is_for_a_person_and_not_lost() -> None:
    verification = Archive().ct().rtstruct().plan().stray_dose(structure_sets=["ss"]).verified()
    assert selected(verification) == {"ct", "ss", "plan", "dose"}
    assert links(verification)["dose"] == "structure_set"
    assert codes(verification) == ["I_SUCC_001", "II_REV_009", "II_SUCC_001"]


@pytest.mark.parametrize("summation", ["MULTI_PLAN", "BRACHY", "BEAM", "FRACTION", None])
def test_a_dose_that_is_not_of_type_plan_is_not_overlooked(summation: str | None) -> None:
    archive = Archive().ct().rtstruct().plan().dose(DoseSummationType=summation)
    assert selected(archive.verified()) == {"ct", "ss", "plan", "dose"}


def test_structure_sets_that_the_plan_does_not_use_are_not_converted() -> None:
    verification = Archive().complete().rtstruct("draft").rtstruct("other").verified()
    assert selected(verification) == {"ct", "ss", "plan", "dose"}
    assert reasons(verification) == dict.fromkeys(("draft", "other"), "not used by the plan")


def test_a_plan_for_quality_assurance_is_not_taken_for_the_treatment() -> None:
    verification = Archive().complete().plan("qa", PlanIntent="VERIFICATION").dose("qadose", ["qa"]).verified()
    assert selected(verification) == {"ct", "ss", "plan", "dose"}


def test_doses_of_several_plans_are_not_all_given_to_every_ct() -> None:
    archive = Archive().complete("a").dose("boost", ["boostplan"], ReferencedStructureSetSequence=None)
    archive.rows[-1]["ReferencedStructureSetSequence"] = [{"ReferencedSOPInstanceUID": "ssa"}]
    archive.ct("ctb").rtstruct("ssb", ["ctb"])
    verification = archive.verified(linkage="CRD")
    assert codes(verification) == ["I_SUCC_001", "II_REV_008"]
    assert verification.selection is None
    assert reasons(verification)["ctb"] == "no dose belongs to its structure sets"


@pytest.mark.parametrize("linkage", ["CRDP", "CRD", "CR"])
def test_several_linked_cts_are_a_persons_choice_and_not_the_end(linkage: str) -> None:
    verification = Archive().complete("a").complete("b").verified(linkage=linkage)
    assert status(verification) is Status.REVIEW
    assert "II_REV_003" in codes(verification)
    assert sorted(verification.candidates["ct_series_uid"]) == ["cta", "ctb"]


def test_several_eligible_studies_are_a_persons_choice_and_not_the_end() -> None:
    verification = Archive().complete("a").complete("b", study="2").verified()
    assert (status(verification), codes(verification)) == (Status.REVIEW, ["I_REV_004"])
    assert sorted(verification.candidates["study_instance_uid"]) == ["1", "2"]


def test_the_latest_study_is_taken_where_the_user_wants_it() -> None:
    archive = Archive().complete("a", StudyDate="20200101").complete("b", study="2", StudyDate="20200102")
    assert selected(archive.verified(study_selection=["latest"])) == {"ctb", "ssb", "planb", "doseb"}


def test_a_conflict_of_studies_that_was_resolved_needs_no_review() -> None:
    verification = Archive().complete().ct("later", study="2").verified()
    assert status(verification) is Status.SUCCESS
    assert {"I_REV_001", "I_SUCC_002"} <= set(codes(verification, notes=True))


def test_what_is_selected_does_not_depend_on_the_order_in_which_answers_come() -> None:
    archive = Archive().complete("a").rtstruct("draft", ["cta"]).plan("boost", ["draft"]).ct("other")
    first = archive.verified()
    for first_row in range(len(archive.rows)):
        archive.rows = [*archive.rows[first_row:], *archive.rows[:first_row]][::-1]
        again = archive.verified()
        assert again.verified.equals(first.verified)
        assert again.findings == first.findings


# Words


def test_a_keyword_in_capitals_finds_a_structure_set() -> None:
    archive = Archive().ct().rtstruct(rois=["ptv breast"]).plan().dose()
    assert status(archive.verified(roi_keywords=["PTV"])) is Status.SUCCESS


def test_a_helper_structure_with_the_keyword_in_its_name_need_not_count() -> None:
    archive = Archive().ct().rtstruct(rois=["NotCTVring"]).plan().dose()
    verification = archive.verified(roi_keywords=["ctv"], roi_keywords_exclude=["ring"])
    assert codes(verification, notes=True) == ["I_NOTE_002", "I_EXEC_005"]


def test_a_description_with_ahead_in_it_is_not_rejected_for_head() -> None:
    archive = Archive().complete(study_description="Breast - ahead of surgery")
    assert status(archive.verified(study_description={"exclude": ["head"]})) is Status.SUCCESS


@pytest.mark.parametrize("match", ["word", "substring"])
def test_an_unwanted_word_in_capitals_is_found_all_the_same(match: str) -> None:
    verification = (
        Archive()
        .complete(study_description="planning lung")
        .verified(study_description={"exclude": ["Lung"], "match": match})
    )
    assert codes(verification) == ["I_EXEC_006"]


def test_the_removal_of_a_phantom_is_told_and_takes_no_series_of_the_patient_with_it() -> None:
    verification = Archive().complete().ct("qa", series_description="Phantom check").verified()
    assert selected(verification) == {"ct", "ss", "plan", "dose"}
    assert "'Phantom check'" in detail(verification, "I_NOTE_001")


def test_a_phantom_that_only_the_study_or_the_name_tells_of_is_seen() -> None:
    by_study = Archive().complete(study_description="Catphan 600").verified()
    assert codes(by_study) == ["I_EXEC_004"]
    by_name = Archive().complete(PatientName="Phantom^Thorax").verified()
    assert (status(by_name), "I_REV_005" in codes(by_name)) == (Status.REVIEW, True)


def test_a_patient_without_wanted_structures_is_not_called_a_phantom() -> None:
    verification = Archive().ct().rtstruct(rois=["BODY"]).verified(linkage="CR", roi_keywords=["ptv"])
    assert codes(verification, notes=True) == ["I_NOTE_002", "I_EXEC_005"]


# Numbers, dates and approval


@pytest.mark.parametrize(
    ("slices", "expected"),
    [(49, Status.EXCLUDE), (50, Status.SUCCESS), (380, Status.SUCCESS), (381, Status.REVIEW), (500, Status.REVIEW)],
)
def test_a_ct_of_381_to_500_slices_is_to_review_with_a_reason_in_words(slices: int, expected: Status) -> None:
    verification = Archive().ct(slices=slices).rtstruct().plan().dose().verified(ct_instances=PDCPS_BOUNDS)
    assert status(verification) is expected
    if expected is Status.REVIEW:
        assert selected(verification) == {"ct", "ss", "plan", "dose"}
        assert f"{slices} slices, more than 380" in reason_of(verification.findings)


@pytest.mark.parametrize(("slices", "told"), [(49, "49 slices, fewer than 50"), (501, "501 slices, more than 500")])
def test_a_ct_that_was_dropped_for_its_size_says_so_in_the_patients_reason(slices: int, told: str) -> None:
    verification = Archive().ct(slices=slices).rtstruct().plan().dose().verified(ct_instances=PDCPS_BOUNDS)
    assert status(verification) is Status.EXCLUDE
    assert reasons(verification)["ct"] == told
    assert told in reason_of(verification.findings)


def test_two_phases_in_one_series_and_its_localiser_do_not_count_as_more_slices() -> None:
    archive = Archive().complete().ct("ct", slices=4)
    for number, row in enumerate(archive.rows[-4:]):
        row["SOPInstanceUID"] = f"phase.{number}"
    archive.ct("ct", slices=1, ImageType="ORIGINAL\\PRIMARY\\LOCALIZER")
    archive.rows[-1]["SOPInstanceUID"] = "scout"
    archive.rows[-1]["ImagePositionPatient"] = "0\\0\\-300"
    verification = archive.verified(ct_instances={"minimum": 3, "review_above": 4, "maximum": 8})
    assert status(verification) is Status.SUCCESS


def test_images_that_the_structures_were_drawn_on_and_nobody_has_are_told_before_any_download() -> None:
    images: dict[str, Iterable[str]] = {"ct": ("ct.0", "ct.1", "ct.2", "ct.3", "ct.4")}
    verification = Archive().ct().rtstruct(images=images).plan().dose().verified()
    assert "1 of 5 images" in detail(verification, "II_REV_005")


def test_the_structure_set_date_is_the_structure_sets() -> None:
    archive = Archive().ct().rtstruct(StructureSetDate="20200204").plan().dose()
    archive.rtstruct("unused", StructureSetDate="20190101")
    assert archive.verified().list_of_values["StructureSetDate"] == 20200204


@pytest.mark.parametrize("date", [None, "19000101"])
def test_a_date_that_nobody_knows_is_neither_old_enough_nor_too_old(date: str | None) -> None:
    rule = {"study_date_after": dt.date(2013, 11, 1)}
    verification = Archive().complete(StudyDate=date).verified(eligibility=rule)
    assert (status(verification), "I_REV_006" in codes(verification)) == (Status.REVIEW, True)


def test_a_plan_is_called_approved_only_where_its_approval_was_looked_at() -> None:
    rule = {"approval": {"exclude": ["UNAPPROVED", "REJECTED"]}}
    draft = Archive().ct().rtstruct().plan(ApprovalStatus="UNAPPROVED").dose().verified(eligibility=rule)
    assert (status(draft), codes(draft)[-1]) == (Status.EXCLUDE, "II_EXEC_004")
    approved = Archive().ct().rtstruct().plan(ApprovalStatus="APPROVED").dose().verified(eligibility=rule)
    assert status(approved) is Status.SUCCESS
    unknown = Archive().ct().rtstruct().plan().dose().verified(eligibility=rule)
    assert "II_NOTE_003" in codes(unknown, notes=True)
    not_asked = Archive().ct().rtstruct().plan(ApprovalStatus="UNAPPROVED").dose().verified()
    told = [in_words(finding) for finding in not_asked.findings]
    assert not [sentence for sentence in told if "approved" in sentence.lower()]


def test_an_unapproved_dose_series_of_the_hospitals_list_is_left_out_without_a_script() -> None:
    rule = {"approval": {"exclude": ["Unapproved"], "table": "approvals.csv"}}
    around = Circumstances(approvals={"series-dose": "UNAPPROVED"})
    verification = Archive().complete().verified(around, eligibility=rule)
    assert (status(verification), codes(verification)[-1]) == (Status.EXCLUDE, "II_EXEC_004")


def test_a_cohort_that_needs_pet_leaves_out_studies_without_one_without_a_script() -> None:
    rule = {"study_must_contain": ["PT"]}
    assert codes(Archive().complete().verified(eligibility=rule)) == ["I_EXEC_009"]
    assert status(Archive().complete().pt().verified(eligibility=rule)) is Status.SUCCESS


def test_verified_counts_count_what_was_linked() -> None:
    verification = Archive().complete().rtstruct("draft").plan("boost").ct("other", slices=5).verified()
    counted = verification.verified_images_summary
    roles = ("CT", "RTSTRUCT", "RTPLAN", "RTDOSE")
    assert [counted[f"number_of_{role}_series"] for role in roles] == [1, 1, 1, 1]
    assert counted["number_of_CT_instances"] == 4
    assert [verification.raw_images_summary[f"number_of_{role}_series"] for role in roles] == [2, 2, 2, 1]


# The cohort file


def test_a_key_that_the_user_left_out_has_a_default() -> None:
    cohort = Cohort.model_validate({"name": "short"})
    assert (cohort.ct_instances.minimum, cohort.ct_instances.review_above, cohort.ct_instances.maximum) == (
        50,
        380,
        500,
    )


def test_a_key_that_the_user_mistyped_is_refused() -> None:
    with pytest.raises(ValueError, match="study_desc"):
        Cohort.model_validate({"name": "typo", "study_desc": {"exclude": ["lung"]}})
