"""Each linkage prepares what it asks for and nothing else; the answers are the phantoms' own, in closed form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pydicom
import pytest

import pdcp_dagster
from pdcp_dagster.adapters.parquet import read_table, write_table
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.keys import partition_key
from pdcp_dagster.domain.notes import stages_of
from pdcp_dagster.phantom.patient import PhantomTruth, StructureSetTruth, read_truth
from pdcp_dagster.phantom.study_spec import PlanSpec, StudySpec, planned
from pdcp_dagster.stages import archive_stages
from pdcp_dagster.stages.current import (
    NotInLinkage,
    PatientInReview,
    outdated_assets,
    require_loadable,
    standing_of,
)
from pdcp_dagster.stages.outcome import PatientOutcome, Rows
from pdcp_dagster.stages.report import cohort_report_table

if TYPE_CHECKING:
    from pdcp_dagster_tests.stages.conftest import Ward

NAMES = ["BODY", "PTV_50", "CTV", "Lung_L"]
AROUND_THE_DOSE: dict[str, Any] = {"size": (72, 72, 16), "slice_mm": 6.0}
"""A CT that reaches beyond the dose grid on every side."""
WITHOUT_DOSE = {"dose_volume", "plan_table", "dvh_table"}
DOSE_COLUMNS = ["dose_uid", "summation_type", "dose_type", "dose_units", "grid_spacing_mm", "maximum_gy"]
PLAN_FACTS = ["label", "name", "date", "intent", "approval_status", "fractions_planned", "prescription_gy"]


def truth(ward: Ward, patient_id: str) -> PhantomTruth:
    return read_truth(ward.phantom(patient_id))


def table(ward: Ward, patient_id: str, file: str) -> Any:
    """Return a table; what its cells are is the test's own knowledge."""
    return read_table(ward.folder(patient_id).path / file)


def notes(ward: Ward, patient_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ward.files(patient_id)["notes.json"])
    return found


def codes(ward: Ward, patient_id: str) -> set[str]:
    return {entry["code"] for found in notes(ward, patient_id)["stages"].values() for entry in found}


def load(ward: Ward, patient_id: str, *, include_review: bool = False) -> dict[str, Any]:
    load_patient_images: Any = pdcp_dagster.load_patient_images
    loaded: dict[str, Any] = load_patient_images(ward.root / "store", "ward", patient_id, include_review=include_review)
    return loaded


def shown(outcome: PatientOutcome, asset: str, name: str) -> tuple[dict[str, Any], ...]:
    """Return a table in an asset's metadata."""
    (found,) = [each.shown[name] for each in outcome.assets if each.asset == asset]
    assert isinstance(found, Rows)
    return tuple(dict(record) for record in found.records)


def assert_doses_are_those_of(rows: Any, expected: StructureSetTruth) -> None:
    by_number = rows.set_index("roi_number")
    assert sorted(by_number.index) == [roi.roi_number for roi in expected.rois]
    for roi in expected.rois:
        row = by_number.loc[roi.roi_number]
        assert row["volume_cm3"] == pytest.approx(roi.volume_cm3, rel=1e-6)
        for column in ("dmin_gy", "dmean_gy", "dmax_gy", "d95_gy"):
            assert row[column] == pytest.approx(getattr(roi, column), abs=0.05), (roi.roi_name, column)


