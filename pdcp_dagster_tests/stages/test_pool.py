"""Many patients over worker processes: one's trouble, or a worker's death, is nobody else's."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest

from pdcp_dagster.domain.codes import Status
from pdcp_dagster.stages.chain import PATIENT_ASSETS
from pdcp_dagster.stages.outcome import PatientOutcome
from pdcp_dagster.stages.pool import run_patients

if TYPE_CHECKING:
    from pdcp_dagster_tests.stages.conftest import Ward

POLL_S = 0.001


def run_all(ward: Ward, *patients: str, jobs: int, store: str = "store") -> dict[str, PatientOutcome]:
    tasks = [ward.tasks[patient] for patient in patients]
    outcomes = list(run_patients(tasks, ward.settings(store), jobs))
    assert len(outcomes) == len(patients)
    return {outcome.partition_key: outcome for outcome in outcomes}


@pytest.mark.parametrize("jobs", [0, 2])
def test_one_failing_patient_does_not_touch_the_others(ward: Ward, jobs: int) -> None:
    store, names = f"jobs{jobs}", ("pool-a", "pool-b", "pool-c")
    for name in names:
        ward.admit(name)
    ward.damage(sorted(ward.phantom("pool-b").glob("CT*.dcm"))[3])
    outcomes = run_all(ward, *names, jobs=jobs, store=store)
    ward.mend()
    assert {name: outcome.status for name, outcome in outcomes.items()} == {
        "pool-a": Status.SUCCESS,
        "pool-b": Status.FAILED,
        "pool-c": Status.SUCCESS,
    }
    for name in ("pool-a", "pool-c"):
        assert len(outcomes[name].assets) == len(PATIENT_ASSETS)
        run_all(ward, name, jobs=jobs, store=f"alone{jobs}")
        assert ward.files(name, store) == ward.files(name, f"alone{jobs}")


@contextmanager
def killer(ward: Ward, victim: str, times: int, store: str) -> Iterator[list[int]]:
    """Kill the workers each time the victim is begun anew, at most so many times; yields the PIDs that were killed."""
    killed: list[int] = []
    over = threading.Event()

    def kill() -> None:
        for _ in range(times):
            since = time.time()
            while not begun(since):
                if over.wait(POLL_S):
                    return
            for worker in workers():
                killed.append(worker.pid)
                worker.kill()
                worker.wait(10)

    def begun(since: float) -> bool:
        try:
            return any(path.stat().st_mtime >= since for path in ward.folder(victim, store).path.glob(".new-*"))
        except FileNotFoundError:
            return False

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


def workers() -> list[psutil.Process]:
    """Return the processes that the fork server of this one has made."""
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if process.ppid() != os.getpid() and any("forkserver" in part for part in process.cmdline())
    ]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_patient_whose_worker_dies_is_tried_again_alone_and_passes(ward: Ward, jobs: int) -> None:
    names = ("pool-d", "pool-e", "pool-f")
    for name in names:
        ward.admit(name)
    store = f"once{jobs}"
    with killer(ward, "pool-e", 1, store) as killed:
        outcomes = run_all(ward, *names, jobs=jobs, store=store)
    assert killed
    assert {outcome.status for outcome in outcomes.values()} == {Status.SUCCESS}
    assert not [path for name in names for path in ward.files(name, store) if ".new-" in path or path.endswith(".tmp")]


def test_a_patient_whose_worker_dies_again_fails_and_the_others_are_done(ward: Ward) -> None:
    names = ("pool-g", "pool-h", "pool-i")
    for name in names:
        ward.admit(name)
    with killer(ward, "pool-h", 2, "twice") as killed:
        outcomes = run_all(ward, *names, jobs=1, store="twice")
    assert len(killed) == 3, "both workers of one job, then the one that worked alone"
    assert outcomes["pool-g"].status is outcomes["pool-i"].status is Status.SUCCESS
    broken = outcomes["pool-h"]
    assert broken.status is Status.FAILED
    assert broken.failure is not None
    assert (broken.failure.error_type, broken.failure.asset) == ("WorkerDied", "patient_notes")
    assert "died twice" in broken.reason
    assert "it was killed (SIGKILL), most likely for want of memory" in broken.reason
    failure = ward.folder("pool-h", "twice").read_failure()
    assert failure is not None
    assert failure["error_type"] == "WorkerDied"

    assert run_all(ward, "pool-h", jobs=1, store="twice")["pool-h"].status is Status.SUCCESS
    assert ward.folder("pool-h", "twice").read_failure() is None


def test_no_worker_is_left_when_all_outcomes_are_there(ward: Ward) -> None:
    ward.admit("pool-j")
    run_all(ward, "pool-j", jobs=1, store="left")
    assert workers() == []
