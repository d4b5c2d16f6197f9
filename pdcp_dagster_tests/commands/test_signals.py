"""Whatever signal comes at whatever moment: the right exit code and one line, no process, open run or half-made file.

The moments are made by a proxy that holds back what Orthanc answers, so that the run stands exactly there.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from pdcp_dagster.adapters.store import CohortFolder, Store
from pdcp_dagster_tests.faults.proxy import Exchange, Fault, FaultProxy, Script
from pdcp_dagster_tests.processes import MARK, assert_nobody_is_left

if TYPE_CHECKING:
    from pdcp_dagster_tests.commands.conftest import Clinic

POLL_S = 0.002
LATEST_S = 120.0
PATIENTS = tuple(f"signal-{number}" for number in range(5))
EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
FINISHED = {"SUCCESS", "FAILURE", "CANCELED"}

START_UP, LIST, FILES = "^/system$", "^/(?!system$)", "/file$"


@dataclass
class Desk:
    """Where `pdcp run` is started and watched: a store of its own, and Orthanc behind a gate."""

    clinic: Clinic
    root: Path
    proxy: FaultProxy
    gate: threading.Event = field(default_factory=threading.Event)
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def store(self) -> CohortFolder:
        return Store(self.root / "store").cohort("signals")

    def start(self) -> subprocess.Popen[str]:
        settings = {
            **self.clinic.settings,
            "PDCP_STORE": self.root / "store",
            "DAGSTER_HOME": self.root / "dagster",
            "ORTHANC_URL": self.proxy.url,
            MARK: self.mark,
        }
        return self.clinic.pdcp.start("run", "--cohort", "signals", "--jobs", "1", **settings)

    def hold(self, path: str) -> None:
        """Hold back the answers to requests for such paths until the gate is opened."""
        held = Fault("held", self._pass_later)
        self.proxy.plan = lambda _, asked: held if re.search(path, asked) else None

    def _pass_later(self, exchange: Exchange) -> None:
        self.gate.wait(LATEST_S)
        exchange.pass_on()

    def await_held(self, process: subprocess.Popen[str], path: str) -> None:
        await_that(lambda: any(re.search(path, asked) for _, asked in list(self.proxy.requests)), process)

    def finished(self) -> int:
        return len(list(self.store.path.glob("patients/*/notes.json")))

    def half_made(self) -> list[str]:
        files = self.root.joinpath("store").rglob("*")
        return [str(path) for path in files if path.name.startswith(".new-") or path.suffix in {".tmp", ".part"}]

    def runs(self) -> dict[str, str]:
        """Return the status of each run in Dagster by the name of its job."""
        if not (self.root / "dagster").exists():
            return {}
        with dg.DagsterInstance.from_config(str(self.root / "dagster")) as instance:
            return {run.job_name: run.status.value for run in instance.get_runs()}


def await_that(reached: object, process: subprocess.Popen[str]) -> None:
    assert callable(reached)
    latest = time.monotonic() + LATEST_S
    while not reached():
        assert process.poll() is None, f"it ended before: {process.communicate()}"
        assert time.monotonic() < latest, "the moment never came"
        time.sleep(POLL_S)


@pytest.fixture(scope="module")
def ready(clinic: Clinic) -> Clinic:
    for patient in PATIENTS:
        clinic.admit(patient)
    clinic.cohort("signals", PATIENTS)
    return clinic


@pytest.fixture
def desk(ready: Clinic, tmp_path: Path) -> Iterator[Desk]:
    with FaultProxy(lambda: ready.orthanc.url) as proxy:
        desk = Desk(ready, tmp_path, proxy)
        yield desk
        desk.gate.set()


def assert_ended(desk: Desk, process: subprocess.Popen[str], number: signal.Signals) -> None:
    _, errors = process.communicate(timeout=LATEST_S)
    assert process.returncode == EXIT_CODES[number], errors
    word = "Interrupted" if number == signal.SIGINT else f"Stopped by {number.name}"
    assert errors == f"{word}. What was finished is kept; run the command again for the rest.\n"
    assert_nobody_is_left(desk.mark)
    assert desk.half_made() == []
    assert set(desk.runs().values()) <= FINISHED


@pytest.mark.parametrize("number", list(EXIT_CODES), ids=lambda number: number.name)
def test_before_anything_was_begun_every_signal_ends_it_at_once(desk: Desk, number: signal.Signals) -> None:
    desk.hold(START_UP)
    with desk.start() as process:
        desk.await_held(process, START_UP)
        process.send_signal(number)
        assert_ended(desk, process, number)
    assert desk.runs() == {}


def test_while_patients_are_listed_sigterm_ends_it_and_closes_the_run(desk: Desk) -> None:
    desk.hold(LIST)
    with desk.start() as process:
        desk.await_held(process, LIST)
        process.send_signal(signal.SIGTERM)
        assert_ended(desk, process, signal.SIGTERM)
    assert desk.runs() == {"list_signals": "CANCELED"}


def test_while_patients_are_listed_ctrl_c_lets_the_list_be_finished_and_begins_nothing_more(desk: Desk) -> None:
    desk.hold(LIST)
    with desk.start() as process:
        desk.await_held(process, LIST)
        os.killpg(process.pid, signal.SIGINT)
        desk.gate.set()
        assert_ended(desk, process, signal.SIGINT)
    assert desk.runs() == {"list_signals": "SUCCESS"}


@pytest.mark.parametrize(
    ("number", "to_all"),
    [(signal.SIGTERM, False), (signal.SIGTERM, True), (signal.SIGHUP, True)],
    ids=["SIGTERM to the command alone", "SIGTERM to its whole group", "SIGHUP to its whole group"],
)
def test_under_work_sigterm_and_a_closed_terminal_end_it_at_once(
    desk: Desk, number: signal.Signals, *, to_all: bool
) -> None:
    desk.hold(FILES)
    with desk.start() as process:
        desk.await_held(process, FILES)
        assert desk.half_made()
        (os.killpg if to_all else os.kill)(process.pid, number)
        assert_ended(desk, process, number)
    assert desk.finished() == 0
    assert desk.runs() == {"list_signals": "SUCCESS", "collect_signals": "FAILURE"}


def test_ctrl_c_finishes_whom_it_is_at_and_begins_nobody_new(desk: Desk) -> None:
    desk.hold(FILES)
    with desk.start() as process:
        await_that(lambda: len(list(desk.store.path.glob("patients/*/.new-*"))) == 2, process)
        os.killpg(process.pid, signal.SIGINT)
        desk.gate.set()
        assert_ended(desk, process, signal.SIGINT)
    assert desk.finished() == 2, "one that would convert, one that would wait for it"
    assert len(list(desk.store.path.glob("patients/*"))) == 2


def test_a_second_ctrl_c_does_not_wait_for_them(desk: Desk) -> None:
    desk.hold(FILES)
    with desk.start() as process:
        desk.await_held(process, FILES)
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.1)  # two signals at once would be one to the process
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        assert_ended(desk, process, signal.SIGINT)
    assert desk.finished() == 0


def test_when_all_patients_are_done_sigterm_still_counts_and_the_next_run_reports(desk: Desk) -> None:
    with desk.start() as process:
        await_that(lambda: desk.finished() == len(PATIENTS), process)
        process.send_signal(signal.SIGTERM)
        assert_ended(desk, process, signal.SIGTERM)
    again = replace(desk, mark=uuid.uuid4().hex)
    again.proxy.plan = Script()
    with again.start() as process:
        output, errors = process.communicate(timeout=LATEST_S)
    assert (process.returncode, errors) == (0, "")
    assert "5 patients: 5 passed" in output
    assert desk.store.file("cohort_report").exists()


def test_what_a_process_was_started_to_ignore_it_ignores(desk: Desk) -> None:
    """`nohup pdcp run`: a closed terminal is none of its business."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = desk.start()
    finally:
        signal.signal(signal.SIGHUP, before)
    with process:
        desk.hold(LIST)
        desk.await_held(process, LIST)
        process.send_signal(signal.SIGHUP)
        time.sleep(0.1)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert_ended(desk, process, signal.SIGTERM)
