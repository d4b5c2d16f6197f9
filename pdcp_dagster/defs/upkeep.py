"""Jobs that find their patients themselves: reconcile with the archive, backfill, retry.

What lives here: one step each that looks, runs who is due, and says in plain words what it saw and did. What does not:
when they run (`schedules`), the feed (`watch`).

They are runs without partitions, so that one run is enough for any patients: what becomes of each patient is told
under the patient's partition all the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
from pydantic import Field

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancError
from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.defs.checks import patient_check_specs
from pdcp_dagster.defs.collecting import LISTED, Collecting, PatientEvent, Surroundings, patient_tasks
from pdcp_dagster.defs.jobs import (
    backfill_job_name,
    patient_asset_keys,
    reconcile_job_name,
    retry_job_name,
)
from pdcp_dagster.defs.patients import ListConfig, renew_list
from pdcp_dagster.defs.resources import OrthancResource, Progress, StoreResource
from pdcp_dagster.defs.specs import LIST_VERSION
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.stages.archive_changes import Differences, compare
from pdcp_dagster.stages.currency import look_at
from pdcp_dagster.stages.current import standing_of
from pdcp_dagster.stages.presence import ArchiveEmptiedError


class UpkeepConfig(ListConfig):
    """How a job that finds its patients itself runs them."""

    jobs: int = Field(default=0, ge=0, description="Worker processes; 0: one per core.")


@dataclass
class Due:
    """Who is to be run, and what was seen, a sentence each; `trouble` is what could not be looked at."""

    keys: Sequence[str] = ()
    seen: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)


Look = Callable[[Surroundings, Orthanc, frozenset[str]], Due]
"""Who is due of the patients on the list, those aside who are just arriving (partition keys)."""


def upkeep_jobs(cohort: Cohort, cohorts: Path, resources: Mapping[str, object]) -> list[dg.JobDefinition]:
    """Return `reconcile_`, `backfill_` and `retry_failed_<cohort>`, with the deployment's resources in them.

    Dagster would put those in itself, at the price of a warning for each sensor that asks for such a job.
    """
    return [
        _job(
            (cohort, cohorts, resources),
            reconcile_job_name(cohort.name),
            differing,
            "Compare the archive with what was run: run patients who are new or hold something else now, tell of those "
            "who were deleted. Catches what the change feed lost.",
        ),
        _job(
            (cohort, cohorts, resources),
            backfill_job_name(cohort.name),
            without_result,
            "Run all patients who are new, failed, or whose result is out of date (archive, cohort file, tables, "
            "decisions, code). Excluded patients of whom nothing has changed are not run again.",
        ),
        _job(
            (cohort, cohorts, resources),
            retry_job_name(cohort.name),
            failed,
            "Run the patients again whose last run failed.",
        ),
    ]


def differing(around: Surroundings, archive: Orthanc, arriving: frozenset[str]) -> Due:
    """Return whom the archive holds otherwise than they were run, or who failed before anything was made of them.

    Other failures of the same content are for `retry_`.
    """
    table = read_table(around.folder.file("patient_ids"))
    keys = {
        str(orthanc_id): str(key)
        for orthanc_id, key in zip(table["orthanc_id"], table["partition_key"], strict=True)
        if key not in arriving
    }
    found = Differences()
    compare(archive, around.folder, keys, found)
    failed_before = {key for key in found.new.values() if around.folder.patient(key).read_failure() is not None}
    seen = [
        f"New: {_some([key for key in found.new.values() if key not in failed_before])}.",
        f"Changed in the archive: {_some(list(found.changed.values()))}.",
        f"As they were run: {found.unchanged}.",
    ]
    if failed_before:
        seen.append(f"Failed before anything was made of them, tried again: {_some(sorted(failed_before))}.")
    if found.not_seen:
        seen.append(f"Could not be looked at: {_some(list(found.not_seen.values()))}.")
    return Due(found.due, seen, list(found.not_seen.values()))


def without_result(around: Surroundings, archive: Orthanc, arriving: frozenset[str]) -> Due:
    """Return who has no result that is current, whatever the reason."""
    keys = [key for key in _listed(around) if key not in arriving]
    selected = frozenset(key.path[-1] for key in patient_asset_keys(around.cohort.name, around.cohort.linkage))
    looked = look_at(patient_tasks(keys, around.folder, selected, ""), around.settings(), archive)
    due = [task.partition_key for task, standing in looked if standing is None]
    return Due(due, [f"Without a current result: {_some(due)}.", f"Current: {len(keys) - len(due)}."])


def failed(around: Surroundings, _: Orthanc, __: frozenset[str]) -> Due:
    """Return whose last run failed."""
    due = [key for key in _listed(around) if standing_of(around.folder.patient(key)).status is Status.FAILED]
    return Due(due, [f"Failed: {_some(due)}."])


def _job(of: tuple[Cohort, Path, Mapping[str, object]], name: str, look: Look, description: str) -> dg.JobDefinition:
    cohort, cohorts, resources = of
    checks = [spec.key for spec in patient_check_specs(cohort)]
    selected = frozenset(key.path[-1] for key in patient_asset_keys(cohort.name, cohort.linkage))

    @dg.op(name=f"{name}_step", out=dg.Out(dg.Nothing), description=description)
    def step(
        context: dg.OpExecutionContext,
        config: UpkeepConfig,
        orthanc: dg.ResourceParam[OrthancResource],
        store: StoreResource,
        progress: dg.ResourceParam[Progress],
    ) -> Iterator[PatientEvent | dg.Output[None]]:
        around = Surroundings(cohort, cohorts, orthanc, store, progress)
        with orthanc.open() as archive:
            listing, list_event = _listed_anew(context, around, archive, config)
            due = look(around, archive, listing)
        yield list_event
        _say(context, due)
        collecting = Collecting(context.run_id, context.instance, around, selected, checks, jobs=config.jobs)
        yield from collecting.collect(due.keys)
        collecting.end(context, planned=False)
        if due.trouble:
            raise dg.Failure(f"Could not be looked at: {' | '.join(due.trouble[:LISTED])}", allow_retries=False)
        yield dg.Output(None)

    @dg.job(
        name=name,
        description=description,
        tags={"cohort": cohort.name},
        resource_defs={each: resources[each] for each in ("orthanc", "store", "progress")},
        executor_def=dg.in_process_executor,
    )
    def job() -> None:
        step()

    return job


def _listed_anew(
    context: dg.OpExecutionContext, around: Surroundings, archive: Orthanc, config: UpkeepConfig
) -> tuple[frozenset[str], dg.AssetMaterialization]:
    """List the archive; return who is just arriving, and what to tell of the list."""
    cohort = around.cohort
    try:
        listing = renew_list(
            context.instance, archive, cohort, around.cohorts, around.folder, accept_losses=config.accept_losses
        )
    except (ArchiveEmptiedError, OrthancError) as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    told = listing.metadata(cohort)
    context.log.info(
        "%s patients in the archive, %s of them new; deleted since the last look: %s; back again: %s; arriving, "
        "left for later: %s.",
        *(told[name] for name in ("patients", "new patients", "deleted from the archive", "back in the archive")),
        _some(sorted(listing.found.arriving)),
    )
    event = dg.AssetMaterialization(
        [cohort.name, "patient_ids"], metadata=told, tags={"dagster/data_version": LIST_VERSION}
    )
    return listing.found.arriving, event


def _say(context: dg.OpExecutionContext, due: Due) -> None:
    context.log.info(" ".join([*due.seen, f"To be run: {len(due.keys)}."]))
    context.instance.add_run_tags(context.run_id, {"pdcp/patients": str(len(due.keys))})


def _listed(around: Surroundings) -> list[str]:
    return [str(key) for key in read_table(around.folder.file("patient_ids"))["partition_key"]]


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:LISTED])
    return (f"{len(names)} ({shown}, ...)" if len(names) > LISTED else shown) or "none"
