"""Masks as NIfTI files, joined from deflate segments.

What lives here: one gzip member made of pieces, of which the empty slices are compressed once and used for all masks.
What does not: how a mask is filled (`domain.masks`).
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from isal import isal_zlib

from pdcp_dagster.adapters.atomic import whole_file
from pdcp_dagster.adapters.nifti.header import header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from pdcp_dagster.domain.volume import Grid

_LEVEL = 1
_RAW_WINDOW = -15
_GZIP_START = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
"""RFC 1952: deflate, no name, no time, unknown system."""
_LAST_EMPTY_BLOCK = b"\x03\x00"
"""RFC 1951: a final block without content."""
_SHORT = 256


def write_mask(crop_values: NDArray[np.uint8], offset_kji: tuple[int, int, int], grid: Grid, path: Path) -> None:
    """Write a mask on `grid`, of which `crop_values` `(k, j, i)` is the part from `offset_kji` on and the rest is 0.

    One gzip member joined from deflate segments; the empty slices of all masks share one. Raises `ValueError` where the
    crop does not lie within the grid.
    """
    content = b"".join(_mask_pieces(crop_values, offset_kji, grid))
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def _mask_pieces(crop: NDArray[np.uint8], offset_kji: tuple[int, int, int], grid: Grid) -> Iterator[bytes]:
    """Yield the pieces of one gzip member: header, empty slices, the slices with the crop, empty slices, checksum."""
    planes, rows, columns = grid.shape
    plane_bytes = rows * columns
    drawn = _drawn_slices(crop, offset_kji, grid)
    before = offset_kji[0] if len(drawn) else 0
    after = planes - before - len(drawn)
    start = header(grid, np.dtype(np.uint8))
    content = drawn.tobytes()
    empty = _segment_of_zeros(plane_bytes)
    yield _GZIP_START
    yield _segment(start)
    yield empty * before
    yield _segment(content) if content else b""
    yield empty * after
    yield _LAST_EMPTY_BLOCK
    checksum = _checksum_with_zeros(isal_zlib.crc32(start), before * plane_bytes)
    checksum = _checksum_with_zeros(isal_zlib.crc32(content, checksum), after * plane_bytes)
    yield struct.pack("<II", checksum, (len(start) + planes * plane_bytes) & 0xFFFFFFFF)


def _drawn_slices(crop: NDArray[np.uint8], offset_kji: tuple[int, int, int], grid: Grid) -> NDArray[np.uint8]:
    """Return the whole slices `(k, rows, columns)` that the crop lies in; none where it is empty."""
    _, rows, columns = grid.shape
    if not crop.size:
        return np.zeros((0, rows, columns), np.uint8)
    ends = tuple(start + length for start, length in zip(offset_kji, crop.shape, strict=True))
    if min(offset_kji) < 0 or any(end > size for end, size in zip(ends, grid.shape, strict=True)):
        raise ValueError(f"a crop of {crop.shape} at {offset_kji} does not lie within {grid.shape}")
    drawn = np.zeros((crop.shape[0], rows, columns), np.uint8)
    drawn[:, offset_kji[1] : ends[1], offset_kji[2] : ends[2]] = crop
    return drawn


def _segment(content: bytes) -> bytes:
    """Return deflate blocks that end at a byte and refer to nothing before them, so that any may follow any."""
    squeeze = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _RAW_WINDOW)
    segment: bytes = squeeze.compress(content) + squeeze.flush(isal_zlib.Z_FULL_FLUSH)
    return segment


@lru_cache(maxsize=16)
def _segment_of_zeros(length: int) -> bytes:
    return _segment(bytes(length))


@lru_cache(maxsize=1024)
def _checksum_of_zeros(length: int) -> int:
    """Return the CRC-32 of `length` zero bytes, in as many steps as the number has digits."""
    if length < _SHORT:
        return int(isal_zlib.crc32(bytes(length)))
    half = _checksum_of_zeros(length // 2)
    both = int(isal_zlib.crc32_combine(half, half, length // 2))
    return both if length % 2 == 0 else int(isal_zlib.crc32(b"\0", both))


def _checksum_with_zeros(checksum: int, length: int) -> int:
    """Return the CRC-32 of what `checksum` stands for, followed by `length` zero bytes."""
    return int(isal_zlib.crc32_combine(checksum, _checksum_of_zeros(length), length)) if length else checksum
