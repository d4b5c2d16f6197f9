"""A second `pdcp run`: patients of whom nothing has changed cost a look each and no run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from pdcp_dagster.adapters.store import Store
from pdcp_dagster.defs.jobs import collect_job_name, patient_asset_keys
from pdcp_dagster.defs.partitions import patient_partitions

if TYPE_CHECKING:
    from pdcp_dagster_tests.commands.conftest import Clinic

COHORT = "second"
PATIENTS = ("SR1", "SR2", "SR-excluded", "SR-failed")


@pytest.fixture(scope="module")
def first(clinic: Clinic) -> str:
    """What the first run printed, of one who cannot be read among others."""
    for patient in PATIENTS:
        clinic.admit(patient, damaged=patient == "SR-failed", **({"slices": 3} if "excluded" in patient else {}))
    clinic.cohort(COHORT, PATIENTS)
    answer = clinic.pdcp("run", "--cohort", COHORT, **clinic.settings)
    assert answer.returncode == 1, answer.stderr
    return answer.stdout


def collected(clinic: Clinic, home: Path | None = None) -> list[list[str]]:
    """Return the patients of each run over patients, oldest first."""
    with dg.DagsterInstance.from_config(str(home or clinic.root / "store" / ".dagster")) as instance:
        runs = instance.get_runs(dg.RunsFilter(job_name=collect_job_name(COHORT)))
        return [sorted(_patients(run.run_config)) for run in reversed(runs)]


def _patients(config: object) -> list[str]:
    while isinstance(config, dict):
        if "patients" in config:
            return list(config["patients"])
        config = next(iter(value for key, value in config.items() if key != "loggers"))
    raise AssertionError("a run without patients")


def written(clinic: Clinic) -> dict[str, int]:
    folder = Store(clinic.root / "store").cohort(COHORT).path / "patients"
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def run(clinic: Clinic, *options: str, code: int = 1, **settings: str | Path) -> str:
    answer = clinic.pdcp("run", "--cohort", COHORT, *options, **{**clinic.settings, **settings})
    assert answer.returncode == code, answer.stderr
    return re.sub(r"\s+", " ", answer.stdout)


def test_only_those_who_failed_are_run_again_and_nobody_elses_files_are_touched(clinic: Clinic, first: str) -> None:
    assert "left as they are" not in first
    assert collected(clinic) == [sorted(PATIENTS)]
    before = {path: time for path, time in written(clinic).items() if "SR-failed" not in path}
    printed = run(clinic)
    assert "4 patients: 2 passed 0 review 1 excluded 1 failed" in printed
    assert "3 of them left as they are: nothing has changed" in printed
    assert collected(clinic)[1:] == [["SR-failed"]]
    after = written(clinic)
    assert {path: after[path] for path in before if "sr-failed" not in path} == {
        path: time for path, time in before.items() if "sr-failed" not in path
    }


def test_named_patients_who_are_current_have_no_run_at_all(clinic: Clinic, first: str) -> None:
    assert first
    before = collected(clinic)
    printed = run(clinic, "--patient", "SR1", "--patient", "SR-excluded", code=0)
    assert "2 patients: 1 passed 0 review 1 excluded 0 failed" in printed
    assert collected(clinic) == before


def test_force_runs_them_all_the_same(clinic: Clinic, first: str) -> None:
    assert first
    before = written(clinic)
    printed = run(clinic, "--force", "--patient", "SR1", code=0)
    assert "left as they are" not in printed
    assert collected(clinic)[-1] == ["SR1"]
    (manifest,) = [path for path in before if path.endswith("manifests/ct_volume.json") and "/sr1" in path.lower()]
    assert written(clinic)[manifest] > before[manifest]


def test_another_dagster_instance_is_told_of_those_who_are_current(clinic: Clinic, first: str, tmp_path: Path) -> None:
    assert first
    before = written(clinic)
    run(clinic, "--patient", "SR1", "--patient", "SR-excluded", code=0, DAGSTER_HOME=tmp_path / "home")
    assert collected(clinic, tmp_path / "home") == [["SR-excluded", "SR1"]]
    assert written(clinic) == before
    with dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance:
        for asset in patient_asset_keys(COHORT, "CRDP"):
            found = instance.get_status_by_partition(asset, ["SR1"], patient_partitions(COHORT)) or {}
            assert [status.value for status in found.values() if status] == ["MATERIALIZED"]


def test_a_changed_cohort_file_runs_those_whom_it_concerns_and_says_so_before(clinic: Clinic, first: str) -> None:
    assert first
    clinic.cohort(COHORT, PATIENTS, {"dose_max_gy": {"maximum": 500}})
    told = clinic.pdcp("status", "--cohort", COHORT, "--patient", "SR1", **clinic.settings).stdout
    assert re.search(r"PENDING\W+The cohort file has changed since, which concerns dose_volume", told)
    run(clinic, "--patient", "SR1", "--patient", "SR-excluded", code=0)
    assert collected(clinic)[-1] == ["SR1"], "a dose bound is nothing to one who never came as far"
