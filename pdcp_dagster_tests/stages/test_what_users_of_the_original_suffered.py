"""What users of the original suffered in files and folders: each of its corrected bugs is a law here.

Real files through the real Orthanc; numbers are the phantoms' own, in closed form.
"""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
import pandas as pd
import pydicom
import pytest
from pydicom.uid import generate_uid

import pdcp_dagster
from pdcp_dagster.adapters.orthanc import OrthancSettings
from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.phantom.anatomy import tiny_rois
from pdcp_dagster.phantom.patient import read_truth
from pdcp_dagster.phantom.spec import PhantomRoi
from pdcp_dagster.phantom.study_spec import DoseSpec, PlanSpec, planned
from pdcp_dagster.phantom.truth import RoiTruth
from pdcp_dagster.stages.archive_list import list_patients
from pdcp_dagster.stages.chain import run_patient
from pdcp_dagster.stages.current import PatientExcluded, PatientInReview, PatientPending, standing_of

if TYPE_CHECKING:
    from pdcp_dagster_tests.stages.conftest import Ward

STORE = "suffered"
HOSTILE_NAMES = (
    "Lung/L",
    "Lung\\R",
    'the "left" one\'s wall',
    "__import__('os').mkdir('US-executed')",
    "../../../../US-outside",
    "a--b--images",
    "<45 Gy>",
)


def files_of(ward: Ward, patient_id: str, modality: str) -> list[Path]:
    return sorted(ward.phantom(patient_id).glob(f"{modality}_*.dcm"))


def change_the(ward: Ward, patient_id: str, modality: str, change: Callable[[pydicom.Dataset], None]) -> None:
    (file,) = files_of(ward, patient_id, modality)
    ward.exchange(file, change)


def table(ward: Ward, patient_id: str, file: str) -> pd.DataFrame:
    return read_table(ward.folder(patient_id, STORE).path / file)


def notes(ward: Ward, patient_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ward.files(patient_id, STORE)["notes.json"])
    return found


def load(ward: Ward, patient_id: str, store: str = STORE) -> dict[str, Any]:
    load_patient_images: Any = pdcp_dagster.load_patient_images
    loaded: dict[str, Any] = load_patient_images(ward.root / store, "ward", patient_id)
    return loaded


def rois(ward: Ward, patient_id: str, file: str = "dvh.parquet") -> dict[str, dict[str, Any]]:
    """Return a table's rows by ROI name, nulls as None."""
    rows = table(ward, patient_id, file).astype(object)
    records: list[dict[Any, Any]] = rows.where(rows.notna(), None).to_dict("records")
    return {str(record["roi_name"]): record for record in records}


def answers(ward: Ward, patient_id: str) -> dict[str, RoiTruth]:
    return {roi.roi_name: roi for roi in read_truth(ward.phantom(patient_id)).rois}


def mask_of(ward: Ward, patient_id: str, roi_name: str) -> np.ndarray[Any, Any]:
    """Return a mask as (i, j, k)."""
    image: Any = nib.load(
        ward.folder(patient_id, STORE).path / rois(ward, patient_id, "structures.parquet")[roi_name]["file"]
    )
    return np.asarray(image.dataobj)


# One patient's work touched another's


def test_cleaning_patient_12_does_not_delete_the_notes_of_patient_123(ward: Ward) -> None:
    others = ("US123", "4US12", "US-12")
    for patient_id in (*others, "US12", "US.12", "US.*"):
        ward.admit(patient_id)
    for patient_id in others:
        assert ward.run(patient_id, store=STORE).status is Status.SUCCESS
    before = {patient_id: ward.files(patient_id, STORE) for patient_id in others}

    for patient_id in ("US12", "US.12", "US.*"):
        assert ward.run(patient_id, store=STORE).status is Status.SUCCESS
    ward.damage(files_of(ward, "US12", "CT")[0])
    assert ward.run_anyway("US12", STORE).status is Status.FAILED
    ward.mend()
    ward.take_out(files_of(ward, "US12", "RTDOSE")[0])
    assert ward.run("US12", store=STORE).status is Status.EXCLUDE
    assert {patient_id: ward.files(patient_id, STORE) for patient_id in others} == before


