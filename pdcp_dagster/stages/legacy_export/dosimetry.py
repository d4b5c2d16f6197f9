"""PDCP's dosimetry table of one patient, from dvh.parquet and dvh_curves.parquet: a row per ROI that has a DVH."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.adapters.atomic import write_bytes
from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.domain.legacy_dosimetry import dosimetry_columns, dosimetry_row
from pdcp_dagster.stages.legacy_export.csv_text import csv_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    import pandas as pd
    from numpy.typing import NDArray

_OF_A_ROI = ["rtstruct_uid", "roi_number"]
_NO_POINTS = (np.zeros(0), np.zeros(0))


def write_dosimetry(files: Mapping[str, Path], destination: Path) -> None:
    """Write the table; ROIs of one name have a row each, with numbers of their own.

    files: of the asset dvh_table, by name.
    """
    rois = read_table(files["dvh.parquet"])
    points = _points(read_table(files["dvh_curves.parquet"]))
    prescribed = bool(rois["prescription_gy"].notna().any())
    rows = [
        dosimetry_row(roi, *points.get(_roi(roi), _NO_POINTS), prescribed=prescribed)
        for roi in rois[rois["status"] == "computed"].to_dict("records")
    ]
    write_bytes(destination, csv_bytes(dosimetry_columns(prescribed=prescribed), rows))


def _points(curves: pd.DataFrame) -> dict[tuple[str, int], tuple[NDArray[np.float64], NDArray[np.float64]]]:
    if curves.empty:
        return {}
    return {
        _roi(of_roi.iloc[0]): (of_roi["dose_gy"].to_numpy(np.float64), of_roi["volume_pct"].to_numpy(np.float64))
        for _, of_roi in curves.groupby(_OF_A_ROI, sort=False)
    }


def _roi(row: Mapping[Any, Any] | pd.Series[Any]) -> tuple[str, int]:
    return str(row["rtstruct_uid"]), int(row["roi_number"])
