"""What an archive can hold that must not end in a wrong path or a wrong dose."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
import pytest

from pdcp_dagster.domain.codes import Status

if TYPE_CHECKING:
    from pdcp_dagster_tests.stages.conftest import Ward


def file_of(ward: Ward, patient_id: str, modality: str) -> Path:
    """Return the phantom's one file of a modality."""
    files = ward.phantom(patient_id).rglob("*.dcm")
    (found,) = [file for file in files if pydicom.dcmread(file, stop_before_pixels=True).Modality == modality]
    return found


def with_uid(uid: str) -> Callable[[pydicom.Dataset], None]:
    def change(data: pydicom.Dataset) -> None:
        data["SOPInstanceUID"]._value = uid  # past pydicom's own check
        data.file_meta["MediaStorageSOPInstanceUID"]._value = uid

    return change


def with_doses(factor: float) -> Callable[[pydicom.Dataset], None]:
    def change(data: pydicom.Dataset) -> None:
        if factor:
            data.DoseGridScaling = f"{float(data.DoseGridScaling) * factor:.10g}"
        else:
            data.PixelData = bytes(len(data.PixelData))

    return change


@pytest.mark.parametrize("number", [1, 2])
def test_a_uid_that_is_a_path_writes_nothing_outside_the_patients_folder(
    ward: Ward, tmp_path: Path, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    patient_id, outside = f"PATH{number}", tmp_path / "outside"
    uid = {1: str(outside), 2: "../../../../../outside"}[number][:64]
    ward.admit(patient_id)
    ward.exchange(file_of(ward, patient_id, "RTDOSE"), with_uid(uid))
    before = {path for path in ward.root.rglob("*.dcm") if patient_id.lower() not in str(path).lower()}
    outcome = ward.run(patient_id)
    assert outcome.status in {Status.SUCCESS, Status.FAILED, Status.EXCLUDE}
    assert not list(tmp_path.glob("outside*"))
    after = {path for path in ward.root.rglob("*.dcm") if patient_id.lower() not in str(path).lower()}
    assert after == before


@pytest.mark.parametrize(("factor", "name"), [(0.04, "1FX"), (100.0, "CGY"), (0.0, "ZERO")])
def test_a_dose_that_cannot_be_the_prescribed_one_is_to_review(ward: Ward, factor: float, name: str) -> None:
    ward.admit(f"DOSE{name}")
    ward.exchange(file_of(ward, f"DOSE{name}", "RTDOSE"), with_doses(factor))
    outcome = ward.run(f"DOSE{name}")
    assert (outcome.status, outcome.code) == (Status.REVIEW, "XXIV_REV_004")


def test_a_plain_dose_needs_no_review(ward: Ward) -> None:
    ward.admit("DOSEPLAIN")
    assert ward.run("DOSEPLAIN").status is Status.SUCCESS


def test_a_target_on_another_frame_of_reference_is_to_review(ward: Ward) -> None:
    ward.admit("OTHERFRAME")

    def change(data: pydicom.Dataset) -> None:
        for roi in data.StructureSetROISequence:
            if str(roi.ROIName).startswith("PTV"):
                roi.ReferencedFrameOfReferenceUID = "1.2.3.4"

    ward.exchange(file_of(ward, "OTHERFRAME", "RTSTRUCT"), change)
    outcome = ward.run("OTHERFRAME")
    assert (outcome.status, outcome.code) == (Status.REVIEW, "XXV_REV_002")


def test_a_hand_made_key_that_is_another_patients_folder_touches_nothing_of_it(ward: Ward) -> None:
    task = ward.admit("OWNER")
    ward.run("OWNER")
    before = ward.files("OWNER")
    ward.tasks["intruder"] = replace(task, partition_key=ward.folder("OWNER").path.name, patient_id="?", orthanc_id="")
    outcome = ward.run("intruder")
    assert outcome.status is Status.FAILED
    assert "patient list" in outcome.reason
    assert ward.files("OWNER") == before


def test_damaged_notes_heal_by_running_the_patient_again(ward: Ward) -> None:
    ward.admit("HEAL")
    ward.run("HEAL")
    sound = ward.files("HEAL")
    ward.folder("HEAL").file("patient_notes").write_text("{")
    (ward.folder("HEAL").path / "failure.json").write_text("{")
    assert ward.run("HEAL").status is Status.SUCCESS
    assert ward.files("HEAL") == sound
