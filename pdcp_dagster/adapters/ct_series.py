"""From the files of one CT series to a volume in HU.

What lives here: reading CT Image objects (PS3.3 A.3) with pydicom and applying their rescale, slice by slice. What does
not: order and regularity of the slices (`domain.stack`), and what an irregular stack means for the patient.

Errors::

    DicomReadError
    └── CtReadError(path, why)    unreadable, pixel data truncated or not decodable, a needed attribute missing,
                                  multi-frame, not a CT, not of the same series
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pydicom
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pdcp_dagster.domain.dicom_values import (
    DicomReadError,
    UnusableValueError,
    cosines_of,
    date_of,
    failing_as,
    items_of,
    loose_number_of,
    number_of,
    pixel_spacing_of,
    require_whole,
    required,
    text_of,
    texts_of,
    vector_of,
    whole_of,
)
from pdcp_dagster.domain.hounsfield import StoredSlice, to_hounsfield
from pdcp_dagster.domain.stack import SliceGeometry, Stack, stack
from pdcp_dagster.domain.stored_values import clear_unused_bits, pixel_format_of, unpack
from pdcp_dagster.domain.volume import Volume

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

    from pdcp_dagster.domain.stored_values import PixelFormat

_IN_HU = frozenset({None, "HU", "HU_MOD", "US"})
"""RescaleType (PS3.3 C.11.1.1.2) that is, or in practice stands for, HU; US is `unspecified` and common."""


class CtReadError(DicomReadError):
    """A file of a CT series could not be read; `path` names it, `why` says what is wrong."""


@dataclass(frozen=True, slots=True, eq=False)
class CtSeries:
    """One CT series.

    stack: order, grid, or the problems that keep the slices from being a grid.
    volume: HU `(k, j, i)` on the stack's grid, int16 where every HU is whole and fits, else float32; None where there
        is no grid.
    sop_instance_uids: of the slices, ascending along the normal (in the order of the files where there is no order).
    localisers: SOPInstanceUIDs of the localiser images of the series, which are left out.
    """

    stack: Stack
    volume: Volume | None
    sop_instance_uids: tuple[str, ...]
    localisers: tuple[str, ...]
    series_instance_uid: str
    study_instance_uid: str | None
    frame_of_reference_uid: str | None
    patient_id: str | None
    patient_position: str | None
    study_date: dt.date | None
    slice_thickness_mm: float | None
    kvp: float | None
    kernel: str | None
    manufacturer: str | None
    model: str | None

    @property
    def scanner(self) -> str | None:
        """Manufacturer and model, as far as they are known."""
        return " ".join(part for part in (self.manufacturer, self.model) if part) or None


@dataclass(frozen=True, slots=True, eq=False)
class _Slice:
    geometry: SliceGeometry
    stored: StoredSlice
    series_instance_uid: str
    frame_of_reference_uid: str | None


def read_ct_slice(file: Path) -> NDArray[np.generic]:
    """Return HU `(1, rows, columns)` of one CT image, wherever it lies. Raises `CtReadError`."""
    with failing_as(CtReadError, file):
        data = pydicom.dcmread(file, force=True)
        require_whole(data)
        return to_hounsfield([_read_slice(data).stored])


def read_ct_series(files: Sequence[Path]) -> CtSeries:
    """Read the files of one CT series, in any order, as one volume in HU.

    Localiser images are left out and named. A stack that is no regular grid is no error: `stack.problems` says why and
    `volume` is None. Raises `CtReadError` for the first file that cannot be read as what it should be.
    """
    if not files:
        raise CtReadError("", "no files")
    slices: list[_Slice] = []
    localisers: list[str] = []
    described: Dataset | None = None
    for path in files:
        with failing_as(CtReadError, path):
            data = pydicom.dcmread(path, force=True)
            require_whole(data)
            if _is_localiser(data):
                localisers.append(required(text_of(data, "SOPInstanceUID"), "SOPInstanceUID"))
                continue
            slices.append(_read_slice(data))
            _require_same_series(slices)
            described = described or _without_pixels(data)
    if described is None:
        raise CtReadError(files[0], f"the series has {len(localisers)} localiser images and no other")
    with failing_as(CtReadError, files[0]):
        return _series(slices, tuple(localisers), described)


def _series(slices: list[_Slice], localisers: tuple[str, ...], data: Dataset) -> CtSeries:
    stacked = _stack(slices)
    ordered = [slices[index] for index in stacked.order] or slices
    volume = None if stacked.grid is None else Volume(stacked.grid, to_hounsfield([one.stored for one in ordered]))
    return CtSeries(
        stack=stacked,
        volume=volume,
        sop_instance_uids=tuple(one.geometry.sop_instance_uid for one in ordered),
        localisers=localisers,
        series_instance_uid=slices[0].series_instance_uid,
        study_instance_uid=text_of(data, "StudyInstanceUID"),
        frame_of_reference_uid=slices[0].frame_of_reference_uid,
        patient_id=text_of(data, "PatientID"),
        patient_position=text_of(data, "PatientPosition"),
        study_date=date_of(data, "StudyDate"),
        slice_thickness_mm=loose_number_of(data, "SliceThickness"),
        kvp=loose_number_of(data, "KVP"),
        kernel=text_of(data, "ConvolutionKernel"),
        manufacturer=text_of(data, "Manufacturer"),
        model=text_of(data, "ManufacturerModelName"),
    )


def _stack(slices: list[_Slice]) -> Stack:
    stacked = stack([one.geometry for one in slices])
    frames = {one.frame_of_reference_uid for one in slices}
    if len(frames) == 1:
        return stacked
    return Stack(None, stacked.order, (*stacked.problems, f"the slices lie in {len(frames)} frames of reference"))


def _is_localiser(data: Dataset) -> bool:
    """Whether ImageType says so (PS3.3 C.8.2.1.1.1)."""
    return any(value.upper() == "LOCALIZER" for value in texts_of(data, "ImageType"))


def _require_same_series(slices: list[_Slice]) -> None:
    first, last = slices[0].series_instance_uid, slices[-1].series_instance_uid
    if first != last:
        raise UnusableValueError(f"is of series {last}, the files before it of series {first}")


def _without_pixels(data: Dataset) -> Dataset:
    """Let go of the pixel bytes, of which the decoded slice needs no second copy."""
    del data.PixelData
    return data


def _read_slice(data: Dataset) -> _Slice:
    _require_single_frame_ct(data)
    form = pixel_format_of(data)
    x, y, z = vector_of(data, "ImagePositionPatient", 3)
    row_cosines, column_cosines = cosines_of(data)
    return _Slice(
        geometry=SliceGeometry(
            sop_instance_uid=required(text_of(data, "SOPInstanceUID"), "SOPInstanceUID"),
            position_mm=(x, y, z),
            row_cosines=row_cosines,
            column_cosines=column_cosines,
            pixel_spacing_mm=pixel_spacing_of(data),
            rows=form.rows,
            columns=form.columns,
        ),
        stored=StoredSlice(
            values=_stored_values(data, form),
            slope=_slope(data),
            intercept=required(number_of(data, "RescaleIntercept"), "RescaleIntercept"),
        ),
        series_instance_uid=required(text_of(data, "SeriesInstanceUID"), "SeriesInstanceUID"),
        frame_of_reference_uid=text_of(data, "FrameOfReferenceUID"),
    )


def _require_single_frame_ct(data: Dataset) -> None:
    modality = text_of(data, "Modality")
    if modality != "CT":
        raise UnusableValueError(f"not a CT image: Modality is {modality or 'missing'}")
    frames = whole_of(data, "NumberOfFrames") or 1
    if frames > 1 or items_of(data, "PerFrameFunctionalGroupsSequence"):
        raise UnusableValueError(f"a multi-frame CT object ({frames} frames), which is not supported")


def _slope(data: Dataset) -> float:
    slope = required(number_of(data, "RescaleSlope"), "RescaleSlope")
    if slope == 0.0:
        raise UnusableValueError("RescaleSlope is 0")
    kind = text_of(data, "RescaleType")
    if kind not in _IN_HU:
        raise UnusableValueError(f"RescaleType is {kind}: the values are not HU")
    return slope


def _stored_values(data: Dataset, form: PixelFormat) -> NDArray[np.integer]:
    """Return `(rows, columns)` stored values; uncompressed little endian straight from the bytes, else by pydicom."""
    if "PixelData" not in data:
        raise UnusableValueError("PixelData is missing")
    meta = getattr(data, "file_meta", None)
    if meta is not None and meta.get("TransferSyntaxUID") in (ImplicitVRLittleEndian, ExplicitVRLittleEndian):
        frame: NDArray[np.integer] = unpack(data.PixelData, form)[0]
        return frame
    decoded: NDArray[np.integer] = data.pixel_array
    if decoded.shape != (form.rows, form.columns):
        raise UnusableValueError(f"pixel data decodes to {decoded.shape}, not {form.rows} x {form.columns}")
    return clear_unused_bits(decoded, form)
