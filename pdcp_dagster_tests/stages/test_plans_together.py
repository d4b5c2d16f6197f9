"""Base and boost on one CT: prepared as one dose where the cohort asks for it, else for a person to choose."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pydicom
import pytest

from pdcp_dagster.adapters.decisions_file import record_decision, withdraw_decision
from pdcp_dagster.adapters.parquet import read_table, write_table
from pdcp_dagster.adapters.store import Store
from pdcp_dagster.domain.circumstances import NO_TABLES
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.phantom.patient import PhantomTruth, read_truth
from pdcp_dagster.phantom.study_spec import PlanSpec, planned
from pdcp_dagster.stages.patient import Patient
from pdcp_dagster.stages.review import Case, Wish, decide, open_case
from pdcp_dagster_tests.stages.conftest import COHORT

if TYPE_CHECKING:
    from pathlib import Path

    from pdcp_dagster_tests.stages.conftest import Ward

pytestmark = pytest.mark.xdist_group("plans_together")

BASE, BOOST = PlanSpec("BASE"), PlanSpec("BOOST", share=0.32)
"""50 Gy, and 16 Gy of the same shape."""
BOTH = 1.32
"""What base and boost give together, of what the base gives."""
SUM: dict[str, Any] = {"dose_sum": "plans"}


@pytest.fixture(scope="module")
def treated(ward: Ward) -> str:
    """A patient with base and boost, prepared together."""
    ward.admit("PT-both", studies=planned(BASE, BOOST))
    outcome = ward.run("PT-both", **SUM)
    assert (outcome.status, outcome.failure) == (Status.SUCCESS, None), outcome.reason
    return "PT-both"


def truth(ward: Ward, patient_id: str) -> PhantomTruth:
    """Return the answers for the base plan alone."""
    return read_truth(ward.phantom(patient_id))


def table(ward: Ward, patient_id: str, file: str) -> Any:
    return read_table(ward.folder(patient_id).path / file)


def details(ward: Ward, patient_id: str) -> dict[str, str]:
    """Return what the codes of the last run say; of several with one code the last."""
    stages = json.loads(ward.files(patient_id)["notes.json"])["stages"].values()
    return {entry["code"]: entry["detail"] for of_stage in stages for entry in of_stage}


def file_of(ward: Ward, patient_id: str, label: str, modality: str) -> Path:
    """Return the RTPLAN of this label, or the RTDOSE that names it."""
    files = {path: pydicom.dcmread(path, stop_before_pixels=True) for path in ward.phantom(patient_id).glob("RT*.dcm")}
    (plan,) = [path for path, data in files.items() if data.get("RTPlanLabel") == label]
    if modality == "RTPLAN":
        return plan
    uid = files[plan].SOPInstanceUID
    doses = {path: data for path, data in files.items() if data.Modality == "RTDOSE"}
    (dose,) = [path for path, data in doses.items() if data.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID == uid]
    return dose


def uid_of(ward: Ward, patient_id: str, label: str, modality: str) -> str:
    return str(pydicom.dcmread(file_of(ward, patient_id, label, modality), stop_before_pixels=True).SOPInstanceUID)


def case_of(ward: Ward, patient_id: str, **keys: Any) -> Case:
    """Return the case as `pdcp review` opens it; `keys` are keys of the cohort file."""
    task = ward.tasks[patient_id]
    row = {"patient_id": [patient_id], "orthanc_id": [task.orthanc_id], "partition_key": [task.partition_key]}
    folder = Store(ward.root / "store").cohort("ward")
    write_table(pd.DataFrame(row), folder.file("patient_ids"))
    return open_case(folder, Cohort.model_validate({**COHORT, **keys}), NO_TABLES, patient_id)


def record(ward: Ward, patient_id: str, **wanted: Any) -> None:
    case = case_of(ward, patient_id, **SUM)
    decision = decide(case, Wish("Dr. Ada", dt.date(2026, 2, 3), "as treated", **wanted))
    record_decision(Store(ward.root / "store").cohort("ward").decisions, decision)


def withdraw(ward: Ward, patient_id: str) -> None:
    assert withdraw_decision(Store(ward.root / "store").cohort("ward").decisions, patient_id)


def test_the_maximum_of_base_and_boost_is_that_of_both(ward: Ward, treated: str) -> None:
    """Both doses grow alike towards the head, so their maxima lie in one place and add."""
    manifest = ward.folder(treated).manifest("dose_volume")
    assert manifest is not None
    assert manifest.details["max_dose_gy"] == pytest.approx(BOTH * truth(ward, treated).max_dose_gy, abs=0.01)


def test_every_dose_of_every_roi_is_that_of_both(ward: Ward, treated: str) -> None:
    rows = table(ward, treated, "dvh.parquet").set_index("roi_number")
    for roi in truth(ward, treated).rois:
        for column in ("dmin_gy", "dmean_gy", "dmax_gy", "d95_gy"):
            expected = BOTH * getattr(roi, column)
            assert rows.loc[roi.roi_number, column] == pytest.approx(expected, abs=0.07), (roi.roi_name, column)


def test_the_sum_is_a_note_with_the_plans_and_their_maxima(ward: Ward, treated: str) -> None:
    base_gy = truth(ward, treated).max_dose_gy
    told = details(ward, treated)
    uids = {label: uid_of(ward, treated, label, "RTPLAN") for label in ("BASE", "BOOST")}
    for label, share in (("BASE", 1.0), ("BOOST", 0.32)):
        assert f"'{label}' (RTPLAN {uids[label]}) maximum {base_gy * share:.2f} Gy" in told["XXIV_NOTE_003"]
    assert told["XXIV_SUCC_001"] == "sum of the doses of 2 plans"
    assert told["II_SUCC_001"].endswith(", 2 plans together")


def test_the_table_of_plans_has_both_with_their_own_doses(ward: Ward, treated: str) -> None:
    plans = table(ward, treated, "plans.parquet").set_index("label")
    assert sorted(plans.index) == ["BASE", "BOOST"]
    assert plans["prescription_gy"].to_dict() == {"BASE": 50.0, "BOOST": 16.0}
    assert set(plans["verdict"]) == {"selected"}
    base_gy = truth(ward, treated).max_dose_gy
    assert plans.loc["BOOST", "maximum_gy"] == pytest.approx(0.32 * base_gy, abs=0.01)
    assert plans.loc["BOOST", "dose_uid"] == uid_of(ward, treated, "BOOST", "RTDOSE")


def test_each_dose_is_kept_by_itself_beside_the_sum(ward: Ward, treated: str) -> None:
    kept = ward.files(treated)
    assert sum(name.startswith("doses/") for name in kept) == 2
    assert sum(name.startswith("dicom/RTPLAN/") for name in kept) == 2
    assert "dose.nii.gz" in kept


def test_what_one_plan_prescribes_is_not_what_both_prescribe(ward: Ward, treated: str) -> None:
    """The base's 50 Gy for the target would call 66 Gy an overdose of a third."""
    rows = table(ward, treated, "dvh.parquet")
    assert rows["prescription_gy"].isna().all()
    assert set(rows["prescription_source"]) == {"unknown"}
    assert "XXV_NOTE_001" in details(ward, treated)
    both = ", ".join(sorted(uid_of(ward, treated, label, "RTPLAN") for label in ("BASE", "BOOST")))
    assert {", ".join(sorted(uids.split(", "))) for uids in rows["plan_uid"]} == {both}


