"""From stored values of CT slices to Hounsfield units (PS3.3 C.11.1.1.2, Modality LUT).

What lives here: rescale slice by slice, and the type that holds the result without loss. What does not: pixel data
(`stored_values`) or the order of slices (`stack`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_INT16 = np.iinfo(np.int16)


@dataclass(frozen=True, slots=True, eq=False)
class StoredSlice:
    """Stored values `(rows, columns)` and the rescale that is this slice's own."""

    values: NDArray[np.integer]
    slope: float
    intercept: float


def to_hounsfield(slices: Sequence[StoredSlice]) -> NDArray[np.generic]:
    """Return HU `(k, j, i)` = stored x slope + intercept: int16 where all are whole and fit, else float32."""
    whole = all(one.slope.is_integer() and one.intercept.is_integer() for one in slices)
    shape = (len(slices), *slices[0].values.shape)
    hounsfield: NDArray[np.generic] = np.empty(shape, np.int16 if whole else np.float32)
    for k, one in enumerate(slices):
        if hounsfield.dtype == np.int16 and not _fits_int16(one):
            hounsfield = hounsfield.astype(np.float32)
        _rescale(one, hounsfield[k])
    return hounsfield


def _fits_int16(one: StoredSlice) -> bool:
    ends = [int(end) * int(one.slope) + int(one.intercept) for end in (one.values.min(), one.values.max())]
    return min(ends) >= _INT16.min and max(ends) <= _INT16.max


def _rescale(one: StoredSlice, into: NDArray[np.generic]) -> None:
    if into.dtype != np.int16:
        into[...] = one.values * np.float64(one.slope) + one.intercept
    elif one.slope == 1.0 and abs(one.intercept) <= _INT16.max:
        # Wraps only on the way: modulo 2^16 the sum is exact, and `_fits_int16` says that it fits.
        np.add(one.values.astype(np.int16, copy=False), np.int16(one.intercept), out=into)
    else:
        into[...] = one.values.astype(np.int64) * int(one.slope) + int(one.intercept)
