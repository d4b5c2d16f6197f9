"""One worker process: seen from inside, a loop over patients; seen from the run, something that answers or dies.

What lives here: how a worker starts, is given a patient, and ends. What does not: how many there are and who gets which
patient (`pool`), or what is done for a patient (`chain`).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import forkserver, resource_tracker
from typing import TYPE_CHECKING, Any

import psutil

from pdcp_dagster.adapters.orthanc import Orthanc
from pdcp_dagster.stages.chain import run_patient
from pdcp_dagster.stages.worker_memory import limit_memory

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerContext

    from pdcp_dagster.stages.compute_slots import ComputeSlots
    from pdcp_dagster.stages.outcome import PatientOutcome, PatientTask
    from pdcp_dagster.stages.patient import ChainSettings

_THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class Death:
    """That a worker ended without an answer. exit_code: as of a process, negative for a signal."""

    exit_code: int | None

    def __str__(self) -> str:
        """How it ended, in words."""
        if self.exit_code is None:
            return "could not be started"
        if self.exit_code == -signal.SIGKILL:
            return "was killed (SIGKILL), most likely for want of memory"
        if self.exit_code < 0:
            return f"was killed ({_signal_name(-self.exit_code)})"
        return f"ended by itself with exit code {self.exit_code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


@dataclass
class Worker:
    """A worker process as the run sees it. task: the patient that it works on, None while it is idle."""

    process: multiprocessing.process.BaseProcess
    connection: Connection[Any, Any]
    task: PatientTask | None = field(default=None)

    @classmethod
    def start(cls, settings: ChainSettings, slots: ComputeSlots) -> Worker:
        """Start a process; `OSError` where the system has none to give."""
        ours, theirs = multiprocessing.Pipe()
        with theirs:
            process = _fork_server().Process(target=_serve, args=(theirs, slots, settings), daemon=True)
            try:
                process.start()
            except BaseException:
                ours.close()
                raise
        return cls(process, ours)

    def begin(self, task: PatientTask) -> bool:
        """Hand a patient over; False where the worker is dead already, so that nothing was begun."""
        try:
            self.connection.send(task)
        except OSError:
            return False
        self.task = task
        return True

    def answer(self) -> PatientOutcome | Death:
        """Return what became of its patient; to be asked once the connection is ready."""
        try:
            outcome: PatientOutcome = self.connection.recv()
        except (EOFError, OSError):
            self.end()
            return Death(self.process.exitcode)
        self.task = None
        return outcome

    def end(self) -> None:
        """Let it finish what it is at, and wait for its end."""
        self.connection.close()
        self.process.join()

    def kill_if_stopped(self) -> None:
        """End it where it is stopped (SIGSTOP), so that the run reads its end; a debugger's stop is left alone."""
        with suppress(psutil.Error):
            if psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED:
                self.process.kill()

    def kill(self) -> None:
        """End it at once; what it had half-made stays where it is."""
        self.process.kill()
        self.end()


def _fork_server() -> ForkServerContext:
    """Return the server whose children the workers are; what they all need it has loaded, in memory that they share."""
    os.environ.update({name: os.environ.get(name, value) for name, value in _THREADS.items()})
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    # Its children inherit from their first moment on that Ctrl-C is nothing to them: the run decides what it means.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        resource_tracker.ensure_running()  # unblocks SIGINT for whoever starts it
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


def _serve(connection: Connection[Any, Any], slots: ComputeSlots, settings: ChainSettings) -> None:
    """Work on patients until the run closes the connection."""
    threading.Thread(target=_end_with_the_run, daemon=True).start()
    limit_memory(slots.slots)
    with Orthanc(settings.orthanc) as archive, suppress(EOFError, OSError):
        while True:
            task = connection.recv()
            connection.send(run_patient(task, settings, archive, computing=slots.taken))


def _end_with_the_run() -> None:
    """Wait for the end of the run's process, however it ends, and go with it.

    PR_SET_PDEATHSIG would not do: a worker's parent is the fork server, which lives for as long as its workers.
    """
    run = multiprocessing.parent_process()
    if run is not None:
        run.join()
        os._exit(1)
