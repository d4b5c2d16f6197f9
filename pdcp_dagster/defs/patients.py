"""The list of patients, and the partitions that follow from it."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from pdcp_dagster.adapters.orthanc import Orthanc
from pdcp_dagster.adapters.parquet import write_table
from pdcp_dagster.adapters.store import CohortFolder, tombstones
from pdcp_dagster.defs.partitions import patient_partitions
from pdcp_dagster.defs.resources import OrthancResource, StoreResource
from pdcp_dagster.defs.specs import LIST_VERSION, OWNER
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.stages.archive_list import PatientList, list_patients
from pdcp_dagster.stages.naming import told_missing
from pdcp_dagster.stages.presence import Presence, note_presence

KEYS_PER_CALL = 5000
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
NOT_ENDED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_SHOWN = 50


class ListConfig(dg.Config):
    """What a listing may do that it does not do unasked."""

    accept_losses: bool = False
    """Believe it where the archive has none of the patients who were listed before."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a listing found, and what it changed."""

    found: PatientList
    presence: Presence
    added: int

    def metadata(self, cohort: Cohort) -> dict[str, str | int]:
        """Return what to tell of it; PatientIDs only where the cohort shows them."""
        return {
            "patients": len(self.found.table),
            "new patients": self.added,
            "deleted from the archive": _some(self.presence.deleted),
            "back in the archive": _some(self.presence.returned),
            "not in the archive": _some(told_missing(cohort, self.found.not_in_archive)),
            "dagster/row_count": len(self.found.table),
        }


def patient_ids_asset(cohort: Cohort, cohorts: Path) -> dg.AssetsDefinition:
    """Return the `patient_ids` asset of a cohort; a relative list of patients lies below the folder `cohorts`."""

    @dg.asset(
        key=[cohort.name, "patient_ids"],
        group_name="archive",
        kinds={"orthanc", "parquet"},
        owners=[OWNER],
        tags={"cohort": cohort.name},
        io_manager_key="parquet",
        description="The patients of the archive that belong to the cohort. Its rows become the partitions: materialise"
        " it to make new patients appear, and deleted ones be told of.",
    )
    def patient_ids(
        context: dg.AssetExecutionContext,
        config: ListConfig,
        orthanc: dg.ResourceParam[OrthancResource],
        store: StoreResource,
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        with orthanc.open() as archive:
            listing = renew_list(
                context.instance,
                archive,
                cohort,
                cohorts,
                store.cohort(cohort.name),
                accept_losses=config.accept_losses,
            )
        return dg.MaterializeResult(metadata=listing.metadata(cohort), data_version=dg.DataVersion(LIST_VERSION))

    return patient_ids


def renew_list(
    instance: dg.DagsterInstance,
    archive: Orthanc,
    cohort: Cohort,
    cohorts: Path,
    folder: CohortFolder,
    *,
    accept_losses: bool,
) -> Listing:
    """List the archive's patients, write the list, and have partitions for them and for nobody who was deleted.

    Raises OrthancError, and ArchiveEmptiedError (`stages.presence`) before anything is changed.
    """
    with folder.list_held():
        before = known_partitions(instance, cohort.name)
        found = list_patients(archive, cohort, cohorts)
        presence = note_presence(folder, found, accept_losses=accept_losses)
        write_table(found.table, folder.file("patient_ids"))
        added = add_partitions(instance, cohort.name, [str(key) for key in found.table["partition_key"]])
        gone = {each.partition_key for each in tombstones(folder)} | (set(before) - found.archived_keys)
        remove_partitions(instance, cohort.name, gone - _ends_of_ranges(instance))
    return Listing(found, presence, added)


def add_partitions(instance: dg.DagsterInstance, cohort: str, keys: list[str]) -> int:
    """Add the keys that are new, in pages; return how many."""
    known = set(known_partitions(instance, cohort))
    new = [key for key in keys if key not in known]
    for start in range(0, len(new), KEYS_PER_CALL):
        instance.add_dynamic_partitions(_name(cohort), new[start : start + KEYS_PER_CALL])
    return len(new)


def remove_partitions(instance: dg.DagsterInstance, cohort: str, keys: Collection[str]) -> None:
    """Remove keys, those that are there; what Dagster recorded of them stays."""
    for key in set(known_partitions(instance, cohort)) & set(keys):
        instance.delete_dynamic_partition(_name(cohort), key)


def _ends_of_ranges(instance: dg.DagsterInstance) -> set[str]:
    """Return the keys at either end of the ranges of runs that have not ended, which would find no range without."""
    runs = instance.get_runs(dg.RunsFilter(statuses=NOT_ENDED))
    return {run.tags[tag] for run in runs for tag in (RANGE_START, RANGE_END) if tag in run.tags}


def known_partitions(instance: dg.DagsterInstance, cohort: str) -> list[str]:
    """Return the cohort's partition keys, in Dagster's order."""
    return list(instance.get_dynamic_partitions(_name(cohort)))


def _name(cohort: str) -> str:
    return str(patient_partitions(cohort).name)


def _some(names: Collection[str]) -> str:
    shown = ", ".join(list(names)[:_SHOWN])
    return (f"{shown}, ..." if len(names) > _SHOWN else shown) or "none"
