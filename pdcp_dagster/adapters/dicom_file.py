"""One DICOM file into a data set: the way in for every reader of files.

What lives here: opening it, and the refusal of what is no whole data set or asks for more memory than it is worth. What
does not: what is in it (the readers), or the bounds themselves (`domain.expansion`).
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import pydicom
from pydicom.encaps import generate_frames

from pdcp_dagster.domain.dicom_values import require_whole
from pdcp_dagster.domain.expansion import require_frame_size, require_modest_inflation, require_modest_pixels

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import Dataset

    from pdcp_dagster.domain.stored_values import PixelFormat

_MUCH = 1 << 16


def read_dicom(file: Path, *, stop_before_pixels: bool = False) -> Dataset:
    """Return the data set of a file, with or without preamble and file meta information.

    Raises `UnusableValueError` where it is truncated, or deflated beyond measure, and whatever pydicom does: call it
    within `failing_as`.
    """
    # A path as text: pydicom puts the name into its own messages.
    with _Clipped(io.FileIO(str(file))) as opened:
        data = pydicom.dcmread(opened, force=True, stop_before_pixels=stop_before_pixels)
    require_whole(data)
    return data


def require_modest_frames(data: Dataset, form: PixelFormat, frames: int) -> None:
    """Raise `UnusableValueError` where compressed pixel data asks for more memory than it can be worth.

    A decoder makes room for what a frame says of itself, whatever Rows and Columns say.
    """
    require_modest_pixels(form, frames, len(data.PixelData))
    for frame in generate_frames(data.PixelData, number_of_frames=frames):
        require_frame_size(frame, form)


class _Clipped(io.BufferedReader):
    """A file of which no more is asked for than it has.

    A buffer is made for as many bytes as are asked for, and an element may say that it has 4 GB.
    """

    def __init__(self, raw: io.FileIO) -> None:
        super().__init__(raw)
        self._size = os.fstat(raw.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """Return up to `size` bytes; all that is left, which the parser asks for to inflate it, only if it may be."""
        if size is None or size < 0:
            rest = super().read()
            require_modest_inflation(rest)
            return rest
        if size > _MUCH:
            size = max(0, min(size, self._size - self.tell()))
        return super().read(size)