def test_patient_12_is_never_given_what_was_summarised_of_patient_123(ward: Ward) -> None:
    ward.admit("UR123")
    ward.admit("UR12")
    ward.run("UR123", store=STORE)
    with pytest.raises(PatientPending):
        load(ward, "UR12")
    alone = ward.run("UR12", "verified_study", store=STORE)
    assert alone.status is Status.FAILED
    assert "image_summary" in alone.reason

    assert ward.run("UR12", store=STORE).status is Status.SUCCESS
    assert set(table(ward, "UR12", "dvh.parquet")["patient_id"]) == {"UR12"}
    assert rois(ward, "UR12")["PTV_50"]["volume_cm3"] == pytest.approx(answers(ward, "UR12")["PTV_50"].volume_cm3)


def test_a_patient_id_with_underscores_is_no_patient_without_images(ward: Ward) -> None:
    ward.admit("US_12_ERROR")
    assert ward.run("US_12_ERROR", store=STORE).status is Status.SUCCESS
    assert set(table(ward, "US_12_ERROR", "dvh.parquet")["patient_id"]) == {"US_12_ERROR"}


def test_patients_with_leading_zeros_are_found_and_told_from_those_without(ward: Ward, tmp_path: Path) -> None:
    ward.admit("00901177")
    ward.admit("901177")
    (tmp_path / "wanted.csv").write_text("patient_id\n00901177\n", encoding="utf-8")
    cohort = Cohort.model_validate({"name": "zeros", "patients": "wanted.csv"})
    with ward.archive() as archive:
        found = list_patients(archive, cohort, tmp_path)
    assert list(found.table["patient_id"]) == ["00901177"]
    assert found.not_in_archive == ()
    for patient_id in ("00901177", "901177"):
        assert ward.run(patient_id, store=STORE).status is Status.SUCCESS
        assert set(table(ward, patient_id, "dvh.parquet")["patient_id"]) == {patient_id}
        expected = answers(ward, patient_id)["PTV_50"].volume_cm3
        assert rois(ward, patient_id)["PTV_50"]["volume_cm3"] == pytest.approx(expected)


