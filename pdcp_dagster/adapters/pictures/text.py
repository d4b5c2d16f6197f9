"""Text in pictures: one font on every machine, dark surroundings where it stands on an image.

What lives here: fonts and the two ways of setting a line. What does not: what the lines say.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageFont
from PIL.ImageDraw import Draw

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
PALE: Colour = (178, 186, 194)
BLACK: Colour = (0, 0, 0)
BACKGROUND: Colour = (16, 19, 23)
_EDGE_PX = 2

_Letters = tuple[tuple[int, int], Image.Image]


def write(
    draw: ImageDraw, at: tuple[float, float], text: str, *, size: int, anchor: str = "la", fill: Colour = WHITE
) -> None:
    """Set one line on an even background; `anchor` as Pillow names it."""
    _stamp(draw, at, _letters(text, size, anchor, 0), fill)


def write_on_image(
    draw: ImageDraw, at: tuple[float, float], text: str, *, size: int, anchor: str, fill: Colour = WHITE
) -> None:
    """Set one line that stays readable on bone and on air: with a dark edge around each letter."""
    _stamp(draw, at, _letters(text, size, anchor, _EDGE_PX), BLACK)
    _stamp(draw, at, _letters(text, size, anchor, 0), fill)


def width_of(text: str, *, size: int) -> int:
    """Return the width of a line, px."""
    return math.ceil(font(size).getlength(text))


def fitting(text: str, width: int, *, size: int) -> str:
    """Return the text, cut with an ellipsis where it is wider than `width` pixels."""
    if font(size).getlength(text) <= width:
        return text
    # A letter is a pixel wide or more: a name of thousands of letters is not measured thousands of times.
    kept = text[:width]
    while kept and font(size).getlength(kept + "…") > width:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def _stamp(draw: ImageDraw, at: tuple[float, float], letters: _Letters, fill: Colour) -> None:
    (left, top), mask = letters
    draw.bitmap((round(at[0]) + left, round(at[1]) + top), mask, fill=fill)


@lru_cache(maxsize=1024)
def _letters(text: str, size: int, anchor: str, edge: int) -> _Letters:
    """Return where a line stands from its anchor, and its letters; kept, since most lines return in every picture."""
    left, top, right, bottom = (round(value) for value in font(size).getbbox(text, anchor=anchor, stroke_width=edge))
    mask = Image.new("L", (max(right - left, 1), max(bottom - top, 1)))
    Draw(mask).text((-left, -top), text, font=font(size), fill=255, anchor=anchor, stroke_width=edge)
    return (left, top), mask


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return DejaVu Sans, which matplotlib carries: Latin, Greek and Cyrillic, the same on every machine.

    Its file is found without importing matplotlib, which would take longer than drawing. Pillow's own font, which lacks
    most letters with accents, is for the day matplotlib moves the file.
    """
    matplotlib = find_spec("matplotlib")
    if matplotlib is not None and matplotlib.origin is not None:
        path = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            # The basic layout is in every build of Pillow; the other one needs a library that may be absent.
            return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
    return ImageFont.load_default(size)