def test_crd_takes_the_dose_whose_plan_is_in_the_archive_and_leaves_the_plan_there(ward: Ward) -> None:
    ward.admit("LK-crd")
    outcome = ward.run("LK-crd", linkage="CRD")
    assert (outcome.status, outcome.failure) == (Status.SUCCESS, None), outcome.reason
    answers = truth(ward, "LK-crd")
    folder = ward.folder("LK-crd")
    assert {path.name for path in folder.file("retrieved_dicom").iterdir()} == {"CT", "RTSTRUCT", "RTDOSE"}
    assert "XVI_SUCC_001" in codes(ward, "LK-crd")
    assert not codes(ward, "LK-crd") & {"XV_SUCC_001", "XXV_NOTE_001"}

    (row,) = table(ward, "LK-crd", "plans.parquet").to_dict("records")
    assert (row["plan_uid"], row["dose_uid"]) == (answers.planned.plan_uid, answers.planned.dose_uid)
    assert (row["summation_type"], row["verdict"]) == ("PLAN", "selected")
    assert row["maximum_gy"] == pytest.approx(answers.max_dose_gy, abs=0.01)
    assert all(pd.isna(row[column]) for column in PLAN_FACTS)

    doses = table(ward, "LK-crd", "dvh.parquet")
    assert_doses_are_those_of(doses, answers.planned)
    assert doses["plan_uid"].isna().all()
    assert [list(uids) for uids in doses["dose_uids"]] == 4 * [[answers.planned.dose_uid]]
    assert set(doses["prescription_source"]) == {"none"}
    assert doses["prescription_gy"].isna().all()
    assert notes(ward, "LK-crd")["patientimagingfilesready"] is True


def test_crd_without_plans_goes_by_the_frame_of_reference_which_a_person_must_confirm(ward: Ward) -> None:
    ward.admit("LK-crd-no-plans", modalities=("CT", "RTSTRUCT", "RTDOSE"), **AROUND_THE_DOSE)
    outcome = ward.run("LK-crd-no-plans", linkage="CRD")
    assert (outcome.status, outcome.code) == (Status.REVIEW, "II_REV_009"), outcome.reason
    linked = table(ward, "LK-crd-no-plans", "verified_study.parquet").set_index("role")["linked_by"]
    assert (linked["RTSTRUCT"], linked["RTDOSE"]) == ("uid", "frame_of_reference")
    answers = truth(ward, "LK-crd-no-plans")
    assert_doses_are_those_of(table(ward, "LK-crd-no-plans", "dvh.parquet"), answers.planned)
    (row,) = table(ward, "LK-crd-no-plans", "plans.parquet").to_dict("records")
    assert row["plan_uid"] == answers.planned.plan_uid, "the dose names its plan although nobody has it"
    with pytest.raises(PatientInReview, match="II_REV_009"):
        load(ward, "LK-crd-no-plans")
    assert "dose_data" in load(ward, "LK-crd-no-plans", include_review=True)

    accepted = ward.run("LK-crd-no-plans", linkage="CRD", fallback_links="accept")
    assert accepted.status is Status.SUCCESS, accepted.reason


def test_crd_takes_prescriptions_from_the_cohort_file(ward: Ward) -> None:
    ward.admit("LK-crd-prescribed")
    assert ward.run("LK-crd-prescribed", linkage="CRD", prescription_gy=50).status is Status.SUCCESS
    doses = table(ward, "LK-crd-prescribed", "dvh.parquet").set_index("roi_name")
    assert set(doses["prescription_gy"]) == {50.0}
    assert set(doses["prescription_source"]) == {"cohort"}
    assert doses.loc["PTV_50", "v95_pct"] > 0

    assert ward.run("LK-crd-prescribed", linkage="CRD", prescription_gy={"ptv_50": 48.0}).status is Status.SUCCESS
    doses = table(ward, "LK-crd-prescribed", "dvh.parquet").set_index("roi_name")
    assert doses["prescription_gy"].dropna().to_dict() == {"PTV_50": 48.0}
    assert doses.loc["Lung_L", "prescription_source"] == "unknown"

    # The target's mean is about 50 Gy, which nobody takes for half or twice of its prescription.
    outcome = ward.run("LK-crd-prescribed", linkage="CRD", prescription_gy=15)
    assert (outcome.status, outcome.code) == (Status.REVIEW, "XXIV_REV_004")


