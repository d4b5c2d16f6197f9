"""What each command answers when something is wrong: one clear line, the right exit code, and never a password."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc

if TYPE_CHECKING:
    from pdcp_dagster_tests.commands.conftest import Clinic
    from pdcp_dagster_tests.conftest import Pdcp

Answer = subprocess.CompletedProcess[str]

NOBODY_LISTENS = "http://127.0.0.1:9"
PASSWORD = "never-to-be-seen"
WRONG_PASSWORD = "just-as-secret"


@pytest.fixture(scope="module")
def locked_orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateOrthanc]:
    storage = tmp_path_factory.mktemp("locked") / "storage"
    with PrivateOrthanc(storage, username="ada", password=PASSWORD) as server:
        yield server
        server.kill()


def require_one_line(answer: Answer, *words: str) -> None:
    """Exit code 2, nothing on standard output, one line on standard error that holds these words."""
    assert answer.returncode == 2, answer.stderr
    assert answer.stdout == ""
    lines = answer.stderr.splitlines()
    assert len(lines) == 1, answer.stderr
    assert lines[0].startswith("Error: ")
    for word in words:
        assert word in lines[0]


def test_an_orthanc_that_cannot_be_reached(clinic: Clinic) -> None:
    clinic.cohort("nobody")
    answer = clinic.pdcp("run", "--cohort", "nobody", **{**clinic.settings, "ORTHANC_URL": NOBODY_LISTENS})
    require_one_line(answer, "Orthanc", NOBODY_LISTENS, "cannot be reached")


def test_a_wrong_password_which_is_never_printed(clinic: Clinic, locked_orthanc: PrivateOrthanc) -> None:
    clinic.cohort("nobody")
    login = {"ORTHANC_URL": locked_orthanc.url, "ORTHANC_USERNAME": "ada", "ORTHANC_PASSWORD": WRONG_PASSWORD}
    answer = clinic.pdcp("run", "--cohort", "nobody", **{**clinic.settings, **login})
    require_one_line(answer, "refuses user name or password")
    assert WRONG_PASSWORD not in answer.stderr


def test_a_password_in_the_url_is_never_printed(clinic: Clinic) -> None:
    clinic.cohort("nobody")
    url = f"http://ada:{WRONG_PASSWORD}@127.0.0.1:9"
    answer = clinic.pdcp("run", "--cohort", "nobody", **{**clinic.settings, "ORTHANC_URL": url})
    require_one_line(answer, "ORTHANC_URL must not contain a user name or password")
    assert WRONG_PASSWORD not in answer.stderr


def test_a_patient_that_nobody_knows_and_the_right_password_which_is_written_nowhere(
    clinic: Clinic, locked_orthanc: PrivateOrthanc, tmp_path: Path
) -> None:
    clinic.cohort("nobody")
    login = {"ORTHANC_URL": locked_orthanc.url, "ORTHANC_USERNAME": "ada", "ORTHANC_PASSWORD": PASSWORD}
    settings = {**clinic.settings, **login, "PDCP_STORE": tmp_path}
    answer = clinic.pdcp("run", "--cohort", "nobody", "--patient", "\x1b[31mnobody", **settings)
    require_one_line(answer, "not in the archive or not in the cohort", r"\x1b[31mnobody")
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in written if path.suffix == ".db"]
    assert not [path for path in written if PASSWORD.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"linkages": "CRDP"}, ("linkages: there is no such key",)),
        ({"dvh": {"end_cap": "none"}}, ("dvh.end_cap: there is no such key",)),
        ({"linkage": "CRPD"}, ("linkage", "CRPD")),
        ({"dvh": {"metrics": ["D95%[Gy"]}}, ("D95%[Gy",)),
        ({"patients": "nowhere.csv"}, ("nowhere.csv", "cannot be read")),
        (
            {"eligibility": {"rules": ["rules_of_nobody:rule"]}},
            ("eligibility.rules: rules_of_nobody:rule: there is no module rules_of_nobody", "PYTHONPATH"),
        ),
        ({"eligibility": {"rules": ["math:nothing"]}}, ("math:nothing: the module has no function nothing",)),
        ({"eligibility": {"approval": {"table": "nowhere.csv"}}}, ("nowhere.csv: the table cannot be read",)),
        ({"study_selection": [{"closest_to": "mistaken.csv"}]}, ("mistaken.csv: expected the columns date and",)),
    ],
    ids=[
        "unknown key",
        "unknown key below",
        "wrong value",
        "no metric",
        "no list",
        "no module",
        "no function",
        "no table",
        "no dates",
    ],
)
@pytest.mark.parametrize("command", ["run", "status"])
def test_a_cohort_file_with_a_mistake(
    clinic: Clinic, command: str, keys: dict[str, object], words: tuple[str, ...]
) -> None:
    file = clinic.cohort("mistaken", keys=keys)
    answer = clinic.pdcp(command, "--cohort", "mistaken", **clinic.settings)
    file.unlink()
    require_one_line(answer, "mistaken.yaml" if "patients" not in keys else "nowhere.csv", *words)


def test_an_unknown_cohort_names_those_that_there_are(clinic: Clinic) -> None:
    clinic.cohort("nobody")
    require_one_line(clinic.pdcp("run", "--cohort", "nowhere", **clinic.settings), "no cohort 'nowhere'", "nobody")
    require_one_line(clinic.pdcp("status", "--cohort", "nowhere", **clinic.settings), "no cohort 'nowhere'", "nobody")


@pytest.mark.parametrize("name", ["../cohorts/nobody", ""])
def test_a_cohort_is_a_name_and_no_path(clinic: Clinic, name: str) -> None:
    clinic.cohort("nobody")
    require_one_line(clinic.pdcp("status", "--cohort", name, **clinic.settings), "no cohort")


def test_an_orthanc_url_without_scheme(clinic: Clinic) -> None:
    clinic.cohort("nobody")
    answer = clinic.pdcp("run", "--cohort", "nobody", **{**clinic.settings, "ORTHANC_URL": "127.0.0.1:8042"})
    require_one_line(answer, "ORTHANC_URL", "http://host:8042")


@pytest.mark.parametrize("command", ["run", "status"])
def test_a_store_elsewhere_than_on_disk(clinic: Clinic, command: str) -> None:
    clinic.cohort("nobody")
    answer = clinic.pdcp(command, "--cohort", "nobody", **{**clinic.settings, "PDCP_STORE": "s3://bucket/store"})
    require_one_line(answer, "PDCP_STORE", "s3://")


def test_a_store_that_cannot_be_written(clinic: Clinic, tmp_path: Path) -> None:
    clinic.cohort("nobody")
    (tmp_path / "file").write_text("no folder")
    answer = clinic.pdcp("run", "--cohort", "nobody", **{**clinic.settings, "PDCP_STORE": tmp_path / "file" / "store"})
    require_one_line(answer, "cannot be used")


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("dagster.yaml", "telemetry: [", ("dagster.yaml", "line 1")),
        ("dagster.yaml", "no_such_setting: true\n", ("no_such_setting",)),
        ("history/runs.db", "this is no database; " * 50, ("file is not a database",)),
        ("history", "no folder", ("File exists",)),
    ],
    ids=["no YAML", "unknown setting", "damaged database", "no folder"],
)
def test_a_dagster_home_that_cannot_be_used(
    clinic: Clinic, tmp_path: Path, file: str, content: str, words: tuple[str, ...]
) -> None:
    clinic.cohort("nobody")
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(content)
    answer = clinic.pdcp("run", "--cohort", "nobody", **clinic.settings, DAGSTER_HOME=tmp_path)
    require_one_line(answer, "Dagster's home", str(tmp_path), *words)


def run_on_a_small_disk(clinic: Clinic, kilobytes: int, home: Path) -> Answer:
    """Run with a limit on the size of any file, which a write meets as it would meet a full disk: with an OSError."""
    settings = {name: str(value) for name, value in {**clinic.settings, "DAGSTER_HOME": home}.items()}
    limit = (kilobytes << 10, kilobytes << 10)
    return subprocess.run(
        [clinic.pdcp.program, "run", "--cohort", "nobody"],
        env={**os.environ, **settings},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_disk_that_is_full_from_the_beginning_is_a_wrong_configuration(clinic: Clinic, tmp_path: Path) -> None:
    clinic.cohort("nobody")
    require_one_line(run_on_a_small_disk(clinic, 0, tmp_path), "dagster.yaml cannot be written")
    assert list(tmp_path.iterdir()) == []
    require_one_line(run_on_a_small_disk(clinic, 16, tmp_path), "Dagster's home", str(tmp_path))


def test_a_disk_that_fills_up_in_the_middle_ends_the_run_with_the_reason_as_its_last_line(
    clinic: Clinic, tmp_path: Path
) -> None:
    clinic.cohort("nobody")
    complete = clinic.pdcp("run", "--cohort", "nobody", **clinic.settings, DAGSTER_HOME=tmp_path)
    assert complete.returncode == 0
    largest = max(file.stat().st_size for file in tmp_path.rglob("*.db"))
    answer = run_on_a_small_disk(clinic, largest >> 10, tmp_path)
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    # Dagster may have complained before of an event that it could not write.
    assert answer.stderr.splitlines()[-1].startswith("Error: ")


def test_upload_to_nobody_and_of_nothing(clinic: Clinic, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no DICOM")
    require_one_line(clinic.pdcp("upload", tmp_path, **clinic.settings), "no .dcm file")
    (tmp_path / "a.dcm").write_bytes(b"no DICOM either")
    require_one_line(clinic.pdcp("upload", tmp_path, ORTHANC_URL=NOBODY_LISTENS), "cannot be reached")


def test_phantoms_into_a_place_that_is_no_folder(pdcp: Pdcp, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    require_one_line(pdcp("phantom", tmp_path / "file" / "below"), "cannot be used")


def test_a_demo_that_was_never_run(pdcp: Pdcp, tmp_path: Path) -> None:
    require_one_line(pdcp("demo", "mend", "--root", tmp_path), "make demo")
    require_one_line(pdcp("demo", "ui", "--root", tmp_path), "make demo")


def test_without_any_orthanc_the_demo_says_how_to_get_one(pdcp: Pdcp, tmp_path: Path) -> None:
    answer = pdcp("demo", "run", "--root", tmp_path / "root", ORTHANC_EXECUTABLE=tmp_path / "Orthanc")
    assert answer.returncode == 2
    assert "Traceback" not in answer.stderr
    for way in ("apt-get install orthanc", "ORTHANC_EXECUTABLE=", "ORTHANC_URL="):
        assert way in answer.stderr


RULES = """
from pdcp_dagster import Exclude