def test_listing_patients_waits_for_no_key_and_tells_no_name(
    ward: Ward, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ward.admit("US-silent", patient_name="Secret^Name")

    def keyboard(*_: object) -> str:
        raise AssertionError("nobody sits there")

    monkeypatch.setattr("builtins.input", keyboard)
    with ward.archive() as archive:
        listed = list_patients(archive, Cohort.model_validate({"name": "silent"}), ward.root)
    assert "US-silent" in set(listed.table["patient_id"])
    assert ward.run("US-silent", store=STORE).status is Status.SUCCESS
    assert capfd.readouterr() == ("", "")


# Untrusted names


@pytest.fixture(scope="module")
def hostile(ward: Ward) -> str:
    """A patient whose ROIs have the names that broke the original."""
    drawn = tiny_rois("US-hostile")
    named = (replace(roi, name=name) for roi, name in zip(drawn[3:], HOSTILE_NAMES, strict=True))
    ward.admit("US-hostile", rois=(*drawn[:3], *named))
    outcome = ward.run("US-hostile", store=STORE)
    assert outcome.status is Status.SUCCESS, outcome.reason
    return "US-hostile"


def test_roi_names_with_slashes_quotes_and_python_code_lose_neither_the_patient_nor_a_mask(
    ward: Ward, hostile: str
) -> None:
    structures = rois(ward, hostile, "structures.parquet")
    assert set(structures) == {"BODY", "PTV_50", "CTV", *HOSTILE_NAMES}
    folder = ward.folder(hostile, STORE).path
    files = {folder / row["file"] for row in structures.values()}
    assert {file for file in folder.rglob("*.nii.gz") if "masks" in file.parts} == files
    assert len({file.parent for file in files}) == 1
    assert set(load(ward, hostile)["roi_names"]) == set(structures)


def test_a_roi_name_is_never_executed_nor_a_way_out_of_the_folder(ward: Ward, hostile: str) -> None:
    assert HOSTILE_NAMES[3] in rois(ward, hostile)
    assert not Path("US-executed").exists()
    written = list(ward.root.rglob("US-outside*"))
    assert written
    assert all(path.is_relative_to(ward.folder(hostile, STORE).path) for path in written)


def test_positions_of_a_patient_whose_id_is_no_number_and_of_rois_with_dashes_are_kept(
    ward: Ward, hostile: str
) -> None:
    slices = rois(ward, hostile, "central_slices.parquet")
    assert set(slices) == set(rois(ward, hostile, "structures.parquet"))
    expected = tiny_rois("US-hostile")[HOSTILE_NAMES.index("a--b--images") + 3].solid
    assert expected is not None
    assert slices["a--b--images"]["centroid_x_mm"] == pytest.approx(expected.centre_mm[0], abs=1.5)


# ROIs that were exchanged, filled, lost or made up


@pytest.fixture(scope="module")
def measured(ward: Ward) -> str:
    """A patient with a hollow organ and three special ROIs, whose contours are filed in the opposite order."""
    drawn = tiny_rois("US-HN-001")
    special = (
        replace(drawn[5], number=11, name="Twin"),
        replace(drawn[8], number=12, name="Twin"),
        PhantomRoi(13, "NeverDrawn", None, "ORGAN"),
    )
    ward.admit("US-HN-001", rois=(*drawn, *special))

    def change(data: pydicom.Dataset) -> None:
        data.ROIContourSequence = list(reversed(data.ROIContourSequence))
        of_number = {int(item.ReferencedROINumber): item for item in data.ROIContourSequence}
        of_number[4].ContourSequence.insert(0, point_at(0.0, 0.0, -3.0))
        below = copy.deepcopy(of_number[6].ContourSequence[0])
        below.ContourData = at_height(below.ContourData, -39.0)
        of_number[6].ContourSequence.append(below)

    change_the(ward, "US-HN-001", "RTSTRUCT", change)
    outcome = ward.run("US-HN-001", store=STORE)
    assert outcome.status is Status.SUCCESS, outcome.reason
    return "US-HN-001"


def point_at(*position_mm: float) -> pydicom.Dataset:
    contour = pydicom.Dataset()
    contour.ContourGeometricType = "POINT"
    contour.NumberOfContourPoints = 1
    contour.ContourData = [str(value) for value in position_mm]
    return contour


def at_height(contour_data: Any, z_mm: float) -> list[str]:
    """Return the same contour on another plane."""
    points = np.array([float(value) for value in contour_data]).reshape(-1, 3)
    points[:, 2] = z_mm
    return [f"{value:.4f}" for value in points.ravel()]


def test_the_heart_is_not_given_the_lungs_contours_when_rois_are_filed_in_another_order(
    ward: Ward, measured: str
) -> None:
    for name in ("Lung_R", "Heart", "Liver"):
        solid = next(roi.solid for roi in tiny_rois(measured) if roi.name == name)
        assert solid is not None
        assert rois(ward, measured, "structures.parquet")[name]["centroid_x_mm"] == pytest.approx(
            solid.centre_mm[0], abs=0.1
        )


def test_a_hollow_organ_is_not_filled(ward: Ward, measured: str) -> None:
    """Pixels of 3 mm from -94.5 mm; slice 2 lies at z = -21 mm, 1 mm above the middle of wall and cavity."""
    hole = tiny_rois(measured)[9].hole
    assert hole is not None
    i, j = (round((centre + 94.5) / 3) for centre in hole.centre_mm[:2])
    row = mask_of(ward, measured, "Stomach_wall")[:, j, 2]
    assert row[i] == 0
    assert row[:i].any()
    assert row[i:].any()
    expected = answers(ward, measured)["Stomach_wall"].volume_cm3
    assert rois(ward, measured)["Stomach_wall"]["volume_cm3"] == pytest.approx(expected)


def test_a_contour_below_the_image_does_not_appear_in_its_top_slice(ward: Ward, measured: str) -> None:
    """The heart ends at z = 16 mm; the top slice lies at 33 mm."""
    mask = mask_of(ward, measured, "Heart")
    assert mask.any()
    assert not mask[:, :, 11].any()
    assert "partly_outside_image" in rois(ward, measured, "structures.parquet")["Heart"]["flags"]


def test_a_roi_whose_first_contour_is_a_point_is_not_skipped(ward: Ward, measured: str) -> None:
    assert mask_of(ward, measured, "Lung_L").any()
    assert rois(ward, measured)["Lung_L"]["volume_cm3"] == pytest.approx(answers(ward, measured)["Lung_L"].volume_cm3)


def test_duplicate_roi_names_keep_both_rows_and_masks_with_their_own_numbers(ward: Ward, measured: str) -> None:
    expected = {roi.roi_number: roi for roi in read_truth(ward.phantom(measured)).rois if roi.roi_name == "Twin"}
    rows = table(ward, measured, "dvh.parquet").set_index("roi_number")
    assert sorted(expected) == [11, 12]
    for number, roi in expected.items():
        assert rows.loc[number, "volume_cm3"] == pytest.approx(roi.volume_cm3)
        assert rows.loc[number, "dmean_gy"] == pytest.approx(roi.dmean_gy, abs=0.05)
    files = table(ward, measured, "structures.parquet").set_index("roi_number").loc[[11, 12], "file"]
    assert len(set(files)) == 2
    assert {"Twin__11", "Twin__12"} <= set(load(ward, measured)["roi_names"])


def test_a_roi_that_was_never_drawn_is_no_row_of_zeros_and_no_black_picture(ward: Ward, measured: str) -> None:
    row = rois(ward, measured)["NeverDrawn"]
    assert row["status"] == "no_closed_contour"
    assert [row[column] for column in ("volume_cm3", "dmean_gy", "dmax_gy", "v20gy_pct")] == [None] * 4
    assert "NeverDrawn" not in rois(ward, measured, "central_slices.parquet")
    assert "NeverDrawn" not in load(ward, measured)["roi_names"]


def test_structures_without_a_single_mask_are_no_success(ward: Ward) -> None:
    ward.admit("US-points")

    def points_only(data: pydicom.Dataset) -> None:
        for roi in data.ROIContourSequence:
            roi.ContourSequence = [point_at(0.0, 0.0, -3.0)]

    change_the(ward, "US-points", "RTSTRUCT", points_only)
    outcome = ward.run("US-points", store=STORE)
    assert (outcome.status, outcome.code) == (Status.EXCLUDE, "XIV_EXEC_002")


# Doses


def test_d95_is_what_95_percent_of_the_target_gets_at_least_and_no_near_maximum(ward: Ward, measured: str) -> None:
    row, expected = rois(ward, measured)["PTV_50"], answers(ward, measured)["PTV_50"]
    assert row["d95_gy"] == pytest.approx(expected.d95_gy, abs=0.05)
    assert row["d2_gy"] == pytest.approx(expected.d2_gy, abs=0.05)
    assert row["dmin_gy"] < row["d95_gy"] < row["dmean_gy"] < row["d2_gy"] < row["dmax_gy"]


def test_a_volume_is_in_cubic_centimetres_and_no_number_of_voxels(ward: Ward, measured: str) -> None:
    row, expected = rois(ward, measured)["Lung_L"], answers(ward, measured)["Lung_L"]
    assert row["volume_cm3"] == pytest.approx(expected.volume_cm3)
    voxels = rois(ward, measured, "structures.parquet")["Lung_L"]["mask_voxels"]
    assert voxels * 0.3 * 0.3 * 0.6 == pytest.approx(expected.volume_cm3, rel=0.1)


def test_a_prescription_in_gy_is_not_read_as_cgy(ward: Ward, measured: str) -> None:
    """The target lies evenly about the plane of 50 Gy, the prescription: half of it gets that."""
    row = rois(ward, measured)["PTV_50"]
    assert row["prescription_gy"] == 50.0
    assert row["v100_pct"] == pytest.approx(50.0, abs=1.0)


def test_doses_above_70_gy_are_told_apart(ward: Ward, measured: str) -> None:
    """The body ends at z = 36 mm, where the dose is 50 + 0.8 x 30 = 74 Gy, and gets 70 Gy from z = 31 mm: 5 of 72."""
    row = rois(ward, measured)["BODY"]
    assert row["dmax_gy"] == pytest.approx(74.0, abs=0.05)
    assert row["v70gy_pct"] == pytest.approx(100 * 5 / 72, abs=0.2)
    assert row["v75gy_pct"] == 0
    curves = table(ward, measured, "dvh_curves.parquet")
    assert curves.loc[curves["roi_name"] == "BODY", "dose_gy"].max() == pytest.approx(74.0, abs=0.11)


def test_a_roi_outside_the_dose_grid_has_no_dose_instead_of_0_gy(ward: Ward) -> None:
    """The grid is moved 90 mm to the patient's left; the right lung then lies beyond it."""
    ward.admit("US-outside-grid", rois=tiny_rois("US-outside-grid")[:5])

    def moved(data: pydicom.Dataset) -> None:
        data.ImagePositionPatient[0] = float(data.ImagePositionPatient[0]) + 90.0

    change_the(ward, "US-outside-grid", "RTDOSE", moved)
    ward.run("US-outside-grid", store=STORE)
    row = rois(ward, "US-outside-grid")["Lung_R"]
    assert (row["dose_coverage"], "outside_dose_grid" in row["flags"]) == (0.0, True)
    assert [row[column] for column in ("dmin_gy", "dmean_gy", "dmax_gy", "d95_gy", "v5gy_pct")] == [None] * 5
    assert rois(ward, "US-outside-grid")["Lung_L"]["dmean_gy"] is not None


def test_two_different_doses_of_one_plan_are_not_summed(ward: Ward) -> None:
    ward.admit("US-two-doses", studies=planned(PlanSpec(doses=(DoseSpec(), DoseSpec(share=0.5)))))
    outcome = ward.run("US-two-doses", store=STORE)
    assert (outcome.status, outcome.code) == (Status.REVIEW, "XXIV_REV_001")
    assert not ward.folder("US-two-doses", STORE).file("dose_volume").exists()


def test_a_dose_that_was_exported_twice_does_not_count_twice(ward: Ward) -> None:
    ward.admit("US-twice", studies=planned(PlanSpec(doses=(DoseSpec(), DoseSpec()))))
    assert ward.run("US-twice", store=STORE).status is Status.SUCCESS
    expected = answers(ward, "US-twice")["PTV_50"]
    assert rois(ward, "US-twice")["PTV_50"]["dmean_gy"] == pytest.approx(expected.dmean_gy, abs=0.05)


def test_doses_whose_maxima_lie_in_different_places_are_not_judged_by_the_sum_of_the_maxima(ward: Ward) -> None:
    """One beam doses the upper half up to more than 74 Gy, the other the lower half up to more than 40 Gy."""
    ward.admit("US-beams", studies=planned(PlanSpec(doses=(DoseSpec(), DoseSpec()))))
    for beam, file in enumerate(files_of(ward, "US-beams", "RTDOSE"), start=1):
        ward.exchange(file, partial(of_a_beam, beam=beam))
    bounds = {"minimum": 38, "maximum": 100, "action": "exclude"}
    outcome = ward.run("US-beams", store=STORE, dose_max_gy=bounds)
    assert outcome.status is Status.SUCCESS, outcome.reason
    assert sum(table(ward, "US-beams", "plans.parquet")["maximum_gy"]) > 110
    whole = answers(ward, "US-beams")["PTV_50"]
    assert rois(ward, "US-beams")["PTV_50"]["dmean_gy"] == pytest.approx(whole.dmean_gy, abs=0.05)


def of_a_beam(data: pydicom.Dataset, beam: int) -> None:
    """Make it the dose of one beam, on every second half of the planes."""
    data.DoseSummationType = "BEAM"
    group, named = pydicom.Dataset(), pydicom.Dataset()
    named.ReferencedBeamNumber = beam
    group.ReferencedFractionGroupNumber = 1
    group.ReferencedBeamSequence = [named]
    data.ReferencedRTPlanSequence[0].ReferencedFractionGroupSequence = [group]
    stored = np.frombuffer(data.PixelData, dtype="<u4").reshape(data.NumberOfFrames, -1).copy()
    middle = data.NumberOfFrames // 2
    stored[slice(None, middle) if beam == 1 else slice(middle, None)] = 0
    data.PixelData = stored.tobytes()


def test_a_relative_dose_is_not_taken_for_gy_and_leaves_whole_notes(ward: Ward) -> None:
    ward.admit("US-relative")

    def relative(data: pydicom.Dataset) -> None:
        data.DoseUnits = "RELATIVE"

    change_the(ward, "US-relative", "RTDOSE", relative)
    outcome = ward.run("US-relative", store=STORE)
    assert (outcome.status, outcome.code) == (Status.EXCLUDE, "XXIV_EXEC_004")
    told = notes(ward, "US-relative")
    assert (told["status"], told["patientimagingfilesready"]) == ("EXECLUDE", False)
    assert told["code"].startswith("XXIV: XXIV_EXEC_004:EXECLUDE")


def test_uneven_dose_planes_do_not_shift_the_dose(ward: Ward) -> None:
    """Without its sixth plane the dose is still linear, if each plane is taken where it lies."""
    ward.admit("US-uneven")

    def without_a_plane(data: pydicom.Dataset) -> None:
        stored = np.frombuffer(data.PixelData, dtype="<u4").reshape(data.NumberOfFrames, -1)
        data.PixelData = np.delete(stored, 5, axis=0).tobytes()
        data.GridFrameOffsetVector = [each for index, each in enumerate(data.GridFrameOffsetVector) if index != 5]
        data.NumberOfFrames -= 1

    change_the(ward, "US-uneven", "RTDOSE", without_a_plane)
    outcome = ward.run("US-uneven", store=STORE)
    assert (outcome.status, outcome.code) == (Status.REVIEW, "XXIV_REV_005")
    for name, expected in answers(ward, "US-uneven").items():
        assert rois(ward, "US-uneven")[name]["dmean_gy"] == pytest.approx(expected.dmean_gy, abs=0.05)


def test_the_summed_dose_and_the_plan_are_kept_and_not_thrown_away(ward: Ward, measured: str) -> None:
    kept = ward.files(measured, STORE)
    assert {"dose.nii.gz", "plans.parquet"} <= set(kept)
    assert [name.split("/")[1] for name in kept if name.startswith("dicom/RTPLAN/")] == ["RTPLAN"]
    codes = {entry["code"] for entry in notes(ward, measured)["stages"]["retrieved_dicom"]}
    assert "XV_SUCC_001" in codes


# Images


def test_two_phases_in_one_series_are_refused_and_not_thinned_out_at_random(ward: Ward) -> None:
    ward.admit("US-phases")
    for file in files_of(ward, "US-phases", "CT"):
        data = pydicom.dcmread(file)
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[file.name, "US"])
        data.save_as(file.with_suffix(".phase"))
        with ward.archive() as archive:
            archive.upload(file.with_suffix(".phase"))
    outcome = ward.run("US-phases", store=STORE)
    assert (outcome.status, outcome.code) == (Status.EXCLUDE, "XII_EXEC_002")


