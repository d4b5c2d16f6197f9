"""From one file to the slices of a CT that it holds: one of an ordinary image, a slice per frame of a multi-frame one.

What lives here: geometry, rescale and stored values of each slice, and what is no slice. What does not: pixel data by
transfer syntax (`pixels`), where a frame keeps its attributes (`domain.functional_groups`), the series (`series`).

Errors::

    DicomReadError
    └── CtReadError(path, why)    unreadable, pixel data truncated or not decodable, a needed attribute missing, several
                                  frames of which nothing is said, values that are not HU, not a CT, of another series
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.adapters.ct_series.pixels import is_lossy, stored_frames
from pdcp_dagster.domain.ct_slices import is_localiser
from pdcp_dagster.domain.dicom_values import (
    DicomReadError,
    UnusableValueError,
    cosines_of,
    loose_number_of,
    number_of,
    pixel_spacing_of,
    position_of,
    required,
    text_of,
    texts_of,
    whole_of,
)
from pdcp_dagster.domain.functional_groups import frames_of
from pdcp_dagster.domain.hounsfield import StoredSlice
from pdcp_dagster.domain.stack import SliceGeometry
from pdcp_dagster.domain.stored_values import pixel_format_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

    from pdcp_dagster.domain.dicom_values import Attributes
    from pdcp_dagster.domain.stored_values import PixelFormat

_HU = frozenset({"HU", "HU_MOD", "HOUNSFIELD", "HOUNSFIELD UNIT", "HOUNSFIELD UNITS"})
"""RescaleType (PS3.3 C.11.1.1.2), case aside, that says HU."""
_NO_TYPE = frozenset({"", "US"})
"""RescaleType that says nothing, and in practice stands for HU; US is `unspecified` and common."""
_CONTRASTS_IN_HU = frozenset({"NONE", "RESAMPLED", "MEAN", "MEDIAN", "MAXIMUM", "MINIMUM", "FILTERED"})
"""Derived pixel contrast (fourth value of FrameType, PS3.3 C.8.16.1.4) of which each value is still a density."""
_CONTRASTS_NEVER_IN_HU = frozenset(
    {"ADDITION", "SUBTRACTION", "MULTIPLICATION", "DIVISION", "STD_DEVIATION", "RCBF", "RCBV", "MTT", "TTP", "TMAX"}
)
"""Of which no value is a density, whatever RescaleType says: an offset HU scale is often left from the source."""
_CONTRAST = 3


_LARGEST_HU = float(np.finfo(np.float32).max)


class CtReadError(DicomReadError):
    """A file of a CT series could not be read; `path` names it, `why` says what is wrong."""


@dataclass(frozen=True, slots=True, eq=False)
class CtSlice:
    """One slice of a CT.

    lossy: whether its pixels were once compressed with loss.
    """

    geometry: SliceGeometry
    stored: StoredSlice
    series_instance_uid: str
    frame_of_reference_uid: str | None
    lossy: bool


@dataclass(frozen=True, slots=True, eq=False)
class CtImage:
    """What one file holds.

    slices: in the order of its frames.
    localisers: its SOPInstanceUID where it is a localiser, or that with the number of each frame that is one.
    described: attributes that describe the first slice; None where there is none.
    """

    slices: tuple[CtSlice, ...]
    localisers: tuple[str, ...]
    described: Attributes | None


def read_image(data: Dataset) -> CtImage:
    """Return the slices that a CT image holds, its pixel bytes let go of. Raises `UnusableValueError`."""
    uid = required(text_of(data, "SOPInstanceUID"), "SOPInstanceUID")
    frames = _frames(data)
    wanted = [index for index, frame in enumerate(frames) if not _is_localiser(frame)]
    slice_numbers = frozenset(wanted)
    localisers = [index for index in range(len(frames)) if index not in slice_numbers]
    slices = read_slices(data, frames, wanted) if wanted else ()
    return CtImage(
        slices=slices,
        localisers=tuple(uid if len(frames) == 1 else f"{uid} frame {index + 1}" for index in localisers),
        described=frames[wanted[0]] if wanted else None,
    )


def read_frame(data: Dataset, number: int | None) -> CtSlice:
    """Return the slice of an ordinary image, or of one frame, counted from 1; None: the middle one of its slices.

    Raises `UnusableValueError` where there is no such frame.
    """
    frames = _frames(data)
    if number is None:
        slices = [index for index, frame in enumerate(frames) if not _is_localiser(frame)] or [0]
        index = slices[(len(slices) - 1) // 2]
    else:
        index = number - 1
    if not 0 <= index < len(frames):
        raise UnusableValueError(f"there is no frame {number}: the image has {len(frames)}")
    (found,) = read_slices(data, frames, [index])
    return found


def read_slices(data: Dataset, frames: Sequence[Attributes], wanted: Sequence[int]) -> tuple[CtSlice, ...]:
    """Return the slices that the wanted frames hold, counted from 0; the data set loses its pixel bytes."""
    modality = text_of(data, "Modality")
    if modality != "CT":
        raise UnusableValueError(f"not a CT image: Modality is {modality or 'missing'}")
    form = pixel_format_of(data)
    lossy = is_lossy(data)
    values = stored_frames(data, form, len(frames), wanted)
    found = [_slice(frames[index], each, form, lossy=lossy) for index, each in zip(wanted, values, strict=True)]
    del data.PixelData
    return tuple(found)


def _frames(data: Dataset) -> tuple[Attributes, ...]:
    """Return what each frame says of itself; an ordinary image is its own only frame."""
    count = whole_of(data, "NumberOfFrames") or 1
    frames = frames_of(data)
    if not frames and count == 1:
        return (data,)
    if len(frames) != count:
        said = f"{len(frames)} of its {count} frames say" if frames else f"none of its {count} frames says"
        raise UnusableValueError(f"a multi-frame CT object: {said} where they lie (PerFrameFunctionalGroupsSequence)")
    return frames


def _is_localiser(frame: Attributes) -> bool:
    """Whether FrameType or ImageType says so (PS3.3 C.8.16.1.3, C.8.2.1.1.1)."""
    return is_localiser(text_of(frame, "FrameType") or text_of(frame, "ImageType"))


def _slice(frame: Attributes, values: NDArray[np.integer], form: PixelFormat, *, lossy: bool) -> CtSlice:
    _require_hu(frame)
    row_cosines, column_cosines = cosines_of(frame)
    return CtSlice(
        geometry=SliceGeometry(
            sop_instance_uid=required(text_of(frame, "SOPInstanceUID"), "SOPInstanceUID"),
            position_mm=position_of(frame),
            row_cosines=row_cosines,
            column_cosines=column_cosines,
            pixel_spacing_mm=pixel_spacing_of(frame),
            rows=form.rows,
            columns=form.columns,
        ),
        stored=StoredSlice(values, *_rescale(frame, form), padding=_padding(frame, form)),
        series_instance_uid=required(text_of(frame, "SeriesInstanceUID"), "SeriesInstanceUID"),
        frame_of_reference_uid=text_of(frame, "FrameOfReferenceUID"),
        lossy=lossy,
    )


def _require_hu(frame: Attributes) -> None:
    kind = text_of(frame, "RescaleType") or ""
    said = kind.upper() in _HU
    contrast = next(iter(texts_of(frame, "FrameType")[_CONTRAST:]), "NONE")
    if not (contrast.upper() in _CONTRASTS_IN_HU or (said and contrast.upper() not in _CONTRASTS_NEVER_IN_HU)):
        raise UnusableValueError(f"FrameType says {contrast}: the values are not HU")
    if not (said or kind.upper() in _NO_TYPE):
        raise UnusableValueError(f"RescaleType is {kind}: the values are not HU")


def _rescale(frame: Attributes, form: PixelFormat) -> tuple[float, float]:
    """Return slope and intercept, of which no stored value makes more than float32 holds."""
    slope = required(number_of(frame, "RescaleSlope"), "RescaleSlope")
    intercept = required(number_of(frame, "RescaleIntercept"), "RescaleIntercept")
    if slope == 0.0:
        raise UnusableValueError("RescaleSlope is 0")
    if abs(slope) * 2.0**form.bits_allocated + abs(intercept) > _LARGEST_HU:
        raise UnusableValueError(f"RescaleSlope {slope:g}, RescaleIntercept {intercept:g}: HU beyond any number")
    return slope, intercept


def _padding(frame: Attributes, form: PixelFormat) -> tuple[int, int] | None:
    """Return the lowest and highest stored value that stand for no pixel (PS3.3 C.7.5.1.1.2); None without any.

    Some writers state a signed value by its unsigned bits, 63536 for -2000: it is taken as the cell holds it.
    """
    value = loose_number_of(frame, "PixelPaddingValue")
    limit = loose_number_of(frame, "PixelPaddingRangeLimit")
    if value is None:
        return None
    cell = 1 << form.bits_allocated
    ends = [int(end) % cell for end in (value, value if limit is None else limit)]
    lowest, highest = sorted(end - cell if form.signed and end >= cell // 2 else end for end in ends)
    return lowest, highest
