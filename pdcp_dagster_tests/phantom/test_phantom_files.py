"""The files of synthetic patients: conformant, reproducible, and showing what they should."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from pdcp_dagster.phantom.anatomy import full_size_spec, tiny_spec
from pdcp_dagster.phantom.conformance import check_conformance
from pdcp_dagster.phantom.dicom_base import file_bytes
from pdcp_dagster.phantom.patient import PhantomTruth, read_truth, write_phantom
from pdcp_dagster.phantom.spec import Axis, LinearDose


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("patient")
    write_phantom(tiny_spec("P1", 7), folder)
    return folder


def one(folder: Path, modality: str) -> Dataset:
    (path,) = folder.glob(f"{modality}_*.dcm")
    return pydicom.dcmread(path)


def contours(folder: Path, roi_name: str) -> list[np.ndarray]:
    structures = one(folder, "RTSTRUCT")
    (number,) = [roi.ROINumber for roi in structures.StructureSetROISequence if roi.ROIName == roi_name]
    (item,) = [item for item in structures.ROIContourSequence if item.ReferencedROINumber == number]
    return [np.array(each.ContourData, dtype=float).reshape(-1, 3) for each in item.ContourSequence]


def hu_at(folder: Path, x_mm: float, y_mm: float, z_mm: float) -> float:
    for path in folder.glob("CT_*.dcm"):
        ct = pydicom.dcmread(path)
        x, y, z = (float(value) for value in ct.ImagePositionPatient)
        if abs(z - z_mm) <= float(ct.SliceThickness) / 2:
            column, row = round((x_mm - x) / ct.PixelSpacing[1]), round((y_mm - y) / ct.PixelSpacing[0])
            return float(ct.pixel_array[row, column] * ct.RescaleSlope + ct.RescaleIntercept)
    raise AssertionError("no slice there")


def edited(folder: Path, target: Path, modality: str, change: str) -> tuple[str, ...]:
    """Copy a patient, change its one object of a kind by a named deed, and say what the check finds."""
    for path in folder.glob("*.dcm"):
        (target / path.name).write_bytes(path.read_bytes())
    (path,) = target.glob(f"{modality}_*.dcm")
    ds = pydicom.dcmread(path)
    if change == "delete":
        del ds.StructureSetLabel
    elif change == "empty":
        ds.BeamSequence[0].ControlPointSequence[0].GantryAngle = None
    elif change == "dangle":
        ds.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID = "1.2.3"
    elif change == "renumber":
        ds.ROIContourSequence[0].ReferencedROINumber = 77
    path.write_bytes(file_bytes(ds))
    return check_conformance(target)


def test_every_file_of_a_patient_passes_the_strict_reading(patient: Path) -> None:
    assert check_conformance(patient) == ()
    assert len(list(patient.glob("*.dcm"))) == 24 + 3


def test_a_full_size_patient_passes_the_strict_reading(tmp_path: Path) -> None:
    truth = write_phantom(full_size_spec("F", 7, slices=10), tmp_path)
    assert check_conformance(tmp_path) == ()
    assert len(truth.rois) == 30
    assert (
        one(tmp_path, "RTDOSE").BitsAllocated,
        next(iter(tmp_path.glob("CT_*"))).stat().st_size > 512 * 512 * 2,
    ) == (
        16,
        True,
    )


@pytest.mark.parametrize(
    ("modality", "change", "finding"),
    [
        ("RTSTRUCT", "delete", "StructureSetLabel is missing"),
        ("RTPLAN", "empty", "GantryAngle is empty"),
        ("RTDOSE", "dangle", "refers to 1.2.3, which is not there"),
        ("RTSTRUCT", "renumber", "ROIContourSequence is not about the ROIs"),
    ],
)
def test_the_strict_reading_finds_what_is_wrong(
    patient: Path, tmp_path: Path, modality: str, change: str, finding: str
) -> None:
    problems = edited(patient, tmp_path, modality, change)
    assert len(problems) == 1
    assert finding in problems[0]


def test_the_strict_reading_finds_a_value_that_its_vr_forbids(patient: Path, tmp_path: Path) -> None:
    content = (patient / "RTPLAN_1-1_001.dcm").read_bytes()
    (tmp_path / "RTPLAN_1-1_001.dcm").write_bytes(content.replace(b"CURATIVE", b"curative"))
    assert any("PlanIntent" in problem for problem in check_conformance(tmp_path))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(patient: Path, tmp_path: Path) -> None:
    write_phantom(tiny_spec("P1", 7), tmp_path / "same")
    write_phantom(tiny_spec("P1", 8), tmp_path / "other")
    names = sorted(path.name for path in patient.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "same").iterdir())
    assert all((patient / name).read_bytes() == (tmp_path / "same" / name).read_bytes() for name in names)
    assert all((patient / name).read_bytes() != (tmp_path / "other" / name).read_bytes() for name in names)


def test_writing_again_touches_nothing_and_removes_what_does_not_belong(tmp_path: Path) -> None:
    write_phantom(tiny_spec("P1", 7, slices=9), tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    (tmp_path / "CT_9-9_001.dcm").write_bytes(b"of an earlier patient")
    write_phantom(tiny_spec("P1", 7, slices=9), tmp_path)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_the_patient_id_is_written_to_the_letter(tmp_path: Path) -> None:
    write_phantom(tiny_spec("../A B/ü", 7, slices=9, patient_name="Müller^Änne"), tmp_path)
    for path in tmp_path.glob("*.dcm"):
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        assert (ds.PatientID, str(ds.PatientName), ds.SpecificCharacterSet) == ("../A B/ü", "Müller^Änne", "ISO_IR 192")
    assert check_conformance(tmp_path) == ()


def test_the_left_lung_lies_at_larger_x_and_the_cord_behind_the_heart(patient: Path) -> None:
    left, right = (np.concatenate(contours(patient, name))[:, 0].mean() for name in ("Lung_L", "Lung_R"))
    heart, cord = (np.concatenate(contours(patient, name))[:, 1].mean() for name in ("Heart", "SpinalCord"))
    assert left > 20 > -20 > right
    assert cord > 20 > -5 > heart


def test_the_ct_shows_water_lung_bone_and_air_where_the_organs_are(patient: Path) -> None:
    """Four standard deviations of the noise of 15 HU."""
    assert hu_at(patient, 42, 4, 1.5) == pytest.approx(-700, abs=60)
    assert hu_at(patient, -42, 4, 1.5) == pytest.approx(-700, abs=60)
    assert hu_at(patient, 10.5, 43.5, 1.5) == pytest.approx(700, abs=60)
    assert hu_at(patient, 0, 20, 1.5) == pytest.approx(0, abs=60)
    assert hu_at(patient, -90, -90, 1.5) == pytest.approx(-1000, abs=60)


def test_the_noise_of_the_ct_is_15_hu(patient: Path) -> None:
    corners = np.concatenate([pydicom.dcmread(path).pixel_array[:8, :8].ravel() for path in patient.glob("CT_*")])
    assert corners.std() == pytest.approx(15, rel=0.1)
    assert corners.mean() == pytest.approx(24, abs=1)  # -1000 HU, stored with an intercept of -1024


def test_contours_lie_on_ct_slices_and_name_them(patient: Path) -> None:
    slices = {}
    for path in patient.glob("CT_*"):
        ct = pydicom.dcmread(path, stop_before_pixels=True)
        slices[ct.SOPInstanceUID] = float(ct.ImagePositionPatient[2])
    for roi in one(patient, "RTSTRUCT").ROIContourSequence:
        for contour in roi.ContourSequence:
            (image,) = contour.ContourImageSequence
            assert {float(z) for z in contour.ContourData[2::3]} == {slices[image.ReferencedSOPInstanceUID]}


def test_an_organ_with_a_hole_has_an_inner_contour_on_some_slices_only(patient: Path) -> None:
    planes = [points[0, 2] for points in contours(patient, "Stomach_wall")]
    assert {planes.count(z) for z in planes} == {1, 2}


@pytest.mark.parametrize("bits", [16, 32])
@pytest.mark.parametrize("axis", list(Axis))
def test_the_dose_is_linear_and_covers_every_roi_with_a_margin(tmp_path: Path, axis: Axis, bits: int) -> None:
    dose = LinearDose(axis, at_mm=5.0, dose_gy=40.0, gradient_gy_per_mm=0.3)
    truth = write_phantom(tiny_spec("P1", 7, slices=12, dose=dose, dose_bits=bits), tmp_path)
    ds = one(tmp_path, "RTDOSE")
    gy = ds.pixel_array * float(ds.DoseGridScaling)
    x, y, z = (float(value) for value in ds.ImagePositionPatient)
    positions = {
        Axis.SI: z + np.array(ds.GridFrameOffsetVector, dtype=float)[:, np.newaxis, np.newaxis],
        Axis.AP: y + np.arange(ds.Rows)[np.newaxis, :, np.newaxis] * float(ds.PixelSpacing[0]),
    }[axis]
    assert np.abs(gy - (40 + 0.3 * (positions - 5))).max() < 0.001
    assert gy.max() == pytest.approx(truth.max_dose_gy, abs=0.001)
    body = np.concatenate(contours(tmp_path, "BODY"))
    step = float(ds.PixelSpacing[0])
    last = np.array([x + (ds.Columns - 1) * step, y + (ds.Rows - 1) * step, z + float(ds.GridFrameOffsetVector[-1])])
    half_slice = np.array([0, 0, 3.0])
    assert (body.min(axis=0) - half_slice - [x, y, z] >= 2 * step - 1e-6).all()
    assert (last - body.max(axis=0) - half_slice >= 2 * step - 1e-6).all()


def test_a_dose_that_would_be_negative_somewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="would be -"):
        write_phantom(tiny_spec("P1", 7, dose=LinearDose(Axis.SI, 0.0, 10.0, 1.0)), tmp_path)


def test_the_plan_prescribes_50_gy_in_25_fractions_to_the_ptv_with_two_fields_and_a_setup_field(patient: Path) -> None:
    plan, structures = one(patient, "RTPLAN"), one(patient, "RTSTRUCT")
    names = {roi.ROINumber: roi.ROIName for roi in structures.StructureSetROISequence}
    (prescription,) = plan.DoseReferenceSequence
    assert names[prescription.ReferencedROINumber] == "PTV_50"
    assert (prescription.DoseReferenceType, float(prescription.TargetPrescriptionDose)) == ("TARGET", 50)
    assert [beam.TreatmentDeliveryType for beam in plan.BeamSequence] == ["TREATMENT", "TREATMENT", "SETUP"]
    assert (plan.PlanIntent, plan.ApprovalStatus) == ("CURATIVE", "APPROVED")
    (group,) = plan.FractionGroupSequence
    doses = [float(beam.BeamDose) for beam in group.ReferencedBeamSequence if "BeamDose" in beam]
    assert sum(doses) * group.NumberOfFractionsPlanned == pytest.approx(50)


def test_the_truth_beside_the_files_is_the_one_returned(tmp_path: Path) -> None:
    truth = write_phantom(tiny_spec("P1", 7, slices=9, spare_structure_set=True, studies=2), tmp_path)
    assert isinstance(truth, PhantomTruth)
    assert read_truth(tmp_path) == truth
    assert [each.planned for each in truth.structure_sets] == [True, False, True, False]
    assert json.loads((tmp_path / "truth.json").read_text())["patient_id"] == "P1"


def test_the_plan_uses_one_of_two_structure_sets_which_differ(tmp_path: Path) -> None:
    truth = write_phantom(tiny_spec("P3", 7, slices=9, spare_structure_set=True), tmp_path)
    found = {pydicom.dcmread(path).SOPInstanceUID: path for path in tmp_path.glob("RTSTRUCT_*")}
    (used,) = one(tmp_path, "RTPLAN").ReferencedStructureSetSequence
    assert used.ReferencedSOPInstanceUID == truth.planned.sop_instance_uid
    assert len(found) == 2
    assert check_conformance(tmp_path) == ()


def test_chains_and_studies_share_no_series_or_frame_of_reference(tmp_path: Path) -> None:
    write_phantom(tiny_spec("P6", 7, slices=9, studies=2, chains_per_study=2), tmp_path)
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in tmp_path.glob("*.dcm")]
    assert len({ds.StudyInstanceUID for ds in headers}) == 2
    assert len({ds.FrameOfReferenceUID for ds in headers}) == 4
    assert len({ds.SeriesInstanceUID for ds in headers}) == 16
    assert len({ds.SOPInstanceUID for ds in headers}) == len(headers) == 4 * 12
