"""`pdcp run`: list the patients, collect them, report, all recorded in the Dagster instance."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.commands.current_patients import leave_current
from pdcp_dagster.commands.dagster_instance import RunBroken, opened_dagster
from pdcp_dagster.commands.dead_runs import close_dead_runs, close_own_runs, process_tags
from pdcp_dagster.commands.deployment import WrongConfiguration
from pdcp_dagster.commands.signals import closed_if_abandoned
from pdcp_dagster.definitions import build_definitions
from pdcp_dagster.defs.jobs import collect_job_name, list_job_name, report_job_name
from pdcp_dagster.defs.patients import ListConfig
from pdcp_dagster.defs.per_patient import PATIENTS_PER_RUN, STEP, PatientsConfig
from pdcp_dagster.defs.resources import Progress
from pdcp_dagster.defs.schedules import ScheduleSettingError
from pdcp_dagster.stages import stopping
from pdcp_dagster.stages.naming import as_told, keys_by_name, told_missing
from pdcp_dagster.stages.presence import NONE_LEFT
from pdcp_dagster.stages.worker_memory import WorkerMemoryError, require_wanted_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import dagster as dg
    import pandas as pd

    from pdcp_dagster.commands.deployment import Deployment
    from pdcp_dagster.commands.progress import ProgressBar
    from pdcp_dagster.domain.cohort import Cohort
    from pdcp_dagster.stages.outcome import PatientOutcome

_INTERRUPTED = "DagsterExecutionInterruptedError"
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class Collected:
    """What came of a `pdcp run`."""

    worked_on: int = 0
    """How many patients came back, whatever became of them."""
    failed: list[PatientOutcome] = field(default_factory=list)
    """The patients that failed; of ten thousand others nothing more is kept than their number."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What each patient is called, by partition key (`stages.naming`)."""
    not_in_archive: tuple[str, ...] = ()
    """Who is on the cohort's own list and not in the archive, as it may be told."""

    current: int = 0
    """How many patients were left as they are, nothing of them having changed."""

    def add(self, outcome: PatientOutcome) -> None:
        """Count a patient that came back."""
        self.worked_on += 1
        if outcome.failure is not None:
            self.failed.append(outcome)


def run_cohort(
    deployment: Deployment,
    cohort: Cohort,
    patients: Sequence[str],
    jobs: int,
    progress: ProgressBar,
    *,
    force: bool = False,
    accept_losses: bool = False,
) -> Collected:
    """Run all stages for the named patients, or all; the report follows whatever became of them.

    accept_losses: believe it where the archive has none of the patients who were listed before.
    force: make everything again. Otherwise patients of whom nothing has changed are left as they are, without a run.

    That Orthanc answers is for the caller to have seen (`deployment.require_orthanc`).
    """
    _require_memory()
    deployment.prepare_dagster()
    deployment.require_decisions(cohort)
    # The definitions that the UI loads: a run recorded here is a run of the same job there.
    try:
        definitions = build_definitions(os.environ)
    except ScheduleSettingError as error:
        raise WrongConfiguration(str(error)) from error
    with opened_dagster(deployment.dagster_home) as instance:
        close_dead_runs(instance)
        _list(definitions, cohort.name, instance, accept_losses=accept_losses)
        table = read_table(deployment.store.cohort(cohort.name).file("patient_ids"))
        keys = _chosen(cohort, table, patients)
        collected = Collected(
            names=dict(zip(table["partition_key"], as_told(cohort, table)["patient_id"], strict=True)),
            not_in_archive=told_missing(
                cohort, sorted(set(deployment.listed_patients(cohort)) - set(table["patient_id"]))
            ),
        )
        with progress.over(len(keys)):
            due = keys if force else leave_current(deployment, cohort, instance, keys, progress)
            collected.current = len(keys) - len(due)
            for start in range(0, len(due), PATIENTS_PER_RUN):
                some = PatientsConfig(patients=due[start : start + PATIENTS_PER_RUN], jobs=jobs, force=force)
                _collect(definitions, cohort, instance, some, progress, collected=collected)
        _execute(definitions, report_job_name(cohort.name), instance, {}, Progress())
    return collected