def test_a_missing_slice_is_told_and_not_bridged(ward: Ward) -> None:
    ward.admit("US-gap")
    ward.take_out(files_of(ward, "US-gap", "CT")[5])
    outcome = ward.run("US-gap", store=STORE)
    assert (outcome.status, outcome.code) == (Status.EXCLUDE, "XII_EXEC_002")


def test_what_lies_around_a_roi_in_its_slice_is_the_ct_and_not_water(ward: Ward, measured: str) -> None:
    """Outside of the body there is air of -1000 HU, with a noise of 15 HU."""
    with np.load(ward.folder(measured, STORE).path / "central_slices.npz") as arrays:
        around = arrays["BODY/axial/ct_hu"][arrays["BODY/axial/mask"] == 0]
    assert around.size > 100
    assert np.median(around) == pytest.approx(-1000, abs=20)


# Notes and statuses


def test_notes_that_cannot_be_written_leave_the_earlier_ones_whole(ward: Ward, measured: str) -> None:
    before = ward.files(measured, STORE)
    with pytest.raises((TypeError, ValueError)):
        ward.folder(measured, STORE).write_notes({"status": "SUCCESS", "dose": np.zeros(3)})
    with pytest.raises(ValueError, match="JSON"):
        ward.folder(measured, STORE).write_notes({"status": "SUCCESS", "dose": float("nan")})
    assert ward.files(measured, STORE) == before


