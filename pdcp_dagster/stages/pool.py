"""Many patients over worker processes: each patient comes back with exactly one outcome, whatever happens to a worker.

What lives here: who works on whom, what a dead worker means, and how a run stops. What does not: one worker (`worker`),
or what is done for a patient (`chain`).
"""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import count
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.orthanc import Orthanc
from pdcp_dagster.adapters.store import StoreError
from pdcp_dagster.stages import stopping
from pdcp_dagster.stages.chain import failed_outcome, run_patient
from pdcp_dagster.stages.compute_slots import ComputeSlots, slot_file
from pdcp_dagster.stages.outcome import FailureReport, PatientOutcome, PatientTask
from pdcp_dagster.stages.stopping import Stop
from pdcp_dagster.stages.worker import Death, Worker
from pdcp_dagster.stages.worker_memory import require_wanted_memory

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from pdcp_dagster.stages.patient import ChainSettings

_WORKERS_PER_JOB = 2
"""One converts while the other downloads."""
_CONNECTIONS = 48
"""Of all workers together: Orthanc answers with 50 threads unless its configuration says otherwise."""
_POLL_S = 0.2
_SWEEP_WAIT_S = 1.0
_SILENCE_S = 60.0
"""When no worker has said anything for so long, it is looked whether some are stopped."""


def run_patients(
    tasks: Sequence[PatientTask], settings: ChainSettings, jobs: int
) -> Generator[PatientOutcome, None, None]:
    """Work on all tasks, `jobs` conversions at a time, and yield one outcome each, in order of completion.

    With `jobs` of 0 all happens in this process (for a debugger). A patient whose worker dies (out of memory, killed)
    is tried once more, alone, when all others are done; if that worker dies too the patient fails.

    Raises
    ------
    KeyboardInterrupt
        Where `stopping` was asked for and there are patients without an outcome.
    WorkerMemoryError
        Before anything is begun, where PDCP_WORKER_MEMORY_GB cannot be meant; nothing else.

    """
    if jobs == 0:
        with Orthanc(settings.orthanc) as archive:
            for task in tasks:
                yield run_patient(task, settings, archive)
        return
    require_wanted_memory()
    suspects: list[PatientTask] = []
    for task, answer in _worked_off(tasks, settings, jobs):
        if isinstance(answer, PatientOutcome):
            yield answer
        else:
            suspects.append(task)
    for suspect in suspects:
        for task, answer in _worked_off([suspect], settings, 1):
            yield answer if isinstance(answer, PatientOutcome) else failed_outcome(task, settings, _died(answer))


def _died(death: Death) -> FailureReport:
    return FailureReport(
        stage="worker",
        error_type="WorkerDied",
        reason=f"the process that worked on this patient died twice, the second time alone: it {death}",
    )


Answer = tuple[PatientTask, PatientOutcome | Death]


def _worked_off(tasks: Sequence[PatientTask], settings: ChainSettings, jobs: int) -> Generator[Answer, None, None]:
    """Yield what came of each task; `KeyboardInterrupt` where a stop leaves some undone."""
    with _crew(settings, jobs, len(tasks)) as crew, closing(crew.work_off(tasks)) as answers:
        yield from answers


@contextmanager
def _crew(settings: ChainSettings, jobs: int, tasks: int) -> Iterator[_Crew]:
    most = min(_WORKERS_PER_JOB * jobs, tasks)
    connections = min(settings.orthanc.connections, max(2, _CONNECTIONS // max(most, 1)))
    settings = replace(settings, orthanc=replace(settings.orthanc, connections=connections))
    with ExitStack() as stack:
        crew = _Crew(settings, ComputeSlots(stack.enter_context(slot_file()), jobs), most)
        stack.callback(crew.dismiss)
        yield crew


@dataclass
class _Crew:
    """Up to `most` workers, started when there is something for them to do."""

    settings: ChainSettings
    slots: ComputeSlots
    most: int
    workers: list[Worker] = field(default_factory=list)

    def work_off(self, tasks: Sequence[PatientTask]) -> Generator[Answer, None, None]:
        """Yield what came of each task. A worker that dies takes nobody with it but the patient it worked on."""
        waiting = deque(tasks)
        while True:
            yield from self._hand_out(waiting)
            if not any(worker.task for worker in self.workers):
                break
            for worker in self._ready():
                task, answer = worker.task, worker.answer()
                if isinstance(answer, Death):
                    self.workers.remove(worker)
                    self._sweep(task)
                if task is not None:
                    yield task, answer
        if waiting:
            raise KeyboardInterrupt

    def _hand_out(self, waiting: deque[PatientTask]) -> Iterator[Answer]:
        """Give every idle worker a patient, unless a stop was asked for; yield patients for whom there is no worker."""
        while waiting and not stopping.asked():
            idle = next((worker for worker in self.workers if worker.task is None), None)
            if idle is not None:
                if idle.begin(waiting[0]):
                    waiting.popleft()
                else:
                    self._bury(idle)
            elif len(self.workers) < self.most:
                task = waiting.popleft()
                death = self._start(task)
                if death is not None:
                    yield task, death
            else:
                return

    def _start(self, task: PatientTask) -> Death | None:
        """Give a patient to a new worker; return that worker's end where it ended before it began."""
        try:
            worker = Worker.start(self.settings, self.slots)
        except (OSError, EOFError):
            return Death(None)
        self.workers.append(worker)
        if worker.begin(task):
            return None
        self._bury(worker)
        return Death(worker.process.exitcode)

    def _bury(self, worker: Worker) -> None:
        self.workers.remove(worker)
        worker.end()

    def _ready(self) -> list[Worker]:
        """Wait until workers have an answer or are dead; `KeyboardInterrupt` where all is to end at once."""
        busy = {worker.connection: worker for worker in self.workers if worker.task}
        for _ in self._polls():
            if ready := wait(list(busy), timeout=_POLL_S):
                return [worker for connection, worker in busy.items() if connection in ready]
        raise KeyboardInterrupt

    def _polls(self) -> Iterator[None]:
        """Go round until all is to end at once; who is stopped (SIGSTOP) would be waited for without end: it is killed.

        Rounds are counted, not hours: those that the whole run was stopped for (Ctrl-Z) say nothing.
        """
        for round_ in count(1):
            if stopping.asked() >= Stop.AT_ONCE:
                return
            yield
            if round_ % max(1, round(_SILENCE_S / _POLL_S)) == 0:
                for worker in self.workers:
                    worker.kill_if_stopped()

    def dismiss(self) -> None:
        """End all workers: when they have finished their patients, or at once where that was asked for."""
        for worker in self.workers:
            # So that all see it before one is waited for; a closed connection is no harm to a patient under work.
            worker.connection.close()
        for _ in self._polls():
            alive = [worker.process.sentinel for worker in self.workers if worker.process.is_alive()]
            if not alive:
                break
            wait(alive, timeout=_POLL_S)
        for worker in self.workers:
            worker.kill()
            self._sweep(worker.task)

    def _sweep(self, task: PatientTask | None) -> None:
        """Remove what a dead worker left half-made; where that cannot be now, the patient's next run does it."""
        if task is None or not task.orthanc_id:
            return
        folder = self.settings.store.cohort(self.settings.cohort.name).patient(task.partition_key)
        with suppress(OSError, StoreError), folder.locked(_SWEEP_WAIT_S):
            pass
