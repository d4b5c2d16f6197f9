"""A deployment that lives by itself, seen in a browser: `dagster dev` with its daemon, over an archive that changes.

The tests follow one story in order: nothing runs; the sensor is switched on; a patient comes; the schedule is switched
on, and a patient has been deleted; the end.
"""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import pytest
from playwright.sync_api import Browser, Locator, expect

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
from pdcp_dagster.adapters.store import CohortFolder, Store
from pdcp_dagster.phantom.archive import upload_folder
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.phantom.patient import write_phantom
from pdcp_dagster_tests.conftest import Pdcp
from pdcp_dagster_tests.defs.conftest import RANGE_END, RANGE_START, small_spec
from pdcp_dagster_tests.end_to_end.ui_page import Run, Ui, await_address, free_port, seen
from pdcp_dagster_tests.processes import MARK, assert_nobody_is_left

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("daemon")]

COHORT = "ward"
_COHORT_FILE = """\
name: ward
ct_instances: {minimum: 4, review_above: 20, maximum: 60}
dose_max_gy: {minimum: null, maximum: 120, action: exclude}
"""
_EVERY_MINUTE = "* * * * *"
_SETTINGS = {
    "PDCP_WATCH_SECONDS": "5",
    "PDCP_RECONCILE_CRON": _EVERY_MINUTE,
    "PDCP_BACKFILL_CRON": _EVERY_MINUTE,
}
_SERVE = """\
import os, sys
from rich.console import Console
from pdcp_dagster.commands.dagster_ui import serve_ui
from pdcp_dagster.commands.deployment import Deployment
sys.exit(serve_ui(Deployment.from_environment(os.environ), int(sys.argv[1]), Console()))
"""
_SENSOR = f"/locations/pdcp_dagster/sensors/watch_{COHORT}"
_REPORT_SENSOR = f"/locations/pdcp_dagster/sensors/report_{COHORT}_after_collect"
_SCHEDULES = [f"/locations/pdcp_dagster/schedules/nightly_{job}_{COHORT}" for job in ("reconcile", "backfill")]
_NOTHING = "Nothing has come to rest in the archive since the last look."
_DAEMONS = ("Sensors", "Scheduler", "Backfill", "Run queue", "Monitoring")
_ROW_MS = 60_000
_LOOKS, _TOOLTIP_MS = 30, 1000
_END_S = 60.0


@dataclass(frozen=True, slots=True)
class Ward:
    """A deployment under its own daemon, the archive that it watches, and a browser's page on it."""

    ui: Ui
    archive: PrivateOrthanc
    server: subprocess.Popen[str]
    mark: str

    @property
    def store(self) -> CohortFolder:
        return Store(self.ui.root / "store").cohort(COHORT)

    def report(self) -> dict[str, Any]:
        """Return the rows of the cohort report by PatientID."""
        table = pd.read_parquet(self.store.file("cohort_report"))
        return {str(row["patient_id"]): row for row in table.to_dict("records")}


