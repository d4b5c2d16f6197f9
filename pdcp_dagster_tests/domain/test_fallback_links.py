"""Links other than by the UID that an object should name: when they are made, when not, and what is said of them."""

from __future__ import annotations

from typing import Any

import pytest

from pdcp_dagster.domain.codes import Status
from pdcp_dagster_tests.domain.image_rows import Archive, codes, detail, links, reasons, status

FAR_AWAY = (200.0, 20.0, 0.0)


def planned(**plan: Any) -> Archive:
    return Archive().ct().rtstruct(frame="frame-ct").plan(FrameOfReferenceUID="frame-ct", **plan)


def test_a_dose_that_names_its_structure_set_but_no_plan_is_linked_by_it_for_a_person() -> None:
    verification = planned().stray_dose(structure_sets=["ss"]).verified()
    assert codes(verification) == ["I_SUCC_001", "II_REV_009", "II_SUCC_001"]
    assert detail(verification, "II_REV_009") == "RTDOSE dose by structure set"
    assert links(verification) == {"ss": "uid", "plan": "uid", "dose": "structure_set"}


def test_a_dose_that_names_nothing_is_linked_by_frame_of_reference_for_a_person() -> None:
    verification = planned().stray_dose().verified()
    assert codes(verification) == ["I_SUCC_001", "II_REV_009", "II_SUCC_001"]
    assert links(verification)["dose"] == "frame_of_reference"
    assert verification.selection is not None


def test_a_cohort_that_accepts_fall_backs_has_a_note_and_no_review() -> None:
    verification = planned().stray_dose().verified(fallback_links="accept")
    assert codes(verification, notes=True) == ["I_SUCC_001", "II_NOTE_002", "II_SUCC_001"]
    assert status(verification) is Status.SUCCESS


@pytest.mark.parametrize(
    ("dose", "why"),
    [
        ({"frame": "frame-pet"}, "it refers to no RTPLAN, and has another frame of reference"),
        ({"frame": None}, "it refers to no RTPLAN"),
        ({"frame": ""}, "it refers to no RTPLAN"),
        ({"at_mm": FAR_AWAY}, "it refers to no RTPLAN, and has a grid that is not inside the CT"),
        ({"at_mm": (20.0, 20.0, 9.0)}, "it refers to no RTPLAN, and has a grid that is not inside the CT"),
        ({"study": "2"}, "it refers to no RTPLAN, and has another study"),
        ({"PixelSpacing": None}, "it refers to no RTPLAN, and has an unknown grid"),
        ({"GridFrameOffsetVector": None}, "it refers to no RTPLAN, and has an unknown grid"),
    ],
)
def test_a_frame_of_reference_links_only_within_the_study_and_inside_the_ct(dose: dict[str, Any], why: str) -> None:
    verification = planned().stray_dose(**dose).verified()
    assert codes(verification)[-1] == "II_EXEC_002"
    assert reasons(verification)["dose"] == why


def test_absent_frames_of_reference_are_not_equal() -> None:
    archive = Archive().ct(FrameOfReferenceUID=None).rtstruct().plan().stray_dose(frame=None)
    assert codes(archive.verified()) == ["I_SUCC_001", "II_EXEC_002"]


def test_a_ct_of_several_frames_of_reference_has_none_to_go_by() -> None:
    archive = planned().stray_dose()
    archive.rows[0]["FrameOfReferenceUID"] = "frame-moved"
    archive.rows[4]["ReferencedFrameOfReferenceSequence"][0].pop("FrameOfReferenceUID")
    assert codes(archive.verified())[-1] == "II_SUCC_001"  # its plan has one, and that is the dose's
    archive.rows[5].pop("FrameOfReferenceUID")
    assert codes(archive.verified())[-1] == "II_EXEC_002"


@pytest.mark.parametrize(
    "reference",
    [{"ReferencedRTPlanSequence": [{"ReferencedSOPInstanceUID": "gone"}]}, {"structure_sets": ["another"]}],
)
def test_a_reference_that_leads_elsewhere_is_never_overridden(reference: dict[str, Any]) -> None:
    verification = planned().stray_dose(**reference).verified(fallback_links="accept")
    assert codes(verification) == ["I_SUCC_001", "II_EXEC_002"]
    assert reasons(verification)["dose"].endswith("that it refers to is not in the archive")


def test_a_plan_without_a_structure_set_is_linked_by_frame_of_reference_for_a_person() -> None:
    verification = planned(uses=[]).dose().verified()
    assert codes(verification) == ["I_SUCC_001", "II_REV_009", "II_SUCC_001"]
    assert links(verification) == {"ss": "uid", "plan": "frame_of_reference", "dose": "uid"}


def test_a_structure_set_without_a_series_is_linked_by_frame_of_reference_for_a_person() -> None:
    verification = Archive().ct().rtstruct(on=[], frame="frame-ct").plan().dose().verified()
    assert codes(verification) == ["I_SUCC_001", "II_REV_009", "II_SUCC_001"]
    assert links(verification)["ss"] == "frame_of_reference"


def test_a_fall_back_that_may_mean_any_of_several_is_for_a_person_even_where_fall_backs_are_accepted() -> None:
    archive = planned(uses=[]).rtstruct("other", frame="frame-ct").dose()
    verification = archive.verified(fallback_links="accept")
    assert "II_REV_009" in codes(verification)
    assert "it may belong to any of several" in detail(verification, "II_REV_009")


def test_a_link_by_uid_between_different_frames_of_reference_is_for_a_person() -> None:
    verification = Archive().ct().rtstruct(frame="frame-mr").plan().dose().verified()
    assert codes(verification) == ["I_SUCC_001", "II_REV_010", "II_SUCC_001"]
    assert detail(verification, "II_REV_010") == "RTSTRUCT ss, not in that of CT ct"


@pytest.mark.parametrize(
    ("archive", "code", "said"),
    [
        (Archive().ct().rtstruct().plan().stray_dose(frame=None), "II_NOTE_004", "RTDOSE dose"),
        (Archive().ct().rtstruct().plan(uses=[]).dose(), "II_NOTE_005", "RTPLAN plan"),
        (Archive().ct().rtstruct(on=[]).plan().dose(), "II_NOTE_006", "RTSTRUCT ss"),
    ],
)
def test_an_object_that_refers_to_nothing_is_told_of_by_a_code_of_its_own(
    archive: Archive, code: str, said: str
) -> None:
    verification = archive.verified()
    assert codes(verification)[-1] == "II_EXEC_002"
    assert detail(verification, code).startswith(said)