def test_notes_are_valid_json_whatever_the_archive_says(ward: Ward) -> None:
    described = 'a "quoted" \\ {brace}: I_EXEC_001:EXECLUDE'
    ward.admit("US-words", study_description=described, series_description="QA é ' \" : ]}")
    assert ward.run("US-words", store=STORE, study_description={"exclude": ["brace"]}).status is Status.EXCLUDE
    told = notes(ward, "US-words")
    assert (told["status"], told["patientimagingfilesready"]) == ("EXECLUDE", False)


def test_loading_a_patient_does_not_rewrite_the_notes(ward: Ward, measured: str) -> None:
    before = ward.files(measured, STORE)
    loaded = load(ward, measured)
    assert loaded["StructureSetDate"] is not None
    assert ward.files(measured, STORE) == before


def test_moving_the_data_needs_no_change_of_notes(ward: Ward, measured: str) -> None:
    shutil.copytree(ward.root / STORE, ward.root / "moved" / "elsewhere")
    assert load(ward, measured, "moved/elsewhere")["roi_names"] == load(ward, measured)["roi_names"]
    assert str(ward.root) not in ward.files(measured, STORE)["notes.json"].decode()


def test_folders_that_are_not_there_yet_are_made_with_or_without_a_slash_at_their_end(ward: Ward) -> None:
    ward.admit("US-folders")
    assert ward.run("US-folders", store="not/yet/there/").status is Status.SUCCESS
    for store in ("not/yet/there", "not/yet/there/"):
        assert load(ward, "US-folders", store)["roi_names"] == ["BODY", "PTV_50", "CTV", "Lung_L"]


