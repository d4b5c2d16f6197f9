"""Uneven, missing and repeated CT slices: refused in words, or interpolated and told of, as the cohort says."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
import pandas as pd
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.uid import UID

from pdcp_dagster.domain.codes import Status
from pdcp_dagster_tests.stages.conftest import SLICES

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from pdcp_dagster.stages.outcome import PatientOutcome
    from pdcp_dagster_tests.stages.conftest import Ward

RESAMPLE: dict[str, Any] = {"ct_geometry": "resample"}


def slices_of(ward: Ward, patient_id: str) -> list[Path]:
    """The files of the CT, feet to head: 12 slices of 6 mm from -33 to 33 mm."""
    files = ward.phantom(patient_id).glob("CT*.dcm")
    return sorted(files, key=lambda file: float(pydicom.dcmread(file, stop_before_pixels=True).ImagePositionPatient[2]))


def lose_slices(ward: Ward, patient_id: str, numbers: Collection[int]) -> None:
    """Take slices out of the archive, and their names out of the structure set, so that nothing is lacking."""
    files = [slices_of(ward, patient_id)[number] for number in numbers]
    gone = {str(pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID) for file in files}

    def forget(data: Dataset) -> None:
        (frame,) = data.ReferencedFrameOfReferenceSequence
        (series,) = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence
        series.ContourImageSequence = [
            each for each in series.ContourImageSequence if each.ReferencedSOPInstanceUID not in gone
        ]

    for file in files:
        ward.take_out(file)
    (structure_set,) = ward.phantom(patient_id).glob("RTSTRUCT*.dcm")
    ward.exchange(structure_set, forget)


def repeat_a_slice(ward: Ward, patient_id: str, change: Callable[[Dataset], None]) -> None:
    data = pydicom.dcmread(slices_of(ward, patient_id)[5])
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = UID(f"{data.SOPInstanceUID[:60]}.1")
    change(data)
    file = ward.phantom(patient_id) / "again.repeated"
    data.save_as(file)
    with ward.archive() as archive:
        archive.upload(file)


def as_it_is(data: Dataset) -> None:
    """Change nothing."""


def a_brighter_pixel(data: Dataset) -> None:
    pixels = np.frombuffer(data.PixelData, "<i2").copy()
    pixels[7] += 1
    data.PixelData = pixels.tobytes()


def codes_of(outcome: PatientOutcome) -> list[str]:
    (notes,) = [asset for asset in outcome.assets if asset.asset == "patient_notes"]
    return str(notes.shown["codes"]).split(", ")


def hu_of(ward: Ward, patient_id: str, store: str) -> NDArray[np.generic]:
    """HU as `(k, j, i)`."""
    image: Any = nibabel.Nifti1Image.from_filename(ward.folder(patient_id, store).file("ct_volume"))
    return np.asarray(image.dataobj).T


def same_but(ward: Ward, patient_id: str, ends: tuple[str, ...]) -> list[str]:
    """Return the files with these endings that differ between the stores `whole` and `resampled`."""
    whole, now = ward.files(patient_id, "whole"), ward.files(patient_id, "resampled")
    names = {name for name in whole if name.endswith(ends)}
    assert names
    return sorted(name for name in names if now.get(name) != whole[name])


def test_by_default_every_gap_is_named_and_nothing_is_kept(ward: Ward) -> None:
    ward.admit("ct-gaps")
    lose_slices(ward, "ct-gaps", [2, 5, 6, 9])
    outcome = ward.run("ct-gaps")
    assert (outcome.status, outcome.code) == (Status.EXCLUDE, "XII_EXEC_002")
    assert "3 gaps where the usual step is 6.00 mm: z -27.00 mm to z -15.00 mm (12.00 mm, about 1 missing), " in (
        outcome.reason
    )
    assert "z -9.00 mm to z 9.00 mm (18.00 mm, about 2 missing), z 15.00 mm to z 27.00 mm" in outcome.reason
    assert not ward.folder("ct-gaps").file("ct_volume").exists()


def test_missing_slices_are_interpolated_where_the_cohort_says_so_and_told_of(ward: Ward) -> None:
    ward.admit("ct-filled")
    assert ward.run("ct-filled", store="whole").status is Status.SUCCESS
    lose_slices(ward, "ct-filled", [4, 8])
    outcome = ward.run("ct-filled", store="resampled", **RESAMPLE)
    assert outcome.status is Status.SUCCESS, outcome.reason
    assert "XII_NOTE_001" in codes_of(outcome)
    whole, filled = hu_of(ward, "ct-filled", "whole"), hu_of(ward, "ct-filled", "resampled")
    for k in range(SLICES):
        wanted = whole[k] if k not in {4, 8} else (whole[k - 1].astype(float) + whole[k + 1]) / 2
        assert np.array_equal(filled[k], wanted), k
    # The grid is that of the whole CT, and masks, dose and DVHs come from contours and dose alone.
    assert same_but(ward, "ct-filled", ("dvh_curves.parquet", "structures.parquet")) == []
    whole_dvh, filled_dvh = (
        pd.read_parquet(ward.folder("ct-filled", store).file("dvh_table")).drop(columns="config_hash")
        for store in ("whole", "resampled")
    )
    pd.testing.assert_frame_equal(filled_dvh, whole_dvh)
    assert [name for name in same_but(ward, "ct-filled", (".nii.gz",)) if name != "ct.nii.gz"] == []


def test_what_was_interpolated_lies_in_the_manifest_the_notes_and_the_metadata(ward: Ward) -> None:
    ward.admit("ct-told")
    lose_slices(ward, "ct-told", [4])
    outcome = ward.run("ct-told", **RESAMPLE)
    manifest = ward.folder("ct-told").manifest("ct_volume")
    assert manifest is not None
    assert manifest.details["resampled"] is True
    done = manifest.details["resampling"]
    heights = [z for _, _, z in done["slice_positions_mm"]]
    assert heights == [-33, -27, -21, -15, -3, 3, 9, 15, 21, 27, 33]
    assert (done["planes"], done["interpolated_planes"], done["widest_step_mm"]) == (12, 1, 12.0)
    (asset,) = [asset for asset in outcome.assets if asset.asset == "ct_volume"]
    told = "1 of 12 planes were interpolated, 6.00 mm apart; the widest step bridged is 12.00 mm"
    assert asset.shown["resampled"] == told
    notes = ward.files("ct-told")["notes.json"].decode()
    assert told in notes
    assert "1 gap where the usual step is 6.00 mm: z -15.00 mm to z -3.00 mm" in notes


def test_an_even_stack_is_the_same_whatever_the_cohort_says(ward: Ward) -> None:
    ward.admit("ct-even")
    ward.run("ct-even", store="whole")
    outcome = ward.run("ct-even", store="resampled", **RESAMPLE)
    assert "XII_NOTE_001" not in codes_of(outcome)
    assert same_but(ward, "ct-even", (".nii.gz",)) == []
    manifest = ward.folder("ct-even", "resampled").manifest("ct_volume")
    assert manifest is not None
    assert manifest.details["resampled"] is False


def test_stages_run_apart_stand_on_the_same_interpolated_ct(ward: Ward) -> None:
    ward.admit("ct-apart")
    lose_slices(ward, "ct-apart", [4])
    ward.run("ct-apart", store="together", **RESAMPLE)
    for asset in ("image_summary", "verified_study", "retrieved_dicom", "ct_volume", "structure_masks"):
        outcome = ward.run("ct-apart", asset, store="apart", **RESAMPLE)
        assert outcome.failure is None, outcome.reason
    together, apart = ward.files("ct-apart", "together"), ward.files("ct-apart", "apart")
    images = [name for name in apart if name.startswith(("ct.", "masks/"))]
    assert len(images) > 1
    assert [name for name in images if apart[name] != together[name]] == []


def test_a_gap_that_is_too_wide_is_refused_all_the_same(ward: Ward) -> None:
    ward.admit("ct-wide")
    lose_slices(ward, "ct-wide", [4, 5])
    outcome = ward.run("ct-wide", **RESAMPLE)
    assert (outcome.status, outcome.code) == (Status.EXCLUDE, "XII_EXEC_002")
    assert "18.00 mm without a slice, the first of such gaps from z -15.00 mm to z 3.00 mm" in outcome.reason
    assert "at most 15.00 mm are bridged" in outcome.reason


def test_a_repeated_slice_is_left_out_only_where_the_cohort_says_so(ward: Ward) -> None:
    ward.admit("ct-twice")
    ward.run("ct-twice", store="whole")
    repeat_a_slice(ward, "ct-twice", as_it_is)
    refused = ward.run("ct-twice")
    assert (refused.code, "1 slice lies at the position of another: z -3.00 mm" in refused.reason) == (
        "XII_EXEC_002",
        True,
    )
    assert ward.run("ct-twice", store="resampled", **RESAMPLE).status is Status.SUCCESS
    assert same_but(ward, "ct-twice", (".nii.gz",)) == []
    notes = json.loads(ward.files("ct-twice", "resampled")["notes.json"])
    assert "repeated slices with the same pixels left out: 1" in json.dumps(notes)


def test_slices_that_contradict_each_other_are_refused_whatever_the_cohort_says(ward: Ward) -> None:
    ward.admit("ct-contradicting")
    repeat_a_slice(ward, "ct-contradicting", a_brighter_pixel)
    outcome = ward.run("ct-contradicting", **RESAMPLE)
    assert (outcome.status, outcome.code) == (Status.EXCLUDE, "XII_EXEC_002")
    assert "slices at one position, z -3.00 mm, differ in their pixels or place" in outcome.reason


@pytest.mark.parametrize("count", [1, 3])
def test_slices_once_compressed_with_loss_are_counted(ward: Ward, count: int) -> None:
    def lossy(data: Dataset) -> None:
        data.LossyImageCompression = "01"

    patient_id = f"ct-lossy-{count}"
    ward.admit(patient_id)
    for file in slices_of(ward, patient_id)[:count]:
        ward.exchange(file, lossy)
    outcome = ward.run(patient_id)
    assert outcome.status is Status.SUCCESS
    assert "XII_NOTE_002" in codes_of(outcome)
    manifest = ward.folder(patient_id).manifest("ct_volume")
    assert manifest is not None
    assert manifest.details["lossy_slices"] == count
    assert f"{count} of 12 slices" in ward.files(patient_id)["notes.json"].decode()


def test_padding_of_the_scanner_is_counted_and_told_of(ward: Ward) -> None:
    def pad_a_corner(data: Dataset) -> None:
        pixels = np.frombuffer(data.PixelData, "<i2").copy()
        pixels[:3] = -32768
        data.PixelData = pixels.tobytes()
        data.add_new("PixelPaddingValue", "SS", -32768)

    ward.admit("ct-padded")
    for file in slices_of(ward, "ct-padded")[:2]:
        ward.exchange(file, pad_a_corner)
    outcome = ward.run("ct-padded")
    assert outcome.status is Status.SUCCESS, outcome.reason
    hounsfield = hu_of(ward, "ct-padded", "store")
    assert hounsfield.dtype == np.int16
    assert hounsfield[:2, 0, :3].tolist() == [[-1024] * 3] * 2
    manifest = ward.folder("ct-padded").manifest("ct_volume")
    assert manifest is not None
    assert manifest.details["unscanned_voxels"] == 6
    told = "12 slices; 6 voxels were never scanned (PixelPaddingValue) and hold -1024 HU"
    assert told in ward.files("ct-padded")["notes.json"].decode()


def tilt(ward: Ward, patient_id: str, degrees: float) -> None:
    """Lean every slice, with the contours drawn on it, about the patient's left-right axis: a gantry tilt."""
    lean = np.array([0.0, math.cos(math.radians(degrees)), math.sin(math.radians(degrees))])

    def lean_a_slice(data: Dataset) -> None:
        data.ImageOrientationPatient = [1, 0, 0, 0, *(f"{x:.12f}" for x in lean[1:])]

    def lean_contours(data: Dataset) -> None:
        for roi in data.ROIContourSequence:
            for contour in roi.get("ContourSequence", ()):
                points = np.array(contour.ContourData, dtype=np.float64).reshape(-1, 3)
                down = points[:, 1] - top_mm
                points[:, 1] = top_mm
                leant = points + np.outer(down, lean)
                contour.ContourData = [f"{x:.6f}" for x in leant.ravel()]

    files = slices_of(ward, patient_id)
    top_mm = float(pydicom.dcmread(files[0], stop_before_pixels=True).ImagePositionPatient[1])
    for file in files:
        ward.exchange(file, lean_a_slice)
    (structure_set,) = ward.phantom(patient_id).glob("RTSTRUCT*.dcm")
    ward.exchange(structure_set, lean_contours)


