"""The rows of the DVH tables: every dose column of the output contract, in its order.

What lives here: which columns there are and what they mean. What does not: the histogram (`dvh`), Dx and Vx themselves
(`dose_volume`), metrics of a cohort file (`named_metric`), the identifiers that a stage puts around a row.

A value is None where it is undefined: a ROI smaller than the cc asked for, no prescription, or too much of the ROI
outside the dose grid (then Dmean, Dx and Vx_pct are None, both bounds of the mean and lower bounds in cm3 are given).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.domain.dose_volume import (
    SAME_DOSE,
    dose_at_volume_cm3,
    dose_at_volume_pct,
    fractions_at_doses,
    volume_at_dose_cm3,
    volume_at_dose_pct,
)
from pdcp_dagster.domain.named_metric import Metric, MetricError, parse_metric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pdcp_dagster.domain.dvh import Dvh

__all__ = [
    "CURVE_STEP_GY",
    "DOSE_PCTS",
    "RELATIVE_DOSES_PCT",
    "Metric",
    "MetricError",
    "dose_at_volume_cm3",
    "dose_at_volume_pct",
    "dose_columns",
    "dvh_curve",
    "dvh_row",
    "parse_metric",
    "volume_at_dose_cm3",
    "volume_at_dose_pct",
]

Cell = float | str | list[str] | None

DOSE_PCTS = (1, 2, 5, 10, 50, 90, 95, 98, 99)
DOSE_CM3 = (("d0_03cc_gy", 0.03), ("d0_1cc_gy", 0.1), ("d1cc_gy", 1.0), ("d2cc_gy", 2.0))
ABSOLUTE_DOSES_GY = tuple(range(5, 81, 5))
RELATIVE_DOSES_PCT = (50, 80, 90, 95, 98, 100, 105, 107)
"""Doses in % of the prescription at which volumes are given (in % of the ROI)."""
CURVE_STEP_GY = 0.1
_MOST_CURVE_STEPS = 10_000
_MEDIAN_PCT = 50.0
TARGET_OUTSIDE_EXTERNAL = "target_outside_external"
"""The flag of a target of which more gets the prescription than of the whole body: swapped, or drawn off each other."""
_SAME_VOLUME = 1.001


def dvh_row(
    dvh: Dvh,
    *,
    prescription_gy: float | None = None,
    prescription_source: str | None = None,
    is_target: bool = False,
    metrics: Sequence[Metric] = (),
    piv_cm3: float | None = None,
) -> dict[str, Cell]:
    """Every dose column of `dvh.parquet` for one ROI, in the contract's order.

    piv_cm3: volume of the prescription isodose in the body, for the conformity indices; None if unknown.
    """
    row: dict[str, Cell] = {"volume_cm3": dvh.volume_cm3}
    row |= _doses(dvh)
    row |= {f"v{gy}gy_pct": volume_at_dose_pct(dvh, gy) for gy in ABSOLUTE_DOSES_GY}
    row |= {f"v{gy}gy_cm3": volume_at_dose_cm3(dvh, gy) for gy in ABSOLUTE_DOSES_GY}
    row |= {metric.column: metric.value(dvh, prescription_gy) for metric in metrics}
    row |= _relative_volumes(dvh, prescription_gy)
    asked_gy = prescription_gy if is_target else None
    outside = _gets_more_than_the_body(dvh, asked_gy, piv_cm3)
    row |= _indices(dvh, asked_gy, None if outside else piv_cm3)
    row |= {"prescription_gy": prescription_gy, "prescription_source": prescription_source}
    row |= _circumstances(dvh)
    return row | {"flags": sorted({*dvh.flags, TARGET_OUTSIDE_EXTERNAL})} if outside else row


def dose_columns(metrics: Sequence[Metric] = ()) -> list[str]:
    """Return the names of the columns of `dvh_row`, in order, for a table without rows."""
    names = ["volume_cm3", "dmin_gy", "dmean_gy", "dmedian_gy", "dmax_gy"]
    names += [f"d{pct}_gy" for pct in DOSE_PCTS] + [name for name, _ in DOSE_CM3]
    names += [f"v{gy}gy_{unit}" for unit in ("pct", "cm3") for gy in ABSOLUTE_DOSES_GY]
    names += [metric.column for metric in metrics]
    names += [f"v{pct}_pct" for pct in RELATIVE_DOSES_PCT] + ["hi_icru83", "ci_rtog", "ci_paddick"]
    names += ["prescription_gy", "prescription_source", "dose_coverage", "dmean_inside_gy", "dmean_outside_zero_gy"]
    return list(dict.fromkeys([*names, "dose_interpolation", "end_caps", "flags"]))


def dvh_curve(dvh: Dvh) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return dose in Gy (every 0.1 Gy from 0 up to Dmax), volume in % of the whole ROI, and volume in cm3.

    Above 1000 Gy, as next to a brachytherapy source, steps are the least multiple of 0.1 Gy that gives 10 000 at most.

    Only volume inside the dose grid counts, so that a ROI partly outside it starts below 100 %. Empty where nothing is
    inside.
    """
    if dvh.volume_inside_cm3 <= 0:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    tenths = max(int(np.floor(dvh.dmax_gy * (1 + SAME_DOSE) / CURVE_STEP_GY + 1e-9)), 0)
    dose = np.round(np.arange(0, tenths + 1, max(-(-tenths // _MOST_CURVE_STEPS), 1)) * CURVE_STEP_GY, 1)
    inside = np.minimum.accumulate(fractions_at_doses(dvh, dose)) * dvh.dose_coverage
    return dose, 100 * inside, inside * dvh.volume_cm3


def _doses(dvh: Dvh) -> dict[str, Cell]:
    known = dvh.evaluable
    row: dict[str, Cell] = {
        "dmin_gy": dvh.dmin_gy if known else None,
        "dmean_gy": dvh.dmean_gy,
        "dmedian_gy": dose_at_volume_pct(dvh, _MEDIAN_PCT),
        "dmax_gy": dvh.dmax_gy if known else None,
    }
    row |= {f"d{pct}_gy": dose_at_volume_pct(dvh, pct) for pct in DOSE_PCTS}
    return row | {name: dose_at_volume_cm3(dvh, cm3) for name, cm3 in DOSE_CM3}


def _relative_volumes(dvh: Dvh, prescription_gy: float | None) -> dict[str, Cell]:
    if not prescription_gy:
        return {f"v{pct}_pct": None for pct in RELATIVE_DOSES_PCT}
    return {f"v{pct}_pct": volume_at_dose_pct(dvh, pct * prescription_gy / 100) for pct in RELATIVE_DOSES_PCT}


def _gets_more_than_the_body(dvh: Dvh, prescription_gy: float | None, piv_cm3: float | None) -> bool:
    """Whether more of a target gets the prescription than of the body that should hold it.

    By a dose voxel and more: of isodoses below 0.1 cm3, lattices of a target and of a body measure that far apart.
    """
    if not prescription_gy or piv_cm3 is None:
        return False
    covered = volume_at_dose_cm3(dvh, prescription_gy)
    return covered is not None and covered > _SAME_VOLUME * piv_cm3 + dvh.volume_cm3 / dvh.dose_voxels


def _indices(dvh: Dvh, prescription_gy: float | None, piv_cm3: float | None) -> dict[str, Cell]:
    """Homogeneity (D2 - D98) / D50 (ICRU 83), PIV / TV (RTOG 1993), and TV_PIV^2 / (TV PIV) (Paddick 2000).

    Of a target with a prescription; of the two volumes of conformity the part in the body is the smaller.
    """
    row: dict[str, Cell] = {"hi_icru83": None, "ci_rtog": None, "ci_paddick": None}
    if not prescription_gy or not dvh.evaluable:
        return row
    d2, d50, d98 = (dose_at_volume_pct(dvh, pct) for pct in (2, 50, 98))
    if d2 is not None and d98 is not None and d50:
        row["hi_icru83"] = (d2 - d98) / d50
    covered = volume_at_dose_cm3(dvh, prescription_gy)
    if piv_cm3 and covered is not None:
        row["ci_rtog"] = piv_cm3 / dvh.volume_cm3
        row["ci_paddick"] = min(covered, piv_cm3) ** 2 / (dvh.volume_cm3 * piv_cm3)
    return row


def _circumstances(dvh: Dvh) -> dict[str, Cell]:
    return {
        "dose_coverage": dvh.dose_coverage,
        "dmean_inside_gy": dvh.dmean_inside_gy if dvh.dose_coverage > 0 else None,
        "dmean_outside_zero_gy": dvh.dmean_outside_zero_gy,
        "dose_interpolation": dvh.settings.interpolation,
        "end_caps": dvh.settings.end_caps,
        "flags": list(dvh.flags),
    }
