"""The voxels of a NIfTI file that are no numbers: what is unknown must not become 0 on the way back.

What lives here: finding them in the file's own bytes. What does not: everything else of reading (`volumes`).

The NIfTI library below ITK, and so SimpleITK, reads NaN and infinity as 0 (its `nifti_read_buffer`); nibabel keeps
them.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
from isal import igzip

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_HEADER_BYTES = 348
_DATATYPE_AT, _VOXELS_AT, _MAGIC_AT = 70, 108, 344
_ONE_FILE = b"n+1"
_FLOATS = {16: "f4", 64: "f8"}
_GZIP = b"\x1f\x8b"


def unknown_voxels(path: Path, shape: tuple[int, ...]) -> tuple[NDArray[np.bool_], NDArray[np.floating]] | None:
    """Return where a file's voxels are NaN or infinite, `shape` (k, j, i), and these values in that order.

    None where there are none, or where the file does not hold floats itself.
    """
    content = path.read_bytes()
    if content[:2] == _GZIP:
        content = igzip.decompress(content)  # type: ignore[no-untyped-call]  # as the library has it
    order = "<" if struct.unpack_from("<i", content)[0] == _HEADER_BYTES else ">"
    kind = _FLOATS.get(struct.unpack_from(f"{order}h", content, _DATATYPE_AT)[0])
    if kind is None or not content.startswith(_ONE_FILE, _MAGIC_AT):
        return None
    start = int(struct.unpack_from(f"{order}f", content, _VOXELS_AT)[0])
    values = np.frombuffer(content, f"{order}{kind}", int(np.prod(shape)), start).reshape(shape)
    unknown = ~np.isfinite(values)
    return (unknown, values[unknown]) if unknown.any() else None