def test_each_plans_own_dose_can_be_asked_for(ward: Ward, treated: str) -> None:
    with ward.archive() as archive:
        patient = Patient(ward.tasks[treated], ward.settings(**SUM), archive, ward.folder(treated))
        maxima = {uid: float(grid.dose_gy.max()) for uid, grid in patient.plan_doses}
        labels, only = patient.plan_label, patient.plan
    base_gy = truth(ward, treated).max_dose_gy
    expected = {
        uid_of(ward, treated, "BASE", "RTPLAN"): base_gy,
        uid_of(ward, treated, "BOOST", "RTPLAN"): 0.32 * base_gy,
    }
    assert maxima == pytest.approx(expected, abs=0.01)
    assert sorted(str(labels).split(" + ")) == ["BASE", "BOOST"]
    assert only is None


def test_the_cohorts_own_prescription_counts_for_both_together(ward: Ward) -> None:
    ward.admit("PT-66", studies=planned(BASE, BOOST))
    outcome = ward.run("PT-66", **SUM, prescription_gy={"PTV_50": 66})
    assert outcome.status is Status.SUCCESS, outcome.reason
    rows = table(ward, "PT-66", "dvh.parquet").set_index("roi_name")
    assert (rows.loc["PTV_50", "prescription_gy"], rows.loc["PTV_50", "prescription_source"]) == (66, "cohort")


def test_a_person_chooses_one_plan_or_withdraws_and_has_the_sum_again(ward: Ward) -> None:
    ward.admit("PT-chosen", studies=planned(BASE, BOOST))
    ward.run("PT-chosen", **SUM)
    case = case_of(ward, "PT-chosen", **SUM)
    labels = [tuple(row["plan_labels"]) for row in case.candidates]
    assert sorted(labels[:2]) == [("BASE",), ("BOOST",)]
    assert sorted(labels[2]) == ["BASE", "BOOST"]
    assert [row["verdict"] for row in case.candidates] == ["refused", "refused", "selected"]
    record(ward, "PT-chosen", candidate=labels.index(("BASE",)) + 1)
    assert ward.run("PT-chosen", **SUM).status is Status.SUCCESS
    manifest = ward.folder("PT-chosen").manifest("dose_volume")
    assert manifest is not None
    base_gy = truth(ward, "PT-chosen").max_dose_gy
    assert manifest.details["max_dose_gy"] == pytest.approx(base_gy, abs=0.01)
    assert set(table(ward, "PT-chosen", "dvh.parquet").dropna(subset="prescription_gy")["prescription_gy"]) == {50.0}

    withdraw(ward, "PT-chosen")
    ward.run("PT-chosen", **SUM)
    manifest = ward.folder("PT-chosen").manifest("dose_volume")
    assert manifest is not None
    assert manifest.details["max_dose_gy"] == pytest.approx(BOTH * base_gy, abs=0.01)


