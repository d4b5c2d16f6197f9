"""Every column of every table is described once, in words, with its unit, and none that there is not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import dagster as dg
import pytest
import yaml

from pdcp_dagster.defs.column_lineage import lineage_of
from pdcp_dagster.defs.columns import columns_of, tables_beside
from pdcp_dagster.defs.columns.described import Column
from pdcp_dagster.domain import dvh_comparison, summary
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.evidence import CANDIDATE_COLUMNS
from pdcp_dagster.domain.plan_rows import PLAN_COLUMNS
from pdcp_dagster.domain.verification import VERIFIED_COLUMNS
from pdcp_dagster.stages.archive_list import PATIENT_ID_COLUMNS
from pdcp_dagster.stages.report import REPORT_COLUMNS
from pdcp_dagster.stages.structure_name_table import STRUCTURE_NAME_COLUMNS
from pdcp_dagster.stages.structure_rows import STRUCTURE_COLUMNS

CONTRACT: dict[str, list[str]] = yaml.safe_load(
    (Path(__file__).parents[1] / "end_to_end" / "output_contract.yaml").read_text()
)
PLAIN = Cohort(name="breast")
ASKING = Cohort.model_validate(
    {
        "name": "asking",
        "dvh": {
            "metrics": ["D0.1cc[Gy]", "V17Gy[%]", "CV12.5Gy[cc]", "D95%[%]", "V95%[cc]"],
            "geud_a": [1, -10],
            "alpha_beta_gy": {"default": 3},
        },
        "dvh_columns": "legacy",
    }
)
OF_MODULES: Mapping[str, Iterable[str]] = {
    "patient_ids": PATIENT_ID_COLUMNS,
    "image_summary": summary.COLUMNS,
    "verified_study": VERIFIED_COLUMNS,
    "candidate_studies": CANDIDATE_COLUMNS,
    "structure_masks": STRUCTURE_COLUMNS,
    "plan_table": PLAN_COLUMNS,
    "cohort_report": REPORT_COLUMNS,
    "cohort_structure_names": STRUCTURE_NAME_COLUMNS,
}
TYPES = {
    "image_summary": {name: column.dtype for name, column in summary.COLUMNS.items()},
    "candidate_studies": CANDIDATE_COLUMNS,
    "structure_masks": STRUCTURE_COLUMNS,
    "plan_table": PLAN_COLUMNS,
    "cohort_report": REPORT_COLUMNS,
    "cohort_structure_names": STRUCTURE_NAME_COLUMNS,
}
KINDS = {"string": {"string"}, "Int64": {"integer"}, "Float64": {"float"}}
OF_OBJECTS = {"date", "array of strings", "array of integers", "array of floats"}
UNITS = {"_gy": "Gy", "_mm": "mm", "_cm3": "cm3", "_pct": "%", "_bq": "Bq", "_s": " s", "_days": "days"}
TABLES = (*OF_MODULES, "dvh_table", "central_slices", "cohort_dvh")
IN_CONTRACT = {
    "structures": "structure_masks",
    "plans": "plan_table",
    "dvh": "dvh_table",
    **{name: name for name in ("verified_study", "candidate_studies", "central_slices", "cohort_report")},
}


def described(asset: str, cohort: Cohort = PLAIN) -> dict[str, Column]:
    return {column.name: column for column in columns_of(asset, cohort)}


def everything(cohort: Cohort) -> list[Column]:
    beside = [column for asset in TABLES for columns in tables_beside(asset).values() for column in columns]
    return [column for asset in TABLES for column in columns_of(asset, cohort)] + beside


@pytest.mark.parametrize("asset", OF_MODULES)
def test_each_column_of_a_table_is_described_and_no_other(asset: str) -> None:
    assert set(described(asset)) == set(OF_MODULES[asset])


@pytest.mark.parametrize("table", IN_CONTRACT)
def test_each_column_that_users_build_on_is_described(table: str) -> None:
    assert set(CONTRACT[table]) - set(described(IN_CONTRACT[table])) == set()


def test_the_tables_beside_the_dvhs_are_described_too() -> None:
    beside = tables_beside("dvh_table")
    assert set(beside) == {"dvh_curves.parquet", "dvh_comparison.parquet"}
    assert set(CONTRACT["dvh_curves"]) <= {column.name for column in beside["dvh_curves.parquet"]}
    comparison = {column.name: column.kind for column in beside["dvh_comparison.parquet"]}
    assert {name: KINDS[dtype] for name, dtype in dvh_comparison.COLUMNS.items()} == {
        name: {kind} for name, kind in comparison.items()
    }


@pytest.mark.parametrize("asset", TYPES)
def test_each_column_is_of_the_kind_that_is_told(asset: str) -> None:
    wrong = [
        name
        for name, column in described(asset).items()
        if column.kind not in KINDS.get(str(TYPES[asset][name]), OF_OBJECTS)
    ]
    assert wrong == []


@pytest.mark.parametrize("cohort", [PLAIN, ASKING], ids=lambda cohort: cohort.name)
def test_no_column_is_described_twice_in_one_table(cohort: Cohort) -> None:
    for asset in TABLES:
        assert len(columns_of(asset, cohort)) == len(described(asset, cohort)), asset


def test_a_number_with_a_unit_in_its_name_has_it_in_its_description() -> None:
    without = [
        column.name
        for column in everything(ASKING)
        for suffix, unit in UNITS.items()
        if column.kind != "date" and column.name.endswith(suffix) and unit not in column.description
    ]
    assert without == []


def test_descriptions_are_short_words_and_not_the_name_again() -> None:
    for column in everything(ASKING):
        assert 3 <= len(column.description) <= 110, column
        assert column.description.strip(" .") == column.description or column.description.endswith("..."), column
        assert column.description != column.name.replace("_", " "), column


@pytest.mark.parametrize(
    ("name", "description"),
    [
        ("d95_gy", "D95: dose that 95 % of the volume gets at least, Gy"),
        ("v20gy_pct", "V20Gy: volume that gets at least 20 Gy, % of the ROI"),
        ("v17gy_pct", "volume that gets at least 17 Gy, % of the ROI (asked for by the cohort)"),
        ("cv12_5gy_cm3", "volume that gets less than 12.5 Gy, cm3 (asked for by the cohort)"),
        ("d95_pct", "dose that 95 % of the volume get at least, % of the prescription (asked for by the cohort)"),
        ("v95_cm3", "volume that gets at least 95 % of the prescription, cm3 (asked for by the cohort)"),
        ("geud_am10_gy", "generalised equivalent uniform dose with a = -10, Gy"),
        ("alpha_beta_gy", "alpha/beta of the ROI by the cohort file, Gy"),
        ("VGy_20.0", "volume that gets at least 20.0 Gy, % of the ROI (PDCP's name)"),
        ("V%_95.0", "volume that gets at least 95.0 % of the prescription, % of the ROI (PDCP's name)"),
        ("D98.0", "dose that 98.0 % of the volume gets at least, Gy (PDCP's name)"),
    ],
)
def test_what_a_cohort_asks_for_is_described_by_its_meaning(name: str, description: str) -> None:
    assert described("dvh_table", ASKING)[name].description == description


def test_a_metric_that_is_a_fixed_column_anyway_keeps_its_place() -> None:
    names = [column.name for column in columns_of("dvh_table", ASKING)]
    fixed = [column.name for column in columns_of("dvh_table", PLAIN)]
    assert "d0_1cc_gy" in fixed, "asked for, too"
    assert [name for name in names if name in set(fixed)] == fixed


def test_a_cohort_that_asks_for_nothing_has_no_further_dvh_columns() -> None:
    extra = re.compile(r"geud_|eqd2_|alpha_beta|V%_|VGy_|D\d")
    assert [name for name in described("dvh_table") if extra.match(name)] == []


def test_an_asset_that_is_no_table_has_no_columns() -> None:
    assert [
        asset for asset in ("retrieved_dicom", "ct_volume", "dose_volume", "patient_notes") if described(asset)
    ] == []


@pytest.mark.parametrize("linkage", ["CRDP", "CR"])
def test_lineage_leads_from_columns_that_there_are_to_columns_that_there_are(linkage: str) -> None:
    cohort = Cohort.model_validate({"name": "breast", "linkage": linkage})
    for asset in TABLES:
        lineage = lineage_of(asset, cohort)
        for column, sources in (lineage.deps_by_column if lineage else {}).items():
            assert column in described(asset, cohort), (asset, column)
            for source in sources:
                assert source.asset_key.path[0] == "breast"
                assert source.column_name in described(source.asset_key.path[-1], cohort), source


def test_each_column_of_the_cohorts_dvhs_comes_from_that_of_each_patients() -> None:
    lineage = lineage_of("cohort_dvh", PLAIN)
    assert lineage is not None
    sources = {
        column: [(dep.asset_key, dep.column_name) for dep in deps] for column, deps in lineage.deps_by_column.items()
    }
    assert sources == {name: [(dg.AssetKey(["breast", "dvh_table"]), name)] for name in described("dvh_table")}
