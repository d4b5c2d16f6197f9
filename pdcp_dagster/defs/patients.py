"""The list of patients, and the partitions that follow from it."""

from pathlib import Path

import dagster as dg
import pandas as pd

from pdcp_dagster.defs.partitions import patient_partitions
from pdcp_dagster.defs.resources import OrthancResource
from pdcp_dagster.defs.specs import LIST_VERSION, OWNER
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.stages.archive_list import list_patients
from pdcp_dagster.stages.naming import told_missing

KEYS_PER_CALL = 5000


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
        " it to make new patients appear.",
    )
    def patient_ids(context: dg.AssetExecutionContext, orthanc: dg.ResourceParam[OrthancResource]) -> pd.DataFrame:
        with orthanc.open() as archive:
            found = list_patients(archive, cohort, cohorts)
        added = add_partitions(context.instance, cohort.name, [str(key) for key in found.table["partition_key"]])
        context.set_data_version(context.asset_key, dg.DataVersion(LIST_VERSION))
        context.add_output_metadata(
            {
                "patients": len(found.table),
                "new_patients": added,
                "not_in_archive": ", ".join(told_missing(cohort, found.not_in_archive)[:50]) or "none",
                "dagster/row_count": len(found.table),
            }
        )
        return found.table

    return patient_ids


def add_partitions(instance: dg.DagsterInstance, cohort: str, keys: list[str]) -> int:
    """Add the keys that are new, in pages; return how many."""
    name = patient_partitions(cohort).name
    if name is None:  # a definition made by `patient_partitions` always has one
        return 0
    known = set(instance.get_dynamic_partitions(name))
    new = [key for key in keys if key not in known]
    for start in range(0, len(new), KEYS_PER_CALL):
        instance.add_dynamic_partitions(name, new[start : start + KEYS_PER_CALL])
    return len(new)
