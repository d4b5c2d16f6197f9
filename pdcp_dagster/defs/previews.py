"""How an outcome looks in the UI: status and reason in words first, then figures, then pictures."""

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from pdcp_dagster.adapters.parquet import TableError, count_rows
from pdcp_dagster.defs.labels import label_of
from pdcp_dagster.defs.specs import LIST_VERSION
from pdcp_dagster.domain.display import one_line
from pdcp_dagster.stages.outcome import AssetOutcome, Picture, Rows, Shown

_LONGEST = 1000
"""Characters of a reason in the event log, which keeps it twice; the notes have it whole."""


def materialization(cohort: str, partition: str, outcome: AssetOutcome, code_version: str) -> dg.AssetMaterialization:
    """Return the event that tells of one asset of one patient."""
    reason = one_line(outcome.reason, _LONGEST)
    metadata: dict[str, dg.MetadataValue] = {
        "status": dg.MetadataValue.text(str(outcome.status)),
        "reason": dg.MetadataValue.text(reason),
    }
    if outcome.path is not None:
        metadata["path"] = dg.MetadataValue.path(str(outcome.path))
        metadata.update(_row_count(outcome.path))
    metadata.update(shown_as_metadata(outcome.shown))
    if outcome.seconds:
        metadata["seconds"] = dg.MetadataValue.float(round(outcome.seconds, 3))
    return dg.AssetMaterialization(
        asset_key=[cohort, outcome.asset],
        partition=partition,
        description=reason,
        metadata=metadata,
        tags={"dagster/data_version": outcome.data_version, **_provenance(cohort, outcome.asset, code_version)},
    )


def _row_count(path: Path) -> dict[str, dg.MetadataValue]:
    """Return how many rows a table has; nothing of what is no table, or could not be looked at."""
    if path.suffix != ".parquet":
        return {}
    try:
        return {"dagster/row_count": dg.MetadataValue.int(count_rows(path))}
    except (OSError, TableError):  # changed meanwhile, by somebody else: what was made is told all the same
        return {}


def _provenance(cohort: str, asset: str, code_version: str) -> dict[str, str]:
    """Return the tags that decide when the UI calls a partition "Unsynced".

    A code version without the versions of all inputs would make it "Unsynced" from the start; with neither, Dagster
    compares times, which is right within the chain. Only the patient list is renewed without changing its patients.
    """
    if asset != "image_summary":
        return {}
    patients = f"{cohort}/patient_ids"
    return {
        "dagster/code_version": code_version,
        f"dagster/input_data_version/{patients}": LIST_VERSION,
        f"dagster/input_event_pointer/{patients}": "NULL",
    }


def shown_as_metadata(shown: Mapping[str, Shown]) -> dict[str, dg.MetadataValue]:
    """Return Dagster metadata of plain values, small tables and small pictures, by what a person calls them."""
    return {label_of(name): _value(value) for name, value in shown.items()}


def _value(value: Shown) -> dg.MetadataValue:
    if isinstance(value, Picture):
        encoded = base64.b64encode(value.content).decode()
        return dg.MetadataValue.md(f"![{value.title}](data:{value.mime_type};base64,{encoded})")
    if isinstance(value, Rows):
        return _table(value)
    if isinstance(value, Path):
        return dg.MetadataValue.path(str(value))
    if value is None:
        return dg.MetadataValue.text("")
    return next(convert(value) for kind, convert in _PLAIN.items() if isinstance(value, kind))


_PLAIN: Mapping[type, Callable[[Any], dg.MetadataValue]] = {
    bool: dg.MetadataValue.bool,
    int: dg.MetadataValue.int,
    float: dg.MetadataValue.float,
    str: dg.MetadataValue.text,
}
"""In this order: a bool is an int, too."""


def _table(rows: Rows) -> dg.MetadataValue:
    records = [
        dg.TableRecord({label_of(key): "" if cell is None else cell for key, cell in row.items()})
        for row in rows.records
    ]
    if not records:
        return dg.MetadataValue.text("none")
    return dg.MetadataValue.table(
        records, schema=dg.TableSchema([dg.TableColumn(label_of(name), "string") for name in rows.records[0]])
    )
