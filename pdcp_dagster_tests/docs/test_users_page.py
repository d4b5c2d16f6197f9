"""The user's guide tells of what there is: jobs, sensors, schedules, checks, codes, statuses, cohort files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from dagster import DefaultScheduleStatus, DefaultSensorStatus, Definitions

from pdcp_dagster.adapters.store import COHORT_FILES, PATIENT_FILES
from pdcp_dagster.definitions import build_definitions
from pdcp_dagster.defs.schedules import Timetable
from pdcp_dagster.domain.code_registry import CODES, STEPS, Status
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.quality import COHORT_CHECKS, PATIENT_CHECKS
from pdcp_dagster.phantom.cohort import demo_cohort
from pdcp_dagster_tests.docs.pages import PROJECT, fences, pages, text_of, without_fences

PAGE = text_of("docs/users-guide.md")
ROWS = [line for line in PAGE.splitlines() if line.startswith("|")]
_CODE = re.compile(rf"`((?:{'|'.join(STEPS)})_[A-Z]+_)(\.\.\.|\d\d\d)`")
_VARIABLE = re.compile(r"`((?:PDCP|ORTHANC)_[A-Z0-9_]+)")


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Definitions:
    """The cohort of the guide, as Dagster loads it."""
    root = tmp_path_factory.mktemp("guide")
    (root / "cohorts").mkdir()
    (root / "cohorts" / "breast.yaml").write_text("name: breast\n")
    return build_definitions({"PDCP_COHORTS": str(root / "cohorts"), "PDCP_STORE": str(root / "store")})


def first_cells(heading: str) -> list[str]:
    """Return the first cells of the table under a row of column names that begins so."""
    start = next(index for index, row in enumerate(ROWS) if row.startswith(f"| {heading} |"))
    cells = []
    for row in ROWS[start + 2 :]:
        cell = row.split("|")[1].strip()
        if row.startswith("|---") or not cell:
            break
        cells.append(cell)
    return cells


def test_every_cohort_file_of_the_guide_is_one_and_uses_only_keys_that_there_are() -> None:
    shown = [yaml.safe_load(fence.text) for fence in fences("yaml", "docs/users-guide.md")]
    assert shown
    for content in shown:
        Cohort.model_validate(content)


def test_the_keys_of_the_readmes_example_are_those_of_a_cohort_file() -> None:
    for fence in fences("yaml", "README.md"):
        Cohort.model_validate({"name": "breast", **yaml.safe_load(fence.text)})


def test_the_guide_names_the_jobs_that_there_are(deployment: Definitions) -> None:
    named = {cell.strip("`") for cell in first_cells("job")[:7]}
    assert named == {job.name for job in deployment.jobs or ()}


def test_the_sensors_and_schedules_of_the_guide_are_there_and_off_until_switched_on(deployment: Definitions) -> None:
    schedules = {each.name: each.default_status for each in deployment.schedules or ()}
    sensors = {each.name: each.default_status for each in deployment.sensors or ()}
    for name in (*schedules, *sensors):
        assert f"`{name}`" in PAGE
    assert set(schedules.values()) == {DefaultScheduleStatus.STOPPED}
    assert sensors.pop("report_breast_after_collect") is DefaultSensorStatus.RUNNING
    assert sensors == {"watch_breast": DefaultSensorStatus.STOPPED}


def test_the_guide_names_the_checks_of_each_asset_that_there_are() -> None:
    table = ROWS[ROWS.index("| check | of asset | asks |") + 2 :][: len(PATIENT_CHECKS)]
    told = {(cells[1].strip(" `"), cells[2].strip(" `")) for cells in (row.split("|") for row in table)}
    assert told == {(check.name, check.asset) for check in PATIENT_CHECKS}
    for check in COHORT_CHECKS:
        assert f"`{check.name}`" in PAGE


def test_every_code_that_a_page_names_is_registered() -> None:
    for page in pages():
        for start, number in _CODE.findall(text_of(page)):
            assert any(code.startswith(start) and (number == "..." or code == start + number) for code in CODES), page


def test_every_status_is_explained() -> None:
    assert set(first_cells("status")[:5]) == {str(status) for status in Status}


def test_every_variable_that_a_page_names_is_read_somewhere() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in (PROJECT / "pdcp_dagster").rglob("*.py"))
    settings = "\n".join(path.read_text(encoding="utf-8") for path in (PROJECT / "deploy").iterdir())
    for page in pages():
        for name in _VARIABLE.findall(without_fences(page)):
            assert name in source + settings, f"{page}: {name}"


def test_every_setting_of_the_services_is_told_of_in_a_page() -> None:
    told = "\n".join(text_of(page) for page in pages())
    example = (Path(PROJECT) / "deploy" / "pdcp.env.example").read_text(encoding="utf-8")
    for name in re.findall(r"^([A-Z][A-Z0-9_]+)=", example, flags=re.MULTILINE):
        assert name in told or name.startswith("PDCP_POSTGRES_"), name


def test_the_demo_is_as_the_first_hour_tells() -> None:
    patients = demo_cohort()
    (failing,) = [patient for patient in patients if patient.damaged_slice_uid is not None]
    for page in ("README.md", "docs/users-guide.md"):
        assert f"{len(patients)} phantom patients" in text_of(page)
    assert f"`{failing.patient_id}` is red" in PAGE
    assert "`collect_demo`" in PAGE
    assert failing.expected_status is Status.FAILED


def test_the_readme_tells_of_every_file_of_the_store() -> None:
    readme = text_of("README.md")
    files = {file for files in (*PATIENT_FILES.values(), *COHORT_FILES.values()) for file in files}
    for file in files:
        assert file in readme, file


def test_the_nightly_jobs_run_when_the_pages_say() -> None:
    usual = Timetable()
    assert f"`{usual.reconcile}`, `{usual.backfill}`, `{usual.timezone}`" in text_of("README.md")
    example = (PROJECT / "deploy" / "pdcp.env.example").read_text(encoding="utf-8")
    for cron in (usual.reconcile, usual.backfill):
        assert f'"{cron}"' in PAGE
        assert f'"{cron}"' in example
