"""How much a small file may become: bounds on what headers ask for, before any memory is taken for it.

What lives here: deflated data sets, compressed pixels, and what a compressed frame says of its own size. What does not:
uncompressed pixels, which must all be there (`stored_values`), or the decoding itself (the readers).

A header costs nothing to write: 65535 x 65535 pixels, or a megabyte of deflate that becomes a gigabyte.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from pdcp_dagster.domain.dicom_values import UnusableValueError

if TYPE_CHECKING:
    from pdcp_dagster.domain.stored_values import PixelFormat

LARGEST_INFLATED_BYTES = 1 << 29
"""A deflated data set: 1000 slices of 512 x 512 in one object are that large."""
LARGEST_FRAME_PIXELS = 1 << 24
"""4096 x 4096: four times the pixels of the finest CT, which has 2048 x 2048."""
MOST_BYTES_OF_A_BYTE = 256
_SMALL_BYTES = 1 << 26
"""Compressed pixels may become 64 MiB, and 256 times what they are: CT comes to a third, an empty dose to a 64th."""
_AT_ONCE = 1 << 20
_STANDALONE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})
_FRAME_MARKERS = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
"""Start of frame of JPEG (ISO 10918-1 B.2.2) and JPEG-LS (ISO 14495-1 C.2.2)."""
_JPEG_2000 = b"\xff\x4f\xff\x51"
"""Start of a codestream, and of its sizes (ISO 15444-1 A.5.1)."""


def require_modest_inflation(deflated: bytes) -> None:
    """Raise `UnusableValueError` where a raw deflate stream becomes more than `LARGEST_INFLATED_BYTES`."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated, rest = 0, deflated
    while rest and not inflater.eof:
        inflated += len(inflater.decompress(rest, _AT_ONCE))
        rest = inflater.unconsumed_tail
        if inflated > LARGEST_INFLATED_BYTES:
            raise UnusableValueError(
                f"its {len(deflated)} deflated bytes become more than {LARGEST_INFLATED_BYTES >> 20} MiB"
            )


def require_modest_pixels(form: PixelFormat, frames: int, compressed_bytes: int) -> None:
    """Raise `UnusableValueError` where compressed pixel data is said to hold far more pixels than it can."""
    pixels = form.rows * form.columns
    asked = pixels * frames * form.dtype.itemsize
    if pixels > LARGEST_FRAME_PIXELS or asked > _SMALL_BYTES + MOST_BYTES_OF_A_BYTE * compressed_bytes:
        raise UnusableValueError(
            f"{frames} x {form.rows} x {form.columns} pixels in {compressed_bytes} bytes of compressed pixel data"
        )


def require_frame_size(codestream: bytes, form: PixelFormat) -> None:
    """Raise `UnusableValueError` where a JPEG, JPEG-LS or JPEG 2000 frame says that it is of another size.

    A frame that says nothing is left to its decoder.
    """
    said = _size_of_jpeg_2000(codestream) or _size_of_jpeg(codestream)
    if said is not None and said != (form.rows, form.columns, 1):
        rows, columns, samples = said
        of_samples = "" if samples == 1 else f" of {samples} samples"
        raise UnusableValueError(
            f"a compressed frame says {rows} x {columns} pixels{of_samples}, not {form.rows} x {form.columns}"
        )


def _size_of_jpeg_2000(codestream: bytes) -> tuple[int, int, int] | None:
    at = codestream.find(_JPEG_2000)
    if at < 0 or len(codestream) < at + 42:
        return None
    right, bottom, left, top = struct.unpack_from(">4I", codestream, at + 8)
    (samples,) = struct.unpack_from(">H", codestream, at + 40)
    return bottom - top, right - left, samples


def _size_of_jpeg(codestream: bytes) -> tuple[int, int, int] | None:
    at = 2
    while codestream[:2] == b"\xff\xd8" and len(codestream) >= at + 10:
        marker = codestream[at + 1]
        if codestream[at] != 0xFF or marker == 0xFF:  # noqa: PLR2004 - fill bytes come before any marker
            at += 1
        elif marker in _STANDALONE_MARKERS:
            at += 2
        elif marker in _FRAME_MARKERS:
            rows, columns, samples = struct.unpack_from(">HHB", codestream, at + 5)
            return rows, columns, samples
        else:
            at += 2 + max(2, struct.unpack_from(">H", codestream, at + 2)[0])
    return None
