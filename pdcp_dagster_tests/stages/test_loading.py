"""`load_patient_images`: the documented dictionary for whom it may be had, and a reason for everyone else."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import UID

import pdcp_dagster
from pdcp_dagster.adapters.nifti import NiftiReadError, grid_of, read_image, write_volume
from pdcp_dagster.adapters.parquet import write_table
from pdcp_dagster.domain.volume import Volume
from pdcp_dagster.stages.current import PatientExcluded, PatientFailed, PatientInReview, PatientPending
from pdcp_dagster.stages.loading import StructureMasks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pdcp_dagster_tests.stages.conftest import Ward

PATIENT = "../load ü"
KEYS = {
    "ct_image",
    "dose_data",
    "roi_names",
    "roi_masks",
    "PixelSpacing",
    "StudyDate",
    "StructureSetDate",
    "version",
}


def load(ward: Ward, patient_id: str, *, store: str = "store", include_review: bool = False) -> dict[str, Any]:
    load_patient_images: Any = pdcp_dagster.load_patient_images
    loaded: dict[str, Any] = load_patient_images(ward.root / store, "ward", patient_id, include_review=include_review)
    return loaded


@pytest.fixture(scope="module")
def loaded(ward: Ward) -> dict[str, Any]:
    ward.admit(PATIENT)
    outcome = ward.run(PATIENT)
    assert outcome.failure is None, outcome.reason
    return load(ward, PATIENT)


def test_the_dictionary_has_the_documented_keys(loaded: dict[str, Any]) -> None:
    assert set(loaded) == KEYS
    assert loaded["version"] == "ward 1"


def test_images_lie_in_slices_rows_columns(ward: Ward, loaded: dict[str, Any]) -> None:
    files = [pydicom.dcmread(file) for file in ward.phantom(PATIENT).glob("CT*.dcm")]
    files.sort(key=lambda each: float(each.ImagePositionPatient[2]))
    expected = np.stack([each.pixel_array * each.RescaleSlope + each.RescaleIntercept for each in files])
    np.testing.assert_array_equal(loaded["ct_image"], expected)
    assert loaded["ct_image"].shape == (12, 64, 64)
    assert loaded["PixelSpacing"] == pytest.approx((3.0, 3.0, 6.0))


def test_the_dose_is_on_the_cts_grid_and_unknown_outside_its_own(loaded: dict[str, Any]) -> None:
    """The phantom's dose is 50 Gy at z = 6 mm and grows by 0.8 Gy per mm towards the head."""
    dose = loaded["dose_data"]
    assert dose.shape == loaded["ct_image"].shape
    z_mm = -33.0 + 6.0 * np.arange(12)
    inside = ~np.isnan(dose)
    body = loaded["roi_masks"][f"mask{loaded['roi_names'].index('BODY')}"].astype(bool)
    assert inside[body].all()
    everywhere = np.broadcast_to((50 + 0.8 * (z_mm - 6))[:, None, None], dose.shape)
    np.testing.assert_allclose(dose[inside], everywhere[inside], atol=0.01)
    assert not inside.all()