def test_a_tilted_ct_is_straightened_with_its_structures(ward: Ward) -> None:
    ward.admit("ct-tilted")
    assert ward.run("ct-tilted", store="whole").status is Status.SUCCESS
    tilt(ward, "ct-tilted", 20.0)
    refused = ward.run("ct-tilted")
    assert (refused.code, "sheared (gantry tilt) by 20.00 degrees" in refused.reason) == ("XII_EXEC_002", True)
    outcome = ward.run("ct-tilted", store="resampled", **RESAMPLE)
    assert "XII_NOTE_001" in codes_of(outcome)
    assert outcome.failure is None, outcome.reason
    whole, straight = (
        pd.read_parquet(ward.folder("ct-tilted", store).path / "structures.parquet") for store in ("whole", "resampled")
    )
    # The same areas, 6 mm cos 20 apart.
    nearer = math.cos(math.radians(20.0))
    assert straight["volume_cm3"].to_numpy() == pytest.approx(whole["volume_cm3"].to_numpy() * nearer, rel=1e-4)
    voxel_cm3 = 3.0 * 3.0 * 6.0 * nearer / 1000
    assert straight["mask_voxels"].to_numpy() * voxel_cm3 == pytest.approx(straight["volume_cm3"].to_numpy(), rel=0.05)
    # HU of a lung within its mask: what is drawn and what is scanned were moved alike.
    masks = ward.folder("ct-tilted", "resampled").path / "masks"
    (file,) = masks.rglob("Lung_L.nii.gz")
    inside = np.asarray(nibabel.Nifti1Image.from_filename(file).dataobj).T.astype(bool)
    assert float(np.median(hu_of(ward, "ct-tilted", "resampled")[inside].astype(float))) == pytest.approx(-700, abs=15)
