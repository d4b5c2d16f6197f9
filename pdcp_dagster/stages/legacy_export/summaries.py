"""PDCP's image summary of one patient: `<pid>_SUCCESS.csv`, `_IMAGINGDATANOTFOUND.csv` or `_ERROR.csv`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.adapters.atomic import write_bytes
from pdcp_dagster.adapters.parquet import read_table, read_table_metadata
from pdcp_dagster.domain.legacy_summary import LEGACY_COLUMNS, legacy_rows
from pdcp_dagster.stages.legacy_export.csv_text import csv_bytes
from pdcp_dagster.stages.legacy_export.kept import kept_files

if TYPE_CHECKING:
    from pathlib import Path

    from pdcp_dagster.adapters.store import PatientFolder

ENDINGS = ("SUCCESS", "IMAGINGDATANOTFOUND", "ERROR")


def write_summary(patient: PatientFolder, folder: Path, name: str) -> None:
    """Write the patient's summary, columns alone where the archive holds nothing; none where it was never made."""
    for file in kept_files(patient, "image_summary"):
        status = read_table_metadata(file).get("status", "")
        ending = status if status in ENDINGS else ENDINGS[0]
        rows = legacy_rows(read_table(file).to_dict("records"))
        write_bytes(folder / f"{name}_{ending}.csv", csv_bytes(tuple(LEGACY_COLUMNS), rows))


def write_unread_summary(folder: Path, name: str) -> None:
    """Write the summary of a patient whose tags could not be read: columns alone."""
    write_bytes(folder / f"{name}_ERROR.csv", csv_bytes(tuple(LEGACY_COLUMNS), ()))
