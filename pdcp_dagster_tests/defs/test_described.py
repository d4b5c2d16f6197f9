"""What the definition of an asset tells: files, columns with their origin, and where its code lies."""

from __future__ import annotations

import inspect
from pathlib import Path

import dagster as dg
import pytest

import pdcp_dagster
from pdcp_dagster.adapters.store import COHORT_FILES, PATIENT_FILES
from pdcp_dagster.defs.code_references import code_references_of
from pdcp_dagster.defs.described import described, told_of
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.stages import dvh_stage

COHORT = Cohort(name="breast")
ASSETS = [*PATIENT_FILES, *COHORT_FILES]
PACKAGE = Path(pdcp_dagster.__file__).parent


def descriptions(asset: str) -> dict[str, str]:
    schema = told_of(asset, COHORT)["dagster/column_schema"]
    return {column.name: column.description for column in schema.columns}


@pytest.mark.parametrize("asset", ASSETS)
def test_every_asset_tells_its_files(asset: str) -> None:
    files = (PATIENT_FILES | COHORT_FILES)[asset]
    assert told_of(asset, COHORT)["files"].endswith(", ".join(files))


@pytest.mark.parametrize("asset", ASSETS)
def test_code_references_lead_to_the_line_where_a_function_of_this_installation_begins(asset: str) -> None:
    told = code_references_of(asset)
    assert told is not None
    for reference in told.code_references:
        assert isinstance(reference, dg.LocalFileCodeReference)
        path = Path(reference.file_path)
        assert path.is_relative_to(PACKAGE)
        assert reference.line_number is not None
        line = path.read_text(encoding="utf-8").splitlines()[reference.line_number - 1]
        what, name = str(reference.label).split()
        assert what in {"stage", "rules"}
        assert line.startswith((f"def {name}(", "@")), line


def test_the_dvhs_lead_to_their_stage() -> None:
    told = code_references_of("dvh_table")
    assert told is not None
    stage = told.code_references[0]
    assert isinstance(stage, dg.LocalFileCodeReference)
    assert Path(stage.file_path) == Path(str(dvh_stage.__file__))
    assert stage.line_number == inspect.getsourcelines(dvh_stage.compute_dvhs)[1]


def test_an_asset_of_somebody_else_leads_nowhere() -> None:
    assert code_references_of("my_own_asset") is None
    assert told_of("my_own_asset", COHORT) == {}


@pytest.mark.parametrize(
    ("asset", "column", "origin"),
    [
        ("verified_study", "role", "(from image_summary.modality)"),
        ("verified_study", "linked_to", "(from image_summary)"),  # from many columns of it
        ("central_slices", "voxels", "(from structure_masks.mask_voxels)"),
        ("central_slices", "roi_name", "(from structure_masks)"),  # from the column of the same name
        ("cohort_dvh", "d95_gy", "(from dvh_table)"),
        ("dvh_table", "d95_gy", "at least, Gy"),  # from contours and doses, which are no table
    ],
)
def test_the_description_of_a_column_ends_with_its_origin(asset: str, column: str, origin: str) -> None:
    assert descriptions(asset)[column].endswith(origin)


def test_what_is_told_is_added_to_what_an_asset_tells_of_itself() -> None:
    @dg.asset(key=["breast", "plan_table"], metadata={"own": 1}, tags={"cohort": "breast"}, io_manager_key="parquet")
    def plan_table() -> None: ...

    (asset,) = described([plan_table], COHORT)
    (spec,) = asset.specs
    assert spec.metadata.keys() >= {"own", "files", "dagster/column_schema", "dagster/code_references"}
    assert spec.tags["cohort"] == "breast"
    assert asset.get_io_manager_key_for_asset_key(spec.key) == "parquet"
