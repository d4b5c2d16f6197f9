"""A DVH taken apart again: which share of the volume gets which dose.

What lives here: the differential histogram. What does not: the cumulative one (`dvh`), what is summed over the shares
(`equivalent_dose`, `eqd2`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pdcp_dagster.domain.dvh import Dvh

_MOST_SHIFTS = 20
"""Each takes at least one more bin to Dmin or Dmax, and needs few: shifts are of half a bin."""
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class DoseShares:
    """dose_gy: `(n,)` ascending, within Dmin and Dmax. share: `(n,)` of the volume, each above 0, together 1."""

    dose_gy: NDArray[np.float64]
    share: NDArray[np.float64]


def dose_shares(dvh: Dvh) -> DoseShares | None:
    """Return the differential histogram of a ROI; None where too much of it lies outside the dose grid to know it.

    The histogram's bins (at most 0.01 Gy) stand for the dose in their middle. What rounding to bins did to the mean is
    taken out by shifting all doses that are not at Dmin or Dmax, so that sums over the shares fit Dmean.
    """
    if not dvh.evaluable:
        return None
    share = -np.diff(dvh.volume_fraction)
    filled = share > 0
    share = share[filled] / share[filled].sum()
    middle = (dvh.edges_gy[:-1] + np.diff(dvh.edges_gy) / 2)[filled]
    return DoseShares(_with_mean(np.clip(middle, dvh.dmin_gy, dvh.dmax_gy), share, dvh), share)


def _with_mean(dose_gy: NDArray[np.float64], share: NDArray[np.float64], dvh: Dvh) -> NDArray[np.float64]:
    """Shift doses within Dmin and Dmax until their mean is Dmean.

    Stretching them instead would put all of the shift on the few far from where most are: the hottest lose 10 %.
    """
    for _ in range(_MOST_SHIFTS):
        lacking = dvh.dmean_inside_gy - float(share @ dose_gy)
        movable = float(share[(dose_gy < dvh.dmax_gy) if lacking > 0 else (dose_gy > dvh.dmin_gy)].sum())
        if movable <= 0 or abs(lacking) <= _ROUNDING * dvh.dmax_gy:
            break
        dose_gy = np.clip(dose_gy + lacking / movable, dvh.dmin_gy, dvh.dmax_gy)
    return dose_gy