def known_dose(ward: Ward, patient_id: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """The phantom's linear dose at every voxel of the CT, and NaN beyond the dose grid's outer half voxels."""
    (file,) = ward.phantom(patient_id).glob("RTDOSE*.dcm")
    data = pydicom.dcmread(file)
    x, y, z = (float(value) for value in data.ImagePositionPatient)
    step = float(data.PixelSpacing[0])
    (slices, rows, columns) = shape
    (file, *_) = sorted(ward.phantom(patient_id).glob("CT*.dcm"))
    ct = pydicom.dcmread(file)
    left, front = (float(value) for value in ct.ImagePositionPatient[:2])
    inside = [
        (at > first - step / 2 - 1e-6) & (at < first + (count - 0.5) * step + 1e-6)
        for at, first, count in (
            (-33.0 + 6.0 * np.arange(slices), z, int(data.NumberOfFrames)),
            (front + 3.0 * np.arange(rows), y, int(data.Rows)),
            (left + 3.0 * np.arange(columns), x, int(data.Columns)),
        )
    ]
    gray = np.broadcast_to((50 + 0.8 * (-33.0 + 6.0 * np.arange(slices) - 6))[:, None, None], shape)
    return np.where(inside[0][:, None, None] & inside[1][:, None] & inside[2], gray, np.nan)


def drop_planes(data: pydicom.Dataset) -> None:
    """Take out the second and the last but one of a dose's planes: the others are what they were, and uneven."""
    frames, offsets = int(data.NumberOfFrames), list(data.GridFrameOffsetVector)
    kept = [frame for frame in range(frames) if frame not in {1, frames - 2}]
    data.PixelData = data.pixel_array[kept].tobytes()
    data.GridFrameOffsetVector = [offsets[frame] for frame in kept]
    data.NumberOfFrames = len(kept)


def test_a_dose_with_uneven_planes_is_there_on_the_cts_grid_and_can_be_loaded(ward: Ward) -> None:
    ward.admit("load-uneven")
    (file,) = ward.phantom("load-uneven").glob("RTDOSE*.dcm")
    ward.exchange(file, drop_planes)
    outcome = ward.run("load-uneven")
    assert outcome.failure is None, outcome.reason
    folder = ward.folder("load-uneven").path
    assert (folder / "dose_on_ct.nii.gz").exists()
    assert not (folder / "dose.nii.gz").exists()
    with pytest.raises(PatientInReview, match="XXIV_REV_005"):
        load(ward, "load-uneven")
    dose = load(ward, "load-uneven", include_review=True)["dose_data"]
    expected = known_dose(ward, "load-uneven", dose.shape)
    known = np.isfinite(expected)
    np.testing.assert_allclose(dose[known], expected[known], atol=0.01)


def test_a_dose_of_one_plane_is_not_called_uneven(ward: Ward) -> None:
    def keep_one_plane(data: pydicom.Dataset) -> None:
        middle = int(data.NumberOfFrames) // 2
        data.PixelData = data.pixel_array[middle].tobytes()
        data.ImagePositionPatient[2] += data.GridFrameOffsetVector[middle]
        data.GridFrameOffsetVector = [0.0]
        data.NumberOfFrames = 1

    ward.admit("load-one-plane")
    (file,) = ward.phantom("load-one-plane").glob("RTDOSE*.dcm")
    ward.exchange(file, keep_one_plane)
    outcome = ward.run("load-one-plane")
    assert outcome.failure is None, outcome.reason
    told = ward.files("load-one-plane")["notes.json"].decode()
    assert "the sum: its one plane has no distance to another" in told


def test_the_dose_on_the_cts_grid_is_written_where_the_cohort_asks_and_is_what_is_loaded_without(ward: Ward) -> None:
    ward.admit("load-on-ct")
    ward.run("load-on-ct")
    file = ward.folder("load-on-ct").path / "dose_on_ct.nii.gz"
    assert not file.exists()
    sampled = load(ward, "load-on-ct")["dose_data"]
    expected = known_dose(ward, "load-on-ct", sampled.shape)
    np.testing.assert_allclose(sampled, expected, atol=0.01)
    ward.run("load-on-ct", dose_on_ct_grid=True)
    written = read_image(file)
    assert written.GetPixelIDTypeAsString() == "32-bit float"
    np.testing.assert_allclose(sitk.GetArrayFromImage(written), expected, atol=0.01)
    np.testing.assert_allclose(load(ward, "load-on-ct")["dose_data"], sampled, atol=1e-4)
    write_volume(Volume(replace(grid_of(written), origin_mm=(0.0, 0.0, 0.0)), np.zeros(sampled.shape)), file)
    np.testing.assert_array_equal(load(ward, "load-on-ct")["dose_data"], sampled, "a file of another CT grid is no use")
    ward.run("load-on-ct")
    assert not file.exists(), "what the cohort no longer asks for is gone"


def test_the_dose_on_the_cts_grid_can_be_loaded_alone_as_an_image(ward: Ward, loaded: dict[str, Any]) -> None:
    load_dose_on_ct: Any = pdcp_dagster.load_dose_on_ct
    image = load_dose_on_ct(ward.root / "store", "ward", PATIENT)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), loaded["dose_data"])
    ct = sitk.ReadImage(str(ward.folder(PATIENT).file("ct_volume")))
    assert image.GetOrigin() == ct.GetOrigin()
    assert image.GetSpacing() == ct.GetSpacing()
    with pytest.raises(PatientPending):
        load_dose_on_ct(ward.root / "store", "ward", "load-nobody")


