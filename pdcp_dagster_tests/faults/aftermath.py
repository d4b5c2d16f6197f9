"""What is left after runs have ended: differences between two stores, things half done, processes, open runs.

What lives here: looking, and a line for each thing that should not be. What does not: making it happen.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psutil

_HALF_DONE = (".tmp", ".part")
_END_WITHIN_S = 15.0
_OPEN = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def differences(cohort: Path, right: Path) -> Iterator[str]:
    """Yield a line for each file that only one of two cohort folders has, or whose bytes differ.

    Nothing is left out: a store holds neither times nor run IDs but in `failure.json`, of which there must be none.
    """
    found, expected = _files(cohort), _files(right)
    for name in sorted(found.keys() ^ expected.keys()):
        yield f"{'too much' if name in found else 'missing'}: {name}"
    for name in sorted(found.keys() & expected.keys()):
        if found[name].read_bytes() != expected[name].read_bytes():
            yield f"differs: {name}"


def half_done(folder: Path) -> list[str]:
    """Return what a writer of this folder began and did not finish."""
    return [name for name, path in _entries(folder) if name.endswith(_HALF_DONE) or path.name.startswith(".new-")]


def open_runs(dagster_home: Path) -> list[str]:
    """Return the runs that Dagster believes to be under way or to come."""
    with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
        return [f"{run.run_id} {run.status.value}" for run in instance.get_runs(dg.RunsFilter(statuses=_OPEN))]


def still_there(name: str, value: str) -> list[str]:
    """Return the command lines of processes with this environment variable that do not end; they are ended here."""
    latest = time.monotonic() + _END_WITHIN_S
    while (left := marked(name, value)) and time.monotonic() < latest:
        time.sleep(0.05)
    commands = []
    for process in left:
        try:
            commands.append(" ".join(process.cmdline()))
            process.kill()
        except psutil.NoSuchProcess:
            continue
    return commands


def marked(name: str, value: str) -> list[psutil.Process]:
    """Return the living processes whose environment has this variable, whoever their parent is now."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(name) == value and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def _files(folder: Path) -> dict[str, Path]:
    return {name: path for name, path in _entries(folder) if path.is_file()}


def _entries(folder: Path) -> Iterator[tuple[str, Path]]:
    for root, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(root) / name
            yield path.relative_to(folder).as_posix(), path