def test_a_person_leaves_one_of_three_plans_out_by_its_dose(ward: Ward) -> None:
    replan = PlanSpec("REPLAN", share=0.9)
    ward.admit("PT-three", studies=planned(BASE, BOOST, replan))
    ward.run("PT-three", **SUM)
    wanted = [uid_of(ward, "PT-three", label, "RTDOSE") for label in ("BOOST", "REPLAN")]
    record(ward, "PT-three", candidate=4, doses=wanted)
    assert ward.run("PT-three", **SUM).status is Status.SUCCESS
    case = case_of(ward, "PT-three", **SUM)
    assert case.decision is not None
    assert case.decision.chain is not None
    assert case.number_of(case.decision.chain) == 4
    manifest = ward.folder("PT-three").manifest("dose_volume")
    assert manifest is not None
    expected = (0.9 + 0.32) * truth(ward, "PT-three").max_dose_gy
    assert manifest.details["max_dose_gy"] == pytest.approx(expected, abs=0.01)
    plans = table(ward, "PT-three", "plans.parquet").set_index("label")
    assert plans["verdict"].to_dict() == {"BASE": "refused", "BOOST": "selected", "REPLAN": "selected"}


def test_a_decision_that_names_two_of_three_plans_is_told_by_the_candidate_it_is_part_of(ward: Ward) -> None:
    case = case_of(ward, "PT-three", **SUM)
    whole = case.verification.chosen_chain(4)
    labels = ("BOOST", "REPLAN")
    plans = tuple(sorted(uid_of(ward, "PT-three", label, "RTPLAN") for label in labels))
    doses = tuple(sorted(uid_of(ward, "PT-three", label, "RTDOSE") for label in labels))
    assert case.number_of(whole.model_copy(update={"rtplan_uids": plans, "rtdose_uids": doses})) == 4
    assert case.number_of(whole.model_copy(update={"rtplan_uids": ("1.2.3", *plans)})) is None


def test_a_part_of_the_sum_that_cannot_be_used_leaves_no_dose_and_says_why(ward: Ward) -> None:
    ward.admit("PT-part", studies=planned(BASE, BOOST))

    def relative(data: pydicom.Dataset) -> None:
        data.DoseUnits = "RELATIVE"

    ward.exchange(file_of(ward, "PT-part", "BOOST", "RTDOSE"), relative)
    outcome = ward.run("PT-part", **SUM)
    assert (outcome.status, outcome.code, outcome.failure) == (Status.REVIEW, "XXIV_REV_006", None), outcome.reason
    assert "its units are RELATIVE, not GY" in details(ward, "PT-part")["XXIV_REV_006"]
    assert not ward.folder("PT-part").file("dose_volume").exists()
    plans = table(ward, "PT-part", "plans.parquet").set_index("label")
    assert plans.loc["BOOST", "reason"] == "its units are RELATIVE, not GY"
    assert plans.loc["BASE", "reason"] == "the doses of the selected plans cannot be added"
    assert set(plans["verdict"]) == {"refused"}

    case = case_of(ward, "PT-part", **SUM)
    base = next(row["candidate"] for row in case.candidates if list(row["plan_labels"]) == ["BASE"])
    record(ward, "PT-part", candidate=base)
    assert ward.run("PT-part", **SUM).status is Status.SUCCESS


def test_the_planning_systems_dose_of_both_plans_is_taken_as_it_is(ward: Ward) -> None:
    ward.admit("PT-multi", studies=planned(BASE, BOOST))
    base, boost = (file_of(ward, "PT-multi", label, "RTDOSE") for label in ("BASE", "BOOST"))
    of_base = pydicom.dcmread(base, stop_before_pixels=True).ReferencedRTPlanSequence[0]

    def of_both(data: pydicom.Dataset) -> None:
        data.DoseSummationType = "MULTI_PLAN"
        data.ReferencedRTPlanSequence = [*data.ReferencedRTPlanSequence, of_base]

    ward.exchange(boost, of_both)
    outcome = ward.run("PT-multi", **SUM)
    assert outcome.status is Status.SUCCESS, outcome.reason
    manifest = ward.folder("PT-multi").manifest("dose_volume")
    assert manifest is not None
    assert manifest.details["max_dose_gy"] == pytest.approx(0.32 * truth(ward, "PT-multi").max_dose_gy, abs=0.01)
    assert "by the planning system" in details(ward, "PT-multi")["XXIV_NOTE_003"]
    plans = table(ward, "PT-multi", "plans.parquet")
    assert plans["dose_uid"].notna().sum() == 2
    assert len(plans) == 3, "each plan, one of them with its own dose, and the dose of both"


def test_without_the_cohorts_word_nothing_is_added(ward: Ward, treated: str) -> None:
    ward.admit("PT-single", studies=planned(BASE, BOOST))
    outcome = ward.run("PT-single")
    assert (outcome.status, outcome.code) == (Status.REVIEW, "II_REV_004")
    assert len(case_of(ward, "PT-single").candidates) == len(case_of(ward, treated, **SUM).candidates) - 1