def test_a_prescription_that_was_looked_for_and_not_found_is_noted_and_one_not_asked_for_is_not(ward: Ward) -> None:
    ward.admit("LK-unprescribed", studies=planned(PlanSpec(prescribes=False)))
    ward.run("LK-unprescribed")
    assert "XXV_NOTE_001" in codes(ward, "LK-unprescribed")
    ward.run("LK-unprescribed", prescription_gy=None)
    assert "XXV_NOTE_001" not in codes(ward, "LK-unprescribed")


def test_crd_cannot_tell_whether_fraction_doses_are_complete_and_shows_them_to_a_person(ward: Ward) -> None:
    ward.admit("LK-crd-fractions")
    (file,) = ward.phantom("LK-crd-fractions").glob("RTDOSE*.dcm")

    def of_a_fraction(data: pydicom.Dataset) -> None:
        data.DoseSummationType = "FRACTION"

    ward.exchange(file, of_a_fraction)
    outcome = ward.run("LK-crd-fractions", linkage="CRD")
    assert (outcome.status, outcome.code) == (Status.REVIEW, "XXIV_REV_002"), outcome.reason
    assert not ward.folder("LK-crd-fractions").file("dvh_table").exists()
    (row,) = table(ward, "LK-crd-fractions", "plans.parquet").to_dict("records")
    assert (row["summation_type"], row["verdict"]) == ("FRACTION", "refused")
    assert "no plan says" in row["reason"]


def test_crd_keeps_every_structure_set_and_computes_the_doses_of_each(ward: Ward) -> None:
    ward.admit("LK-crd-two-sets", spare_structure_set=True)
    outcome = ward.run("LK-crd-two-sets", linkage="CRD")
    assert outcome.status is Status.SUCCESS, outcome.reason
    doses = table(ward, "LK-crd-two-sets", "dvh.parquet")
    answers = truth(ward, "LK-crd-two-sets").structure_sets
    assert set(doses["rtstruct_uid"]) == {each.sop_instance_uid for each in answers}
    for each in answers:
        assert_doses_are_those_of(doses[doses["rtstruct_uid"] == each.sop_instance_uid], each)


def test_crdp_prepares_the_one_structure_set_that_the_plan_uses(ward: Ward) -> None:
    ward.admit("LK-crdp-two-sets", spare_structure_set=True)
    assert ward.run("LK-crdp-two-sets").status is Status.SUCCESS
    used = truth(ward, "LK-crdp-two-sets").planned.sop_instance_uid
    assert set(table(ward, "LK-crdp-two-sets", "structures.parquet")["rtstruct_uid"]) == {used}


def test_cr_prepares_every_structure_set_and_asks_for_no_dose(ward: Ward) -> None:
    ward.admit("LK-cr", spare_structure_set=True, modalities=("CT", "RTSTRUCT"))
    outcome = ward.run("LK-cr", linkage="CR")
    assert (outcome.status, outcome.failure) == (Status.SUCCESS, None), outcome.reason
    assert WITHOUT_DOSE & {asset.asset for asset in outcome.assets} == set()
    assert {path.name for path in ward.folder("LK-cr").file("retrieved_dicom").iterdir()} == {"CT", "RTSTRUCT"}
    assert not {code for code in codes(ward, "LK-cr") if code.startswith(("XV_", "XVI_", "XXIV_", "XXV_"))}
    assert (notes(ward, "LK-cr")["linkage"], notes(ward, "LK-cr")["patientimagingfilesready"]) == ("CR", True)
    assert standing_of(ward.folder("LK-cr")).status is Status.SUCCESS

    structures = table(ward, "LK-cr", "structures.parquet").set_index(["rtstruct_uid", "roi_number"])
    answers = truth(ward, "LK-cr").structure_sets
    assert len(structures) == 8
    for each in answers:
        for roi in each.rois:
            row = structures.loc[(each.sop_instance_uid, roi.roi_number)]
            assert row["volume_cm3"] == pytest.approx(roi.volume_cm3, rel=1e-6)
            assert (ward.folder("LK-cr").path / row["file"]).exists()
    drawn, draft = (next(each for each in answers if each.planned is used) for used in (True, False))
    for number in (1, 2, 3, 4):  # the draft lies 6 mm to the right
        moved = structures.loc[(draft.sop_instance_uid, number), "centroid_x_mm"]
        assert moved == pytest.approx(structures.loc[(drawn.sop_instance_uid, number), "centroid_x_mm"] - 6.0, abs=0.01)


