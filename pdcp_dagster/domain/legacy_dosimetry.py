"""PDCP's table of dosimetry features: its columns, from a DVH or from what the store keeps of it.

What lives here: 347 columns, 607 where there is a prescription, and how each follows from the computed histogram
(`dvh_columns: legacy`) or from a row of dvh.parquet and its curve (`pdcp export-legacy`). What does not: the histogram
(`dvh`), the project's own columns (`metrics`), or files (`stages.legacy_export`).

The names are PDCP's, the meanings are not all: Dx is the dose that x % of the volume gets at least (PDCP had it upside
down), and volume is in cm3 (PDCP: voxels). As in `dose_volume`, nothing is given for a ROI of which too much lies
outside the dose grid, and where a little does, the part inside stands for the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pdcp_dagster.domain.dose_volume import SAME_DOSE, dose_at_volume_pct

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy.typing import NDArray

    from pdcp_dagster.domain.dvh import Dvh

STEP = 0.5
ABSOLUTE_DOSES_GY = tuple(STEP * n for n in range(1, 141))
RELATIVE_DOSES_PCT = tuple(STEP * n for n in range(1, 261))
VOLUMES_PCT = tuple(STEP * n for n in range(1, 201))
_PLAIN = {
    "volume": "volume_cm3",
    "mean_dose": "dmean_gy",
    "median_dose": "dmedian_gy",
    "min_dose": "dmin_gy",
    "max_dose": "dmax_gy",
}
_IDENTIFIERS = 2
_MEDIAN_PCT = 50.0
_DECIMALS = 6
_PERCENT = 100.0

Cell = str | float | None


@dataclass(frozen=True, slots=True, eq=False)
class CumulativeCurve:
    """A cumulative DVH as corner points, straight in between.

    dose_gy: `(n,)` ascending from Dmin to Dmax. fraction: `(n,)` of the volume that gets at least it, from 1 down.
    """

    dose_gy: NDArray[np.float64]
    fraction: NDArray[np.float64]

    def volume_pct(self, gy: float) -> float:
        """V_gy: the volume in % that gets at least `gy`."""
        same_gy = SAME_DOSE * self.dose_gy[-1]
        if gy <= self.dose_gy[0] + same_gy:
            return _PERCENT
        if gy > self.dose_gy[-1] + same_gy:
            return 0.0
        return _PERCENT * float(np.interp(gy, self.dose_gy, self.fraction))

    def dose_at_pct(self, pct: float) -> float:
        """D_pct: the dose in Gy that `pct` % of the volume get at least."""
        doses, fractions = np.append(self.dose_gy, self.dose_gy[-1]), np.append(self.fraction, 0.0)
        return float(np.interp(-pct / _PERCENT, -fractions, doses))


def legacy_columns(dvh: Dvh | None, prescription_gy: float | None, *, prescribed: bool) -> dict[str, Cell]:
    """Return what `dvh_columns: legacy` adds to a row of dvh.parquet: PDCP's columns that are not in it by that name.

    prescribed: whether any ROI of the patient has a prescription. None where too much lies outside the dose grid.
    """
    numbers = dosimetry_columns(prescribed=prescribed)[_IDENTIFIERS:]
    if dvh is None:
        return dict.fromkeys(numbers)
    known = dvh.evaluable
    plain = [
        dvh.dmean_gy,
        dose_at_volume_pct(dvh, _MEDIAN_PCT),
        *((dvh.dmin_gy, dvh.dmax_gy) if known else (None,) * 2),
    ]
    curve = _curve_of(dvh) if known else None
    relative = RELATIVE_DOSES_PCT if prescribed else ()
    at_doses = [*ABSOLUTE_DOSES_GY, *(prescription_gy and pct * prescription_gy / _PERCENT for pct in relative)]
    cells = [
        *(dvh.volume_cm3, *plain),
        *(curve.volume_pct(gy) if curve and gy else None for gy in at_doses),
        *(curve.dose_at_pct(pct) if curve else None for pct in VOLUMES_PCT),
    ]
    return dict(zip(numbers, map(_rounded, cells), strict=True))


def _curve_of(dvh: Dvh) -> CumulativeCurve:
    between = (dvh.edges_gy > dvh.dmin_gy) & (dvh.edges_gy < dvh.dmax_gy)
    last = float(np.interp(dvh.dmax_gy, dvh.edges_gy, dvh.volume_fraction))
    return CumulativeCurve(
        np.concatenate([[dvh.dmin_gy], dvh.edges_gy[between], [dvh.dmax_gy]]),
        np.concatenate([[1.0], dvh.volume_fraction[between], [last]]),
    )


def curve_from(
    dose_gy: NDArray[np.float64],
    volume_pct: NDArray[np.float64],
    *,
    dmin_gy: float,
    dmax_gy: float,
    coverage: float,
) -> CumulativeCurve:
    """Return the curve of a ROI from the points that dvh_curves.parquet has of it, and its extremes.

    volume_pct: in % of the whole ROI, of which the share `coverage` lies inside the dose grid.
    """
    fraction = np.minimum(volume_pct / (_PERCENT * coverage), 1.0)
    same_gy = SAME_DOSE * dmax_gy
    between = (dose_gy > dmin_gy + same_gy) & (dose_gy < dmax_gy - same_gy)
    at_maximum = fraction[np.abs(dose_gy - dmax_gy) <= same_gy]
    last = float(at_maximum[0]) if len(at_maximum) else 0.0
    return CumulativeCurve(
        np.concatenate([[dmin_gy], dose_gy[between], [dmax_gy]]),
        np.concatenate([[1.0], fraction[between], [last]]),
    )


def dosimetry_columns(*, prescribed: bool) -> list[str]:
    """Return PDCP's column names in its order: 347, and 607 where the patient has a prescription."""
    relative = [f"V%_{pct:.1f}" for pct in RELATIVE_DOSES_PCT] if prescribed else []
    return [
        "patient_id",
        "roi_name",
        *_PLAIN,
        *(f"VGy_{gy:.1f}" for gy in ABSOLUTE_DOSES_GY),
        *relative,
        *(f"D{pct:.1f}" for pct in VOLUMES_PCT),
    ]


