r"""From the text of ContourData to points (PS3.3 C.8.8.6.1: triplets x\y\z, LPS mm).

What lives here: parsing many numbers at once, and what happens to those that are none. What does not: contours and
ROIs (the reader), planes and polygons (`contours`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_DUPLICATE_DECIMALS = 3
"""Contours that agree to the micrometre, wherever they start and whichever way they turn, are the same contour."""


def parse_numbers(raw: bytes) -> NDArray[np.float64]:
    r"""Return the numbers of raw DS text, `1.5\2\-3`, at once; NaN where a value is empty or no number.

    One call for a whole contour is 15 times faster than a decimal object per value.
    """
    text = raw.strip(b" \0")
    if not text:
        return np.empty(0)
    tokens = text.split(b"\\")
    if b"_" not in text:
        try:
            return np.fromiter(map(float, tokens), np.float64, len(tokens))
        except ValueError:
            pass
    return numbers_in(token.decode("latin-1") for token in tokens)


def numbers_in(tokens: Iterable[object]) -> NDArray[np.float64]:
    """Return the numbers of values one by one; NaN where a value is empty or no number."""
    return np.array([_number(str(token)) for token in tokens], dtype=np.float64)


def to_points(numbers: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return the finite points `(n, 3)` and flags: `truncated_triplets`, `bad_points_dropped`.

    A dropped vertex leaves a polygon through the others; a point is never made up.
    """
    whole = len(numbers) // 3 * 3
    flags = ["truncated_triplets"] if whole < len(numbers) else []
    points = numbers[:whole].reshape(-1, 3)
    finite = np.isfinite(points).all(axis=1)
    if not finite.all():
        flags.append("bad_points_dropped")
        points = points[finite]
    return points, tuple(flags)


def shape_key(points_mm: NDArray[np.float64]) -> bytes:
    """Return what is equal for two closed contours through the same points, whatever their start and direction."""
    rounded = points_mm.round(_DUPLICATE_DECIMALS) + 0.0
    return rounded[np.lexsort(rounded.T)].tobytes()


def _number(token: str) -> float:
    """Return the number of one DS value; Python alone would take `1_0` for ten."""
    try:
        return float("nan" if "_" in token else token)
    except ValueError:
        return float("nan")