def nobody(summary):
    return Exclude(f"a rule saw {len(summary)} objects")
"""


@pytest.fixture
def workplace(clinic: Clinic, tmp_path: Path) -> Iterator[Path]:
    """A folder with a module of own rules, which a cohort of two patients names."""
    clinic.admit("RVown1")
    clinic.admit("RVown2")
    file = clinic.cohort("own", ["RVown1", "RVown2"], {"eligibility": {"rules": ["rv_clinic_rules:nobody"]}})
    (tmp_path / "rv_clinic_rules.py").write_text(RULES)
    yield tmp_path
    file.unlink()


def test_own_rules_are_found_by_pythonpath_in_all_worker_processes(clinic: Clinic, workplace: Path) -> None:
    search = os.pathsep.join(filter(None, (str(workplace), os.environ.get("PYTHONPATH"))))
    answer = clinic.pdcp("run", "--cohort", "own", "--jobs", "2", **clinic.settings, PYTHONPATH=search)
    assert answer.returncode == 0, answer.stderr
    assert "2 patients: 0 passed  0 review  2 excluded  0 failed" in answer.stdout
    shown = clinic.pdcp("status", "--cohort", "own", **clinic.settings, PYTHONPATH=search)
    assert shown.stdout.count("a rule saw 15 objects") == 2, "12 slices, a structure set, a plan and a dose"


def test_own_rules_in_the_current_folder_are_found_where_python_looks_there(clinic: Clinic, workplace: Path) -> None:
    arguments = ["run", "--cohort", "own", "--jobs", "2"]
    command = [sys.executable, "-m", "pdcp_dagster.cli", *arguments]
    environ = {**os.environ, **{name: str(value) for name, value in clinic.settings.items()}}
    done = subprocess.run(command, cwd=workplace, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 patients: 0 passed  0 review  2 excluded  0 failed" in done.stdout
    # The program itself does not look there, and says what helps.
    program = [str(clinic.pdcp.program), *arguments]
    refused = subprocess.run(program, cwd=workplace, env=environ, capture_output=True, text=True, check=False)
    require_one_line(refused, "there is no module rv_clinic_rules", "PYTHONPATH")


@pytest.fixture(scope="module")
def mixed(clinic: Clinic) -> tuple[Clinic, Answer]:
    """A run over one patient who passes, one who is excluded and one who fails."""
    clinic.admit("exit-sound")
    clinic.admit("exit-no-dose", modalities=("CT", "RTSTRUCT", "RTPLAN"))
    clinic.admit("[red]exit[/] :pill:", damaged=True)
    clinic.cohort("mixed", ["exit-sound", "exit-no-dose", "[red]exit[/] :pill:", "never came"])
    return clinic, clinic.pdcp("run", "--cohort", "mixed", "--jobs", "2", **clinic.settings)


def test_a_failed_patient_makes_exit_code_1_and_its_reason_comes_last(mixed: tuple[Clinic, Answer]) -> None:
    _, answer = mixed
    assert answer.returncode == 1, answer.stderr
    assert "3 patients: 1 passed  0 review  1 excluded  1 failed" in answer.stdout
    absent, line = answer.stderr.splitlines()
    assert absent == "not in the archive never came"
    assert line.startswith("failed [red]exit[/] :pill:: Failed at retrieved_dicom: ")
    assert "bytes, but" in line


def test_only_excluded_patients_make_exit_code_0_and_another_cohorts_mistake_is_told_once(
    mixed: tuple[Clinic, Answer],
) -> None:
    clinic, _ = mixed
    file = clinic.cohort("mistaken", keys={"linkages": "CRDP"})
    answer = clinic.pdcp("run", "--cohort", "mixed", "--patient", "exit-no-dose", **clinic.settings)
    file.unlink()
    assert answer.returncode == 0, answer.stderr
    assert "1 patients: 0 passed  0 review  1 excluded  0 failed" in answer.stdout
    (line,) = answer.stderr.splitlines()
    assert "mistaken.yaml: linkages: there is no such key" in line


def test_status_needs_neither_orthanc_nor_dagster(mixed: tuple[Clinic, Answer], tmp_path: Path) -> None:
    clinic, _ = mixed
    shutil.copytree(clinic.root / "store" / "mixed", tmp_path / "store" / "mixed")
    settings = {**clinic.settings, "PDCP_STORE": tmp_path / "store", "ORTHANC_URL": NOBODY_LISTENS}
    before = sorted(path for path in tmp_path.rglob("*"))
    answer = clinic.pdcp("status", "--cohort", "mixed", **settings)
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    shown = {line.split("│")[1].strip(): line for line in answer.stdout.splitlines() if line.startswith("│")}
    assert "SUCCESS" in shown["exit-sound"]
    assert "EXCLUDE" in shown["exit-no-dose"]
    assert "no RTDOSE in the archive" in shown["exit-no-dose"]
    assert "FAILED" in shown["[red]exit[/] :pill:"]
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_status_of_some_patients_and_of_nobody(mixed: tuple[Clinic, Answer]) -> None:
    clinic, _ = mixed
    answer = clinic.pdcp("status", "--cohort", "mixed", "--patient", "exit-sound", **clinic.settings)
    assert "exit-sound" in answer.stdout
    assert "exit-no-dose" not in answer.stdout
    nobody = clinic.pdcp("status", "--cohort", "mixed", "--patient", "\x1b]0;x", **clinic.settings)
    require_one_line(nobody, "not in the cohort's patient list", r"\x1b]0;x")


def test_status_before_any_run_says_what_to_do(clinic: Clinic) -> None:
    clinic.cohort("never_run")
    require_one_line(clinic.pdcp("status", "--cohort", "never_run", **clinic.settings), "pdcp run --cohort never_run")
