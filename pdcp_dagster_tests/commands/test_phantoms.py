"""`pdcp phantom` and `pdcp upload`: the same seed gives the same files, and a refused file stops nothing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
from pdcp_dagster.phantom.anatomy import tiny_rois, tiny_spec
from pdcp_dagster.phantom.patient import write_phantom

if TYPE_CHECKING:
    from pdcp_dagster_tests.commands.conftest import Clinic
    from pdcp_dagster_tests.conftest import Pdcp


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_same_seed_gives_the_same_bytes(pdcp: Pdcp, tmp_path: Path) -> None:
    for folder in ("first", "second"):
        answer = pdcp("phantom", tmp_path / folder, "--seed", "5")
        assert answer.returncode == 0, answer.stderr
        assert "36 patients" in answer.stdout
    first = hashes(tmp_path / "first")
    assert first == hashes(tmp_path / "second")
    assert len(json.loads((tmp_path / "first" / "cohort.json").read_text(encoding="utf-8"))) == 36
    assert len([name for name in first if name.endswith(".dcm")]) > 36 * 10


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Fifteen good files of a patient, and one that only calls itself DICOM."""
    spec = tiny_spec("upload-1", 3, slices=12, rois=tiny_rois("upload-1")[:4])
    write_phantom(spec, tmp_path / "patient")
    (tmp_path / "patient" / "AAA_no_dicom_[red].dcm").write_bytes(b"These are no bytes of DICOM.")
    return tmp_path


def test_a_file_that_is_no_dicom_is_refused_with_a_line_and_the_rest_is_sent(clinic: Clinic, folder: Path) -> None:
    answer = clinic.pdcp("upload", folder, **clinic.settings)
    assert answer.returncode == 1
    (line,) = answer.stderr.splitlines()
    assert line.startswith("refused ")
    assert "AAA_no_dicom_[red].dcm" in line
    assert answer.stdout == "15 files are in Orthanc, 1 were refused\n"
    with Orthanc(OrthancSettings(url=clinic.orthanc.url)) as archive:
        (patient,) = [each for each in archive.patients() if each.patient_id == "upload-1"]
        assert len(archive.instance_tags(patient.orthanc_id, ["CT", "RTSTRUCT", "RTPLAN", "RTDOSE"])) == 15


def test_uploading_twice_is_no_error(clinic: Clinic, folder: Path) -> None:
    (folder / "patient" / "AAA_no_dicom_[red].dcm").unlink()
    for _ in range(2):
        answer = clinic.pdcp("upload", folder / "patient", **clinic.settings)
        assert (answer.returncode, answer.stderr) == (0, "")
        assert answer.stdout == "15 files are in Orthanc\n"
