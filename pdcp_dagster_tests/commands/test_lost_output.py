"""What a command says may be lost; its work, its report and its exit code are not."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, TextIO

import pytest

from pdcp_dagster.adapters.store import Store
from pdcp_dagster.cli import main
from pdcp_dagster.commands import signals
from pdcp_dagster.commands.deployment import WrongConfiguration
from pdcp_dagster.commands.progress import ProgressBar
from pdcp_dagster.commands.run import _require_memory
from pdcp_dagster.commands.signals import Stopped, stoppable
from pdcp_dagster.commands.terminal import Terminal
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.stages import stopping
from pdcp_dagster_tests.conftest import _environment

if TYPE_CHECKING:
    from pdcp_dagster_tests.commands.conftest import Clinic

COHORT = "unheard"


@pytest.fixture(scope="module")
def quick(clinic: Clinic) -> Clinic:
    """One patient, too short for anything but a look."""
    clinic.admit("unheard-one", slices=3)
    clinic.cohort(COHORT, ["unheard-one"])
    return clinic


def run_in_shell(clinic: Clinic, redirected: str) -> subprocess.CompletedProcess[str]:
    """Run `pdcp run` by bash and return what bash saw; its exit code is that of `pdcp`, also in a pipe."""
    command = f"{shlex.quote(str(clinic.pdcp.program))} run --cohort {COHORT} {redirected}; exit ${{PIPESTATUS[0]}}"
    return subprocess.run(
        ["bash", "-c", command], env=_environment(dict(clinic.settings)), capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("redirected", ["| true", "<&- >&- 2>&-"])
def test_a_run_that_nobody_can_hear_makes_its_report_and_ends_as_its_patients_did(
    quick: Clinic, redirected: str
) -> None:
    report = Store(quick.root / "store").cohort(COHORT).path / "cohort_report.html"
    report.unlink(missing_ok=True)
    answer = run_in_shell(quick, redirected)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert report.exists()


@pytest.mark.parametrize("gone", ["full", "pipe", "closed"])
def test_a_terminal_that_cannot_be_written_to_falls_silent_and_so_does_its_end(
    monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    with lost_output(gone) as stream:
        monkeypatch.setattr("sys.stdout", stream)
        terminal = Terminal()
        bar = ProgressBar(terminal)
        with bar.over(1):
            bar.count(Status.SUCCESS)
        terminal.print("nobody hears this")
    assert terminal.quiet
    assert bar.counts().startswith("1 passed")


@contextmanager
def lost_output(gone: str) -> Iterator[TextIO]:
    """Yield a stream on a full disk, into a pipe that nobody reads, or that is closed; its end raises nothing."""
    if gone == "full":
        stream = os.fdopen(os.open("/dev/full", os.O_WRONLY), "w")
    else:
        reading, writing = os.pipe()
        os.close(reading)
        stream = os.fdopen(writing, "w")
    if gone == "closed":
        stream.close()
    with stream if gone != "closed" else nullcontext():
        yield stream


def test_a_workers_memory_that_cannot_be_meant_is_a_wrong_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PDCP_WORKER_MEMORY_GB", "nan")
    with pytest.raises(WrongConfiguration) as refused:
        _require_memory()
    assert refused.value.exit_code == 2
    assert refused.value.message == "PDCP_WORKER_MEMORY_GB must be a number of GB, 0 for no limit, not 'nan'"


def test_whatever_breaks_the_work_off_after_a_signal_the_signal_is_why_it_ended() -> None:
    def breaks_off() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        while not stopping.asked():
            time.sleep(0.001)
        raise OSError("the database is locked")

    with pytest.raises(Stopped) as stopped, signals.closed_if_abandoned(lambda: None):
        stoppable(breaks_off, lambda: None)
    stopping.forget()
    assert (stopped.value.exit_code, stopped.value.abandoned) == (130, False)


def test_an_interrupt_that_nobody_listens_to_yet_has_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(signals, "stoppable", interrupted)
    with pytest.raises(SystemExit) as ended:
        main(["run", "--cohort", "any"])
    assert ended.value.code == 130
