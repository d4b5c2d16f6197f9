"""Verification as tables: rows of an image summary in, verdicts and codes out."""

from __future__ import annotations

import io
from collections.abc import Iterable

import pandas as pd
import pytest

from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.selection import selection_from
from pdcp_dagster.domain.summary import summarise
from pdcp_dagster.domain.verification import VERIFIED_COLUMNS, verify
from pdcp_dagster_tests.domain.image_rows import COHORT, Archive, codes, reasons, status


def test_a_complete_chain_is_selected_with_everything_that_retrieval_needs() -> None:
    verification = Archive().complete().verified()
    assert codes(verification) == ["I_SUCC_001", "II_SUCC_001"]
    selection = verification.selection
    assert selection is not None
    assert (selection.study_instance_uid, selection.ct_series_uid) == ("1", "ct")
    assert selection.frame_of_reference_uid == "frame-ct"
    assert [each.sop_instance_uid for each in selection.ct_instances] == ["ct.0", "ct.1", "ct.2", "ct.3"]
    assert [each.orthanc_id for each in selection.rtdoses] == ["i-series-dose-dose"]
    assert selection.rtplans[0].file_size == 100
    assert tuple(verification.verified.columns) == VERIFIED_COLUMNS
    table = verification.verified.set_index("role")
    assert list(table["linked_to"])[1:] == ["ct", "ss", "plan"]
    assert list(table["linked_by"])[1:] == ["uid", "uid", "uid"]
    assert table.loc["CT", "orthanc_id"] == "s-1-ct"
    assert table.loc["CT", ["sop_instance_uid", "linked_to", "linked_by"]].isna().all()


def test_the_notes_parts_have_the_originals_keys_and_count_what_was_linked() -> None:
    verification = Archive().complete(StructureSetDate="20200203").rtstruct("other").verified()
    assert verification.raw_images_summary["PatId"] == "0012"
    assert verification.raw_images_summary["number_of_CT_instances"] == 4
    assert verification.raw_images_summary["number_of_RTSTRUCT_series"] == 2
    assert verification.verified_images_summary["number_of_RTSTRUCT_series"] == 1
    assert verification.verified_images_summary["number_of_PT_instances"] == 0
    assert verification.list_of_values == {
        "PatId": "0012",
        "CT_SeriesIdentifier": "ct",
        "RTSTRUCT_SOPInstanceUID": ["ss"],
        "StructureSetDate": 20200203,
        "StudyDate": 20200131,
        "RTDOSE_SOPInstanceUID": ["dose"],
        "RTPLAN_SOPInstanceUID": ["plan"],
        "CT_orthanc_identifier": "s-1-ct",
        "RTSTRUCT_orthanc_identifiers": ["i-series-ss-ss"],
        "RTDOSE_orthanc_identifiers": ["i-series-dose-dose"],
        "RTPLAN_orthanc_identifiers": ["i-series-plan-plan"],
    }


def test_a_later_stage_finds_the_same_selection_in_the_parquet_files() -> None:
    archive = Archive().complete()
    summary = summarise(archive.rows)
    verification = archive.verified()
    selection = selection_from(through_parquet(verification.verified), through_parquet(summary))
    assert selection == verification.selection
    again = verify(through_parquet(summary), Cohort.model_validate(COHORT))
    pd.testing.assert_frame_equal(again.verified, verification.verified)


def through_parquet(table: pd.DataFrame) -> pd.DataFrame:
    file = io.BytesIO()
    table.to_parquet(file)
    return pd.read_parquet(file)


# Initial verification


def test_no_rows_at_all_is_imaging_data_not_found() -> None:
    assert codes(Archive().verified()) == ["I_EXEC_003"]


def test_a_patient_of_phantom_series_only_is_excluded() -> None:
    verification = Archive().complete(series_description="ArcCHECK plan").verified()
    assert codes(verification) == ["I_EXEC_004"]
    assert set(reasons(verification).values()) == {"phantom"}


def test_a_phantom_series_takes_what_hangs_on_it_and_leaves_the_patient() -> None:
    archive = Archive().complete().ct("qa", series_description="Catphan600")
    archive.rtstruct("qss", ["qa"]).plan("qplan", ["qss"]).dose("qdose", ["qplan"])
    verification = archive.verified()
    assert codes(verification, notes=True) == ["I_NOTE_001", "I_SUCC_001", "II_SUCC_001"]
    assert reasons(verification) == dict.fromkeys(("qa", "qss", "qplan", "qdose"), "phantom")


