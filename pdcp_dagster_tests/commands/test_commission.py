"""`pdcp commission`: exit codes that say what came of it, one line for what cannot be done, and no archive needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner, Result

from pdcp_dagster.adapters.parquet import read_table, write_table
from pdcp_dagster.cli import main
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster_tests.stages.conftest import COHORT, Ward
from pdcp_dagster_tests.stages.planned_dvhs import EQUAL, UNCAPPED, WRONG, admit_planned

Commission = Callable[..., Result]
FINE, WORSE, SILENT, TORN = "[red]CC[/] :pill:", "CC-worse", "CC-silent", "CC-torn"
KEYS = ("patient_id", "partition_key", "orthanc_id")


@pytest.fixture(scope="module")
def ward(orthanc: PrivateOrthanc, tmp_path_factory: pytest.TempPathFactory) -> Ward:
    """A store of one patient who is explained (with an odd ID), one who is wrong, and one without histograms."""
    ward = Ward(tmp_path_factory.mktemp("commission"), orthanc)
    for patient_id, names in ((FINE, (UNCAPPED,)), (WORSE, (EQUAL, WRONG)), (SILENT, ()), (TORN, (EQUAL, UNCAPPED))):
        admit_planned(ward, patient_id, names)
        ward.run(patient_id)
    listed = [{name: getattr(task, name) for name in KEYS} for task in ward.tasks.values()]
    write_table(pd.DataFrame(listed), ward.root / "store" / "ward" / "patient_ids.parquet")
    cohorts = ward.root / "cohorts"
    cohorts.mkdir()
    (cohorts / "ward.yaml").write_text(yaml.safe_dump(COHORT))
    (cohorts / "other.yaml").write_text(yaml.safe_dump({"name": "other"}))
    (cohorts / "images.yaml").write_text(yaml.safe_dump({"name": "images", "linkage": "CR"}))
    return ward


@pytest.fixture
def commission(ward: Ward) -> Commission:
    """The command as a user gives it, before an archive that nobody answers for."""

    def run(*options: str | Path, cohort: str = "ward") -> Result:
        environment = {
            "PDCP_COHORTS": str(ward.root / "cohorts"),
            "PDCP_STORE": str(ward.root / "store"),
            "ORTHANC_URL": "http://127.0.0.1:9",
            "COLUMNS": "200",
        }
        arguments = ["commission", "--cohort", cohort, "--date", "2026-01-31", *map(str, options)]
        return CliRunner().invoke(main, arguments, env=environment)

    return run


def require_one_line(answer: Result, *words: str) -> None:
    assert answer.exit_code == 2, answer.output
    (line,) = [line for line in answer.stderr.splitlines() if line]
    assert line.startswith("Error: ")
    for word in words:
        assert word in line


def test_what_differs_is_exit_code_1_and_the_report_lies_in_the_store(commission: Commission, ward: Ward) -> None:
    answer = commission()
    assert answer.exit_code == 1, answer.output
    assert "5 ROIs of 3 patients: 2 agree, 2 agree by convention, 1 differ; 1 ROI or patient" in answer.stdout
    assert "agrees by convention: end caps" in answer.stdout
    assert "not compared CC-silent: the RTDOSE holds no histograms" in answer.stdout
    assert FINE in answer.stdout
    folder = ward.root / "store" / "ward" / "commissioning" / "2026-01-31"
    assert f"Report: {folder / 'commissioning.html'}" in answer.stdout.replace("\n", "")
    assert set(read_table(folder / "commissioning.parquet")["patient_id"]) == {FINE, WORSE, SILENT, TORN}


def test_what_is_explained_is_exit_code_0_in_a_folder_of_ones_own(commission: Commission, tmp_path: Path) -> None:
    answers = [commission("--patient", FINE, "--output", tmp_path / "reports") for _ in range(2)]
    assert [answer.exit_code for answer in answers] == [0, 0], answers[0].output
    assert sorted(path.name for path in (tmp_path / "reports").iterdir()) == ["2026-01-31", "2026-01-31-2"]


def test_what_no_one_convention_explains_is_exit_code_1(commission: Commission, tmp_path: Path) -> None:
    """A planning system has one convention: what another one explains may be a slice that was lost."""
    answer = commission("--patient", TORN, "--output", tmp_path)
    assert answer.exit_code == 1
    assert "No one convention explains all ROIs of" in answer.stdout


def test_a_tolerance_forgives(commission: Commission, tmp_path: Path) -> None:
    wide = ("--dose-pct", "10", "--curve-pct", "30")
    assert commission("--patient", WORSE, "--output", tmp_path, *wide).exit_code == 0


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf"])
def test_a_tolerance_that_means_nothing_is_refused(commission: Commission, value: str) -> None:
    require_one_line(commission("--dose-pct", value), "a tolerance must be above 0: dose_pct is")


def test_nothing_to_compare_is_exit_code_2_and_no_report(commission: Commission, tmp_path: Path) -> None:
    answer = commission("--patient", SILENT, "--output", tmp_path / "reports")
    require_one_line(answer, "nothing to compare. CC-silent: the RTDOSE holds no histograms of the planning system")
    assert not (tmp_path / "reports").exists()


def test_what_cannot_be_asked_for_is_one_line(commission: Commission, tmp_path: Path) -> None:
    require_one_line(commission("--patient", "\x1b[31mnobody"), "not in the cohort's patient list", r"\x1b[31mnobody")
    require_one_line(commission(cohort="other"), "pdcp run --cohort other")
    require_one_line(commission(cohort="images"), "has linkage CR, without doses: nothing to compare")
    require_one_line(commission(cohort="nowhere"), "no cohort 'nowhere'")
    (tmp_path / "file").write_text("no folder")
    require_one_line(commission("--patient", FINE, "--output", tmp_path / "file" / "reports"), "cannot be used")
