"""The store: a set of files counts when its commit mark is there, and one patient's files are nobody else's."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pdcp_dagster.adapters.atomic import whole_file
from pdcp_dagster.adapters.store import PatientBusyError, PatientFolder, Store, StoreError


@pytest.fixture
def patient(tmp_path: Path) -> PatientFolder:
    return Store(tmp_path).cohort("breast").patient("P1")


def _fill_disk(path: Path) -> None:
    path.write_text("half")
    raise OSError("disk full")


def put(patient: PatientFolder, text: str = "volume") -> None:
    (patient.begin("ct_volume") / "ct.nii.gz").write_text(text)


def test_what_was_begun_and_not_committed_does_not_count(patient: PatientFolder) -> None:
    put(patient)
    assert patient.manifest("ct_volume") is None
    assert not patient.file("ct_volume").exists()


def test_a_committed_asset_names_its_files_and_their_sizes(patient: PatientFolder) -> None:
    put(patient)
    manifest = patient.commit("ct_volume", {"size": [1, 2, 3]})
    assert manifest.files == {"ct.nii.gz": 6}
    assert patient.manifest("ct_volume") == manifest
    assert patient.file("ct_volume").read_text() == "volume"


def test_the_same_bytes_have_the_same_data_version_and_others_another(patient: PatientFolder) -> None:
    versions = []
    for text in ("one", "one", "two"):
        put(patient, text)
        versions.append(patient.commit("ct_volume").data_version)
    assert versions[0] == versions[1] != versions[2]


def test_old_content_stands_until_the_new_is_committed(patient: PatientFolder) -> None:
    put(patient, "old")
    patient.commit("ct_volume")
    put(patient, "new")
    assert patient.file("ct_volume").read_text() == "old"
    patient.commit("ct_volume")
    assert patient.file("ct_volume").read_text() == "new"


def test_files_that_the_new_content_lacks_are_gone_after_the_commit(patient: PatientFolder) -> None:
    for names in (("a", "b"), ("a",)):
        folder = patient.begin("structure_masks") / "masks" / "1.2.3"
        folder.mkdir(parents=True)
        for name in names:
            (folder / f"{name}.nii.gz").write_text(name)
        (folder.parent.parent / "structures.parquet").write_text("table")
        patient.commit("structure_masks")
    assert sorted(file.name for file in (patient.path / "masks").rglob("*.gz")) == ["a.nii.gz"]


def test_removing_leaves_nothing_of_the_asset_and_touches_no_other(patient: PatientFolder) -> None:
    put(patient)
    patient.commit("ct_volume")
    (patient.begin("image_summary") / "image_summary.parquet").write_text("rows")
    patient.commit("image_summary")
    assert patient.remove("ct_volume")
    assert not patient.remove("ct_volume")
    assert patient.manifest("ct_volume") is None
    assert patient.manifest("image_summary") is not None


def test_what_a_killed_writer_left_is_swept_away_by_the_next_one(patient: PatientFolder) -> None:
    put(patient)
    (patient.path / ".notes.json.0123.tmp").write_text("half")
    with patient.locked():
        assert {path.name for path in patient.path.iterdir()} == {".lock", ".holder.json"}
    assert [path.name for path in patient.path.iterdir()] == [".lock"]


def test_a_failed_write_leaves_the_old_file_and_no_temporary(tmp_path: Path) -> None:
    target = tmp_path / "table.parquet"
    target.write_text("old")
    with pytest.raises(OSError, match="disk full"), whole_file(target) as temporary:
        _fill_disk(temporary)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_two_processes_never_write_one_patient_at_a_time(patient: PatientFolder) -> None:
    program = (
        "import sys, time; from pathlib import Path; from pdcp_dagster.adapters.store import PatientFolder\n"
        f"with PatientFolder(Path({str(patient.path)!r})).locked():\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        held = rf"process {other.pid} on {socket.gethostname()}, since .* works on this patient"
        with pytest.raises(PatientBusyError, match=held), patient.locked(wait_s=0.1):
            pass
        other.kill()  # the lock dies with its process
        other.wait()
        with patient.locked(wait_s=5):
            pass


def test_prefix_patients_have_folders_of_their_own(tmp_path: Path) -> None:
    cohort = Store(tmp_path).cohort("breast")
    for key in ("P1", "P10"):
        put(cohort.patient(key), key)
        cohort.patient(key).commit("ct_volume")
    cohort.patient("P1").remove("ct_volume")
    assert cohort.patient("P10").file("ct_volume").read_text() == "P10"


def test_a_store_elsewhere_than_on_disk_is_refused_in_one_line() -> None:
    with pytest.raises(StoreError, match=r"^PDCP_STORE: 's3://' is not supported[^\n]*$"):
        Store.at("s3://bucket/store")


def test_damaged_notes_are_an_error_and_not_no_notes(patient: PatientFolder) -> None:
    patient.path.mkdir(parents=True)
    assert patient.read_notes() is None
    patient.file("patient_notes").write_text('{"status": ')
    with pytest.raises(StoreError, match=r"notes\.json is damaged"):
        patient.read_notes()


def test_failure_is_written_whole_and_cleared(patient: PatientFolder) -> None:
    patient.write_failure({"stage": "ct_volume", "reason": "ü \u2028"})
    assert json.loads((patient.path / "failure.json").read_text(encoding="utf-8"))["reason"] == "ü \u2028"
    patient.clear_failure()
    patient.clear_failure()
    assert patient.read_failure() is None
