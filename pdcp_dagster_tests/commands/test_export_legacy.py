"""`pdcp export-legacy`: from the store alone, one patient's trouble told last, and one line for what cannot be done."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pdcp_dagster_tests.commands.conftest import Clinic

NOBODY_LISTENS = "http://127.0.0.1:9"
SOUND, NO_DOSE, HOSTILE = "LXC-sound", "LXC-no-dose", "[red]LXC[/] :pill:"


@pytest.fixture(scope="module")
def ran(clinic: Clinic) -> Clinic:
    """A store of one patient who passed, one who is excluded, and one with a name that is markup."""
    clinic.admit(SOUND)
    clinic.admit(NO_DOSE, modalities=("CT", "RTSTRUCT", "RTPLAN"))
    clinic.admit(HOSTILE)
    clinic.cohort("lxc", [SOUND, NO_DOSE, HOSTILE])
    answer = clinic.pdcp("run", "--cohort", "lxc", "--jobs", "2", **clinic.settings)
    assert answer.returncode == 0, answer.stderr
    return clinic


def export(
    clinic: Clinic, folder: Path, *options: str, store: Path | None = None, cohort: str = "lxc"
) -> subprocess.CompletedProcess[str]:
    settings = {**clinic.settings, "PDCP_STORE": store or clinic.root / "store", "ORTHANC_URL": NOBODY_LISTENS}
    return clinic.pdcp("export-legacy", "--cohort", cohort, str(folder), *options, **settings)


def require_one_line(answer: subprocess.CompletedProcess[str], *words: str) -> None:
    assert answer.returncode == 2, answer.stderr
    (line,) = answer.stderr.splitlines()
    assert line.startswith("Error: ")
    for word in words:
        assert word in line


def test_the_store_is_exported_without_orthanc_or_dagster_and_left_as_it_was(ran: Clinic, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(ran.root / "store" / "lxc", store / "lxc")
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*")}
    answer = export(ran, tmp_path / "export", store=store)
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    assert f"3 patients in {tmp_path / 'export'}: 1 EXCLUDE  2 SUCCESS" in answer.stdout
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*")} == before
    notes = json.loads((tmp_path / "export" / "patientnotes" / f"{SOUND}.json").read_text())
    assert notes["patientimagingfilesready"] is True
    assert Path(notes["list_of_values"]["ct_directory"]).is_dir()


def test_one_patients_damaged_table_is_told_last_and_the_others_are_exported(ran: Clinic, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(ran.root / "store" / "lxc", store / "lxc")
    (damaged,) = [path for path in (store / "lxc" / "patients").iterdir() if "pill" in path.name]
    (damaged / "dvh.parquet").write_bytes(bytes((damaged / "dvh.parquet").stat().st_size))
    answer = export(ran, tmp_path / "export", store=store)
    assert answer.returncode == 1
    (line,) = answer.stderr.splitlines()
    assert line.startswith(f"not exported {HOSTILE}: ")
    assert "dvh.parquet is no readable Parquet table" in line
    assert (tmp_path / "export" / "data" / SOUND).is_dir()


def test_one_patient_alone(ran: Clinic, tmp_path: Path) -> None:
    answer = export(ran, tmp_path / "export", "--patient", NO_DOSE)
    assert answer.returncode == 0, answer.stderr
    assert "1 patients" in answer.stdout
    assert [path.name for path in (tmp_path / "export" / "patientnotes").iterdir()] == [f"{NO_DOSE}.json"]


def test_a_patient_that_nobody_knows_is_refused_before_anything_is_written(ran: Clinic, tmp_path: Path) -> None:
    answer = export(ran, tmp_path / "export", "--patient", "\x1b[31mnobody")
    require_one_line(answer, "not in the cohort's patient list", r"\x1b[31mnobody")
    assert not (tmp_path / "export").exists()


def test_a_folder_with_other_things_in_it_is_refused(ran: Clinic, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    require_one_line(export(ran, tmp_path), "not empty and no earlier export")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_in_the_store_is_refused(ran: Clinic) -> None:
    require_one_line(export(ran, ran.root / "store" / "legacy"), "lies in the store")
    assert not (ran.root / "store" / "legacy").exists()


def test_a_folder_that_cannot_be_made(ran: Clinic, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    require_one_line(export(ran, tmp_path / "file" / "export"), "cannot be used")


def test_a_cohort_that_was_never_run_or_does_not_exist(ran: Clinic, tmp_path: Path) -> None:
    ran.cohort("lxc_never", [SOUND])
    require_one_line(export(ran, tmp_path / "export", cohort="lxc_never"), "pdcp run --cohort lxc_never")
    require_one_line(export(ran, tmp_path / "export", cohort="nowhere"), "no cohort 'nowhere'")
    assert not (tmp_path / "export").exists()
