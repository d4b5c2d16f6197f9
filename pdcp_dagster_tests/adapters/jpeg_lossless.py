"""JPEG lossless (ITU-T T.81 process 14), written for tests: no encoder of it is at hand in Python.

What lives here: one component, any precision up to 16 bits, any of the seven predictors. What does not: laws.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

_CATEGORIES = 17
_CODE_BITS = 5


def jpeg_lossless(values: NDArray[np.integer], precision: int, predictor: int) -> bytes:
    """Return unsigned values `(rows, columns)` as a JPEG stream; each category has a code of 5 bits (T.81 annex H)."""
    rows, columns = values.shape
    start = struct.pack(">HBHHBBBB", 11, precision, rows, columns, 1, 1, 0x11, 0)
    lengths = bytes(_CATEGORIES if bits == _CODE_BITS else 0 for bits in range(1, 17))
    table = struct.pack(">HB", 19 + _CATEGORIES, 0) + lengths + bytes(range(_CATEGORIES))
    scan = struct.pack(">HBBBBBB", 8, 1, 1, 0, predictor, 0, 0)
    bits = "".join(_coded(difference) for difference in _differences(values.tolist(), precision, predictor))
    bits += "1" * (-len(bits) % 8)
    stuffed = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
    return b"\xff\xd8\xff\xc3" + start + b"\xff\xc4" + table + b"\xff\xda" + scan + stuffed + b"\xff\xd9"


def _coded(difference: int) -> str:
    category = abs(difference).bit_length()
    more = "" if category in {0, 16} else f"{difference + (difference < 0) * ((1 << category) - 1):0{category}b}"
    return f"{category:0{_CODE_BITS}b}{more}"


def _differences(values: list[list[int]], precision: int, predictor: int) -> list[int]:
    found = []
    for y, row in enumerate(values):
        for x, value in enumerate(row):
            left, above = row[x - 1], values[y - 1][x]
            if x and y:
                predicted = _predicted(left, above, values[y - 1][x - 1], predictor)
            else:
                predicted = left if x else above if y else 1 << (precision - 1)
            wrapped = (value - predicted) & 0xFFFF
            found.append(wrapped - 0x10000 if wrapped > 0x8000 else wrapped)
    return found


def _predicted(left: int, above: int, corner: int, predictor: int) -> int:
    return {
        1: left,
        2: above,
        3: corner,
        4: left + above - corner,
        5: left + ((above - corner) >> 1),
        6: above + ((left - corner) >> 1),
        7: (left + above) >> 1,
    }[predictor]
