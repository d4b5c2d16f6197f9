"""Picture files within a size limit.

What lives here: PNG with as many colours as fit. What does not: drawing.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

from pdcp_dagster.adapters.atomic import write_bytes
from pdcp_dagster.adapters.pictures.palette import picture_palette

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGEST_PNG = 150_000
"""Bytes."""

_FEWER_COLOURS = (64, 32)
_SHRINK = 0.8
_SMALLEST_PX = 16
_COMPRESSION = 4
"""A tenth larger than at 6, in a third of the time."""


def encode_png(image: Image.Image, largest: int = LARGEST_PNG) -> bytes:
    """Return the picture as PNG of at most `largest` bytes, the same bytes for the same pixels.

    It gets the fixed palette; where it is still too large one of its own with fewer colours, and then fewer pixels.

    Raises ValueError where even the smallest picture is larger.
    """
    for candidate in _ever_smaller(image.convert("RGB")):
        stream = io.BytesIO()
        candidate.save(stream, "PNG", compress_level=_COMPRESSION)
        if stream.tell() <= largest:
            return stream.getvalue()
    raise ValueError(f"no picture fits into {largest} bytes")


def save_png(image: Image.Image, path: Path, largest: int = LARGEST_PNG) -> int:
    """Write the picture as PNG of at most `largest` bytes, whole or not at all; return its size in bytes."""
    content = encode_png(image, largest)
    write_bytes(path, content)
    return len(content)


def _ever_smaller(image: Image.Image) -> Iterator[Image.Image]:
    yield image.quantize(palette=picture_palette(), dither=Image.Dither.NONE)
    for colours in _FEWER_COLOURS:
        yield _with_palette(image, colours)
    while min(image.size) > _SMALLEST_PX:
        width, height = (max(1, round(edge * _SHRINK)) for edge in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
        yield _with_palette(image, _FEWER_COLOURS[-1])


def _with_palette(image: Image.Image, colours: int) -> Image.Image:
    return image.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
