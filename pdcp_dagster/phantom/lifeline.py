"""A server's keeper: a process of its own that ends the server when the process that wanted it is gone.

What lives here: a program that is run by its path (`python lifeline.py PARENT_PID COMMAND...`) and so imports nothing
of the package; the private Orthanc and the demo's Dagster run under it. What does not: configuration, ports, waiting
for the server (`orthanc_server`).

A parent that is killed by SIGKILL can clean up nothing. PR_SET_PDEATHSIG in the parent would not do either: it fires
when the *thread* that started the child ends. So the keeper watches who its parent is (a change means that the parent
died, whoever reaps it), and the server, started by the keeper's only thread, has PR_SET_PDEATHSIG in case the keeper is
killed. The server leads a process group of its own, which ends with it: what it started itself is not left behind.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

POLL_S = 0.1
GRACE_S = 9.0
"""Orthanc 1.10.1 needs about 2.5 s to stop by itself, `dagster dev` 6 s."""
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def kept(command: list[str]) -> list[str]:
    """Return the command line that runs `command` under a keeper, for as long as this process lives."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def keep(parent_pid: int, command: list[str]) -> int:
    """Run `command` while the process `parent_pid` lives; return its exit code.

    SIGTERM or SIGINT to the keeper is passed on as SIGTERM, and becomes SIGKILL after `GRACE_S`.
    """
    asked_at: list[float] = []

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        asked_at.append(time.monotonic())

    for each in (signal.SIGTERM, signal.SIGINT):  # a shell's background job ignores SIGINT: its child shall not
        signal.signal(each, ask_to_stop)
    child = subprocess.Popen(  # noqa: S603 - our own command
        command,
        preexec_fn=_die_with_parent,  # noqa: PLW1509 - one thread
        start_new_session=True,
    )
    passed_on = False
    while child.poll() is None:
        if os.getppid() != parent_pid or (asked_at and time.monotonic() - asked_at[0] > GRACE_S):
            child.kill()
        elif asked_at and not passed_on:
            child.terminate()
            passed_on = True
        time.sleep(POLL_S)
    _end_group(child.pid)
    return child.returncode


def _end_group(leader_pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader_pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(keep(int(sys.argv[1]), sys.argv[2:]) & 0xFF)