def test_with_scope_study_one_phantom_series_takes_the_whole_study() -> None:
    archive = Archive().complete().ct("qa", series_description="a PHANTOM")
    assert codes(archive.verified(phantom={"scope": "study"})) == ["I_EXEC_004"]


def test_a_word_within_a_word_is_no_phantom() -> None:
    assert codes(Archive().complete(series_description="aqua").verified()) == ["I_SUCC_001", "II_SUCC_001"]


@pytest.mark.parametrize(
    ("rois", "found"),
    [
        (["BODY", "x_pTv_1"], True),
        (["BODY"], False),
        ([], False),
        (["NotPTVring"], False),
        (["a'];import os", "Ptv"], True),
    ],
)
def test_a_structure_set_counts_if_one_roi_name_has_a_keyword(rois: list[str], found: bool) -> None:
    archive = Archive().ct().rtstruct(rois=rois).plan().dose()
    verification = archive.verified(roi_keywords=["PTV"], roi_keywords_exclude=["ring"])
    if found:
        assert status(verification) is Status.SUCCESS
    else:
        assert codes(verification, notes=True) == ["I_NOTE_002", "I_EXEC_005"]
        assert "no RTSTRUCT with one of the ROI keywords in the archive" in verification.findings[-1].detail


def test_without_keywords_every_structure_set_counts() -> None:
    assert status(Archive().ct().rtstruct(rois=[]).plan().dose().verified(roi_keywords=[])) is Status.SUCCESS


def test_a_missing_modality_is_named() -> None:
    verification = Archive().ct().rtstruct().plan().verified()
    assert codes(verification) == ["I_EXEC_005"]
    assert verification.findings[-1].detail == "no RTDOSE in the archive"
    assert verification.selection is None
    assert set(reasons(verification)) == {"ct", "ss", "plan"}


@pytest.mark.parametrize(
    ("description", "match", "excluded"),
    [
        ("Breast - ahead of surgery", "word", False),
        ("Breast - ahead of surgery", "substring", True),
        ("HEAD_neck 2", "word", True),
        (None, "substring", False),
        ("", "word", False),
    ],
)
def test_a_study_is_ineligible_by_the_words_of_its_description(
    description: str | None, match: str, excluded: bool
) -> None:
    rule = {"exclude": ["head"], "match": match}
    verification = Archive().complete(study_description=description).verified(study_description=rule)
    expected = ["I_NOTE_003", "I_EXEC_006"] if excluded else ["I_SUCC_001", "II_SUCC_001"]
    unknown = [] if description else ["I_NOTE_005"]
    assert codes(verification, notes=True) == [*unknown, *expected]
    assert not excluded or verification.findings[-1].detail == f"'{description}' contains 'head'"


def test_of_several_studies_the_only_complete_one_is_taken_and_that_is_success() -> None:
    verification = Archive().complete().ct("later", study="2").verified()
    assert codes(verification, notes=True) == ["I_REV_001", "I_SUCC_002", "II_NOTE_001", "II_SUCC_001"]
    assert status(verification) is Status.SUCCESS
    assert reasons(verification) == {"later": "no structure set refers to it"}


def test_several_complete_studies_are_for_a_person_and_all_objects_are_listed() -> None:
    verification = Archive().complete("a").complete("b", study="2").verified()
    assert codes(verification, notes=True) == ["I_REV_001", "I_REV_004"]
    assert status(verification) is Status.REVIEW
    assert verification.selection is None
    assert len(verification.verified) == 8
    assert set(reasons(verification).values()) == {"several eligible studies"}


@pytest.mark.parametrize("date", [None, "", "19000101", "19010101", "someday"])
def test_a_missing_or_dummy_study_date_is_noted_and_loses_nobody(date: str | None) -> None:
    verification = Archive().complete(StudyDate=date).verified()
    assert codes(verification, notes=True) == ["I_SUCC_001", "I_NOTE_004", "II_SUCC_001"]
    assert verification.list_of_values["StructureSetDate"] == "missing"


# Study verification


