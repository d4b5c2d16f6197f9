"""The contact sheet: many ROIs of one patient at a glance, small enough for an asset's metadata.

What lives here: the grid of small pictures and its JPEG. What does not: drawing an ROI (`roi_picture`).
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from pdcp_dagster.adapters.pictures.panel import OUTLINE
from pdcp_dagster.adapters.pictures.text import BACKGROUND, fitting, write
from pdcp_dagster.domain.display import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST_SHEET = 15_000
"""Bytes: metadata lie in Dagster's event log."""

MOST_ROIS = 12
_COLUMNS = 4
_CELLS_PX = (160, 128, 112, 96, 80, 64, 40, 16)
_QUALITIES = (75, 60, 45)
_LEAST_QUALITY = 34
"""Below, thin outlines drown: a smaller picture is the better one."""

_NAME_PX = 18
_GAP_PX = 4
_LONGEST_NAME = 40
_LEAST_LINE = 0.25 * 255


def contact_sheet(images: Sequence[tuple[str, Image.Image]], largest: int = LARGEST_SHEET) -> bytes:
    """Return the first 12 pictures, each with its name, in a grid as JPEG of at most `largest` bytes.

    Without any picture it says so. Raises ValueError where nothing fits.
    """
    if not images:
        return _jpeg(_empty_sheet(), _QUALITIES[0])
    shown = images[:MOST_ROIS]
    for cell_px in _CELLS_PX:
        sheet = _sheet(shown, cell_px)
        worst = _jpeg(sheet, _LEAST_QUALITY)
        if len(worst) <= largest:
            better = (_jpeg(sheet, quality) for quality in _QUALITIES)
            return next((content for content in better if len(content) <= largest), worst)
    raise ValueError(f"no contact sheet fits into {largest} bytes")


def _empty_sheet() -> Image.Image:
    sheet = Image.new("RGB", (2 * _CELLS_PX[0], 2 * _NAME_PX), BACKGROUND)
    write(ImageDraw.Draw(sheet), (_NAME_PX, _NAME_PX), "No picture was drawn", size=12, anchor="lm")
    return sheet


def _jpeg(sheet: Image.Image, quality: int) -> bytes:
    stream = io.BytesIO()
    sheet.save(stream, "JPEG", quality=quality, optimize=True, progressive=True)
    return stream.getvalue()


def _sheet(shown: Sequence[tuple[str, Image.Image]], cell_px: int) -> Image.Image:
    columns = min(_COLUMNS, len(shown))
    rows = math.ceil(len(shown) / columns)
    width = columns * (cell_px + _GAP_PX) + _GAP_PX
    sheet = Image.new("RGB", (width, rows * (cell_px + _NAME_PX + _GAP_PX) + _GAP_PX), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for number, (name, image) in enumerate(shown):
        row, column = divmod(number, columns)
        left = _GAP_PX + column * (cell_px + _GAP_PX)
        top = _GAP_PX + row * (cell_px + _NAME_PX + _GAP_PX)
        write(draw, (left, top), fitting(one_line(name, _LONGEST_NAME), cell_px, size=12), size=12)
        sheet.paste(_reduced(image.convert("RGB"), cell_px), (left, top + _NAME_PX))
    return sheet


def _reduced(image: Image.Image, cell_px: int) -> Image.Image:
    """Return the picture in a square cell; the outline keeps its full colour, which averaging would take away."""
    small = image.copy()
    small.thumbnail((cell_px, cell_px), Image.Resampling.BILINEAR, reducing_gap=None)
    line = (np.asarray(image) == OUTLINE).all(axis=2)
    share = Image.fromarray(line.astype(np.uint8) * np.uint8(255)).resize(small.size, Image.Resampling.BOX)
    small.paste(tuple(OUTLINE.tolist()), mask=share.point(_is_line))
    return small


def _is_line(share: int) -> int:
    return 255 * (share >= _LEAST_LINE)