def test_a_patient_to_review_is_not_ready(ward: Ward) -> None:
    ward.admit("US-review", studies=planned(PlanSpec(approval="REJECTED")))
    assert ward.run("US-review", store=STORE).status is Status.REVIEW
    told = notes(ward, "US-review")
    assert (told["status"], told["patientimagingfilesready"]) == ("REVIEW", False)
    with pytest.raises(PatientInReview):
        load(ward, "US-review")


def test_loading_an_excluded_patient_says_why_and_is_no_empty_dictionary(ward: Ward) -> None:
    ward.admit("US-no-dose", modalities=("CT", "RTSTRUCT", "RTPLAN"))
    ward.run("US-no-dose", store=STORE)
    assert notes(ward, "US-no-dose")["code"] == "I: I_EXEC_005:EXECLUDE:no RTDOSE in the archive"
    with pytest.raises(PatientExcluded, match="no RTDOSE in the archive"):
        load(ward, "US-no-dose")


def test_a_failed_patient_is_done_again_and_keeps_what_it_had_until_then(ward: Ward) -> None:
    ward.admit("US-failed")
    ward.run("US-failed", store=STORE)
    before = ward.files("US-failed", STORE)
    ward.damage(files_of(ward, "US-failed", "RTDOSE")[0])
    failed = ward.run_anyway("US-failed", STORE)
    assert failed.status is Status.FAILED
    assert standing_of(ward.folder("US-failed", STORE)).status is Status.FAILED
    assert (notes(ward, "US-failed")["status"], notes(ward, "US-failed")["patientimagingfilesready"]) == (None, False)
    assert ward.files("US-failed", STORE)["ct.nii.gz"] == before["ct.nii.gz"]
    ward.mend()
    assert ward.run("US-failed", store=STORE).status is Status.SUCCESS
    assert ward.files("US-failed", STORE) == before


