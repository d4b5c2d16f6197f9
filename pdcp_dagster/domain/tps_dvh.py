"""The DVHs that a planning system wrote into its RTDOSE (RT DVH Module, PS3.3 C.8.8.4), as plain values.

What lives here: a curve from bin widths and volumes, and what can be read off it. What does not: reading DICOM
(`adapters.rtdose_dvhs`), the project's own DVHs (`dvh`), comparing the two (`dvh_comparison`).

A system's stated minimum, mean and maximum are not believed: one writes them in % of the prescription and says GY. What
is used comes from DVH Data alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FEWEST_BINS = 2
VOLUME_NOISE = 1e-3
"""Volumes may rise, or fall below 0, by this share of the largest: rounding, no more."""
_PERCENT = 100.0
_OFFSET_BIN = 2.0
"""A first bin this many times as wide as the second says where the doses begin, rather than being one of many."""


class TpsDvhError(ValueError):
    """The numbers of a DVH cannot be what the standard says they are; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class TpsCurve:
    """A cumulative DVH as corner points, straight in between.

    dose_gy: `(n,)` ascending from 0. fraction: `(n,)` of the ROI that gets at least it, from 1 down to 0.
    bin_gy: width of the bins that it came in, Gy. total: volume of the first point, in the units of DVH Data.
    """

    dose_gy: NDArray[np.float64]
    fraction: NDArray[np.float64]
    bin_gy: float
    total: float

    @property
    def dmean_gy(self) -> float:
        """Mean dose, the area below the curve."""
        return float(np.trapezoid(self.fraction, self.dose_gy))

    @property
    def dmax_gy(self) -> float:
        """The lowest dose that nothing exceeds, to a bin."""
        return float(self.dose_gy[np.argmax(self.fraction <= 0)])

    def dose_at_pct(self, pct: float) -> float:
        """D_pct: the dose in Gy that `pct` % of the volume gets at least."""
        return float(np.interp(-pct / _PERCENT, -self.fraction, self.dose_gy))

    def fraction_at(self, dose_gy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of the volume that gets at least each dose; all of it gets less than nothing."""
        found: NDArray[np.float64] = np.interp(dose_gy, self.dose_gy, self.fraction, left=1.0, right=0.0)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class TpsDvh:
    """One item of DVH Sequence that can be used: of one ROI, in Gy.

    volume_cm3: of the ROI; None where the system gives per cent only.
    stated_dmean: DVHMeanDose as it stands, in whatever unit.
    """

    roi_number: int
    curve: TpsCurve
    volume_cm3: float | None
    dose_type: str | None = None
    stated_dmean: float | None = None


@dataclass(frozen=True, slots=True)
class SkippedDvh:
    """One item of DVH Sequence that cannot be used, and the reason in words; `roi_number` is None if it says none."""

    roi_number: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class PlanningDvhs:
    """What an RTDOSE says by its DVHs; both tuples are empty where it has none."""

    dose_uid: str | None
    summation_type: str | None
    plan_uids: tuple[str, ...]
    structure_set_uids: tuple[str, ...]
    dvhs: tuple[TpsDvh, ...]
    skipped: tuple[SkippedDvh, ...]


def cumulative_curve(pairs: Sequence[float], scaling: float) -> TpsCurve:
    """Return the curve of a DVH of type CUMULATIVE: D1 V1 D2 V2 ... with bin widths times `scaling` in Gy.

    The standard does not say at which dose of its bin a volume is taken, so it is put in the middle, right to half a
    bin (as one system's stated means show it to be). A first bin of no width, or one that says where the doses begin,
    can only be the dose of its volume: then all volumes are taken at the ends of their bins. Raises TpsDvhError.
    """
    widths, volumes = _bins(pairs, scaling)
    if (np.diff(volumes) > VOLUME_NOISE * volumes[0]).any():
        raise TpsDvhError("its volumes rise with dose, which those of a cumulative histogram cannot")
    ends = np.cumsum(widths)
    at_ends = widths[0] == 0 or widths[0] > _OFFSET_BIN * widths[1]
    places = ends if at_ends else ends - widths / 2
    fraction = np.minimum.accumulate(volumes) / volumes[0]
    return _curve(np.r_[0.0, places, ends[-1]], np.r_[1.0, fraction, 0.0], widths, float(volumes[0]))


def differential_curve(pairs: Sequence[float], scaling: float) -> TpsCurve:
    """Return the curve of a DVH of type DIFFERENTIAL, whose volumes are those within each bin. Raises TpsDvhError."""
    widths, volumes = _bins(pairs, scaling)
    above = np.r_[np.cumsum(volumes[::-1])[::-1], 0.0]
    return _curve(np.r_[0.0, np.cumsum(widths)], above / above[0], widths, float(above[0]))


def _bins(pairs: Sequence[float], scaling: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if len(pairs) % 2:
        raise TpsDvhError(f"its data are {len(pairs)} numbers, which are no pairs of bin width and volume")
    widths, volumes = np.array(pairs[::2], np.float64) * scaling, np.array(pairs[1::2], np.float64)
    if len(widths) < FEWEST_BINS:
        raise TpsDvhError(f"it has {len(widths)} bins")
    if not (np.isfinite(widths).all() and np.isfinite(volumes).all()):
        raise TpsDvhError("its data hold values that are no numbers")
    if (widths < 0).any() or widths.sum() <= 0:
        raise TpsDvhError("its bin widths are not positive")
    if len(widths) > FEWEST_BINS and (np.diff(widths) > 0).all():
        raise TpsDvhError("its bin widths grow from bin to bin, as if they were doses")
    if volumes.max() <= 0 or volumes.min() < -VOLUME_NOISE * volumes.max():
        raise TpsDvhError("its volumes are not positive")
    return widths, np.maximum(volumes, 0.0)


def _curve(
    dose_gy: NDArray[np.float64], fraction: NDArray[np.float64], widths: NDArray[np.float64], total: float
) -> TpsCurve:
    return TpsCurve(dose_gy, fraction, float(np.median(widths)), total)