def test_a_study_with_localisers_only_has_no_ct() -> None:
    verification = Archive().complete(ImageType="ORIGINAL\\PRIMARY\\LOCALIZER").verified()
    assert codes(verification) == ["I_SUCC_001", "II_EXEC_001"]
    assert reasons(verification)["ct"] == "only localisers"


def test_localisers_in_the_series_are_neither_counted_nor_retrieved() -> None:
    archive = Archive().complete()
    archive.rows[0]["ImageType"] = "ORIGINAL\\PRIMARY\\LOCALIZER"
    selection = archive.verified().selection
    assert selection is not None
    assert [each.sop_instance_uid for each in selection.ct_instances] == ["ct.1", "ct.2", "ct.3"]


@pytest.mark.parametrize(
    ("broken", "reason", "of"),
    [
        ({"rtstruct": ["elsewhere"]}, "the CT that it refers to is not in the archive", "ss"),
        ({"rtstruct": []}, "it refers to no CT", "ss"),
        ({"plan": ["elsewhere"]}, "the RTSTRUCT that it refers to is not in the archive", "plan"),
        ({"plan": []}, "it refers to no RTSTRUCT", "plan"),
        ({"dose": ["elsewhere"]}, "the RTPLAN that it refers to is not in the archive", "dose"),
        ({"dose": []}, "it refers to no RTPLAN", "dose"),
        ({"rtstruct": []}, "the RTSTRUCT that it refers to is not linked to a CT", "plan"),
        ({"dose": []}, "no RTDOSE refers to it", "plan"),
        ({"plan": []}, "no plan uses its structure sets", "ct"),
    ],
)
def test_a_broken_reference_excludes_and_each_object_says_why(
    broken: dict[str, list[str]], reason: str, of: str
) -> None:
    archive = Archive().ct().rtstruct(on=broken.get("rtstruct", ["ct"]))
    archive.plan(uses=broken.get("plan", ["ss"])).dose(of=broken.get("dose", ["plan"]))
    verification = archive.verified()
    assert codes(verification) == ["I_SUCC_001", "II_EXEC_002"]
    assert reasons(verification)[of] == reason


def test_objects_that_lack_a_reference_sequence_link_to_nothing_not_to_each_other() -> None:
    archive = Archive().complete()
    for row in archive.rows:
        for keyword in ("ReferencedStructureSetSequence", "ReferencedRTPlanSequence"):
            row.pop(keyword, None)
    assert codes(archive.verified()) == ["I_SUCC_001", "II_EXEC_002"]


def test_every_item_of_a_reference_sequence_counts_not_only_the_first() -> None:
    archive = Archive().ct().rtstruct(on=["a PET", "ct"]).plan(uses=["gone", "ss"]).dose(of=["gone", "plan"])
    assert status(archive.verified()) is Status.SUCCESS


def test_a_dose_that_names_a_structure_set_is_no_plan() -> None:
    archive = Archive().ct().rtstruct().plan(uses=["gone"])
    archive.dose(ReferencedStructureSetSequence=[{"ReferencedSOPInstanceUID": "ss"}])
    assert codes(archive.verified()) == ["I_SUCC_001", "II_EXEC_002"]


def test_a_dose_of_any_summation_type_is_linked() -> None:
    archive = Archive().ct().rtstruct().plan()
    archive.dose("a", DoseSummationType="FRACTION").dose("b", DoseSummationType="FRACTION").dose("c")
    selection = archive.verified().selection
    assert selection is not None
    assert [each.sop_instance_uid for each in selection.rtdoses] == ["a", "b", "c"]


def test_only_the_structure_set_that_the_plan_uses_is_selected() -> None:
    verification = Archive().complete().rtstruct("second").verified()
    assert codes(verification, notes=True) == ["I_SUCC_001", "II_NOTE_001", "II_SUCC_001"]
    assert reasons(verification) == {"second": "not used by the plan"}


@pytest.mark.parametrize("intent", ["VERIFICATION", "MACHINE_QA", "RESEARCH", "SERVICE"])
def test_a_plan_that_was_not_meant_for_treatment_is_refused_with_its_dose(intent: str) -> None:
    verification = Archive().complete().plan("qa", PlanIntent=intent).dose("qadose", ["qa"]).verified()
    assert status(verification) is Status.SUCCESS
    assert reasons(verification) == {
        "qa": f"plan intent {intent}",
        "qadose": "the RTPLAN that it refers to was refused",
    }