def report_cohort(cohort: Cohort, instance: dg.DagsterInstance) -> None:
    """Make the cohort's report anew. Raises RunBroken."""
    _execute(build_definitions(os.environ), report_job_name(cohort.name), instance, {}, Progress())


def _require_memory() -> None:
    try:
        require_wanted_memory()
    except WorkerMemoryError as error:
        raise WrongConfiguration(str(error)) from error


def _chosen(cohort: Cohort, table: pd.DataFrame, patients: Sequence[str]) -> list[str]:
    """Return the partition keys of the named patients, or of all; an unknown one is refused before anything runs."""
    by_name = keys_by_name(cohort, table)
    unknown = [patient for patient in patients if patient not in by_name]
    if unknown:
        raise WrongConfiguration(f"not in the archive or not in the cohort: {', '.join(map(repr, unknown))}")
    named = dict.fromkeys(by_name[patient] for patient in patients)
    return list(named) or [str(key) for key in table["partition_key"]]


def _list(definitions: dg.Definitions, cohort: str, instance: dg.DagsterInstance, *, accept_losses: bool) -> None:
    """List the archive; that it has none of those it had is a wrong configuration, unless it is accepted."""
    config = {"ops": {f"{cohort}__patient_ids": {"config": ListConfig(accept_losses=accept_losses).model_dump()}}}
    try:
        _execute(definitions, list_job_name(cohort), instance, config, Progress())
    except RunBroken as error:
        if NONE_LEFT in str(error):
            raise WrongConfiguration(str(error)) from error
        raise


def _collect(
    definitions: dg.Definitions,
    cohort: Cohort,
    instance: dg.DagsterInstance,
    chosen: PatientsConfig,
    progress: ProgressBar,
    *,
    collected: Collected,
) -> None:
    expected = collected.worked_on + len(chosen.patients)

    def tell(outcome: PatientOutcome) -> None:
        collected.add(outcome)
        progress.patient_done(outcome)

    config = {"ops": {f"{cohort.name}_{STEP}": {"config": chosen.model_dump()}}}
    _execute(
        definitions,
        collect_job_name(cohort.name),
        instance,
        config,
        Progress(tell),
        is_complete=lambda: collected.worked_on >= expected,
    )


def _execute(
    definitions: dg.Definitions,
    job_name: str,
    instance: dg.DagsterInstance,
    config: Mapping[str, object],
    progress: Progress,
    *,
    is_complete: Callable[[], bool] = lambda: False,
) -> None:
    """Run a job in this process. A run fails for one patient's failure, too: then all its outcomes are there.

    `KeyboardInterrupt` where a stop was asked for before or meanwhile: nothing more is to be begun.
    """
    _require_no_stop()
    with closed_if_abandoned(lambda: close_own_runs(instance)):
        result = definitions.resolve_job_def(job_name).execute_in_process(
            run_config={**_QUIET, **config},
            instance=instance,
            tags=process_tags(),
            raise_on_error=False,
            resources={"progress": progress},
        )
    _require_no_stop()
    if not result.success and not is_complete():
        if _INTERRUPTED in _error_types(result):
            raise KeyboardInterrupt
        raise RunBroken(f"run {result.run_id} of {job_name} broke: {_why(result)}")


def _require_no_stop() -> None:
    if stopping.asked():
        raise KeyboardInterrupt


def _error_types(result: dg.ExecuteInProcessResult) -> set[str]:
    errors = [getattr(event.event_specific_data, "error", None) for event in result.all_events if event.is_failure]
    return {str(error.cls_name) for error in errors if error is not None}


def _why(result: dg.ExecuteInProcessResult) -> str:
    failures = [event for event in result.all_events if event.is_failure]
    for event in failures:
        error = getattr(event.event_specific_data, "error", None)
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None:
            return str(error.message).strip()
    return "no reason was recorded"
