"""Looking at a patient through a snapshot: the same answers, each commit mark read once."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from pdcp_dagster.adapters.store import PATIENT_FILES, CohortFolder, PatientFolder
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.stages.current import outdated_assets, standing_of
from pdcp_dagster.stages.snapshot import snapshot_of
from pdcp_dagster_tests.stages.conftest import Ward


@pytest.fixture
def folder(tmp_path: Path) -> PatientFolder:
    """A patient of whom two assets were made, the first one again since."""
    patient = CohortFolder(tmp_path).patient("p1")
    for content in ("first", "second"):
        (patient.begin("image_summary") / "image_summary.parquet").write_text(content)
        patient.commit("image_summary")
    return patient


def test_a_snapshot_has_the_marks_that_the_folder_has(folder: PatientFolder) -> None:
    snapshot = snapshot_of(folder)
    assert {asset: snapshot.mark(asset) for asset in PATIENT_FILES} == {
        asset: folder.mark(asset) for asset in PATIENT_FILES
    }
    assert snapshot.mark("image_summary") is not None


def test_what_happens_afterwards_is_not_in_a_snapshot(folder: PatientFolder) -> None:
    snapshot = snapshot_of(folder)
    folder.remove("image_summary")
    assert snapshot.manifest("image_summary") is not None
    assert snapshot_of(folder).manifest("image_summary") is None


def test_a_damaged_mark_is_no_mark(folder: PatientFolder) -> None:
    (folder.path / "manifests" / "image_summary.json").write_text('{"asset": ')
    assert snapshot_of(folder).manifest("image_summary") is None


def test_a_patient_who_was_never_run_is_pending_and_no_folder_is_made(tmp_path: Path) -> None:
    never = CohortFolder(tmp_path).patient("nobody")
    assert standing_of(snapshot_of(never)).status is Status.PENDING
    assert not never.path.exists()


def test_marks_that_the_disk_does_not_give_are_not_marks_that_are_not_there(folder: PatientFolder) -> None:
    marks = folder.path / "manifests"
    marks.rename(folder.path / "elsewhere")
    marks.write_text("a file where the folder of marks should be")
    with pytest.raises(NotADirectoryError):
        snapshot_of(folder)


def test_a_real_patient_stands_the_same_and_every_mark_is_read_once(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    ward.admit("snap", modalities=("CT", "RTSTRUCT", "RTPLAN", "RTDOSE"))
    assert ward.run("snap").status is Status.SUCCESS
    folder = ward.folder("snap")
    expected = standing_of(folder), outdated_assets(folder)
    reads: Counter[str] = Counter()
    loads = json.loads

    def counted(text: str) -> object:
        document = loads(text)
        reads[document.get("asset", "no mark")] += 1
        return document

    monkeypatch.setattr(json, "loads", counted)
    snapshot = snapshot_of(folder)
    assert (standing_of(snapshot), outdated_assets(snapshot)) == expected
    del reads["no mark"]
    assert set(reads.values()) == {1}
    assert set(reads) == {path.stem for path in (folder.path / "manifests").iterdir()}