@pytest.mark.parametrize("intent", ["CURATIVE", "PALLIATIVE", None])
def test_an_absent_intent_is_unknown_and_kept(intent: str | None) -> None:
    assert status(Archive().complete(PlanIntent=intent).verified()) is Status.SUCCESS


def test_several_plans_with_a_dose_are_for_a_person() -> None:
    verification = Archive().complete().plan("boost").dose("boostdose", ["boost"]).verified()
    assert codes(verification) == ["I_SUCC_001", "II_REV_004"]
    assert verification.selection is None
    assert set(reasons(verification).values()) == {"several candidate plans"}
    assert set(reasons(verification)) == {"ct", "ss", "plan", "dose", "boost", "boostdose"}


def test_a_draft_without_a_dose_is_no_candidate() -> None:
    verification = Archive().complete(ApprovalStatus="APPROVED").plan("draft", ApprovalStatus="UNAPPROVED").verified()
    assert status(verification) is Status.SUCCESS
    assert reasons(verification) == {"draft": "no RTDOSE refers to it"}


@pytest.mark.parametrize(
    ("selected", "other"), [("UNAPPROVED", "APPROVED"), ("APPROVED", "APPROVED"), (None, None), ("UNAPPROVED", None)]
)
def test_a_plan_without_a_dose_that_is_no_less_approved_is_for_a_person(
    selected: str | None, other: str | None
) -> None:
    archive = Archive().ct().rtstruct().plan(ApprovalStatus=selected).dose().plan("boost", ApprovalStatus=other)
    verification = archive.verified()
    assert codes(verification) == ["I_SUCC_001", "II_REV_013", "II_SUCC_001"]
    assert verification.selection is not None


def test_several_linked_cts_are_for_a_person() -> None:
    verification = Archive().complete("a").complete("b").verified()
    assert codes(verification) == ["I_SUCC_001", "II_REV_003"]
    assert verification.selection is None
    assert set(reasons(verification).values()) == {"several linked CTs"}


def test_a_second_ct_that_nothing_refers_to_is_refused() -> None:
    verification = Archive().complete().ct("cbct").verified()
    assert status(verification) is Status.SUCCESS
    assert reasons(verification) == {"cbct": "no structure set refers to it"}


def test_a_copy_under_the_same_uid_is_no_second_candidate() -> None:
    archive = Archive().complete()
    archive._add("RTPLAN", "plan", "1", "zz", ReferencedStructureSetSequence=[{"ReferencedSOPInstanceUID": "ss"}])
    verification = archive.verified()
    assert status(verification) is Status.SUCCESS
    assert reasons(verification) == {"plan": "a copy of an object with the same UID"}


CT_IMAGES = ("ct.0", "ct.1", "ct.2", "ct.3")


@pytest.mark.parametrize(
    ("images", "lacking"),
    [
        ({"ct": (*CT_IMAGES, "ct.4", "ct.5")}, "2 of 6"),
        ({"ct": ("elsewhere",)}, "1 of 1"),
        ({"pet": ("pet.0", "pet.1"), "ct": ("ct.3", "ct.4")}, "1 of 2"),
        ({"pet": ("pet.0", "pet.1"), "ct": CT_IMAGES}, None),
        ({"pet": ("pet.0", "pet.1")}, None),
        ({"ct": CT_IMAGES}, None),
        ({"ct": ("ct.2",)}, None),
        ({}, None),
    ],
)
def test_images_that_the_ct_lacks_are_told_and_the_patient_is_prepared(
    images: dict[str, Iterable[str]], lacking: str | None
) -> None:
    verification = Archive().ct().rtstruct(on=["pet", "ct"], images=images).plan().dose().verified()
    told = [finding.detail for finding in verification.findings if finding.code == "II_REV_005"]
    assert told == ([f"{lacking} images that RTSTRUCT ss refers to are not in the CT"] if lacking else [])
    assert status(verification) is (Status.REVIEW if lacking else Status.SUCCESS)
    assert verification.selection is not None
    assert not any(finding.stops for finding in verification.findings)


def test_images_that_an_unused_structure_set_names_are_no_finding() -> None:
    assert status(Archive().complete().rtstruct("other", images={"ct": ("gone",)}).verified()) is Status.SUCCESS


