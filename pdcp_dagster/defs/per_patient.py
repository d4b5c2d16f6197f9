"""The fused step: all per-patient assets of a cohort, for K patients a run, over a pool of processes.

One step for all assets costs a tenth of what separate assets would (docs/decisions/0002). Any subset of the assets can
be materialised for any patients. Each patient comes back with one outcome; a patient that failed makes its own
partitions Failed, and nobody else's.
"""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from pydantic import Field

from pdcp_dagster import __version__
from pdcp_dagster.defs.checks import patient_check_specs
from pdcp_dagster.defs.collecting import LISTED, Collecting, PatientEvent, Surroundings
from pdcp_dagster.defs.partitions import patient_partitions
from pdcp_dagster.defs.patients import known_partitions
from pdcp_dagster.defs.resources import OrthancResource, Progress, StoreResource
from pdcp_dagster.defs.specs import patient_specs
from pdcp_dagster.domain.cohort import Cohort

PATIENTS_PER_RUN = 100
STEP = "per_patient"


class PatientsConfig(dg.Config):
    """Which patients a run is for, where it is not the run's partitions that say so.

    A run over some of the assets must have partitions: Dagster looks up by partition what those are made from.
    """

    patients: list[str] = Field(
        default=[], description="Partition keys, contiguous or not; empty: the run's own partitions."
    )
    jobs: int = Field(default=0, ge=0, description="Worker processes; 0: one per core.")
    force: bool = Field(default=False, description="Make everything again, also what is current.")
    renew_list: bool = Field(default=False, description="Write these patients' rows of the patient list anew, too.")


def step_of(cohort: str) -> str:
    """Return the name of the fused step of a cohort."""
    return f"{cohort}_{STEP}"


def per_patient_assets(cohort: Cohort, cohorts: Path) -> dg.AssetsDefinition:
    """Return the fused multi-asset of a cohort; relative paths of its tables start at the folder `cohorts`."""

    @dg.multi_asset(
        name=step_of(cohort.name),
        specs=patient_specs(cohort.name, __version__, cohort.linkage),
        check_specs=patient_check_specs(cohort),
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
        collecting = Collecting(
            run_id=context.run.run_id,
            instance=context.instance,
            around=Surroundings(cohort, cohorts, orthanc, store, progress),
            selected=frozenset(key.path[-1] for key in context.selected_asset_keys),
            selected_checks=context.selected_asset_check_keys,
            jobs=config.jobs,
            force=config.force,
            renew_list=config.renew_list,
        )
        yield from collecting.collect(keys)
        collecting.end(context, planned=_is_partitioned(context))

    return per_patient


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
    known = set(known_partitions(context.instance, cohort))
    unknown = [key for key in named if key not in known]
    if unknown and config.renew_list:  # they were partitions when the sensor asked
        context.log.warning("No partitions any more, left out: %s", ", ".join(unknown[:LISTED]))
        return [key for key in named if key in known]
    if unknown:
        raise dg.Failure(
            f"No such partitions: {', '.join(map(repr, unknown[:LISTED]))}. Materialise patient_ids first.",
            allow_retries=False,
        )
    return named or of_run


def _is_partitioned(context: dg.AssetExecutionContext) -> bool:
    return bool(context.has_partition_key or context.has_partition_key_range)
