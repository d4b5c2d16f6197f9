"""Doses at volumes and volumes at doses of one DVH.

What lives here: the two directions of the cumulative histogram and what they mean where a ROI is not wholly inside the
dose grid. What does not: names of metrics (`named_metric`), tables (`metrics`).

Everything returns None where it is undefined, never a number that looks like an answer. Relative volumes and the doses
at them need the whole ROI; absolute volumes inside the dose grid are lower bounds, and so stay.

A dose is known to `SAME_DOSE` of the highest: what gets 49.999 98 Gy by the arithmetic of 32 bits gets 50 Gy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pdcp_dagster.domain.dvh import Dvh

SAME_DOSE = 1e-6
"""Doses closer than this share of the highest are the same: sampling in single precision scatters them by 4e-7."""
_PERCENT = 100.0


def dose_at_volume_pct(dvh: Dvh, pct: float) -> float | None:
    """D_pct: the dose in Gy that at least `pct` % of the volume gets (ICRU 83, 2010); within Dmin and Dmax."""
    if not dvh.evaluable or not 0 <= pct <= _PERCENT:
        return None
    return _dose_at_fraction(dvh, pct / _PERCENT)


def dose_at_volume_cm3(dvh: Dvh, cm3: float) -> float | None:
    """D_cc: the dose in Gy that the hottest `cm3` get at least; None where that much of the ROI is not inside the grid.

    A lower bound where the ROI is partly outside the dose grid.
    """
    inside = dvh.volume_inside_cm3
    if cm3 < 0 or inside <= 0 or cm3 > inside:
        return None
    return _dose_at_fraction(dvh, cm3 / inside)


def volume_at_dose_pct(dvh: Dvh, gy: float) -> float | None:
    """V_gy in % of the ROI: what gets at least `gy`."""
    return _PERCENT * _fraction_at_dose(dvh, gy) if dvh.evaluable else None


def volume_at_dose_cm3(dvh: Dvh, gy: float) -> float | None:
    """V_gy in cm3: what gets at least `gy` inside the dose grid, a lower bound where the ROI is partly outside."""
    if dvh.volume_inside_cm3 <= 0:
        return None
    return _fraction_at_dose(dvh, gy) * dvh.volume_inside_cm3


def volume_below_dose_cm3(dvh: Dvh, gy: float) -> float | None:
    """CV_gy in cm3: what gets less than `gy` (AAPM TG-263), a lower bound where the ROI is partly outside."""
    if dvh.volume_inside_cm3 <= 0:
        return None
    return (1 - _fraction_at_dose(dvh, gy)) * dvh.volume_inside_cm3


def volume_below_dose_pct(dvh: Dvh, gy: float) -> float | None:
    """CV_gy in % of the ROI: what gets less than `gy`."""
    return _PERCENT * (1 - _fraction_at_dose(dvh, gy)) if dvh.evaluable else None


def fractions_at_doses(dvh: Dvh, doses_gy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of the volume inside the dose grid that gets at least each dose; for a ROI that has such."""
    same_gy = SAME_DOSE * dvh.dmax_gy
    found: NDArray[np.float64] = np.interp(doses_gy, dvh.edges_gy, dvh.volume_fraction)
    found = np.where(doses_gy > dvh.dmax_gy + same_gy, 0.0, found)
    return np.where(doses_gy <= dvh.dmin_gy + same_gy, 1.0, found)


def _dose_at_fraction(dvh: Dvh, fraction: float) -> float:
    found = float(np.interp(-fraction, -dvh.volume_fraction, dvh.edges_gy))
    return min(max(found, dvh.dmin_gy), dvh.dmax_gy)


def _fraction_at_dose(dvh: Dvh, gy: float) -> float:
    return float(fractions_at_doses(dvh, np.array([gy]))[0])
