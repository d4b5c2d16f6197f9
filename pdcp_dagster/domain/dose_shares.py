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


@dataclass(frozen=True, slots=True, eq=False)
class DoseShares:
    """dose_gy: `(n,)` ascending, within Dmin and Dmax. share: `(n,)` of the volume, each above 0, together 1."""

    dose_gy: NDArray[np.float64]
    share: NDArray[np.float64]


def dose_shares(dvh: Dvh) -> DoseShares | None:
    """Return the differential histogram of a ROI; None where too much of it lies outside the dose grid to know it.

    The histogram's bins (at most 0.01 Gy) stand for the dose in their middle. What rounding to bins did to the mean is
    taken out, so that sums over the shares fit Dmean.
    """
    if not dvh.evaluable:
        return None
    share = -np.diff(dvh.volume_fraction)
    filled = share > 0
    share = share[filled] / share[filled].sum()
    dose = np.clip((dvh.edges_gy[:-1] + np.diff(dvh.edges_gy) / 2)[filled], dvh.dmin_gy, dvh.dmax_gy)
    dose += dvh.dmean_inside_gy - float(share @ dose)
    return DoseShares(np.clip(dose, dvh.dmin_gy, dvh.dmax_gy), share)