def dosimetry_row(
    dvh: Mapping[Any, Any], dose_gy: NDArray[np.float64], volume_pct: NDArray[np.float64], *, prescribed: bool
) -> list[Cell]:
    """Return the cells of one ROI in the order of `dosimetry_columns`; None where the store has no answer.

    dvh: a row of dvh.parquet. dose_gy, volume_pct: its points of dvh_curves.parquet.
    """
    curve = _curve(dvh, dose_gy, volume_pct)
    rx_gy = _number(dvh["prescription_gy"])
    relative_gy = [None if rx_gy is None else pct * rx_gy / _PERCENT for pct in RELATIVE_DOSES_PCT]
    at_doses = [*ABSOLUTE_DOSES_GY, *(relative_gy if prescribed else ())]
    return [
        str(dvh["patient_id"]),
        str(dvh["roi_name"]),
        *(_rounded(_number(dvh[ours])) for ours in _PLAIN.values()),
        *(_rounded(curve.volume_pct(gy)) if curve and gy is not None else None for gy in at_doses),
        *(_rounded(curve.dose_at_pct(pct)) if curve else None for pct in VOLUMES_PCT),
    ]


def _curve(
    dvh: Mapping[Any, Any], dose_gy: NDArray[np.float64], volume_pct: NDArray[np.float64]
) -> CumulativeCurve | None:
    """Return the ROI's curve; None where its extremes are withheld: too much lies outside the dose grid."""
    dmin_gy, dmax_gy, coverage = (_number(dvh[name]) for name in ("dmin_gy", "dmax_gy", "dose_coverage"))
    if dmin_gy is None or dmax_gy is None or not coverage:
        return None
    return curve_from(dose_gy, volume_pct, dmin_gy=dmin_gy, dmax_gy=dmax_gy, coverage=coverage)


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DECIMALS)
