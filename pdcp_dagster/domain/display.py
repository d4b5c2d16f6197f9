"""From physical values to what the eye sees: grey from HU, colour from Gy, the outline of a mask, fit text.

What lives here: pure array work on planes that are already cut and upright. What does not: which plane and which way up
(`views`), drawing and files (the pictures adapter).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOFT_TISSUE_LEVEL_HU = 40.0
SOFT_TISSUE_WIDTH_HU = 400.0

LOWEST_SHOWN_DOSE = 0.1
"""The wash starts at this share of the maximum: below, it would tint half the body and say little."""

DOSE_STEP = 0.05
"""Width of a band of the wash, as a share of the maximum."""

DOSE_BANDS = 18
NOT_SHOWN = -1

_VIRIDIS = np.array(
    [
        (68, 1, 84), (72, 24, 106), (71, 45, 123), (66, 64, 134), (59, 82, 139), (51, 99, 141), (44, 114, 142),
        (38, 130, 142), (33, 145, 140), (31, 160, 136), (40, 174, 128), (63, 188, 115), (94, 201, 98), (132, 212, 75),
        (173, 220, 48), (216, 226, 25), (253, 231, 37),
    ],
    dtype=np.float64,
)  # fmt: skip
"""Viridis (van der Walt and Smith 2015, CC0) at 17 even steps: its lightness rises evenly for every kind of colour
vision, and no step of it is grey, white or black."""


def grey_of_hu(
    hu: NDArray[np.generic], level_hu: float = SOFT_TISSUE_LEVEL_HU, width_hu: float = SOFT_TISSUE_WIDTH_HU
) -> NDArray[np.uint8]:
    """Return HU as grey 0 to 255 by the standard's linear window (PS3.3 C.11.2.1.2.1), rounded half up.

    Raises ValueError for a width of 1 or less, where that function is not defined.
    """
    if width_hu <= 1:
        raise ValueError(f"a window of {width_hu} HU has no slope")
    share = (hu.astype(np.float32) - np.float32(level_hu - 0.5)) / np.float32(width_hu - 1) + np.float32(0.5)
    return _to_byte(share)


def band_colours() -> NDArray[np.uint8]:
    """Return the colours of the dose bands, `(18, 3)` RGB, from 10 % of the maximum to the maximum."""
    steps = np.linspace(0, len(_VIRIDIS) - 1, DOSE_BANDS)
    channels = [np.interp(steps, np.arange(len(_VIRIDIS)), _VIRIDIS[:, channel]) for channel in range(3)]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)


def dose_bands(dose_gy: NDArray[np.float32], max_dose_gy: float) -> NDArray[np.int8]:
    """Return the row of `band_colours` for each dose, and -1 below 10 % of the maximum and where the dose is unknown.

    dose_gy: Gy, NaN where unknown. max_dose_gy: above 0; what lies above it gets the highest band.
    """
    with np.errstate(invalid="ignore"):
        share = np.nan_to_num(dose_gy / np.float32(max_dose_gy), nan=-1.0)
    # A dose that is 10 %, 15 %, ... but for the rounding of single precision belongs to the band that starts there.
    band = np.floor((share - np.float32(LOWEST_SHOWN_DOSE)) / np.float32(DOSE_STEP) + np.float32(1e-4))
    bands: NDArray[np.int8] = np.clip(band, NOT_SHOWN, DOSE_BANDS - 1).astype(np.int8)
    return bands


def outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of a mask that touch its outside with an edge; the picture's border is no outside."""
    padded = np.pad(mask, 1, mode="edge")
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    border: NDArray[np.bool_] = mask & ~inner
    return border


def widened(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a mask with all pixels added that touch it with an edge."""
    padded = np.pad(mask, 1)
    wide: NDArray[np.bool_] = mask | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    return wide


def round_steps(highest: float, at_most: int) -> list[float]:
    """Return 0 and the multiples of 1, 2 or 5 times a power of ten up to `highest`, at most `at_most` above 0."""
    rough = highest / at_most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    return [round(count * step, 12) for count in range(math.floor(highest / step * (1 + 1e-9)) + 1)]


def one_line(text: str, longest: int) -> str:
    """Return untrusted text as one printable line of at most `longest` characters, cut with an ellipsis.

    Line breaks and other white space become one blank; characters that cannot be printed (control characters,
    surrogates, marks that turn the writing direction) become U+FFFD.
    """
    printable = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in " ".join(text.split()))
    return printable if len(printable) <= longest else printable[: longest - 1].rstrip() + "…"


def _to_byte(share: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Return 0 to 1 as 0 to 255, rounded half up; what lies outside is clipped."""
    byte: NDArray[np.uint8] = (np.clip(share, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    return byte
