"""From the pixel data of a CT image to its stored values, whatever the transfer syntax.

What lives here: which decoder answers for which transfer syntax, and which pixels were compressed with loss. What does
not: unused bits and byte layout (`domain.stored_values`), rescale (`domain.hounsfield`).

The signed or unsigned reading of the bits is that of PixelRepresentation, as for uncompressed pixels. JPEG and JPEG-LS
know no sign. JPEG 2000 does, and some writers compress signed pixels as unsigned: their bits are right, and only
PixelRepresentation says how they are meant (a CT with RescaleIntercept 0 has air at -1000 that way, at 7192 the other).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from pdcp_dagster.adapters.dicom_file import require_modest_frames
from pdcp_dagster.domain.dicom_values import UnusableValueError, text_of
from pdcp_dagster.domain.stored_values import clear_unused_bits, require_enough, unpack_each

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

    from pdcp_dagster.domain.stored_values import PixelFormat

_LITTLE_ENDIAN = frozenset({ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian})
_PLUGINS = {
    JPEGBaseline8Bit: "pylibjpeg",
    JPEGExtended12Bit: "pylibjpeg",
    JPEGLossless: "pylibjpeg",
    JPEGLosslessSV1: "pylibjpeg",
    JPEGLSLossless: "pyjpegls",
    JPEGLSNearLossless: "pyjpegls",
    JPEG2000Lossless: "pylibjpeg",
    JPEG2000: "pylibjpeg",
    HTJ2KLossless: "pylibjpeg",
    HTJ2KLosslessRPCL: "pylibjpeg",
    HTJ2K: "pylibjpeg",
    RLELossless: "pylibjpeg",
}
"""The one decoder that answers: decoders of lossy JPEG differ by a unit, so whichever is installed will not do."""
_ALWAYS_LOSSY = frozenset({JPEGBaseline8Bit, JPEGExtended12Bit})
_LOSSY_UNLESS_DENIED = frozenset({JPEGLSNearLossless, JPEG2000, HTJ2K})
"""Transfer syntaxes that may hold reversibly compressed pixels, where LossyImageCompression says 00."""
_LOSSY, _NOT_LOSSY = "01", "00"


def stored_frames(
    data: Dataset, form: PixelFormat, frames: int, wanted: Sequence[int]
) -> Iterator[NDArray[np.integer]]:
    """Yield `(rows, columns)` stored values of the wanted frames, counted from 0, in that order.

    Raises `UnusableValueError` where pixel data is missing, too short or of another size, and whatever a decoder does.
    """
    if "PixelData" not in data:
        raise UnusableValueError("PixelData is missing")
    syntax = _syntax(data)
    if syntax in _LITTLE_ENDIAN:
        yield from unpack_each(data.PixelData, form, frames, wanted)
        return
    if syntax.is_encapsulated:
        require_modest_frames(data, form, frames)
    else:
        require_enough(data.PixelData, form, frames)
    decoded = get_decoder(syntax).iter_array(data, indices=wanted, raw=True, decoding_plugin=_PLUGINS.get(syntax, ""))
    for frame, _ in decoded:
        if frame.shape != (form.rows, form.columns):
            raise UnusableValueError(f"pixel data decodes to {frame.shape}, not {form.rows} x {form.columns}")
        # Native byte order and the declared cell, whatever container the decoder chose.
        yield clear_unused_bits(frame.astype(form.dtype, copy=False), form)


def is_lossy(data: Dataset) -> bool:
    """Whether the pixels were once compressed with loss (PS3.3 C.7.6.1.1.5), by what is said or by how they lie."""
    said = text_of(data, "LossyImageCompression")
    syntax = _syntax(data)
    return said == _LOSSY or syntax in _ALWAYS_LOSSY or (syntax in _LOSSY_UNLESS_DENIED and said != _NOT_LOSSY)


def _syntax(data: Dataset) -> UID:
    """Return the transfer syntax; of a data set without file meta information the one that it was parsed by."""
    meta = getattr(data, "file_meta", None)
    told = None if meta is None else meta.get("TransferSyntaxUID")
    if told:
        return UID(told)
    implicit, little = data.original_encoding
    if not little:
        raise UnusableValueError("TransferSyntaxUID is missing")
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