def without_pixels(data: pydicom.Dataset) -> None:
    del data.PixelData
    data.DVHSequence = [pydicom.Dataset()]


def test_a_dose_without_pixels_is_refused_in_words_and_fails_nobody(ward: Ward) -> None:
    ward.admit("load-histograms")
    (file,) = ward.phantom("load-histograms").glob("RTDOSE*.dcm")
    ward.exchange(file, without_pixels)
    outcome = ward.run("load-histograms")
    assert outcome.failure is None
    with pytest.raises(PatientExcluded, match="no dose grid, at most dose-volume histograms") as refusal:
        load(ward, "load-histograms")
    assert refusal.value.code == "XXIV_EXEC_004"


def test_doses_that_are_refused_stand_in_nobodys_way(ward: Ward) -> None:
    """Beside the plan's dose: one of histograms only, one in relative units on uneven planes."""
    ward.admit("load-beside")
    (file,) = ward.phantom("load-beside").glob("RTDOSE*.dcm")
    for number in (1, 2):
        data = pydicom.dcmread(file)
        used = data.SOPInstanceUID
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = UID(f"{used}.{number}")
        if number == 1:
            without_pixels(data)
        else:
            drop_planes(data)
            data.DoseUnits = "RELATIVE"
        data.save_as(file.with_suffix(f".{number}"))
        with ward.archive() as archive:
            archive.upload(file.with_suffix(f".{number}"))
    outcome = ward.run("load-beside")
    assert outcome.failure is None, outcome.reason
    assert np.isfinite(load(ward, "load-beside")["dose_data"]).any()
    folder = ward.folder("load-beside")
    assert [path.name for path in (folder.path / "doses").iterdir()] == [f"{used}.nii.gz"]
    plans = pd.read_parquet(folder.file("plan_table")).set_index("dose_uid")
    assert plans.loc[used, "verdict"] == "selected"
    assert "no dose grid" in str(plans.loc[f"{used}.1", "reason"])
    assert plans["maximum_gy"].isna().to_dict() == {used: False, f"{used}.1": True, f"{used}.2": False}
    assert plans.loc[f"{used}.2", "reason"] == "its units are RELATIVE, not GY"


def test_masks_come_in_the_order_of_the_names(ward: Ward, loaded: dict[str, Any]) -> None:
    assert loaded["roi_names"] == ["BODY", "PTV_50", "CTV", "Lung_L"]
    assert list(loaded["roi_masks"]) == ["mask0", "mask1", "mask2", "mask3"]
    structures = pd.read_parquet(ward.folder(PATIENT).file("structure_masks"))
    for mask, voxels in zip(loaded["roi_masks"].values(), structures["mask_voxels"], strict=True):
        assert mask.dtype == np.uint8
        assert mask.shape == (12, 64, 64)
        assert int(mask.sum()) == voxels


def test_dates_are_dates(ward: Ward, loaded: dict[str, Any]) -> None:
    (file,) = ward.phantom(PATIENT).glob("RTSTRUCT*.dcm")
    data = pydicom.dcmread(file)
    assert loaded["StudyDate"] == dt.datetime.strptime(data.StudyDate, "%Y%m%d").date()  # noqa: DTZ007 - a date
    assert loaded["StructureSetDate"] == dt.datetime.strptime(data.StructureSetDate, "%Y%m%d").date()  # noqa: DTZ007


def test_masks_are_read_when_they_are_asked_for(ward: Ward) -> None:
    ward.admit("load-lazy")
    ward.run("load-lazy")
    masks = StructureMasks(ward.folder("load-lazy").file("structure_masks"))
    for file in (ward.folder("load-lazy").path / "masks").rglob("CTV.nii.gz"):
        file.unlink()
    assert len(masks) == 4
    assert masks["BODY"].GetSize() == (64, 64, 12)
    with pytest.raises(KeyError):
        masks["Heart"]
    with pytest.raises(NiftiReadError, match="no such file"):
        masks["CTV"]


