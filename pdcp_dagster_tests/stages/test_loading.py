"""`load_patient_images`: the documented dictionary for whom it may be had, and a reason for everyone else."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pydicom
import pytest

import pdcp_dagster
from pdcp_dagster.adapters.nifti import NiftiReadError
from pdcp_dagster.adapters.parquet import write_table
from pdcp_dagster.stages.current import PatientExcluded, PatientFailed, PatientInReview, PatientPending
from pdcp_dagster.stages.loading import StructureMasks

if TYPE_CHECKING:
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
    ward.run("load-failed")
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
