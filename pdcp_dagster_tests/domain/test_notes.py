"""The notes: the original's keys and spelling, and nothing lost on the way back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdcp_dagster.domain.codes import CODES, Finding
from pdcp_dagster.domain.notes import STAGES, findings_from, notes_document, stages_of

DONE: dict[str, tuple[Finding, ...]] = {
    "image_summary": (),
    "verified_study": (Finding("I_SUCC_001"), Finding("II_SUCC_001", "CT 1.2")),
    "candidate_studies": (),
    "retrieved_dicom": (Finding("XI_SUCC_001"), Finding("XVI_SUCC_001")),
    "ct_volume": (Finding("XII_SUCC_001"),),
    "structure_masks": (Finding("XIV_SUCC_001"),),
    "dose_volume": (Finding("XXIV_SUCC_001"),),
    "plan_table": (),
    "dvh_table": (Finding("XXV_SUCC_001"),),
    "central_slices": (Finding("XXVI_SUCC_001"),),
}


def document(
    findings: Mapping[str, Sequence[Finding]], *, failed: bool = False, linkage: str = "CRDP"
) -> dict[str, Any]:
    return notes_document(
        findings_by_stage=findings,
        list_of_values={"PatId": "0012"},
        raw_images_summary={"number_of_CT_series": 1},
        verified_images_summary={"number_of_CT_series": 1},
        version="test 0.1",
        linkage=linkage,
        failed=failed,
    )


def test_a_patient_with_every_stage_done_is_ready_and_has_the_originals_keys() -> None:
    notes = document(DONE)
    assert list(notes) == [
        "raw_images_summary",
        "list_of_values",
        "verification_notes",
        "verified_images_summary",
        "version",
        "retrieval_notes",
        "loading_notes",
        "status",
        "code",
        "patientimagingfilesready",
        "linkage",
        "stages",
    ]
    assert notes["verification_notes"] == ["I: I_SUCC_001:PROCEED", "II: II_SUCC_001:PROCEED:CT 1.2"]
    assert notes["retrieval_notes"] == [
        "XI: XI_SUCC_001:PROCEED",
        "XVI: XVI_SUCC_001:PROCEED",
        "XII: XII_SUCC_001:PROCEED",
        "XIV: XIV_SUCC_001:PROCEED",
    ]
    assert notes["loading_notes"] == [
        "XXIV: XXIV_SUCC_001:PROCEED",
        "XXV: XXV_SUCC_001:PROCEED",
        "XXVI: XXVI_SUCC_001:PROCEED",
    ]
    assert (notes["status"], notes["code"]) == ("SUCCESS", "XXVI: XXVI_SUCC_001:PROCEED")
    assert notes["patientimagingfilesready"] is True


@pytest.mark.parametrize(
    ("code", "status"), [("II_REV_001", "REVIEW"), ("II_EXEC_002", "EXECLUDE"), ("I_NOTE_004", "SUCCESS")]
)
def test_the_status_is_spelt_as_the_original_did(code: str, status: str) -> None:
    notes = document({**DONE, "verified_study": (Finding(code), Finding("II_SUCC_001"))})
    assert notes["status"] == status
    assert notes["patientimagingfilesready"] is (status == "SUCCESS")


def test_a_patient_with_a_stage_still_to_do_is_not_ready() -> None:
    assert document({**DONE, "plan_table": ()})["patientimagingfilesready"] is True
    half = {stage: found for stage, found in DONE.items() if stage != "plan_table"}
    assert document(half)["patientimagingfilesready"] is False


def test_a_patient_without_doses_is_ready_where_the_linkage_asks_for_none() -> None:
    without = {stage: DONE[stage] for stage in DONE if stage not in {"dose_volume", "plan_table", "dvh_table"}}
    assert document(without, linkage="CR")["patientimagingfilesready"] is True
    assert document(without, linkage="CRD")["patientimagingfilesready"] is False
    assert stages_of("CR") == tuple(without)
    assert stages_of("CRD") == stages_of("CRDP") == tuple(DONE)


def test_a_failure_is_no_result() -> None:
    notes = document(DONE, failed=True)
    assert (notes["status"], notes["code"], notes["patientimagingfilesready"]) == (None, None, False)
    assert findings_from(notes) == DONE


def test_without_any_code_there_is_no_status() -> None:
    assert document({})["status"] is None
    assert findings_from({}) == {}


findings = st.builds(Finding, st.sampled_from(sorted(CODES)), st.text(max_size=20))


@given(st.dictionaries(st.sampled_from(STAGES), st.lists(findings, max_size=3)))
def test_findings_come_back_from_the_json_as_they_were(found: dict[str, list[Finding]]) -> None:
    notes = json.loads(json.dumps(document(found)))
    assert findings_from(notes) == {stage: tuple(of_stage) for stage, of_stage in found.items()}


def test_an_unknown_code_in_the_file_is_refused() -> None:
    with pytest.raises(ValueError, match="X_1"):
        findings_from({"stages": {"ct_volume": [{"code": "X_1", "detail": ""}]}})
