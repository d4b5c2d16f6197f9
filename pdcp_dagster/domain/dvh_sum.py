"""The running sum of a DVH: cells with a weight and a range of dose, added plane by plane.

What lives here: the histogram, kept as second differences so that spreading a cell over its range costs two entries.
What does not: where cells and doses come from (`dvh`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.domain.dvh_rim import Rim

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pdcp_dagster.domain.dvh_lattice import LatticePlanes

_HEADROOM = 1.02
_COARSEST_BIN_GY = 0.01
_FEWEST_BINS = 1000
_MOST_BINS = 20_000
_NO_SHARE = 1e-6
_MOSTLY_INSIDE = 0.5
_SINGLE = 1e-6
"""Doses in single precision that differ by less, as a share of them, are the same."""
_PARTS_OF_A_BIN = 4
"""Cells are spread in quarters of a bin, so that rounding their ends shifts no dose by more than an eighth of one."""


class DvhSum:
    """Adds up cells of a ROI; `choose` says which cells belong to it, `add` gives their dose in one layer."""

    def __init__(self, max_gy: float, *, shift_rim: bool = True) -> None:
        """Prepare bins for doses up to `max_gy`: at most 0.01 Gy wide, at most 20 000; `shift_rim`: see `dvh_rim`."""
        top = max(max_gy, 0.0) * _HEADROOM + 1e-6
        self._bin_gy = max(top / _MOST_BINS, min(_COARSEST_BIN_GY, top / _FEWEST_BINS))
        self._bins = int(np.ceil(top / self._bin_gy)) + 2
        self._second_differences = np.zeros(self._bins * _PARTS_OF_A_BIN + 1)
        self._volume = self._inside = self._integral = 0.0
        self._lowest, self._highest = np.inf, -np.inf
        self._rim_lowest, self._rim_highest = np.inf, -np.inf
        self._chosen: NDArray[np.bool_] = np.zeros(0, dtype=bool)
        self._weight: NDArray[np.float32] = np.zeros(0, dtype=np.float32)
        self._core: NDArray[np.bool_] = self._chosen
        self._shift_rim = shift_rim
        self._rim: Rim | None = None

    def choose(self, share: NDArray[np.float32], weight: NDArray[np.float32]) -> None:
        """Take the cells of the next planes, `(planes, rows, columns)`: their share of the ROI and weight in mm3."""
        self._rim = Rim.of(share) if self._shift_rim else None
        self._chosen = share > _NO_SHARE
        self._weight = weight[self._chosen]
        self._core = share[self._chosen] >= _MOSTLY_INSIDE

    @property
    def chosen(self) -> NDArray[np.bool_]:
        """Which of the cells given last belong to the ROI, `(planes, rows, columns)`."""
        return self._chosen

    def add(self, planes: LatticePlanes) -> None:
        """Add one layer of the chosen cells."""
        if self._rim is not None:
            self._rim.apply(planes)
        dose, half = planes.dose_gy[self._chosen], planes.half_extent_gy[self._chosen]
        centre = dose if planes.centre_gy is None else planes.centre_gy[self._chosen]
        weight, core = self._weight, self._core
        self._volume += float(weight.sum(dtype=np.float64))
        if planes.inside is not None:
            inside = planes.inside[self._chosen]
            known = inside > _NO_SHARE
            dose, half, centre, core = dose[known], half[known], centre[known], core[known]
            weight = weight[known] * inside[known]
        if len(dose) == 0:
            return
        self._inside += float(weight.sum(dtype=np.float64))
        self._integral += float((weight * dose).sum(dtype=np.float64))
        self._spread(weight, dose, half)
        self._rim_lowest = min(self._rim_lowest, float(centre.min()))
        self._rim_highest = max(self._rim_highest, float(centre.max()))
        if self._rim_lowest < self._lowest or self._rim_highest > self._highest:
            self.add_extremes(centre[core])

    def add_extremes(self, doses_gy: NDArray[np.floating]) -> None:
        """Widen the range of dose, without volume."""
        if len(doses_gy):
            self._lowest = min(self._lowest, float(doses_gy.min()))
            self._highest = max(self._highest, float(doses_gy.max()))

    @property
    def coverage(self) -> float:
        """Share of the volume added that lies inside the dose grid."""
        return self._inside / self._volume if self._volume > 0 else 0.0

    @property
    def lowest_gy(self) -> float:
        """Lowest dose of cells that lie mostly in the ROI, or of all if there is none; NaN without any."""
        if self._inside <= 0:
            return float("nan")
        return self._lowest if np.isfinite(self._lowest) else self._rim_lowest

    @property
    def highest_gy(self) -> float:
        """Highest dose of cells that lie mostly in the ROI, or of all if there is none; NaN without any."""
        if self._inside <= 0:
            return float("nan")
        return self._highest if np.isfinite(self._highest) else self._rim_highest

    @property
    def mean_inside_gy(self) -> float:
        """Mean dose of the volume inside, NaN without any; rounding never puts it outside the range of dose."""
        if self._inside <= 0:
            return float("nan")
        return float(np.clip(self._integral / self._inside, self.lowest_gy, self.highest_gy))

    @property
    def mean_outside_zero_gy(self) -> float:
        """Mean dose of the whole volume if the dose outside the grid were 0."""
        return self.mean_inside_gy * self.coverage if self._inside > 0 else 0.0

    def cumulative(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return bin edges in Gy, and the fraction of the volume inside that gets at least each; empty without any."""
        if self._inside <= 0:
            return np.zeros(0), np.zeros(0)
        below = np.r_[0.0, np.cumsum(np.cumsum(self._second_differences[:-1]))][::_PARTS_OF_A_BIN]
        edges = np.arange(self._bins + 1, dtype=np.float64) * np.float64(self._bin_gy)
        fraction: NDArray[np.float64] = np.minimum.accumulate(np.clip(1 - below / self._inside, 0, 1))
        fraction[edges <= self.lowest_gy * (1 + _SINGLE)] = 1
        fraction[edges > self.highest_gy * (1 + _SINGLE)] = 0
        return edges, fraction

    def _spread(self, weight: NDArray[np.float32], dose: NDArray[np.float32], half: NDArray[np.float32]) -> None:
        """Spread each cell evenly from dose - half to dose + half, at least over a part of a bin.

        Both ends are rounded to the nearest part of a bin: rounded down they would lower every dose by half a bin. A
        cell of one dose is spread upwards only: all of a plateau at 50 Gy gets 50 Gy.
        """
        per_gy = np.float32(_PARTS_OF_A_BIN / self._bin_gy)
        middle, reach = dose * per_gy, half * per_gy
        last = np.float32(self._bins * _PARTS_OF_A_BIN)
        first = np.rint(middle - reach).clip(np.float32(0), last - np.float32(1))
        stop = np.rint(middle + reach).clip(first + np.float32(1), last)
        rate = (weight / (stop - first)).astype(np.float64)
        np.add.at(self._second_differences, first.astype(np.intp), rate)
        np.subtract.at(self._second_differences, stop.astype(np.intp), rate)
