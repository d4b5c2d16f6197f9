"""The 256 colours of a picture file: greys, and greys under the dose wash for each band of dose.

What lives here: the fixed palette, which needs no search through the pixels and gives the same dose the same colour in
every picture. What does not: how a colour of the wash comes about (`panel`).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image

from pdcp_dagster.adapters.pictures.panel import OUTLINE, blended
from pdcp_dagster.adapters.pictures.text import BACKGROUND, PALE
from pdcp_dagster.domain.display import DOSE_BANDS

_GREYS = 36
_GREYS_UNDER_WASH = 12
_PALETTE_SIZE = 256


@cache
def picture_palette() -> Image.Image:
    """Return an image that carries the palette, as `Image.quantize` takes it."""
    greys = np.repeat(np.linspace(0, 255, _GREYS)[:, np.newaxis], 3, axis=1)
    below = np.repeat(np.linspace(0, 255, _GREYS_UNDER_WASH, dtype=np.float32)[:, np.newaxis], 3, axis=1)
    washed = [blended(below, np.full(_GREYS_UNDER_WASH, band)) for band in range(DOSE_BANDS)]
    colours = np.concatenate([greys, *washed, np.array([OUTLINE, BACKGROUND, PALE])])
    carrier = Image.new("P", (1, 1))
    carrier.putpalette(np.resize(np.rint(colours).astype(np.uint8), (_PALETTE_SIZE, 3)).tobytes())
    return carrier
