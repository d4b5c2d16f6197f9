"""From the bytes of uncompressed pixel data to the numbers that were stored (PS3.5 section 8).

What lives here: cell size, sign and unused bits, and the refusal of pixel data that is too short. What does not:
decompression (the readers, through their library), or what a stored value means (rescale, dose scaling).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.domain.dicom_values import UnusableValueError, required, whole_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from pdcp_dagster.domain.dicom_values import Attributes

_CELL_BITS = (8, 16, 32)


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """How one frame's pixels are stored (PS3.3 C.7.6.3): one sample per pixel, little endian."""

    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool

    @property
    def dtype(self) -> np.dtype[np.signedinteger | np.unsignedinteger]:
        """The little-endian cell."""
        return np.dtype(f"<{'i' if self.signed else 'u'}{self.bits_allocated // 8}")


def pixel_format_of(data: Attributes) -> PixelFormat:
    """Return the pixel format that a data set declares; `UnusableValueError` where it is missing or impossible."""
    rows = required(whole_of(data, "Rows"), "Rows")
    columns = required(whole_of(data, "Columns"), "Columns")
    allocated = required(whole_of(data, "BitsAllocated"), "BitsAllocated")
    stored = whole_of(data, "BitsStored") or allocated
    high = whole_of(data, "HighBit")
    form = PixelFormat(rows, columns, allocated, stored, stored - 1 if high is None else high, _is_signed(data))
    if (whole_of(data, "SamplesPerPixel") or 1) != 1:
        raise UnusableValueError("SamplesPerPixel is not 1: a colour image")
    if min(rows, columns) < 1:
        raise UnusableValueError(f"an image of {rows} rows and {columns} columns")
    if allocated not in _CELL_BITS or not 0 <= form.high_bit - stored + 1 <= allocated - stored:
        raise UnusableValueError(f"{stored} bits stored up to bit {form.high_bit} of {allocated} allocated")
    return form


def unpack(raw: bytes, form: PixelFormat, frames: int = 1) -> NDArray[np.integer]:
    """Return `(frames, rows, columns)` stored values of little-endian uncompressed pixel data.

    Bytes after the last pixel are padding and left aside; fewer bytes than pixels raise `UnusableValueError`.
    """
    count = require_enough(raw, form, frames)
    return clear_unused_bits(np.frombuffer(raw, form.dtype, count), form).reshape(frames, form.rows, form.columns)


def unpack_each(raw: bytes, form: PixelFormat, frames: int, wanted: Iterable[int]) -> Iterator[NDArray[np.integer]]:
    """Yield `(rows, columns)` stored values of the wanted frames, counted from 0, one by one.

    As `unpack`, but a large image is never in memory a second time; where no bits are unused frames are views.
    """
    count = require_enough(raw, form, frames)
    cells = np.frombuffer(raw, form.dtype, count).reshape(frames, form.rows, form.columns)
    for index in wanted:
        yield clear_unused_bits(cells[index], form)


def clear_unused_bits(cells: NDArray[np.integer], form: PixelFormat) -> NDArray[np.integer]:
    """Return the cells with only BitsStored of them, sign-extended: the rest may hold anything (PS3.5 8.1.1)."""
    if form.bits_stored == form.bits_allocated:
        return cells
    lifted = cells << (form.bits_allocated - 1 - form.high_bit)
    return lifted >> (form.bits_allocated - form.bits_stored)


def require_enough(raw: bytes, form: PixelFormat, frames: int) -> int:
    """Return the number of cells that the frames fill; `UnusableValueError` where there are fewer bytes than that."""
    count = frames * form.rows * form.columns
    if len(raw) < count * form.dtype.itemsize:
        raise UnusableValueError(
            f"pixel data is truncated: {len(raw)} bytes for {frames} x {form.rows} x {form.columns} pixels "
            f"of {form.dtype.itemsize} bytes"
        )
    return count


def _is_signed(data: Attributes) -> bool:
    return whole_of(data, "PixelRepresentation") == 1
