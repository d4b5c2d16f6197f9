"""From stored values of CT slices to Hounsfield units (PS3.3 C.11.1.1.2, Modality LUT).

What lives here: rescale slice by slice, pixels that were never scanned, and the type that holds the result without
loss. What does not: pixel data (`stored_values`) or the order of slices (`stack`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PADDING_HU = -1024
"""What stands where nothing was scanned: the usual lower end of the scale; below air, from which it can be told."""
_AIR_HU, _BRIGHTEST_HU = PADDING_HU, 3071
"""From where scanners clip air to the upper end of 12 bits a value is a density: some writers declare a padding value,
0 for one, that the patient has, too."""
_INT16 = np.iinfo(np.int16)


@dataclass(frozen=True, slots=True, eq=False)
class StoredSlice:
    """Stored values `(rows, columns)`, the rescale that is this slice's own, and what was declared to be no value.

    padding: lowest and highest stored value that fill what was not scanned (PixelPaddingValue, PixelPaddingRangeLimit,
        PS3.3 C.7.5.1.1.2); None where none is declared.
    """

    values: NDArray[np.integer]
    slope: float
    intercept: float
    padding: tuple[int, int] | None = None

    def unscanned(self) -> NDArray[np.bool_] | None:
        """Return `(rows, columns)`, true where padding stands for a pixel; None where it does so nowhere.

        Padding that reads as -1000 to 3071 HU is taken for what was measured, since no one can tell it from that.
        """
        if self.padding is None:
            return None
        lowest, highest = self.padding
        darkest, brightest = sorted((lowest * self.slope + self.intercept, highest * self.slope + self.intercept))
        if darkest >= _AIR_HU and brightest <= _BRIGHTEST_HU:
            return None
        within = self.values == lowest
        if highest > lowest:
            within = (self.values >= lowest) & (self.values <= highest)
        if darkest <= _BRIGHTEST_HU and brightest >= _AIR_HU:
            hounsfield = self.values * np.float64(self.slope) + self.intercept
            within &= (hounsfield < _AIR_HU) | (hounsfield > _BRIGHTEST_HU)
        return within if within.any() else None


def count_unscanned(slices: Sequence[StoredSlice]) -> int:
    """Return how many pixels of all slices padding stands for."""
    masks = (one.unscanned() for one in slices)
    return sum(int(np.count_nonzero(mask)) for mask in masks if mask is not None)


def to_hounsfield(slices: Sequence[StoredSlice]) -> NDArray[np.generic]:
    """Return HU `(k, j, i)` = stored x slope + intercept: int16 where all are whole and fit, else float32.

    What was not scanned holds `PADDING_HU`; its stored values do not count for the type.
    """
    whole = all(one.slope.is_integer() and one.intercept.is_integer() for one in slices)
    shape = (len(slices), *slices[0].values.shape)
    hounsfield: NDArray[np.generic] = np.empty(shape, np.int16 if whole else np.float32)
    for k, one in enumerate(slices):
        unscanned = one.unscanned()
        values = one.values if unscanned is None else _scanned(one.values, unscanned)
        if hounsfield.dtype == np.int16 and not _fits_int16(values, one):
            hounsfield = hounsfield.astype(np.float32)
        _rescale(values, one, hounsfield[k])
        if unscanned is not None:
            np.copyto(hounsfield[k], PADDING_HU, where=unscanned, casting="unsafe")
    return hounsfield


def _scanned(values: NDArray[np.integer], unscanned: NDArray[np.bool_]) -> NDArray[np.integer]:
    """Return the values with another of them, or 0 where there is none, in the place of all padding."""
    first = int(unscanned.argmin())
    return np.where(unscanned, values.dtype.type(0) if unscanned.flat[first] else values.flat[first], values)


def _fits_int16(values: NDArray[np.integer], one: StoredSlice) -> bool:
    ends = [int(end) * int(one.slope) + int(one.intercept) for end in (values.min(), values.max())]
    return min(ends) >= _INT16.min and max(ends) <= _INT16.max


def _rescale(values: NDArray[np.integer], one: StoredSlice, into: NDArray[np.generic]) -> None:
    if into.dtype != np.int16:
        into[...] = values * np.float64(one.slope) + one.intercept
    elif one.slope == 1.0 and abs(one.intercept) <= _INT16.max:
        # Wraps only on the way: modulo 2^16 the sum is exact, and `_fits_int16` says that what was scanned fits.
        np.add(values.astype(np.int16, copy=False), np.int16(one.intercept), out=into)
    else:
        into[...] = values.astype(np.int64) * int(one.slope) + int(one.intercept)
