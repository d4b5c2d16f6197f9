"""CRD and CR: what is linked where there is no plan, or no dose."""

from __future__ import annotations

import pytest

from pdcp_dagster.domain.codes import Status
from pdcp_dagster_tests.domain.image_rows import Archive, codes, detail, links, reasons, status


def test_cr_needs_no_dose_and_keeps_every_structure_set_of_the_ct() -> None:
    verification = Archive().ct().rtstruct("a").rtstruct("b").verified(linkage="CR")
    assert codes(verification) == ["I_SUCC_001", "II_SUCC_001"]
    assert links(verification) == {"a": "uid", "b": "uid"}
    assert set(verification.verified["role"]) == {"CT", "RTSTRUCT"}
    assert verification.selection is not None
    assert verification.selection.rtplans == verification.selection.rtdoses == ()


def test_cr_with_two_drawn_cts_is_for_a_person() -> None:
    archive = Archive().ct("a").rtstruct("ssa", ["a"]).ct("b").rtstruct("ssb", ["b"])
    assert codes(archive.verified(linkage="CR")) == ["I_SUCC_001", "II_REV_003"]


def test_crd_finds_a_doses_structure_set_through_a_plan_that_is_there() -> None:
    verification = Archive().complete().verified(linkage="CRD")
    assert codes(verification) == ["I_SUCC_001", "II_SUCC_001"]
    assert links(verification) == {"ss": "uid", "dose": "uid"}


def test_crd_links_a_dose_of_an_absent_plan_by_the_structure_set_that_it_names() -> None:
    archive = Archive().ct().rtstruct().stray_dose(structure_sets=["ss"])
    archive.rows[-1]["ReferencedRTPlanSequence"] = [{"ReferencedSOPInstanceUID": "never exported"}]
    verification = archive.verified(linkage="CRD")
    assert codes(verification) == ["I_SUCC_001", "II_REV_009", "II_SUCC_001"]
    assert links(verification)["dose"] == "structure_set"


def test_crd_links_a_dose_of_an_absent_plan_by_frame_of_reference() -> None:
    archive = Archive().ct().rtstruct(frame="frame-ct").stray_dose()
    archive.rows[-1]["ReferencedRTPlanSequence"] = [{"ReferencedSOPInstanceUID": "never exported"}]
    assert links(archive.verified(linkage="CRD"))["dose"] == "frame_of_reference"
    accepted = archive.verified(linkage="CRD", fallback_links="accept")
    assert status(accepted) is Status.SUCCESS


def test_crd_refuses_a_dose_whose_plan_uses_another_structure_set() -> None:
    archive = Archive().ct().rtstruct(frame="frame-ct").plan(uses=["elsewhere"])
    archive.stray_dose(ReferencedRTPlanSequence=[{"ReferencedSOPInstanceUID": "plan"}])
    verification = archive.verified(linkage="CRD", fallback_links="accept")
    assert codes(verification) == ["I_SUCC_001", "II_EXEC_002"]
    assert reasons(verification)["dose"] == "the RTPLAN that it refers to is not linked to a CT"


@pytest.mark.parametrize("intent", ["VERIFICATION", "MACHINE_QA"])
def test_crd_refuses_the_dose_of_a_plan_that_was_not_meant_for_treatment(intent: str) -> None:
    archive = Archive().complete().plan("qa", PlanIntent=intent)
    archive.stray_dose("qadose", ReferencedRTPlanSequence=[{"ReferencedSOPInstanceUID": "qa"}])
    verification = archive.verified(linkage="CRD", fallback_links="accept")
    assert status(verification) is Status.SUCCESS
    assert reasons(verification) == {
        "plan": "not part of the linkage",
        "qa": f"plan intent {intent}",
        "qadose": "the RTPLAN that it refers to was refused",
    }


def test_crd_takes_doses_of_one_plan_together() -> None:
    archive = Archive().ct().rtstruct(frame="frame-ct")
    for uid in ("a", "b"):
        archive.stray_dose(uid, ReferencedRTPlanSequence=[{"ReferencedSOPInstanceUID": "never exported"}])
    verification = archive.verified(linkage="CRD", fallback_links="accept")
    assert status(verification) is Status.SUCCESS
    assert verification.selection is not None
    assert len(verification.selection.rtdoses) == 2


def test_crd_leaves_doses_of_several_plans_to_a_person() -> None:
    archive = Archive().ct().rtstruct(frame="frame-ct")
    for uid in ("a", "b"):
        archive.stray_dose(uid, ReferencedRTPlanSequence=[{"ReferencedSOPInstanceUID": f"plan {uid}"}])
    verification = archive.verified(linkage="CRD", fallback_links="accept")
    assert codes(verification) == ["I_SUCC_001", "II_REV_008"]
    assert set(reasons(verification).values()) == {"doses of several plans"}
    assert verification.selection is None


def test_crd_does_not_take_two_doses_that_name_no_plan_for_doses_of_one_plan() -> None:
    archive = Archive().ct().rtstruct(frame="frame-ct").stray_dose("a").stray_dose("b")
    assert codes(archive.verified(linkage="CRD")) == ["I_SUCC_001", "II_REV_008"]


def test_crd_takes_doses_that_name_one_structure_set_and_no_plan_together() -> None:
    archive = Archive().ct().rtstruct().stray_dose("a", structure_sets=["ss"]).stray_dose("b", structure_sets=["ss"])
    verification = archive.verified(linkage="CRD")
    assert codes(verification) == ["I_SUCC_001", "II_REV_009", "II_SUCC_001"]
    assert links(verification) == {"ss": "uid", "a": "structure_set", "b": "structure_set"}


def test_crd_keeps_every_structure_set_of_the_ct() -> None:
    verification = Archive().complete().rtstruct("draft").verified(linkage="CRD")
    assert set(links(verification)) == {"ss", "draft", "dose"}


def test_crd_without_any_dose_says_that_the_modality_is_missing() -> None:
    verification = Archive().ct().rtstruct().plan().verified(linkage="CRD")
    assert detail(verification, "I_EXEC_005") == "no RTDOSE in the archive"
