"""The names of a cohort's ROIs as an asset: what its map makes of them, and what to write into the map next."""

from pathlib import Path

import dagster as dg
import pandas as pd

from pdcp_dagster.defs.resources import StoreResource
from pdcp_dagster.defs.specs import OWNER
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.structure_names import STATES, doubts_of
from pdcp_dagster.stages.structure_name_table import structure_name_table
from pdcp_dagster.stages.usable_cohorts import CohortUnusableError, require_usable

_SHOWN_NAMES = 50
_SHOWN_COLUMNS = ("roi_name", "patients", "state", "reason", "proposal", "proposed_because")


def structure_names_asset(cohort: Cohort, cohorts: Path) -> dg.AssetsDefinition:
    """Return `cohort_structure_names` of a cohort.

    cohorts: the folder of the cohort's file, where the path of its map starts.
    """

    @dg.asset(
        key=[cohort.name, "cohort_structure_names"],
        deps=[dg.AssetDep(dg.AssetKey([cohort.name, "structure_masks"]), partition_mapping=dg.AllPartitionMapping())],
        group_name="report",
        kinds={"parquet"},
        owners=[OWNER],
        tags={"cohort": cohort.name},
        io_manager_key="parquet",
        description="A row per name that ROIs have, of all patients with structures: in how many, what the cohort's "
        "map to AAPM TG-263 makes of it (structure_names), and a proposal where it makes nothing.",
    )
    def cohort_structure_names(context: dg.AssetExecutionContext, store: StoreResource) -> pd.DataFrame:
        try:
            structure_names = require_usable(cohort, cohorts).structure_names
        except CohortUnusableError as error:
            raise dg.Failure(str(error)) from None
        table = structure_name_table(store.cohort(cohort.name), structure_names)
        counts = table["state"].value_counts()
        doubts = doubts_of(structure_names) if structure_names is not None else ()
        told: dict[str, dg.RawMetadataValue] = {
            "map": structure_names.version if structure_names is not None else "none (structure_names)",
            "names to map": _shown(table[table["state"].isin(["conflict", "unmapped"])]),
            "dagster/row_count": len(table),
        }
        told |= {state: int(counts.get(state, 0)) for state in STATES}
        told |= {"doubts_about_the_map": "; ".join(doubts)} if doubts else {}
        context.add_output_metadata(told)
        return table

    return cohort_structure_names


def _shown(table: pd.DataFrame) -> dg.MetadataValue:
    records = [
        dg.TableRecord({name: "" if pd.isna(row[name]) else str(row[name]) for name in _SHOWN_COLUMNS})
        for row in table.head(_SHOWN_NAMES).to_dict("records")
    ]
    schema = dg.TableSchema([dg.TableColumn(name) for name in _SHOWN_COLUMNS])
    return dg.MetadataValue.table(records, schema=schema)
