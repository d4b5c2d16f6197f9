"""However `pdcp demo ui` ends, nothing that it started goes on; and it never starts where it could not be reached."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from pdcp_dagster.commands.demo import Demo
from pdcp_dagster.phantom.cohort import COHORT_FILE

if TYPE_CHECKING:
    from pdcp_dagster_tests.conftest import Pdcp

_START_S = 60.0
_END_S = 60.0


@pytest.fixture
def empty_demo(tmp_path: Path) -> Path:
    """A demo without patients: what `pdcp demo ui` asks for before it starts its servers."""
    (tmp_path / "phantoms").mkdir()
    (tmp_path / "phantoms" / COHORT_FILE).write_text("[]")
    demo = Demo(tmp_path)
    demo.mark_uploaded()
    demo.mark("damaged")
    return tmp_path


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_no_process_outlives_the_command(pdcp: Pdcp, empty_demo: Path, how: signal.Signals) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pdcp.start("demo", "ui", "--root", empty_demo, "--port", str(port)) as command:
        try:
            started = _await_servers(command)
        finally:
            command.send_signal(how)
        command.communicate(timeout=_END_S)
    assert command.returncode == (0 if how == signal.SIGTERM else -how)
    deadline = time.monotonic() + _END_S
    while (left := [each.name() for each in started if _lives(each)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []


def test_a_port_that_is_taken_is_refused_in_one_line(pdcp: Pdcp, empty_demo: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        answer = pdcp("demo", "ui", "--root", empty_demo, "--port", str(port))
    assert answer.returncode == 2
    assert answer.stderr.startswith(f"Error: port {port} cannot be had (Address already in use): choose another one")


def _await_servers(command: subprocess.Popen[str]) -> list[psutil.Process]:
    """Wait until Orthanc, Dagster's web server and its daemon run; return all that the command started."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and command.poll() is None:
        started = psutil.Process(command.pid).children(recursive=True)
        words = " ".join(_command_line(each) for each in started)
        if all(server in words for server in ("Orthanc", "dagster_webserver", "dagster._daemon")):
            return started
        time.sleep(0.1)
    pytest.fail("the servers did not start")


def _command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
