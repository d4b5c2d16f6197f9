"""The asset of a cohort's structure names: made by Dagster, stored as a table, told of in words."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pandas as pd

from pdcp_dagster.adapters.parquet import read_table, write_table
from pdcp_dagster.adapters.store import Store
from pdcp_dagster.defs.columns import columns_of
from pdcp_dagster.defs.io_managers import ParquetIOManager
from pdcp_dagster.defs.resources import StoreResource
from pdcp_dagster.defs.structure_names import structure_names_asset
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.stages.structure_name_table import STRUCTURE_NAME_COLUMNS

COHORT = Cohort(name="breast", structure_names="names.yaml")


def materialised(root: Path) -> dg.ExecuteInProcessResult:
    folder = Store(root / "store").cohort("breast")
    structures = folder.patient("P1").file("structure_masks")
    structures.parent.mkdir(parents=True)
    write_table(pd.DataFrame({"patient_id": ["P1"], "partition_key": ["P1"]}), folder.file("patient_ids"))
    write_table(pd.DataFrame({"roi_name": ["Heart", "lt lung", "Cuoch"]}), structures)
    store = StoreResource(root=str(root / "store"))
    return dg.materialize(
        [structure_names_asset(COHORT, root)],
        resources={"store": store, "parquet": ParquetIOManager(root=str(root / "store"))},
        raise_on_error=False,
    )


def test_the_table_is_stored_and_its_metadata_tell_what_is_open(tmp_path: Path) -> None:
    (tmp_path / "names.yaml").write_text("version: names 1\nexact: {heart: Heart, cuoch: Cuoch}\n")
    result = materialised(tmp_path)
    assert result.success
    stored = read_table(Store(tmp_path / "store").cohort("breast").file("cohort_structure_names"))
    assert dict(zip(stored["roi_name"], stored["state"], strict=True)) == {
        "lt lung": "unmapped",
        "Cuoch": "mapped",
        "Heart": "mapped",
    }
    (event,) = result.get_asset_materialization_events()
    told = {name: value.value for name, value in event.materialization.metadata.items()}
    assert {name: told[name] for name in ("map", "mapped", "unmapped", "conflict", "ignored", "dagster/row_count")} == {
        "map": "names 1",
        "mapped": 2,
        "unmapped": 1,
        "conflict": 0,
        "ignored": 0,
        "dagster/row_count": 3,
    }
    assert told["doubts_about_the_map"] == "Cuoch is not in our list of TG-263 names"
    to_name = event.materialization.metadata["names to map"]
    assert isinstance(to_name, dg.TableMetadataValue)
    (shown,) = to_name.records
    assert (shown.data["roi_name"], shown.data["proposal"]) == ("lt lung", "Lung_L")


def test_a_map_that_cannot_be_read_fails_the_asset_and_leaves_no_table(tmp_path: Path) -> None:
    assert not materialised(tmp_path).success
    assert not Store(tmp_path / "store").cohort("breast").file("cohort_structure_names").exists()


def test_every_column_is_described() -> None:
    assert [column.name for column in columns_of("cohort_structure_names", COHORT)] == list(STRUCTURE_NAME_COLUMNS)