@pytest.mark.parametrize(
    ("approval", "expected"), [("REJECTED", ["II_REV_007"]), ("UNAPPROVED", []), ("APPROVED", []), (None, [])]
)
def test_a_rejected_plan_is_for_a_person_and_prepared(approval: str | None, expected: list[str]) -> None:
    verification = Archive().ct().rtstruct().plan(ApprovalStatus=approval).dose().verified()
    assert codes(verification) == ["I_SUCC_001", *expected, "II_SUCC_001"]
    assert verification.selection is not None
    assert not any(finding.stops for finding in verification.findings)
    assert not expected or "RTPLAN plan" in verification.findings[1].detail


@pytest.mark.parametrize(("role", "uid"), [("RTSTRUCT", "ss"), ("RTPLAN", "plan"), ("RTDOSE", "dose")])
@pytest.mark.parametrize("series", ["a", "zz"])
def test_objects_of_one_uid_and_different_sizes_are_for_a_person(role: str, uid: str, series: str) -> None:
    archive = Archive().complete()
    row = next(row for row in archive.rows if row["SOPInstanceUID"] == uid)
    twin = {"SeriesInstanceUID": series, "instance_identifier": f"i-{series}", "file_size": 101}
    archive.rows.append({**row, **twin})
    verification = archive.verified()
    assert codes(verification) == ["I_SUCC_001", "II_REV_006"]
    assert verification.findings[-1].detail == f"{role} {uid}"
    assert verification.findings[-1].stops
    assert verification.selection is None
    assert set(verification.verified["verdict"]) == {"refused"}
    archive.rows[-1]["file_size"] = 100
    assert status(archive.verified()) is Status.SUCCESS


def test_a_twin_of_which_only_one_is_linked_is_for_a_person_in_whatever_order() -> None:
    for series in ("a", "zz"):
        archive = Archive().complete()
        stray = [{"ReferencedSOPInstanceUID": "elsewhere"}]
        archive._add("RTPLAN", "plan", "1", series, ReferencedStructureSetSequence=stray)
        archive.rows[-1]["file_size"] = 7
        assert codes(archive.verified()) == ["I_SUCC_001", "II_REV_006"]


def test_twins_outside_the_selected_chain_are_refused_and_noted() -> None:
    archive = Archive().complete(ApprovalStatus="APPROVED").plan("boost", ApprovalStatus="UNAPPROVED")
    archive.rows.append({**archive.rows[-1], "SeriesInstanceUID": "zz", "instance_identifier": "i", "file_size": 7})
    verification = archive.verified()
    assert codes(verification) == ["I_SUCC_001", "II_SUCC_001"]
    assert reasons(verification) == {"boost": "another object has the same UID"}
    assert codes(verification, notes=True) == ["I_SUCC_001", "II_NOTE_001", "II_SUCC_001"]


@pytest.mark.parametrize(
    ("slices", "action", "expected"),
    [
        (2, "exclude", ["II_REV_002", "II_EXEC_002"]),
        (2, "review", ["II_REV_002", "II_SUCC_001"]),
        (3, "exclude", ["II_SUCC_001"]),
        (6, "exclude", ["II_SUCC_001"]),
        (7, "exclude", ["II_REV_001", "II_SUCC_001"]),
        (8, "exclude", ["II_REV_001", "II_SUCC_001"]),
        (9, "exclude", ["II_EXEC_002"]),
        (9, "review", ["II_REV_001", "II_SUCC_001"]),
    ],
)
def test_the_number_of_slices_decides(slices: int, action: str, expected: list[str]) -> None:
    bounds = {**COHORT["ct_instances"], "action": action}
    verification = Archive().ct(slices=slices).rtstruct().plan().dose().verified(ct_instances=bounds)
    assert codes(verification) == ["I_SUCC_001", *expected]
    assert (verification.selection is None) == ("II_EXEC_002" in expected)
    excluded = "II_EXEC_002" in expected
    assert status(verification) is (
        Status.EXCLUDE if excluded else Status.REVIEW if len(expected) > 1 else Status.SUCCESS
    )


def test_slices_at_one_position_count_once() -> None:
    archive = Archive().complete().ct("ct", slices=4)
    for n, row in enumerate(row for row in archive.rows[-4:]):
        row["SOPInstanceUID"] = f"again.{n}"
    assert codes(archive.verified()) == ["I_SUCC_001", "II_SUCC_001"]