def test_a_patient_to_review_is_loaded_only_on_request(ward: Ward) -> None:
    ward.admit("load-review")
    ward.run("load-review", ct_instances={"minimum": 4, "review_above": 10, "maximum": 60, "action": "exclude"})
    with pytest.raises(PatientInReview, match=r"more slices than is usual.*\(II_REV_001\)") as refusal:
        load(ward, "load-review")
    assert refusal.value.code == "II_REV_001"
    assert set(load(ward, "load-review", include_review=True)) == KEYS


def test_an_undecided_patient_has_nothing_to_load_even_on_request(ward: Ward) -> None:
    ward.admit("load-undecided", studies=2)
    ward.run("load-undecided")
    with pytest.raises(PatientInReview, match="I_REV_004"):
        load(ward, "load-undecided", include_review=True)


def test_an_excluded_patient_raises_with_code_and_reason(ward: Ward) -> None:
    ward.admit("load-excluded")
    ward.run("load-excluded", dose_max_gy={"minimum": None, "maximum": 20, "action": "exclude"})
    with pytest.raises(PatientExcluded, match="above 20 Gy") as refusal:
        load(ward, "load-excluded", include_review=True)
    assert refusal.value.code == "XXIV_EXEC_003"


def test_a_failed_patient_raises_although_an_earlier_run_left_files(ward: Ward) -> None:
    ward.admit("load-failed")
    ward.run("load-failed")
    load(ward, "load-failed")
    ward.damage(min(ward.phantom("load-failed").glob("CT*.dcm")))
    ward.run_anyway("load-failed")
    ward.mend()
    with pytest.raises(PatientFailed, match="Failed at retrieved_dicom"):
        load(ward, "load-failed")


def test_a_patient_on_the_way_and_one_that_never_came_are_pending(ward: Ward) -> None:
    ward.admit("load-begun")
    ward.run("load-begun", "image_summary", "verified_study")
    with pytest.raises(PatientPending, match="materialise"):
        load(ward, "load-begun")
    with pytest.raises(PatientPending, match="no patient 'load-never'"):
        load(ward, "load-never")
    assert not ward.folder("load-never").path.exists()


def test_partition_keys_that_are_not_made_from_patient_ids_are_found_in_the_patient_list(ward: Ward) -> None:
    task = ward.admit("load-hidden")
    ward.tasks["load-hidden"] = type(task)(
        task.orthanc_id, task.patient_id, task.orthanc_id, task.selected, task.run_id
    )
    ward.run("load-hidden", store="hidden")
    cohort = ward.settings("hidden").store.cohort("ward")
    row = (task.patient_id, task.orthanc_id, task.orthanc_id, 1)
    table = pd.DataFrame([row], columns=["patient_id", "orthanc_id", "partition_key", "studies"])
    write_table(table, cohort.file("patient_ids"))
    assert set(load(ward, "load-hidden", store="hidden")) == KEYS


def test_masks_that_share_a_name_all_have_one_of_their_own(tmp_path: Path) -> None:
    rows = [("PTV", 1, "a"), ("PTV", 2, "b"), ("PTV__1", 3, "c"), ("Heart", 4, "d"), ("Heart", 4, "e")]
    table = pd.DataFrame(rows, columns=["roi_name", "roi_number", "file"]).assign(rtstruct_uid="1.2")
    write_table(table, tmp_path / "structures.parquet")
    assert list(StructureMasks(tmp_path / "structures.parquet")) == [
        "PTV__1__1",
        "PTV__2",
        "PTV__1",
        "Heart__4",
        "Heart__4__4",
    ]


def test_masks_of_several_structure_sets_tell_which_set_they_belong_to(tmp_path: Path) -> None:
    rows = [("1.2", "PTV", 1, "a"), ("1.2", "PTV", 2, "b"), ("1.10", "PTV", 1, "c"), ("1.10", "Heart", 3, None)]
    table = pd.DataFrame(rows, columns=["rtstruct_uid", "roi_name", "roi_number", "file"])
    write_table(table, tmp_path / "structures.parquet")
    assert list(StructureMasks(tmp_path / "structures.parquet")) == ["set1_PTV__1", "set1_PTV__2", "set2_PTV"]
