"""Many patients over worker processes: each patient comes back with exactly one outcome, whatever happens to a worker.

What lives here: the process pool and what a dead worker means. What does not: what is done for a patient (`chain`).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.orthanc import Orthanc
from pdcp_dagster.stages.chain import failed_outcome, run_patient
from pdcp_dagster.stages.outcome import FailureReport, PatientOutcome, PatientTask

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from pdcp_dagster.stages.patient import ChainSettings

_THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1"}

_open: dict[str, tuple[ChainSettings, Orthanc]] = {}
"""What this worker process keeps open between patients."""


def run_patients(
    tasks: Sequence[PatientTask], settings: ChainSettings, jobs: int
) -> Generator[PatientOutcome, None, None]:
    """Work on all tasks with up to `jobs` processes and yield one outcome each, in order of completion; never raises.

    With `jobs` of 0 all happens in this process (for a debugger). A patient whose worker dies (out of memory, killed)
    is tried once more, alone; if that worker dies too the patient fails and the others are none the wiser.
    """
    if jobs == 0:
        with Orthanc(settings.orthanc) as archive:
            for task in tasks:
                yield run_patient(task, settings, archive)
        return
    unfinished = {task.partition_key: task for task in tasks}
    with closing(_through_pool(tasks, settings, min(jobs, len(tasks)) or 1)) as outcomes:
        for outcome in outcomes:
            del unfinished[outcome.partition_key]
            yield outcome
    for task in unfinished.values():
        alone = list(_through_pool([task], settings, 1))
        yield alone[0] if alone else failed_outcome(task, settings, _WORKER_DIED)


_WORKER_DIED = FailureReport(
    stage="worker",
    error_type="WorkerDied",
    reason="the process that worked on this patient was killed twice, most likely for want of memory",
)


def _through_pool(
    tasks: Sequence[PatientTask], settings: ChainSettings, jobs: int
) -> Generator[PatientOutcome, None, None]:
    """Yield what comes back; a task whose worker died is simply not among it."""
    os.environ.update({name: os.environ.get(name, value) for name, value in _THREADS.items()})
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pdcp_dagster.stages.chain"])
    with ExitStack() as stack:
        pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_start_worker, initargs=(settings,))
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        futures: list[Future[PatientOutcome]] = []
        try:
            futures.extend(pool.submit(_work, task) for task in tasks)
        except BrokenProcessPool:
            return
        for future in as_completed(futures):
            try:
                yield future.result()
            except BrokenProcessPool:
                continue


def _start_worker(settings: ChainSettings) -> None:
    """Open what the worker needs for all its patients, and make sure that it never outlives the run."""
    threading.Thread(target=_end_with_the_run, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run decides what an interrupt means
    _open["worker"] = (settings, Orthanc(settings.orthanc))


def _end_with_the_run() -> None:
    """Wait for the end of the run's process, however it ends, and go with it.

    PR_SET_PDEATHSIG would not do: a worker's parent is the fork server, which lives for as long as its workers.
    """
    run = multiprocessing.parent_process()
    if run is not None:
        run.join()
        os._exit(1)


def _work(task: PatientTask) -> PatientOutcome:
    settings, archive = _open["worker"]
    return run_patient(task, settings, archive)