def test_pictures_of_cr_tell_the_sets_apart_and_hold_no_dose(ward: Ward) -> None:
    ward.admit("LK-cr-pictures", spare_structure_set=True)
    assert ward.run("LK-cr-pictures", linkage="CR").status is Status.SUCCESS
    pictures = {path.stem for path in (ward.folder("LK-cr-pictures").path / "central_slices").iterdir()}
    assert pictures == {f"set{number}_{name}" for number in (1, 2) for name in NAMES}
    with np.load(ward.folder("LK-cr-pictures").path / "central_slices.npz") as arrays:
        kinds = {name.rsplit("/", 1)[1] for name in arrays}
    assert kinds == {"offset_kji", "ct_hu", "mask"}


def test_the_dictionary_of_cr_has_no_dose_and_names_the_sets(ward: Ward) -> None:
    ward.admit("LK-cr-load", spare_structure_set=True, modalities=("CT", "RTSTRUCT"))
    ward.run("LK-cr-load", linkage="CR")
    loaded = load(ward, "LK-cr-load")
    assert "dose_data" not in loaded
    assert loaded["roi_names"] == [f"set{number}_{name}" for number in (1, 2) for name in NAMES]
    assert len(loaded["roi_masks"]) == 8
    voxels = table(ward, "LK-cr-load", "structures.parquet")["mask_voxels"]
    assert [int(mask.sum()) for mask in loaded["roi_masks"].values()] == list(voxels)
    with pytest.raises(NotInLinkage, match=r"no dose_volume.*linkage is CR"):
        require_loadable(ward.folder("LK-cr-load"), "dose_volume", include_review=True)


def test_the_dictionary_of_crd_has_the_dose(ward: Ward) -> None:
    """It is 50 Gy at z = 6 mm and grows by 0.8 Gy per mm towards the head."""
    ward.admit("LK-crd-load")
    ward.run("LK-crd-load", linkage="CRD")
    loaded = load(ward, "LK-crd-load")
    assert loaded["roi_names"] == NAMES
    body = loaded["roi_masks"]["mask0"].astype(bool)
    z_mm = -33.0 + 6.0 * np.arange(12)
    expected = np.broadcast_to((50 + 0.8 * (z_mm - 6))[:, None, None], body.shape)
    np.testing.assert_allclose(loaded["dose_data"][body], expected[body], atol=0.01)


def test_a_cohort_that_turns_to_cr_keeps_nothing_of_plans_and_doses_and_may_turn_back(ward: Ward) -> None:
    ward.admit("LK-turned")
    assert ward.run("LK-turned").status is Status.SUCCESS
    before = ward.files("LK-turned")
    assert {"dose.nii.gz", "plans.parquet", "dvh.parquet", "dvh_curves.parquet"} <= set(before)

    assert ward.run("LK-turned", linkage="CR").status is Status.SUCCESS
    folder = ward.folder("LK-turned")
    left = ward.files("LK-turned")
    assert not [name for name in left if "dose" in name.lower() or "plan" in name.lower() or "dvh" in name]
    assert all(folder.manifest(asset) is None for asset in WITHOUT_DOSE)
    assert set(notes(ward, "LK-turned")["stages"]) & WITHOUT_DOSE == set()
    assert standing_of(folder).status is Status.SUCCESS
    assert "dose_data" not in load(ward, "LK-turned")

    assert ward.run("LK-turned").status is Status.SUCCESS
    assert ward.files("LK-turned") == before