def test_a_structure_set_that_cannot_be_read_fails_the_patient_with_its_reason_and_not_for_ever(ward: Ward) -> None:
    ward.admit("US-unreadable")
    ward.damage(files_of(ward, "US-unreadable", "RTSTRUCT")[0])
    outcome = ward.run("US-unreadable", store=STORE)
    assert (outcome.status, outcome.code) == (Status.FAILED, None)
    assert outcome.reason.startswith("Failed at ")
    ward.mend()
    assert ward.run("US-unreadable", store=STORE).status is Status.SUCCESS


def test_preparing_one_study_apart_touches_nothing_of_the_patients_own(ward: Ward) -> None:
    ward.admit("US-quarantine", studies=2)
    assert ward.run("US-quarantine", store=STORE).status is Status.REVIEW
    before = ward.files("US-quarantine", STORE)
    with ward.archive() as archive:
        apart = [run_patient(ward.tasks["US-quarantine"], ward.settings(STORE), archive, number) for number in (1, 2)]
    assert [each.failure for each in apart] == [None, None]
    assert ward.files("US-quarantine", STORE) == before
    prepared = ward.root / STORE / "ward" / "quarantine" / ward.folder("US-quarantine", STORE).path.name
    uids = {read_table(prepared / number / "dvh.parquet")["ct_series_uid"].iloc[0] for number in ("1", "2")}
    assert len(uids) == 2


# The way to the server


def test_the_password_is_in_no_file(ward: Ward) -> None:
    ward.admit("US-password")
    secret = "correct-horse-battery"
    settings = ward.settings("suffered-password")
    settings = replace(settings, orthanc=OrthancSettings(url=ward.orthanc.url, username="us-reader", password=secret))
    with ward.archive() as archive:
        assert run_patient(ward.tasks["US-password"], settings, archive).status is Status.SUCCESS
    written = [path.read_bytes() for path in (ward.root / "suffered-password").rglob("*") if path.is_file()]
    assert written
    assert not [content for content in written if secret.encode() in content or b"us-reader" in content]
    assert secret not in repr(settings)


def test_a_server_that_cannot_prove_who_it_is_is_not_believed() -> None:
    assert OrthancSettings(url="https://pacs.example").verify_tls is True
    assert OrthancSettings.from_environment({}).verify_tls is True