@pytest.fixture(scope="module")
def ward(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    """Two patients in an archive, one of them with a CT and nothing else, and a deployment that nobody has touched."""
    root = tmp_path_factory.mktemp("ward")
    (root / "cohorts").mkdir()
    (root / "cohorts" / f"{COHORT}.yaml").write_text(_COHORT_FILE)
    port, mark = free_port(), uuid.uuid4().hex
    places = {"PDCP_COHORTS": root / "cohorts", "PDCP_STORE": root / "store", "DAGSTER_HOME": root / "dagster"}
    with PrivateOrthanc(root / "orthanc", configuration={"StableAge": 2}) as archive:
        _admit(archive, root, "Whole")
        _admit(archive, root, "Bare", modalities=("CT",))
        settings = {**places, **_SETTINGS, "ORTHANC_URL": archive.url, MARK: mark}
        with Pdcp(Path(sys.executable)).start("-c", _SERVE, str(port), **settings) as server:
            try:
                await_address(server)
                with seen(chromium, root, port, COHORT) as ui:
                    yield Ward(ui, archive, server, mark)
            finally:
                _end(server)
        archive.kill()


@pytest.fixture(scope="module")
def deletion(ward: Ward) -> None:
    """A patient who is no longer in the archive, and a schedule, switched on by a person, that will notice."""
    _delete(ward.archive, "Whole")
    _switch(ward.ui, _SCHEDULES[0]).locator("label").click()


def test_after_the_start_nothing_runs_and_all_but_the_report_is_switched_off(ward: Ward) -> None:
    for path in (_SENSOR, *_SCHEDULES):
        expect(_switch(ward.ui, path).get_by_role("checkbox")).not_to_be_checked()
        expect(ward.ui.page.get_by_text("has never run")).to_be_visible()
    expect(_switch(ward.ui, _REPORT_SENSOR).get_by_role("checkbox")).to_be_checked()
    assert ward.ui.runs() == []
    assert not ward.store.path.exists()


def test_the_daemon_is_shown_to_be_healthy(ward: Ward) -> None:
    page = ward.ui.open("/health")
    for daemon in _DAEMONS:
        row = page.get_by_role("row").filter(has_text=daemon)
        expect(row.get_by_text("Running", exact=True)).to_be_visible(timeout=_ROW_MS)
    expect(page.get_by_text("Not running")).to_have_count(0)


def test_the_sensor_switched_on_in_the_ui_compares_everything_first(ward: Ward) -> None:
    _switch(ward.ui, _SENSOR).locator("label").click()
    run = ward.ui.await_success(_of("reconcile"))
    assert run["tags"]["dagster/sensor_name"] == f"watch_{COHORT}"
    expect(_ticks(ward.ui).filter(has_text=run["runId"][:8])).to_have_count(1)
    page = ward.ui.open("/runs")
    expect(page.get_by_text("pdcp/why: First look at the archive.")).to_be_visible()
    page = ward.ui.asset("verified_study", "partitions")
    expect(page.get_by_text("Materialized (2)")).to_be_visible()
    page = ward.ui.partition("verified_study", "Bare")
    expect(page.get_by_role("cell", name="EXCLUDE", exact=True)).to_be_visible()


def test_a_look_that_found_nothing_says_so_in_the_list_of_ticks(ward: Ward) -> None:
    page = ward.ui.page
    nothing = page.get_by_text(_NOTHING).first
    for _ in range(_LOOKS):  # the first looks wait for the run that compares everything
        ward.ui.open(_SENSOR)
        newest = _ticks(ward.ui).first
        newest.get_by_text(re.compile("runs? requested")).first.hover()
        page.wait_for_timeout(_TOOLTIP_MS)
        if nothing.is_visible():
            break
    expect(nothing).to_be_visible()


def test_a_new_patient_is_one_run_of_a_range_and_says_why(ward: Ward) -> None:
    _admit(ward.archive, ward.ui.root, "Late")
    run = ward.ui.await_success(_of("collect"))
    asked_by = {RANGE_START: "Late", RANGE_END: "Late", "dagster/sensor_name": f"watch_{COHORT}"}
    assert asked_by.items() <= run["tags"].items()
    page = ward.ui.open("/runs")
    expect(page.get_by_text("pdcp/why: Patients: new: 1 (Late).")).to_be_visible()
    ward.ui.open(_SENSOR)
    expect(_ticks(ward.ui).filter(has_text=run["runId"][:8])).to_contain_text("1 run requested")
    page = ward.ui.partition("dvh_table", "Late")
    expect(page.get_by_text("Materialized", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name=run["runId"][:8])).to_be_visible()


@pytest.mark.usefixtures("deletion")
def test_the_report_follows_a_run_by_itself(ward: Ward) -> None:
    (run,) = filter(_of("collect"), ward.ui.runs())
    report = _report_after(ward, run)
    assert report["tags"]["dagster/sensor_name"] == f"report_{COHORT}_after_collect"
    report_rows = ward.report()
    assert {name: report_rows[name]["status"] for name in ("Late", "Bare")} == {"Late": "SUCCESS", "Bare": "EXCLUDE"}


@pytest.mark.usefixtures("deletion")
def test_the_schedule_switched_on_in_the_ui_tells_who_was_deleted(ward: Ward) -> None:
    run = ward.ui.await_success(lambda run: run["tags"].get("dagster/schedule_name") == f"nightly_reconcile_{COHORT}")
    page = ward.ui.open(f"/runs/{run['runId']}")
    told = "2 patients in the archive, 0 of them new; deleted since the last look: Whole;"
    expect(page.get_by_text(re.compile(re.escape(told))).first).to_be_visible()
    _report_after(ward, run)
    report = ward.report()
    assert report["Whole"]["status"] == "EXCLUDE"
    assert "I_EXEC_012" in report["Whole"]["codes"]
    assert report["Late"]["status"] == "SUCCESS"
    page = ward.ui.asset("dvh_table", "partitions")
    expect(page.get_by_text("Late", exact=True).first).to_be_visible()
    expect(page.get_by_text("Whole", exact=True)).to_have_count(0)
    assert len(list(filter(_of("collect"), ward.ui.runs()))) == 1


def test_nothing_was_complained_of_nor_asked_of_any_other_host(ward: Ward) -> None:
    assert ward.ui.errors == []
    assert ward.ui.hosts() == {urlsplit(ward.ui.url).netloc}


def test_after_the_end_no_process_is_left(ward: Ward) -> None:
    _end(ward.server)
    assert ward.server.returncode == 0
    assert_nobody_is_left(ward.mark)


def _switch(ui: Ui, path: str) -> Locator:
    """Return the row of the switch on the page of a sensor or schedule."""
    row = ui.open(path).get_by_role("row").filter(has=ui.page.get_by_role("cell", name="Running", exact=True))
    expect(row).to_be_visible()
    return row


def _ticks(ui: Ui) -> Locator:
    """Return the rows of the list of ticks on a sensor's page."""
    return ui.page.get_by_role("row").filter(has=ui.page.get_by_role("button", name="View logs"))


def _of(job: str) -> Callable[[Run], bool]:
    """Say which runs are of this job of the cohort."""
    return lambda run: bool(run["jobName"] == f"{job}_{COHORT}")


def _report_after(ward: Ward, run: Run) -> Run:
    """Wait for the report that follows a run."""
    return ward.ui.await_success(
        lambda each: _of("report")(each) and float(each["creationTime"]) > float(run["endTime"])
    )


def _admit(archive: PrivateOrthanc, root: Path, patient_id: str, **changes: Any) -> None:
    folder = root / "phantoms" / patient_id
    write_phantom(small_spec(patient_id, **changes), folder)
    with Orthanc(OrthancSettings.from_environment({"ORTHANC_URL": archive.url})) as client:
        upload_folder(client, folder)


def _delete(archive: PrivateOrthanc, patient_id: str) -> None:
    (found,) = (
        each["ID"] for each in archive.get("/patients?expand") if each["MainDicomTags"]["PatientID"] == patient_id
    )
    url = f"{archive.url}/patients/{found}"
    urllib.request.urlopen(urllib.request.Request(url, method="DELETE")).close()  # noqa: S310 - loopback


def _end(server: subprocess.Popen[str]) -> None:
    if server.poll() is None:
        server.terminate()
        server.communicate(timeout=_END_S)