@pytest.fixture(scope="module")
def undecided(ward: Ward) -> PatientOutcome:
    """A patient with a second plan and its dose on the same structure set: nobody but a person can tell."""
    boost = PlanSpec("BOOST", intent="CURATIVE", approval="UNAPPROVED", share=0.5)
    ward.admit("LK-two-plans", studies=planned(PlanSpec("WHOLE"), boost))
    return ward.run("LK-two-plans")


def test_of_several_plans_the_table_shows_what_a_person_decides_by(ward: Ward, undecided: PatientOutcome) -> None:
    """50 Gy in 25 fractions, and half of it."""
    assert (undecided.status, undecided.code) == (Status.REVIEW, "II_REV_004"), undecided.reason
    plans = table(ward, "LK-two-plans", "plans.parquet").set_index("label")
    files = [pydicom.dcmread(file) for file in ward.phantom("LK-two-plans").glob("RTPLAN*.dcm")]
    assert {label: plans.loc[label, "plan_uid"] for label in plans.index} == {
        str(file.RTPlanLabel): str(file.SOPInstanceUID) for file in files
    }
    assert plans["prescription_gy"].to_dict() == {"WHOLE": 50.0, "BOOST": 25.0}
    assert plans["fractions_planned"].to_dict() == {"WHOLE": 25, "BOOST": 25}
    assert plans["fraction_groups"].to_dict() == {"WHOLE": 1, "BOOST": 1}
    assert plans["approval_status"].to_dict() == {"WHOLE": "APPROVED", "BOOST": "UNAPPROVED"}
    assert set(plans["intent"]) == {"CURATIVE"}
    assert {f"{date:%Y%m%d}" for date in plans["date"]} == {str(file.RTPlanDate) for file in files}
    assert set(plans["rtstruct_uid"]) == {truth(ward, "LK-two-plans").planned.sop_instance_uid}
    assert plans[DOSE_COLUMNS].isna().all(axis=None)
    assert set(plans["verdict"]) == {"refused"}
    assert set(plans["reason"]) == {"several candidate plans"}
    told = shown(undecided, "plan_table", "plans")
    assert {(row["label"], row["prescription_gy"], row["reason"]) for row in told} == {
        ("WHOLE", 50.0, "several candidate plans"),
        ("BOOST", 25.0, "several candidate plans"),
    }


def test_the_plan_table_of_an_open_choice_is_loaded_on_request_and_up_to_date(
    ward: Ward, undecided: PatientOutcome
) -> None:
    assert undecided.failure is None
    folder = ward.folder("LK-two-plans")
    assert outdated_assets(folder) == ()
    assert standing_of(folder).status is Status.REVIEW
    with pytest.raises(PatientInReview, match="II_REV_004"):
        require_loadable(folder, "plan_table", include_review=False)
    require_loadable(folder, "plan_table", include_review=True)
    with pytest.raises(PatientInReview, match="II_REV_004"):
        require_loadable(folder, "dvh_table", include_review=True)


def test_the_plan_table_of_an_open_choice_can_be_made_alone(ward: Ward, undecided: PatientOutcome) -> None:
    assert undecided.failure is None
    before = ward.files("LK-two-plans")
    outcome = ward.run("LK-two-plans", "plan_table")
    assert outcome.failure is None, outcome.reason
    assert ward.files("LK-two-plans") == before


