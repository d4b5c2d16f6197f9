"""Running patients inside a step, whichever job it is of: what to tell Dagster of each, and how the step ends.

What lives here: from partition keys to events. What does not: whose keys (`per_patient`, `upkeep`), the chain (stages).
"""

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import dagster as dg

from pdcp_dagster import __version__
from pdcp_dagster.adapters.orthanc import OrthancError
from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.adapters.store import CohortFolder
from pdcp_dagster.defs.checks import evaluations
from pdcp_dagster.defs.failed_partitions import plan_failed_partitions
from pdcp_dagster.defs.previews import materialization
from pdcp_dagster.defs.resources import OrthancResource, Progress, StoreResource
from pdcp_dagster.domain.circumstances import CohortTables
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.stages.archive_list import add_to_list
from pdcp_dagster.stages.outcome import PatientOutcome, PatientTask
from pdcp_dagster.stages.patient import ChainSettings
from pdcp_dagster.stages.pool import run_patients
from pdcp_dagster.stages.presence import ArchiveEmptiedError
from pdcp_dagster.stages.usable_cohorts import CohortUnusableError, require_usable

LISTED = 20
PatientEvent = dg.AssetMaterialization | dg.AssetObservation | dg.AssetCheckEvaluation


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What patients of a cohort are run with; relative paths of the cohort's tables start at the folder `cohorts`."""

    cohort: Cohort
    cohorts: Path
    orthanc: OrthancResource
    store: StoreResource
    progress: Progress

    @property
    def folder(self) -> CohortFolder:
        """The cohort's folder in the store."""
        return self.store.cohort(self.cohort.name)

    def settings(self) -> ChainSettings:
        """Return what a worker needs."""
        return ChainSettings(
            self.cohort, self.store.store(), self.orthanc.settings(), __version__, _tables(self.cohort, self.cohorts)
        )


@dataclass
class Collecting:
    """Patients on their way through one step of a run; `failed` are those that have failed so far.

    jobs: worker processes, 0 for one per core. force: make everything again, also what is current.
    renew_list: whether the patients' rows of the patient list may be out of date.
    """

    run_id: str
    instance: dg.DagsterInstance
    around: Surroundings
    selected: frozenset[str]
    selected_checks: Collection[dg.AssetCheckKey]
    jobs: int = 0
    force: bool = False
    renew_list: bool = False
    failed: list[PatientOutcome] = field(default_factory=list)
    worked_on: int = 0

    def collect(self, keys: Sequence[str]) -> Iterator[PatientEvent]:
        """Run the patients and yield what became of each."""
        cohort = self.around.cohort.name
        settings = self.around.settings()
        self._have_listed(keys)
        listed = patient_tasks(keys, self.around.folder, self.selected, self.run_id)
        tasks = [replace(task, force=self.force) for task in listed]
        # Closed, not left to the garbage collector: an interrupted run must not go on with the patients that wait.
        with closing(run_patients(tasks, settings, self.jobs or os.cpu_count() or 1)) as outcomes:
            for outcome in outcomes:
                yield from _events(cohort, outcome, self.selected)
                for asset in outcome.assets:
                    key = outcome.partition_key
                    yield from evaluations(self.around.cohort, key, asset, self.selected_checks, self.instance)
                self.around.progress.patient_done(outcome)
                self.worked_on += 1
                if outcome.failure is not None:
                    self.failed.append(outcome)

    def end(self, context: dg.OpExecutionContext | dg.AssetExecutionContext, *, planned: bool) -> None:
        """End the step as failed where a patient failed: exactly the unfinished assets become Failed partitions.

        planned: whether Dagster knows already which partitions the run is for. Nothing may be yielded after this.
        """
        if not self.failed:
            return
        if not planned:
            missing = [
                (dg.AssetKey([self.around.cohort.name, name]), outcome.partition_key)
                for outcome in self.failed
                for name in _unfinished(outcome, self.selected)
            ]
            plan_failed_partitions(context, missing)
        raise dg.Failure(
            description=f"{len(self.failed)} patient(s) failed; all others are done. "
            + " | ".join(f"{outcome.partition_key}: {outcome.reason}" for outcome in self.failed[:LISTED]),
            metadata={outcome.partition_key: outcome.reason for outcome in self.failed[:LISTED]},
            allow_retries=False,
        )

    def _have_listed(self, keys: Sequence[str]) -> None:
        """Have patients on the list who came after it was made; who cannot be added fails for not being listed."""
        around = self.around
        outdated = set(keys) - (set() if self.renew_list else set(_identities(around.folder)))
        if outdated:
            try:
                with around.orthanc.open() as archive:
                    add_to_list(around.folder, archive, around.cohort, around.cohorts, outdated)
            except ArchiveEmptiedError as error:
                raise dg.Failure(str(error), allow_retries=False) from None
            except OrthancError as error:
                dg.get_dagster_logger().warning("the patient list could not be renewed: %s", error)


def patient_tasks(
    keys: Sequence[str], folder: CohortFolder, selected: frozenset[str], run_id: str
) -> list[PatientTask]:
    """Return a task per key; a key that the patient list does not know gets one, too, and fails with the reason."""
    known = _identities(folder)
    return [PatientTask(key, *known.get(key, (key, "")), selected=selected, run_id=run_id) for key in keys]


def _identities(folder: CohortFolder) -> dict[str, tuple[str, str]]:
    """Return PatientID and Orthanc's ID of those on the patient list, by partition key."""
    if not folder.file("patient_ids").exists():
        return {}
    table = read_table(folder.file("patient_ids"))
    pairs = zip(table["patient_id"].astype(str), table["orthanc_id"].astype(str), strict=True)
    return dict(zip(table["partition_key"].astype(str), pairs, strict=True))


def _tables(cohort: Cohort, cohorts: Path) -> CohortTables:
    """Return the cohort's tables as they are now: a long-lived code location may have been loaded before a change."""
    try:
        return require_usable(cohort, cohorts)
    except CohortUnusableError as error:
        raise dg.Failure(str(error), allow_retries=False) from None


def _events(cohort: str, outcome: PatientOutcome, selected: Collection[str]) -> Iterator[PatientEvent]:
    """Tell what was made, and of a patient that failed, the reason on each asset that was not."""
    for asset in outcome.assets:
        yield materialization(cohort, outcome.partition_key, asset, __version__)
    if outcome.failure is None:
        return
    for name in _unfinished(outcome, selected) or [outcome.failure.asset]:
        yield dg.AssetObservation(
            asset_key=[cohort, name],
            partition=outcome.partition_key,
            description=outcome.reason,
            metadata={
                "status": str(outcome.status),
                "reason": outcome.reason,
                "stage": outcome.failure.stage,
                "error_type": outcome.failure.error_type,
            },
        )


def _unfinished(outcome: PatientOutcome, selected: Collection[str]) -> list[str]:
    return sorted(set(selected) - {asset.asset for asset in outcome.assets})
