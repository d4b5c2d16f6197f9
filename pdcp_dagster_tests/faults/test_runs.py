"""`pdcp run` as a user has it: a password that stops being right in the middle, and two runs at the same time."""

from __future__ import annotations

from pathlib import Path

from pdcp_dagster_tests.conftest import Pdcp
from pdcp_dagster_tests.faults import wrongs
from pdcp_dagster_tests.faults.aftermath import half_done, open_runs
from pdcp_dagster_tests.faults.conftest import OTHER, VICTIM, Hospital
from pdcp_dagster_tests.faults.proxy import Rule, Script

PASSWORD = "never-to-be-seen"


def test_a_password_that_is_refused_from_the_middle_on_fails_the_rest_with_exit_code_1_and_is_written_nowhere(
    hospital: Hospital, pdcp: Pdcp, tmp_path: Path
) -> None:
    login = {"ORTHANC_USERNAME": "ada", "ORTHANC_PASSWORD": PASSWORD}
    settings = {**hospital.of_a_run(tmp_path), **login}
    hospital.proxy.plan = Script(Rule(f"({hospital.paths_of(VICTIM)}).*/file$", wrongs.status(401), range(3, 1000)))
    answer = pdcp("run", "--cohort", "hospital", "--jobs", "1", **settings)
    assert answer.returncode == 1, answer.stderr
    assert "2 patients: 1 passed  0 review  0 excluded  1 failed" in answer.stdout
    (line,) = answer.stderr.splitlines()
    assert line.startswith(f"failed {VICTIM}: Failed at retrieved_dicom: Orthanc refuses user name or password (401)")
    assert "Check ORTHANC_USERNAME and ORTHANC_PASSWORD" in line
    assert half_done(tmp_path / "store") == []
    assert open_runs(tmp_path / "dagster") == []
    hospital.require_undisturbed(str(tmp_path / "store"), OTHER)
    written = [path for path in tmp_path.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert written == []


def test_two_runs_at_once_come_to_the_same_as_one(hospital: Hospital, pdcp: Pdcp, tmp_path: Path) -> None:
    settings = hospital.of_a_run(tmp_path)
    with (
        pdcp.start("run", "--cohort", "hospital", "--jobs", "1", **settings) as one,
        pdcp.start("run", "--cohort", "hospital", "--jobs", "1", **settings) as other,
    ):
        told = [each.communicate(timeout=300) for each in (one, other)]
    assert (one.returncode, other.returncode) == (0, 0), told
    hospital.require_undisturbed(str(tmp_path / "store"), VICTIM, OTHER)
    assert half_done(tmp_path / "store") == []
    assert open_runs(tmp_path / "dagster") == []