def test_once_the_other_plan_is_gone_the_plan_table_is_that_of_the_one_left(ward: Ward) -> None:
    ward.admit("LK-one-left", studies=planned(PlanSpec("WHOLE"), PlanSpec("BOOST", share=0.5)))
    assert ward.run("LK-one-left").code == "II_REV_004"
    (boost,) = [
        file
        for file in ward.phantom("LK-one-left").glob("RTPLAN*.dcm")
        if pydicom.dcmread(file, stop_before_pixels=True).RTPlanLabel == "BOOST"
    ]
    ward.take_out(boost)
    assert ward.run("LK-one-left").status is Status.SUCCESS
    assert outdated_assets(ward.folder("LK-one-left")) == ()
    (row,) = table(ward, "LK-one-left", "plans.parquet").to_dict("records")
    assert (row["label"], row["verdict"]) == ("WHOLE", "selected")


def test_the_plan_table_tells_of_the_other_plans_why_they_were_refused(ward: Ward) -> None:
    measured = PlanSpec("QA", intent="VERIFICATION", approval=None, prescribes=False)
    ward.admit("LK-verification", studies=planned(PlanSpec("WHOLE"), measured))
    outcome = ward.run("LK-verification")
    assert outcome.status is Status.SUCCESS, outcome.reason
    plans = table(ward, "LK-verification", "plans.parquet").set_index("label")
    assert list(plans.index) == ["WHOLE", "QA"]
    answers = truth(ward, "LK-verification")
    assert plans.loc["WHOLE", "dose_uid"] == answers.planned.dose_uid
    assert plans.loc["WHOLE", "maximum_gy"] == pytest.approx(answers.max_dose_gy, abs=0.01)
    assert plans.loc["WHOLE", "verdict"] == "selected"
    assert (plans.loc["QA", "intent"], plans.loc["QA", "verdict"]) == ("VERIFICATION", "refused")
    assert plans.loc["QA", ["dose_uid", "approval_status", "prescription_gy"]].isna().all(), "absent is null"
    verified = table(ward, "LK-verification", "verified_study.parquet").set_index("sop_instance_uid")
    assert plans.loc["QA", "reason"] == verified.loc[plans.loc["QA", "plan_uid"], "reason"] != ""


def test_doses_of_several_plans_are_shown_to_a_person_in_crd(ward: Ward) -> None:
    ward.admit("LK-crd-groups", studies=planned(PlanSpec("WHOLE"), PlanSpec("BOOST", share=0.5)))
    outcome = ward.run("LK-crd-groups", linkage="CRD")
    assert (outcome.status, outcome.code) == (Status.REVIEW, "II_REV_008"), outcome.reason
    doses = table(ward, "LK-crd-groups", "plans.parquet")
    named = {
        str(file.SOPInstanceUID): str(file.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID)
        for file in map(pydicom.dcmread, ward.phantom("LK-crd-groups").glob("RTDOSE*.dcm"))
    }
    assert dict(zip(doses["dose_uid"], doses["plan_uid"], strict=True)) == named
    assert set(doses["summation_type"]) == {"PLAN"}
    assert doses[PLAN_FACTS].isna().all(axis=None)


def test_objects_of_another_study_are_counted_with_it_and_the_study_date_is_the_cts(ward: Ward) -> None:
    ward.admit("LK-apart", studies=(StudySpec(rt_in_another_study=True),))
    outcome = ward.run("LK-apart")
    assert outcome.status is Status.SUCCESS, outcome.reason
    assert notes(ward, "LK-apart")["verified_images_summary"]["number_of_patient_studies"] == 2
    manifest = ward.folder("LK-apart").manifest("verified_study")
    assert manifest is not None
    ct = pydicom.dcmread(min(ward.phantom("LK-apart").glob("CT*.dcm")), stop_before_pixels=True)
    assert manifest.details["facts"]["study_instance_uid"] == ct.StudyInstanceUID
    assert manifest.details["facts"]["study_date"].replace("-", "") == ct.StudyDate
    assert notes(ward, "LK-apart")["list_of_values"]["StudyDate"] == int(ct.StudyDate)


