"""What counts as agreeing with the phantoms' exact answers.

What lives here: tolerances, and the comparison of a table's figures with them. What does not: the answers
(`phantom.truth`), or which patients have any (the tests).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import pandas as pd

    from pdcp_dagster.phantom.patient import StructureSetTruth
    from pdcp_dagster.phantom.truth import RoiTruth

VOLUME_TOLERANCE = 1e-4
DOSE_TOLERANCE_GY = 0.1
V20GY_TOLERANCE_PCT = 0.5
DOSES = ("dmin_gy", "dmean_gy", "dmax_gy", "d95_gy", "d2_gy")


def require_dvhs(found: pd.DataFrame, truth: StructureSetTruth) -> None:
    """Require of a DVH table a row for each ROI of this structure set, in order, and that every number is right."""
    assert list(found["roi_number"]) == [roi.roi_number for roi in truth.rois]
    for uid, column in ((truth.sop_instance_uid, "rtstruct_uid"), (truth.ct_series_uid, "ct_series_uid")):
        assert set(found[column]) == {uid}
    rows = found.set_index("roi_number")
    for roi in truth.rois:
        row: Any = rows.loc[roi.roi_number]
        assert row["roi_name"] == roi.roi_name
        if roi.volume_cm3 is None:
            assert row["status"] == "no_closed_contour"
            assert row[["volume_cm3", "dmean_gy", "d95_gy", "d2_gy", "v20gy_pct"]].isna().all()
            continue
        require_figures(row, roi, volume="volume_cm3", v20gy="v20gy_pct", doses={name: name for name in DOSES})


def require_figures(row: pd.Series[Any], roi: RoiTruth, *, volume: str, v20gy: str, doses: dict[str, str]) -> None:
    """Require of one row the ROI's figures; `doses` says the row's column for each of the answers."""
    assert row[volume] == pytest.approx(roi.volume_cm3, rel=VOLUME_TOLERANCE), roi.roi_name
    assert row[v20gy] == pytest.approx(roi.v20gy_pct, abs=V20GY_TOLERANCE_PCT), roi.roi_name
    for answer, column in doses.items():
        expected = getattr(roi, answer)
        assert row[column] == pytest.approx(expected, abs=DOSE_TOLERANCE_GY), (roi.roi_name, column)
