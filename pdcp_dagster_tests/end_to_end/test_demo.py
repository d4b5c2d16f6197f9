"""The demo from scratch: what is promised of every patient, number by number, and that a second run changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
import pandas as pd
import pydicom
import pytest
import SimpleITK as sitk
import yaml
from PIL import Image

from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.keys import partition_key, safe_name
from pdcp_dagster.phantom.cohort import demo_cohort
from pdcp_dagster.phantom.truth import net_area_mm2
from pdcp_dagster.stages.current import standing_of
from pdcp_dagster_tests.end_to_end.closed_form import VOLUME_TOLERANCE, require_dvhs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pdcp_dagster_tests.conftest import Pdcp
    from pdcp_dagster_tests.end_to_end.conftest import FinishedDemo, Site

pytestmark = pytest.mark.xdist_group("demo")

EVERY_PATIENT = [patient.patient_id for patient in demo_cohort()]
PASSED = ["../A B/ü", "007", "7", "P1", "P15", "P16", "P17", "P18", "P19", "P2", "P20", "P3"]
WITH_DVHS = [*PASSED, "P21", "P22", "P23", "P26", "P27", "P28", "P4", "QA-17"]
PIXEL_MM2 = 9.0

RULE_THAT_CHOSE = {
    "P16": "Of several studies one has all that the cohort needs, linked.",
    "P17": "Of several studies one has all that the cohort needs, linked.",
    "P20": "Of several studies the rule approved_plan chose the one with an approved plan.",
}
REFUSED_PLANS = {
    "P18": ("QA", "refused", "plan intent VERIFICATION"),
    "P20": ("Breast 2-1", "refused", "another study was chosen by approved_plan"),
}
OPEN_CHOICES = {"P24": "several candidate plans", "P5": "several eligible studies", "P6": "several linked CTs"}
"""Patients who have several complete chains, and no rule that chooses one."""
BY_A_FALLBACK = {"P21": "structure_set", "P22": "frame_of_reference", "P23": "frame_of_reference"}
NAMES_NO_STRUCTURES = "P23"
DOSES_THAT_DIFFER = "P25"

MASK_TOLERANCE = 0.05
VOXELS_PER_PLANE = 1.5
"""A voxel is in or out: on a long outline that evens out to a few per cent, on a small one to a voxel or so a plane."""
LARGEST_PICTURE_BYTES = 150_000

STAGES = (
    "image_summary",
    "verified_study",
    "candidate_studies",
    "retrieved_dicom",
    "ct_volume",
    "structure_masks",
    "dose_volume",
    "plan_table",
    "dvh_table",
    "central_slices",
    "patient_notes",
)
CONTRACT: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("output_contract.yaml").read_text())


def table(site: Site, patient_id: str, name: str) -> pd.DataFrame:
    return read_table(site.patient(patient_id).path / f"{name}.parquet")


def notes(site: Site, patient_id: str) -> dict[str, object]:
    document: dict[str, object] = json.loads((site.patient(patient_id).path / "notes.json").read_text(encoding="utf-8"))
    return document


def ct_files(site: Site, patient_id: str) -> list[pydicom.Dataset]:
    files = (site.patient(patient_id).path / "dicom" / "CT").glob("*.dcm")
    return sorted((pydicom.dcmread(file) for file in files), key=lambda each: float(each.ImagePositionPatient[2]))


@pytest.mark.parametrize("patient_id", EVERY_PATIENT)
def test_every_patient_ends_with_the_status_and_code_of_cohort_json(site: Site, patient_id: str) -> None:
    (expected,) = [entry for entry in site.expected if entry.patient_id == patient_id]
    standing = standing_of(site.patient(patient_id))
    assert standing.status == expected.status
    if expected.code is not None:
        assert standing.code == expected.code
    report = read_table(site.store.file("cohort_report")).set_index("patient_id")
    assert report.loc[patient_id, "status"] == expected.status
    assert report.loc[patient_id, "reason"] == standing.reason


def test_exactly_those_have_dvhs_of_whom_all_could_be_prepared(site: Site) -> None:
    found = {patient for patient in EVERY_PATIENT if site.patient(patient).file("dvh_table").exists()}
    assert found == set(WITH_DVHS)
    assert {entry.patient_id for entry in site.expected if entry.status == "SUCCESS"} == set(PASSED)


@pytest.mark.parametrize("patient_id", WITH_DVHS)
def test_every_number_of_the_dvh_table_agrees_with_the_closed_form(site: Site, patient_id: str) -> None:
    require_dvhs(table(site, patient_id, "dvh"), site.truth(patient_id).planned)


@pytest.mark.parametrize("patient_id", WITH_DVHS)
def test_volumes_in_the_structures_table_are_the_contours_and_masks_are_near_them(site: Site, patient_id: str) -> None:
    truth = site.truth(patient_id).planned
    drawn = contour_voxels(site, patient_id)
    found = table(site, patient_id, "structures").set_index("roi_number")
    assert list(found.index) == [roi.roi_number for roi in truth.rois]
    for roi in truth.rois:
        row: Any = found.loc[roi.roi_number]
        if roi.volume_cm3 is None:
            assert row[["volume_cm3", "file"]].isna().all()
            assert row["mask_voxels"] == 0
            continue
        assert row["volume_cm3"] == pytest.approx(roi.volume_cm3, rel=VOLUME_TOLERANCE)
        expected = drawn[roi.roi_number]
        allowed = max(MASK_TOLERANCE * expected, VOXELS_PER_PLANE * row["planes"])
        assert row["mask_voxels"] == pytest.approx(expected, abs=allowed), roi.roi_name
        mask = sitk.GetArrayFromImage(sitk.ReadImage(site.patient(patient_id).path / row["file"]))
        assert mask.dtype == np.uint8
        assert int(mask.sum()) == row["mask_voxels"]
        assert set(np.unique(mask)) == {0, 1}


def contour_voxels(site: Site, patient_id: str) -> dict[int, float]:
    """Return by ROI the area of its contours in voxels; contours on slices that the archive lacks have no voxels.

    Slices ascend, and those nearest the head are the ones that may be missing.
    """
    (spec,) = [patient.spec for patient in demo_cohort() if patient.patient_id == patient_id]
    there = spec.slice_positions_mm[: site.truth(patient_id).ct_slices]
    return {roi.number: sum(map(net_area_mm2, roi.planes(there))) / PIXEL_MM2 for roi in spec.rois}


@pytest.mark.parametrize("patient_id", WITH_DVHS)
def test_nifti_files_have_the_geometry_and_the_values_of_the_dicom(site: Site, patient_id: str) -> None:
    files = ct_files(site, patient_id)
    folder = site.patient(patient_id).path
    first, second = files[0], files[1]
    step = float(second.ImagePositionPatient[2]) - float(first.ImagePositionPatient[2])
    spacing = (float(first.PixelSpacing[1]), float(first.PixelSpacing[0]), step)
    expected = np.stack([each.pixel_array * each.RescaleSlope + each.RescaleIntercept for each in files])

    image = sitk.ReadImage(folder / "ct.nii.gz")
    assert image.GetSize() == (first.Columns, first.Rows, len(files))
    assert image.GetSpacing() == pytest.approx(spacing)
    assert image.GetOrigin() == pytest.approx(tuple(map(float, first.ImagePositionPatient)))
    assert image.GetDirection() == pytest.approx(np.eye(3).ravel())
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), expected)

    loaded: Any = nibabel.load(folder / "ct.nii.gz")
    assert loaded.get_data_dtype() == np.int16
    np.testing.assert_allclose(loaded.affine, ras_affine(first, spacing), atol=1e-4)
    np.testing.assert_array_equal(np.asanyarray(loaded.dataobj), expected.transpose(2, 1, 0))

    for file in table(site, patient_id, "structures")["file"].dropna():
        mask = sitk.ReadImage(folder / file)
        assert mask.GetSize() == image.GetSize()
        assert mask.GetSpacing() == pytest.approx(image.GetSpacing())
        assert mask.GetOrigin() == pytest.approx(image.GetOrigin())


def ras_affine(first: pydicom.Dataset, spacing: tuple[float, ...]) -> NDArray[np.float64]:
    """RAS = LPS with the first two axes turned round (the phantom's images are axial)."""
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = [float(value) for value in first.ImagePositionPatient]
    turned: NDArray[np.float64] = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    return turned


@pytest.mark.parametrize("patient_id", WITH_DVHS)
def test_the_dose_in_nifti_is_the_rtdose_in_gy_on_its_own_grid(site: Site, patient_id: str) -> None:
    folder = site.patient(patient_id).path
    (file,) = (folder / "dicom" / "RTDOSE").glob("*.dcm")
    dose = pydicom.dcmread(file)
    image = sitk.ReadImage(folder / "dose.nii.gz")
    assert image.GetOrigin() == pytest.approx(tuple(map(float, dose.ImagePositionPatient)))
    offsets = dose.GridFrameOffsetVector
    spacing = (float(dose.PixelSpacing[1]), float(dose.PixelSpacing[0]), float(offsets[1]) - float(offsets[0]))
    assert image.GetSpacing() == pytest.approx(spacing)
    np.testing.assert_allclose(
        sitk.GetArrayFromImage(image), dose.pixel_array * float(dose.DoseGridScaling), rtol=1e-6, atol=1e-4
    )
    (single,) = (folder / "doses").glob("*.nii.gz")
    assert single.name == f"{dose.SOPInstanceUID}.nii.gz"


@pytest.mark.parametrize("patient_id", WITH_DVHS)
def test_there_is_a_small_picture_of_each_roi_that_has_a_mask_and_no_other(site: Site, patient_id: str) -> None:
    folder = site.patient(patient_id).path
    slices = table(site, patient_id, "central_slices")
    structures = table(site, patient_id, "structures").dropna(subset=["file"])
    assert list(slices["roi_number"]) == list(structures["roi_number"])
    assert list(slices["voxels"]) == list(structures["mask_voxels"])
    pictures = {path.name: path for path in (folder / "central_slices").iterdir()}
    assert set(pictures) == set(slices["picture"])
    for path in pictures.values():
        assert path.stat().st_size <= LARGEST_PICTURE_BYTES
        with Image.open(path) as picture:
            assert picture.format == "PNG"
            picture.verify()
    with np.load(folder / "central_slices.npz", allow_pickle=False) as arrays:
        assert {name.split("/")[0] for name in arrays.files} == {path.stem for path in pictures.values()}


@pytest.mark.parametrize(
    "name", ["verified_study", "structures", "plans", "dvh", "dvh_curves", "dvh_comparison", "central_slices"]
)
def test_tables_have_every_column_of_the_contract(site: Site, name: str) -> None:
    for patient_id in WITH_DVHS:
        assert set(CONTRACT[name]) <= set(table(site, patient_id, name).columns), patient_id


def test_the_plan_table_tells_what_the_phantom_planned(site: Site) -> None:
    for patient_id in WITH_DVHS:
        truth = site.truth(patient_id)
        row, *others = table(site, patient_id, "plans").to_dict("records")
        refused = [(other["label"], other["verdict"], other["reason"]) for other in others]
        assert refused == ([REFUSED_PLANS[patient_id]] if patient_id in REFUSED_PLANS else []), patient_id
        assert row["plan_uid"] == truth.planned.plan_uid
        assert row["dose_uid"] == truth.planned.dose_uid
        named = None if patient_id == NAMES_NO_STRUCTURES else truth.planned.sop_instance_uid
        assert row["rtstruct_uid"] == named, "the table has what the plan says; how it was linked is in verified_study"
        assert row["prescription_gy"] == truth.prescription_gy
        assert row["maximum_gy"] == pytest.approx(truth.max_dose_gy, abs=0.01)
        assert (row["verdict"], row["summation_type"], row["dose_units"]) == ("selected", "PLAN", "GY")


@pytest.mark.parametrize("patient_id", OPEN_CHOICES)
def test_of_a_patient_whose_choice_is_open_the_plan_table_has_every_plan_from_its_tags(
    site: Site, patient_id: str
) -> None:
    plans = table(site, patient_id, "plans")
    planned = {
        str(plan.SOPInstanceUID): (plan.RTPlanLabel, plan.ReferencedStructureSetSequence[0].ReferencedSOPInstanceUID)
        for plan in map(pydicom.dcmread, site.phantom(patient_id).glob("RTPLAN_*.dcm"))
    }
    assert len(planned) == 2
    found = plans.set_index("plan_uid")[["label", "rtstruct_uid"]]
    assert {uid: tuple(row) for uid, row in zip(found.index, found.to_numpy(), strict=True)} == planned
    assert set(plans["reason"]) == {OPEN_CHOICES[patient_id]}
    assert sorted(plans["prescription_gy"]) == ([10.0, 50.0] if patient_id == "P24" else [50.0, 50.0])
    assert plans[["dose_uid", "maximum_gy"]].isna().all().all()
    assert not list(site.patient(patient_id).path.rglob("*.dcm"))


def test_of_doses_that_differ_the_plan_table_has_each_with_its_maximum(site: Site) -> None:
    plans = table(site, DOSES_THAT_DIFFER, "plans")
    highest = site.truth(DOSES_THAT_DIFFER).max_dose_gy
    assert sorted(plans["maximum_gy"]) == pytest.approx([0.9 * highest, highest], abs=0.01)
    assert set(plans["verdict"]) == {"refused"}
    assert not site.patient(DOSES_THAT_DIFFER).file("dose_volume").exists()


@pytest.mark.parametrize("patient_id", EVERY_PATIENT)
def test_every_complete_chain_is_a_candidate_and_only_open_ones_have_a_picture(site: Site, patient_id: str) -> None:
    file = site.patient(patient_id).file("candidate_studies")
    status = standing_of(site.patient(patient_id)).status
    if status is Status.EXCLUDE and patient_id != "P12":  # whose dose is too high: what was linked is complete
        assert not file.exists()
        return
    rows = read_table(file)
    assert set(CONTRACT["candidate_studies"]) == set(rows.columns)
    choice = {"P20": ["selected", "refused"]} | {undecided: ["open", "open"] for undecided in OPEN_CHOICES}
    assert list(rows["verdict"]) == choice.get(patient_id, ["selected"])
    assert list(rows["candidate"]) == list(range(1, len(rows) + 1))
    folder = file.with_name("candidate_studies")
    pictures = {path.name for path in folder.iterdir()} if folder.exists() else set()
    assert pictures == set(rows["picture"].dropna()) == ({"1.png", "2.png"} if patient_id in OPEN_CHOICES else set())
    assert rows["picture_problem"].isna().all()
    assert rows["dose_maximum_gy"].notna().all() == (patient_id in OPEN_CHOICES)
    for name in pictures:
        assert (folder / name).stat().st_size <= LARGEST_PICTURE_BYTES
        with Image.open(folder / name) as picture:
            picture.verify()


@pytest.mark.parametrize("patient_id", WITH_DVHS)
def test_the_verified_study_says_what_was_chosen_and_how_each_object_was_linked(site: Site, patient_id: str) -> None:
    truth = site.truth(patient_id).planned
    rows = table(site, patient_id, "verified_study")
    chosen = rows[rows["verdict"] == "selected"].set_index("role")
    assert chosen.loc["CT", "series_uid"] == truth.ct_series_uid
    uids = dict(zip(chosen.index, chosen["sop_instance_uid"], strict=True))
    assert (uids["RTSTRUCT"], uids["RTPLAN"], uids["RTDOSE"]) == (
        truth.sop_instance_uid,
        truth.plan_uid,
        truth.dose_uid,
    )
    assert sorted(chosen.index) == ["CT", "RTDOSE", "RTPLAN", "RTSTRUCT"]
    assert set(chosen["linked_by"].dropna()) == {"uid", BY_A_FALLBACK.get(patient_id, "uid")}
    assert rows[rows["verdict"] == "refused"]["reason"].notna().all()


@pytest.mark.parametrize("patient_id", PASSED)
def test_the_reason_of_a_passed_patient_ends_with_the_rule_that_chose(site: Site, patient_id: str) -> None:
    reason = standing_of(site.patient(patient_id)).reason
    assert reason.startswith("Passed: 24 slices, ")
    assert reason.endswith(f" {RULE_THAT_CHOSE.get(patient_id, 'pictures.')}")


@pytest.mark.parametrize("patient_id", WITH_DVHS)
def test_a_dvh_curve_starts_at_the_whole_volume_never_rises_and_ends_at_the_maximum(
    site: Site, patient_id: str
) -> None:
    rows = table(site, patient_id, "dvh").dropna(subset=["dmax_gy"]).set_index("roi_number")
    curves = table(site, patient_id, "dvh_curves")
    assert set(curves["roi_number"]) == set(rows.index)
    for number, curve in curves.groupby("roi_number"):
        row = rows.loc[number]
        assert curve["volume_pct"].iloc[0] == pytest.approx(100.0)
        assert curve["volume_cm3"].iloc[0] == pytest.approx(row["volume_cm3"])
        assert (np.diff(curve["volume_pct"]) <= 0).all()
        np.testing.assert_allclose(np.diff(curve["dose_gy"]), 0.1)
        assert row["dmax_gy"] - curve["dose_gy"].iloc[-1] < 0.1 + 1e-9


def test_the_cohort_report_has_a_row_per_patient_and_the_contracts_columns(site: Site) -> None:
    report = read_table(site.store.file("cohort_report"))
    assert list(report.columns) == CONTRACT["cohort_report"]
    assert sorted(report["patient_id"]) == sorted(EVERY_PATIENT)
    assert report["reason"].str.len().min() > 0
    passed = report[report["status"] == "SUCCESS"]
    facts = [column for column in CONTRACT["cohort_report"] if column != "kernel"]
    assert passed[facts].notna().all().all()
    assert (passed[list(STAGES)] == "done").all().all()


def test_the_report_is_also_a_page_that_names_every_reason(site: Site) -> None:
    page = (site.store.path / "cohort_report.html").read_text(encoding="utf-8")
    for entry in site.expected:
        assert entry.patient_id in page
        if entry.code is not None:
            assert entry.code in page


def test_the_cohorts_dvhs_are_those_of_passed_patients_and_no_others(site: Site) -> None:
    found = read_table(site.store.file("cohort_dvh"))
    assert sorted(set(found["patient_id"])) == sorted(PASSED)
    for patient_id, rows in found.groupby("patient_id"):
        pd.testing.assert_frame_equal(rows.reset_index(drop=True), table(site, str(patient_id), "dvh"))


@pytest.mark.parametrize("patient_id", EVERY_PATIENT)
def test_notes_have_the_originals_keys_and_its_spelling(site: Site, patient_id: str) -> None:
    (expected,) = [entry for entry in site.expected if entry.patient_id == patient_id]
    document = notes(site, patient_id)
    assert set(document) == set(CONTRACT["notes"]) | {"stages"}
    assert (document["version"], document["linkage"]) == ("demo cohort 1", "CRDP")
    spelt = {"SUCCESS": "SUCCESS", "REVIEW": "REVIEW", "EXCLUDE": "EXECLUDE", "FAILED": None}
    assert document["status"] == spelt[expected.status]
    assert document["patientimagingfilesready"] is (expected.status == "SUCCESS")
    if expected.code is not None:
        assert expected.code in str(document["code"])


def test_the_originals_misspelling_stays_in_the_notes(site: Site) -> None:
    for name, content in site.files().items():
        if not name.endswith("notes.json"):
            assert b"EXECLUDE" not in content, name
    assert "EXECLUDE" not in str(read_table(site.store.file("cohort_report")).to_dict("records"))


def test_leading_zeros_prefixes_and_awkward_names_are_patients_of_their_own(site: Site) -> None:
    folders = {path.name for path in (site.store.path / "patients").iterdir()}
    assert folders == {safe_name(patient_id) for patient_id in EVERY_PATIENT}
    assert {"007", "7"} <= folders
    for patient_id in EVERY_PATIENT:
        summary = table(site, patient_id, "image_summary")
        assert set(summary["patient_id"]) == {patient_id}
        keys = read_table(site.store.file("patient_ids")).set_index("patient_id")["partition_key"]
        assert keys[patient_id] == partition_key(patient_id)


def test_nothing_is_written_outside_the_demos_folders(site: Site) -> None:
    assert {path.name for path in (site.root / "store").iterdir()} == {"demo"}
    tables = {f"{each}.parquet" for each in ("patient_ids", "cohort_report", "cohort_dvh", "cohort_structure_names")}
    cohort = {"patients", *tables, "cohort_report.html", "codes_before.parquet", ".patient_ids.lock"}
    assert {path.name for path in site.store.path.iterdir()} == cohort
    assert {path.name for path in site.root.parent.iterdir()} == {site.root.name}


def test_an_excluded_patient_keeps_nothing_behind_the_stage_that_excluded(site: Site) -> None:
    report = read_table(site.store.file("cohort_report")).set_index("patient_id")
    for entry in site.expected:
        if entry.status != "EXCLUDE":
            continue
        done = [stage for stage in STAGES if report.loc[entry.patient_id, stage] == "done"]
        until = STAGES.index("dose_volume") if entry.code == "XXIV_EXEC_003" else STAGES.index("candidate_studies")
        assert done == [*STAGES[:until], "patient_notes"], entry.patient_id
        for stage in set(STAGES) - set(done):
            assert not site.patient(entry.patient_id).file(stage).exists()


def test_dagster_shows_the_failed_patient_as_failed_and_all_others_as_materialized(site: Site) -> None:
    with site.instance() as instance:
        shown = site.partitions(instance)
        assert site.unfinished_runs(instance) == []
    failed = shown.pop("P14")
    assert failed == {"MATERIALIZED", "FAILED"}
    assert set(shown) == {partition_key(patient) for patient in EVERY_PATIENT} - {"P14"}
    assert all(statuses == {"MATERIALIZED"} for statuses in shown.values())


def test_the_demo_ends_in_a_table_for_people_and_the_next_step(finished_demo: FinishedDemo) -> None:
    for word in ("../A B/ü", "P14", "12 SUCCESS", "12 REVIEW", "11 EXCLUDE", "1 FAILED", "make ui", "pdcp demo mend"):
        assert word in finished_demo.output
    assert "no RTDOSE in the archive" in finished_demo.output


def test_a_second_demo_is_quick_and_changes_nothing(pdcp: Pdcp, site: Site) -> None:
    before = site.traces()
    again = pdcp("demo", "run", "--root", site.root)
    assert again.returncode == 0, again.stderr
    assert "nothing was changed" in again.stdout
    after = site.traces()
    assert after == before  # the server's log and Dagster's database included: neither was started
