"""What the UI tells of an asset before anything is made: files, columns with their meaning, where they come from, code.

What lives here: adding it to the assets, in one place for all. It belongs to the definition: none of it is written with
each materialisation, which a table of a hundred columns would make costly.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from pdcp_dagster.adapters.store import COHORT_FILES, PATIENT_FILES
from pdcp_dagster.defs.code_references import code_references_of
from pdcp_dagster.defs.column_lineage import lineage_of
from pdcp_dagster.defs.columns import columns_of, tables_beside
from pdcp_dagster.defs.columns.described import Columns
from pdcp_dagster.domain.cohort import Cohort

_SOURCES_NAMED = 3


def described(assets: Iterable[dg.AssetsDefinition], cohort: Cohort) -> list[dg.AssetsDefinition]:
    """Return the assets of a cohort with all that the UI can tell of them."""
    return [
        each.map_asset_specs(lambda spec: spec.merge_attributes(metadata=told_of(spec.key.path[-1], cohort)))
        for each in assets
    ]


def told_of(asset: str, cohort: Cohort) -> dict[str, Any]:
    """Return the definition metadata of one asset."""
    told: dict[str, Any] = {"files": _files(asset)}
    lineage = lineage_of(asset, cohort)
    if columns := columns_of(asset, cohort):
        told["dagster/column_schema"] = _schema(columns, lineage.deps_by_column if lineage else {})
    told |= {f"columns of {file}": _schema(columns, {}) for file, columns in tables_beside(asset).items()}
    told |= {"dagster/column_lineage": lineage, "dagster/code_references": code_references_of(asset)}
    return {name: value for name, value in told.items() if value is not None}


def _schema(columns: Columns, sources: Mapping[str, Sequence[dg.TableColumnDep]]) -> dg.TableSchema:
    return dg.TableSchema(
        [
            dg.TableColumn(each.name, each.kind, each.description + _origin(each.name, sources.get(each.name, ())))
            for each in columns
        ]
    )


def _origin(name: str, sources: Sequence[dg.TableColumnDep]) -> str:
    """Return where a column comes from, in words: the open UI draws no lineage of columns."""
    if not sources:
        return ""
    if len(sources) > _SOURCES_NAMED or {source.column_name for source in sources} == {name}:
        return f" (from {', '.join(sorted({source.asset_key.path[-1] for source in sources}))})"
    return f" (from {', '.join(f'{source.asset_key.path[-1]}.{source.column_name}' for source in sources)})"


def _files(asset: str) -> str | None:
    """Return what the asset consists of, below the cohort's folder in the store."""
    if asset in PATIENT_FILES:
        return "patients/<patient>/: " + ", ".join(PATIENT_FILES[asset])
    return ", ".join(COHORT_FILES[asset]) if asset in COHORT_FILES else None
