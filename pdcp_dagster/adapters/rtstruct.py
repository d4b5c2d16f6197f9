r"""From an RTSTRUCT file to a structure set.

What lives here: reading RT Structure Set objects (PS3.3 A.19) with pydicom, and flags for what is odd in them. What
does not: planes, masks, or which ROIs count.

Flags of an ROI:
    no_structure_set_roi        contours for a number that Structure Set ROI Sequence lacks; named `ROI_<number>`
    no_roi_name                 named `ROI_<number>` because the name is empty
    duplicate_roi_number        another ROI has the number; this one came first and is kept
    rois_of_one_number_joined   two ROIs of one number, and contours under it twice: whose they are is not known
    duplicate_name              another ROI has the name, case aside
    observation_without_number  it has no observation, and the set has one that names no ROI: its type may be there
    split_roi_contour           several ROI Contour items for the ROI; their contours are joined
    truncated_triplets          ContourData does not hold whole triplets; the rest is left out
    bad_points_dropped          points that are no numbers were left out (the polygon goes on without them)
    point_count_mismatch        NumberOfContourPoints says another number
    point_count_missing         NumberOfContourPoints is not there; ContourData tells
    xor_contours                CLOSEDPLANAR_XOR contours: combined by the even-odd rule, as all contours here are
    separator_in_name           `/` or `\` in the name, which paths and DICOM itself take for separators
    duplicate_contour_dropped   the same closed contour twice: combining by XOR would erase it
    geometric_type_missing      taken as CLOSED_PLANAR
    bolus, couch, fixation, dose_derived    what the ROI is (`domain.roi_kind`), no sign that anything is wrong

Errors::

    DicomReadError
    └── StructureSetReadError(path, why)    unreadable, no RTSTRUCT, or an ROI without a number
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.adapters.dicom_file import read_dicom
from pdcp_dagster.domain.contour_data import numbers_in, parse_numbers, shape_key, to_points
from pdcp_dagster.domain.dicom_values import (
    DicomReadError,
    UnusableValueError,
    date_of,
    failing_as,
    items_of,
    loose_number_of,
    required,
    text_of,
    whole_of,
)
from pdcp_dagster.domain.roi_kind import roi_kind
from pdcp_dagster.domain.structures import Contour, Roi, StructureSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

_CONTOUR_DATA = 0x30060050
_CLOSED_PLANAR = "CLOSED_PLANAR"
_CLOSED = frozenset({_CLOSED_PLANAR, "CLOSEDPLANAR_XOR"})


class StructureSetReadError(DicomReadError):
    """An RTSTRUCT could not be read; `path` names it, `why` says what is wrong."""


def read_structure_set(file: Path) -> StructureSet:
    """Read one RTSTRUCT: its ROIs, in the order of Structure Set ROI Sequence, with their contours matched by number.

    An ROI without contours has none; what was odd is in its flags. Raises `StructureSetReadError`.
    """
    with failing_as(StructureSetReadError, file):
        data = read_dicom(file)
        modality = text_of(data, "Modality")
        if modality != "RTSTRUCT":
            raise UnusableValueError(f"not an RT Structure Set: Modality is {modality or 'missing'}")
        return StructureSet(
            sop_instance_uid=required(text_of(data, "SOPInstanceUID"), "SOPInstanceUID"),
            rois=_rois(data),
            label=text_of(data, "StructureSetLabel"),
            date=date_of(data, "StructureSetDate"),
            approval_status=text_of(data, "ApprovalStatus"),
            frame_of_reference_uid=_frame_of_reference_uid(data),
            referenced_series_uids=_referenced_series_uids(data),
        )


def _frame_of_reference_uid(data: Dataset) -> str | None:
    named = [text_of(item, "FrameOfReferenceUID") for item in items_of(data, "ReferencedFrameOfReferenceSequence")]
    return next((uid for uid in named if uid), None) or text_of(data, "FrameOfReferenceUID")


def _referenced_series_uids(data: Dataset) -> tuple[str, ...]:
    uids = [
        text_of(series, "SeriesInstanceUID")
        for frame in items_of(data, "ReferencedFrameOfReferenceSequence")
        for study in items_of(frame, "RTReferencedStudySequence")
        for series in items_of(study, "RTReferencedSeriesSequence")
    ]
    return tuple(dict.fromkeys(uid for uid in uids if uid))


def _rois(data: Dataset) -> tuple[Roi, ...]:
    declared = _by_number(items_of(data, "StructureSetROISequence"), "ROINumber")
    drawn = _by_number(items_of(data, "ROIContourSequence"), "ReferencedROINumber")
    observations = items_of(data, "RTROIObservationsSequence")
    numbered = [item for item in observations if _names_a_roi(item)]
    observed = _by_number(numbered, "ReferencedROINumber")
    rois = [
        _roi(number, declared.get(number, []), drawn.get(number, []), observed.get(number, []))
        for number in dict.fromkeys((*declared, *drawn))
    ]
    if len(numbered) < len(observations):
        rois = [roi if roi.number in observed else _flagged(roi, "observation_without_number") for roi in rois]
    return _flag_duplicate_names(rois)


def _names_a_roi(observation: Dataset) -> bool:
    """An observation describes a ROI and draws none: one of no ROI is no reason to lose the patient."""
    number = loose_number_of(observation, "ReferencedROINumber")
    return number is not None and number.is_integer()


def _flagged(roi: Roi, flag: str) -> Roi:
    return replace(roi, flags=(*roi.flags, flag))


def _by_number(items: Sequence[Dataset], keyword: str) -> Mapping[int, list[Dataset]]:
    """Group items by ROINumber, the only thing that matches them (PS3.3 C.8.8.6); position means nothing."""
    grouped: dict[int, list[Dataset]] = {}
    for item in items:
        grouped.setdefault(required(whole_of(item, keyword), keyword), []).append(item)
    return grouped


def _roi(number: int, declared: list[Dataset], drawn: list[Dataset], observed: list[Dataset]) -> Roi:
    flags: dict[str, None] = {}
    contours = _contours(drawn, flags)
    types = [text_of(item, "RTROIInterpretedType") for item in observed]
    name = text_of(declared[0], "ROIName") if declared else None
    found = {
        "no_structure_set_roi": not declared,
        "no_roi_name": bool(declared) and name is None,
        "duplicate_roi_number": len(declared) > 1,
        "split_roi_contour": len(drawn) > 1,
        "rois_of_one_number_joined": len(declared) > 1 and sum(_has_contours(item) for item in drawn) > 1,
        "separator_in_name": bool(set("/\\") & set(name or "")),
    }
    roi = Roi(
        number=number,
        name=name or f"ROI_{number}",
        contours=contours,
        interpreted_type=next((kind for kind in types if kind), None),
        generation_algorithm=text_of(declared[0], "ROIGenerationAlgorithm") if declared else None,
        description=text_of(declared[0], "ROIDescription") if declared else None,
        frame_of_reference_uid=text_of(declared[0], "ReferencedFrameOfReferenceUID") if declared else None,
        flags=(*(flag for flag, is_so in found.items() if is_so), *flags),
    )
    kind = roi_kind(roi)
    return roi if kind is None else _flagged(roi, kind)


def _flag_duplicate_names(rois: Iterable[Roi]) -> tuple[Roi, ...]:
    rois = tuple(rois)
    counts = Counter(roi.name.casefold() for roi in rois)
    return tuple(_flagged(roi, "duplicate_name") if counts[roi.name.casefold()] > 1 else roi for roi in rois)


def _has_contours(roi_contour: Dataset) -> bool:
    return len(items_of(roi_contour, "ContourSequence")) > 0


def _contours(drawn: list[Dataset], flags: dict[str, None]) -> tuple[Contour, ...]:
    """Return the contours of an ROI in file order, and note in `flags` what was odd."""
    kept: list[Contour] = []
    seen: set[bytes] = set()
    for item in (item for roi_contour in drawn for item in items_of(roi_contour, "ContourSequence")):
        contour = _contour(item, flags)
        if contour is None:
            continue
        if contour.geometric_type == _CLOSED_PLANAR:
            shape = shape_key(contour.points_mm)
            if shape in seen:
                flags["duplicate_contour_dropped"] = None
                continue
            seen.add(shape)
        kept.append(contour)
    return tuple(kept)


def _contour(item: Dataset, flags: dict[str, None]) -> Contour | None:
    kind = (text_of(item, "ContourGeometricType") or "").upper()
    if not kind:
        flags["geometric_type_missing"] = None
        kind = _CLOSED_PLANAR
    if kind == "CLOSEDPLANAR_XOR":
        flags["xor_contours"] = None
    points = _points(item, flags)
    if kind in _CLOSED and len(points) > 1 and np.array_equal(points[0], points[-1]):
        points = points[:-1]
    return Contour(points, kind) if len(points) else None


def _points(item: Dataset, flags: dict[str, None]) -> NDArray[np.float64]:
    """Return the finite points `(n, 3)`, LPS mm; a missing or wrong NumberOfContourPoints does no harm."""
    numbers = _contour_data(item)
    points, odd = to_points(numbers)
    flags.update(dict.fromkeys(odd))
    declared = loose_number_of(item, "NumberOfContourPoints")
    if declared is None:
        flags["point_count_missing"] = None
    elif declared != len(numbers) // 3:
        flags["point_count_mismatch"] = None
    return points


def _contour_data(item: Dataset) -> NDArray[np.float64]:
    """Return the numbers of ContourData from its raw text, which no one has converted yet."""
    if _CONTOUR_DATA not in item:
        return np.empty(0)
    raw = item.get_item(_CONTOUR_DATA).value
    if isinstance(raw, bytes):
        return parse_numbers(raw)
    return numbers_in(raw or ())
