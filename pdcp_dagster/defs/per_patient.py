"""The fused step: all per-patient assets of a cohort, for K patients a run, over a pool of processes.

One step for all assets costs a tenth of what separate assets would (docs/decisions/0002). Any subset of the assets can
be materialised for any patients. Each patient comes back with one outcome; a patient that failed makes its own
partitions Failed, and nobody else's.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import dagster as dg
from pydantic import Field

from pdcp_dagster import __version__
from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.adapters.store import CohortFolder
from pdcp_dagster.defs.checks import evaluations, patient_check_specs
from pdcp_dagster.defs.failed_partitions import plan_failed_partitions
from pdcp_dagster.defs.partitions import patient_partitions
from pdcp_dagster.defs.previews import materialization
from pdcp_dagster.defs.resources import OrthancResource, Progress, StoreResource
from pdcp_dagster.defs.specs import patient_specs
from pdcp_dagster.domain.circumstances import CohortTables
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.stages.outcome import PatientOutcome, PatientTask
from pdcp_dagster.stages.patient import ChainSettings
from pdcp_dagster.stages.pool import run_patients
from pdcp_dagster.stages.usable_cohorts import CohortUnusableError, require_usable

PATIENTS_PER_RUN = 100
STEP = "per_patient"
_LISTED = 20

PatientEvent = dg.AssetMaterialization | dg.AssetObservation | dg.AssetCheckEvaluation


class PatientsConfig(dg.Config):
    """Which patients a run is for, where it is not the run's partitions that say so.

    A run over some of the assets must have partitions: Dagster looks up by partition what those are made from.
    """

    patients: list[str] = Field(
        default=[], description="Partition keys, contiguous or not; empty: the run's own partitions."
    )
    jobs: int = Field(default=0, ge=0, description="Worker processes; 0: one per core.")
    force: bool = Field(default=False, description="Make everything again, also what is current.")


def per_patient_assets(cohort: Cohort, cohorts: Path) -> dg.AssetsDefinition:
    """Return the fused multi-asset of a cohort; relative paths of its tables start at the folder `cohorts`."""

    @dg.multi_asset(
        name=f"{cohort.name}_{STEP}",
        specs=patient_specs(cohort.name, __version__, cohort.linkage),
        check_specs=patient_check_specs(cohort.name, cohort.linkage),
        partitions_def=patient_partitions(cohort.name),
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=PATIENTS_PER_RUN),
        can_subset=True,
    )
    def per_patient(
        context: dg.AssetExecutionContext,
        config: PatientsConfig,
        orthanc: dg.ResourceParam[OrthancResource],
        store: StoreResource,
        progress: dg.ResourceParam[Progress],
    ) -> Iterator[PatientEvent]:
        keys = _keys(context, config, cohort.name)
        selected = {key.path[-1] for key in context.selected_asset_keys}
        settings = ChainSettings(cohort, store.store(), orthanc.settings(), __version__, _tables(cohort, cohorts))
        listed = patient_tasks(keys, store.cohort(cohort.name), frozenset(selected), context.run.run_id)
        tasks = [replace(task, force=config.force) for task in listed]
        failed: list[PatientOutcome] = []
        # Closed, not left to the garbage collector: an interrupted run must not go on with the patients that wait.
        with closing(run_patients(tasks, settings, config.jobs or os.cpu_count() or 1)) as outcomes:
            for outcome in outcomes:
                yield from _events(cohort.name, outcome, selected)
                for asset in outcome.assets:
                    yield from evaluations(cohort.name, outcome.partition_key, asset, context.selected_asset_check_keys)
                progress.patient_done(outcome)
                if outcome.failure is not None:
                    failed.append(outcome)
        if failed:
            _fail(context, cohort.name, failed, selected)

    return per_patient


def _tables(cohort: Cohort, cohorts: Path) -> CohortTables:
    """Return the cohort's tables as they are now: a long-lived code location may have been loaded before a change."""
    try:
        return require_usable(cohort, cohorts)
    except CohortUnusableError as error:
        raise dg.Failure(str(error), allow_retries=False) from None


def _keys(context: dg.AssetExecutionContext, config: PatientsConfig, cohort: str) -> list[str]:
    """Return the run's patients; a key that nobody listed is refused before anything is touched."""
    named = list(dict.fromkeys(config.patients))
    of_run = list(context.partition_keys) if _is_partitioned(context) else []
    if bool(named) == bool(of_run):
        raise dg.Failure(
            f"{'Both partitions and names of' if named else 'No'} patients: choose partitions, or name partition keys "
            "in the run's config (ops > config > patients).",
            allow_retries=False,
        )
    known = set(context.instance.get_dynamic_partitions(str(patient_partitions(cohort).name)))
    unknown = [key for key in named if key not in known]
    if unknown:
        raise dg.Failure(
            f"No such partitions: {', '.join(map(repr, unknown[:_LISTED]))}. Materialise patient_ids first.",
            allow_retries=False,
        )
    return named or of_run


def _is_partitioned(context: dg.AssetExecutionContext) -> bool:
    return bool(context.has_partition_key or context.has_partition_key_range)


def patient_tasks(
    keys: Sequence[str], folder: CohortFolder, selected: frozenset[str], run_id: str
) -> list[PatientTask]:
    """Return a task per key; a key that the patient list does not know gets one, too, and fails with the reason."""
    known = {}
    if folder.file("patient_ids").exists():
        table = read_table(folder.file("patient_ids"))
        pairs = zip(table["patient_id"].astype(str), table["orthanc_id"].astype(str), strict=True)
        known = dict(zip(table["partition_key"].astype(str), pairs, strict=True))
    return [PatientTask(key, *known.get(key, (key, "")), selected=selected, run_id=run_id) for key in keys]


def _events(cohort: str, outcome: PatientOutcome, selected: set[str]) -> Iterator[PatientEvent]:
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


def _unfinished(outcome: PatientOutcome, selected: set[str]) -> list[str]:
    return sorted(selected - {asset.asset for asset in outcome.assets})


def _fail(context: dg.AssetExecutionContext, cohort: str, failed: list[PatientOutcome], selected: set[str]) -> None:
    """End the run as failed, last of all: exactly the failing patients' unfinished assets become Failed partitions."""
    if not _is_partitioned(context):
        missing = [
            (dg.AssetKey([cohort, name]), outcome.partition_key)
            for outcome in failed
            for name in _unfinished(outcome, selected)
        ]
        plan_failed_partitions(context, missing)
    raise dg.Failure(
        description=f"{len(failed)} patient(s) failed; all others are done. "
        + " | ".join(f"{outcome.partition_key}: {outcome.reason}" for outcome in failed[:_LISTED]),
        metadata={outcome.partition_key: outcome.reason for outcome in failed[:_LISTED]},
        allow_retries=False,
    )
