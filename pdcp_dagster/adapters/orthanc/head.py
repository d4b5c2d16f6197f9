"""The head of an RTSTRUCT: everything that precedes its contours, as Orthanc's simplified tags would give it.

What lives here: stopping early, since the contours are nearly all of the file and Orthanc takes longest for just them.
What does not: reading contours (`adapters.dicom`).
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast

import urllib3
from pydicom.filereader import read_partial
from pydicom.multival import MultiValue

from pdcp_dagster.adapters.orthanc.errors import ObjectDamaged
from pdcp_dagster.domain.expansion import require_modest_inflation

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.tag import BaseTag

_ROI_CONTOUR_SEQUENCE = 0x3006_0039
_CHUNK_BYTES = 1 << 17
_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})


class Readable(Protocol):
    """Bytes that arrive from the network."""

    def read(self, amt: int) -> bytes:
        """Return up to `amt` bytes, b"" at the end."""


def read_head(arriving: Readable, name: str, file_size: int) -> dict[str, Any]:
    """Return the tags before ROIContourSequence (3006,0039), values as text, sequences as lists of dictionaries.

    Raises ObjectDamaged where the bytes are no DICOM, or end before `file_size` with no contours met, and whatever the
    network does. Odd values make no warnings.
    """
    stream = _Growing(arriving)
    stopped = False

    def at_contours(tag: BaseTag, _vr: str | None, _length: int) -> bool:
        nonlocal stopped
        stopped = bool(tag >= _ROI_CONTOUR_SEQUENCE)
        return stopped

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tags = _simplified(read_partial(cast(BinaryIO, stream), stop_when=at_contours, force=True))
        except Exception as error:
            # A parser of untrusted bytes may raise anything, errors of the operating system's kind included.
            if stream.cut_off or isinstance(error, MemoryError):
                raise
            raise ObjectDamaged(f"{name} is not readable as DICOM: {type(error).__name__}") from error
    if not tags.get("SOPInstanceUID"):
        raise ObjectDamaged(f"{name} is not readable as DICOM: it has no SOPInstanceUID")
    if not stopped and stream.arrived() != file_size:
        raise ObjectDamaged(f"{name} ends after {stream.arrived()} of {file_size} bytes")
    return tags


def _simplified(dataset: Dataset) -> dict[str, Any]:
    tags: dict[str, Any] = {}
    for element in dataset:
        if element.tag.is_private or not element.keyword:
            continue
        if element.VR == "SQ":
            tags[element.keyword] = [_simplified(item) for item in element.value or ()]
        elif element.VR in _BINARY or element.value is None:
            tags[element.keyword] = None
        elif isinstance(element.value, (MultiValue, list)):
            tags[element.keyword] = "\\".join(map(str, element.value))
        else:
            tags[element.keyword] = str(element.value)
    return tags


class _Growing:
    """A file that fetches its bytes when they are asked for; one can go back, as pydicom does."""

    def __init__(self, arriving: Readable) -> None:
        self._arriving = arriving
        self._buffer = io.BytesIO()
        self._ended = False
        self.cut_off = False
        """Whether the network failed: what is raised then is its own."""

    def arrived(self) -> int:
        """Return the number of bytes fetched so far."""
        return self._buffer.getbuffer().nbytes

    def tell(self) -> int:
        """Return the position."""
        return self._buffer.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position; the end is known only once everything arrived."""
        if whence == io.SEEK_END:
            self._fetch(None)
        return self._buffer.seek(offset, whence)

    def read(self, size: int | None = -1) -> bytes:
        """Return `size` bytes from the position on, fewer only at the end."""
        everything = size is None or size < 0
        self._fetch(None if everything else self.tell() + cast(int, size))
        found = self._buffer.read(-1 if everything else size)
        if everything:
            # The parser asks for all that is left only to inflate it.
            require_modest_inflation(found)
        return found

    def _fetch(self, until: int | None) -> None:
        while not self._ended and (until is None or self.arrived() < until):
            try:
                chunk = self._arriving.read(_CHUNK_BYTES)
            except ValueError as error:  # a chunk of negative length
                self.cut_off = True
                raise urllib3.exceptions.ProtocolError("a chunk has no possible length") from error
            except BaseException:
                self.cut_off = True
                raise
            position = self._buffer.tell()
            self._buffer.seek(0, io.SEEK_END)
            self._buffer.write(chunk)
            self._buffer.seek(position)
            self._ended = not chunk
