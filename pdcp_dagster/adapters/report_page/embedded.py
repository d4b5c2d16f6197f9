"""Data inside the page for its script to read.

What lives here: values as JSON that no text in it can end, arrays of numbers as Base64. What does not: which values
(`patient_values`, `bands`).
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FULL_PCT = 100.0


def data_element(name: str, value: Any) -> str:
    """Return a value as the content of a `<script type="application/json">` with the ID `name`."""
    return f'<script type="application/json" id="{name}">{json_text(value)}</script>'


def json_text(value: Any) -> str:
    """Return a value as JSON in which `<`, `>` and `&` are escaped; other text can be searched for in the file."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def packed_pct(percent: NDArray[Any], steps: int) -> str:
    """Return 0 to 100 % in `steps` even steps as Base64: a byte each up to 255 steps, else two, the lower first.

    What lies outside is clipped.
    """
    kind = np.uint8 if steps <= np.iinfo(np.uint8).max else np.dtype("<u2")
    scaled = np.rint(np.clip(percent, 0, FULL_PCT) * (steps / FULL_PCT))
    return base64.b64encode(scaled.astype(kind).tobytes()).decode()