def test_the_report_has_a_row_for_every_linkage_and_nothing_where_a_linkage_has_nothing(ward: Ward) -> None:
    for linkage in ("CRDP", "CRD", "CR"):
        ward.admit(f"LK-report-{linkage}")
        ward.run(f"LK-report-{linkage}", store="report", linkage=linkage)
    cohort = ward.settings("report").store.cohort("ward")
    keys = [f"LK-report-{linkage}" for linkage in ("CRDP", "CRD", "CR")]
    write_table(pd.DataFrame({"patient_id": keys, "partition_key": keys}), cohort.file("patient_ids"))
    report: Any = cohort_report_table(cohort).set_index("patient_id")
    assert set(report["status"]) == {"SUCCESS"}
    assert set(report["dates_status"]) == {"complete"}
    assert [list(report[column].isna()) for column in ("plans", "plan_date", "ct_to_plan_days")] == 3 * [
        [False, True, True]
    ]
    assert [list(report[column].isna()) for column in ("doses", "dose_date", "max_dose_gy")] == 3 * [
        [False, False, True]
    ]
    assert list(report["dose_volume"]) == ["done", "done", "-"]
    assert list(report["candidate_studies"]) == 3 * ["done"]


def test_a_failure_of_a_stage_that_the_linkage_no_longer_has_is_forgotten(ward: Ward) -> None:
    ward.admit("LK-was-CRDP")
    ward.run("LK-was-CRDP", store="turned")
    folder = ward.folder("LK-was-CRDP", "turned")
    folder.write_failure({"stage": "dose_volume", "error_type": "DoseReadError", "reason": "cut short"})
    ward.run("LK-was-CRDP", *stages_of("CR"), "patient_notes", store="turned", linkage="CR")
    assert folder.read_failure() is None
    assert standing_of(folder).status is Status.SUCCESS


def test_a_patient_whom_the_cohort_names_and_the_archive_lacks_is_in_the_report(ward: Ward) -> None:
    ward.admit("LK-there")
    ward.run("LK-there", store="named")
    folder = ward.settings("named").store.cohort("ward")
    listed = {"patient_id": ["LK-there"], "orthanc_id": ["o"], "partition_key": [partition_key("LK-there")]}
    write_table(pd.DataFrame(listed), folder.file("patient_ids"))
    report: Any = cohort_report_table(folder, ["LK-there", "0012"]).set_index("patient_id")
    assert list(report["status"]) == ["SUCCESS", "EXCLUDE"]
    assert report.loc["0012", "codes"] == ["I_EXEC_001"]
    assert report.loc["0012", "reason"].startswith("Excluded: the patient is not in the archive.")


def test_the_reason_of_a_verdict_can_be_read_without_opening_a_file(ward: Ward) -> None:
    ward.admit("LK-reason", modalities=("CT", "RTSTRUCT", "RTPLAN"))
    outcome = ward.run("LK-reason")
    assert (outcome.status, outcome.code) == (Status.EXCLUDE, "I_EXEC_005")
    findings = {row["code"]: row["meaning"] for row in shown(outcome, "verified_study", "findings")}
    assert findings["I_EXEC_005"].startswith("Excluded: no RTDOSE in the archive.")
    objects = shown(outcome, "verified_study", "objects")
    assert {row["role"] for row in objects} == {"CT", "RTSTRUCT", "RTPLAN"}
    assert all(row["reason"] for row in objects if row["verdict"] == "refused")
    later = [asset for asset in outcome.assets if asset.asset == "ct_volume"]
    assert [(asset.status, asset.reason) for asset in later] == [(Status.EXCLUDE, findings["I_EXEC_005"])]


def test_rt_objects_are_shown_before_images_where_not_everything_can_be(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    ward.admit("LK-crowded")
    monkeypatch.setattr(archive_stages, "_SHOWN_OBJECTS", 3)
    outcome = ward.run("LK-crowded", "image_summary", "verified_study")
    assert [row["role"] for row in shown(outcome, "verified_study", "objects")] == ["RTSTRUCT", "RTPLAN", "RTDOSE"]
