"""The image summary: one row per instance, from the tags alone.

What lives here: which columns there are, of which type, and how each follows from the tags. What does not: asking for
the tags (`adapters.orthanc`), or what they mean for a patient (`verification`).

The rows that come in are simplified tags (`simplified_tags`); what Orthanc itself adds has lower-case keys.
"""

# ruff: noqa: SIM905 - tables of keywords read better as text

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pdcp_dagster.domain.frame_columns import common_to_frames, first_of_frames, frame_numbers, frame_positions_mm
from pdcp_dagster.domain.simplified_tags import (
    Tags,
    date_of,
    items,
    json_text,
    number,
    numbers,
    text,
    uids,
    verbatim,
    walk,
    whole_number,
)

_PDCP_TEXT = """
    AccessionNumber ApprovalStatus BurnedInAnnotation DoseSummationType DoseType DoseUnits FrameIncrementPointer
    FrameOfReferenceUID ImageType InstanceCreationTime InstanceCreatorUID IssuerOfPatientID Manufacturer
    ManufacturerModelName Modality PatientName PatientPosition PatientSex PhotometricInterpretation PixelData
    PositionReferenceIndicator RTPlanDescription RTPlanGeometry RTPlanLabel RTPlanName RTPlanTime
    ReferringPhysicianName ReviewerName SOPClassUID SOPInstanceUID SeriesInstanceUID SoftwareVersions
    SpecificCharacterSet StationName StructureSetTime StudyID StudyInstanceUID StudyTime
""".split()
_PDCP_SEQUENCES = """
    FractionGroupSequence PatientSetupSequence ReferencedRTPlanSequence ReferencedStructureSetSequence
    ReferencedStudySequence
""".split()
_PDCP_WHOLE_NUMBERS = """
    AcquisitionNumber BitsAllocated BitsStored Columns HighBit InstanceNumber LargestImagePixelValue NumberOfFrames
    PixelRepresentation Rows SamplesPerPixel SeriesNumber SmallestImagePixelValue
""".split()
_PDCP_NUMBERS = "DoseGridScaling KVP RescaleIntercept RescaleSlope SliceLocation SliceThickness".split()
_PDCP_DATES = "InstanceCreationDate PatientBirthDate RTPlanDate ReviewDate StructureSetDate StudyDate".split()
_PDCP_NUMBER_LISTS = "GridFrameOffsetVector ImageOrientationPatient ImagePositionPatient PixelSpacing".split()

_MORE_TEXT = """
    AcquisitionTime BodyPartExamined ContrastBolusAgent ConvolutionKernel DecayCorrection
    LongitudinalTemporalInformationModified PlanIntent ProtocolName SeriesTime StructureSetLabel StructureSetName
    TissueHeterogeneityCorrection Units
""".split()
_MORE_NUMBERS = "GantryDetectorTilt PatientSize PatientWeight ReconstructionDiameter SpacingBetweenSlices".split()
_MORE_DATES = ["AcquisitionDate"]
_WORD_STARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the summary: its pandas type, and how it follows from the tags of an instance."""

    dtype: str
    read: Callable[[Tags], object]


def summarise(rows: Iterable[Tags]) -> pd.DataFrame:
    """Return one row per instance in the columns and types of `COLUMNS`, absent and unusable values null.

    Sorted by modality, SeriesInstanceUID, position (z, y, x; none last), InstanceNumber and SOPInstanceUID: the order
    of the incoming rows does not matter.
    """
    records = [{name: column.read(tags) for name, column in COLUMNS.items()} for tags in rows]
    records.sort(key=_order)
    return pd.DataFrame(
        {name: pd.Series([record[name] for record in records], dtype=column.dtype) for name, column in COLUMNS.items()}
    )


def snake_case(keyword: str) -> str:
    """Return the column name of a DICOM keyword: RTPlanDate -> rt_plan_date, SOPInstanceUID -> sop_instance_uid."""
    return _WORD_STARTS.sub("_", keyword).lower()


def _order(record: Mapping[str, Any]) -> tuple[object, ...]:
    position = record["image_position_patient"]
    return (
        record["modality"] or "",
        record["series_instance_uid"] or "",
        position is None,
        tuple(reversed(position or ())),
        record["instance_number"] is None,
        record["instance_number"] or 0,
        record["sop_instance_uid"] or "",
        record["instance_identifier"] or "",
    )


_TO_SERIES = ("ReferencedFrameOfReferenceSequence", "RTReferencedStudySequence", "RTReferencedSeriesSequence")


def _frames(tags: Tags) -> list[str] | None:
    frames = uids(tags, "ReferencedFrameOfReferenceSequence", "FrameOfReferenceUID")
    own = text(tags.get("FrameOfReferenceUID"))
    if frames is None:
        return [own] if own else None
    return frames


def _image_counts(tags: Tags) -> list[int] | None:
    """Return the number of images that a structure set names in each series of `referenced_series_uids`."""
    if uids(tags, *_TO_SERIES, "SeriesInstanceUID") is None:
        return None
    counts: dict[str, set[str]] = {}
    for series in walk(tags, _TO_SERIES):
        uid = text(series.get("SeriesInstanceUID"))
        images = uids(series, "ContourImageSequence", "ReferencedSOPInstanceUID") or ()
        if uid is not None:
            counts.setdefault(uid, set()).update(images)
    return [len(images) for images in counts.values()]


def _image_classes(tags: Tags) -> list[str] | None:
    """Return the SOP class of the images that a structure set names in each series, "" where it is not said."""
    if uids(tags, *_TO_SERIES, "SeriesInstanceUID") is None:
        return None
    classes: dict[str, str] = {}
    for series in walk(tags, _TO_SERIES):
        uid = text(series.get("SeriesInstanceUID"))
        if uid is not None:
            named = uids(series, "ContourImageSequence", "ReferencedSOPClassUID") or [""]
            classes[uid] = classes.get(uid) or named[0]
    return list(classes.values())


def _fraction_groups(tags: Tags) -> list[int] | None:
    if not isinstance(tags.get("ReferencedRTPlanSequence"), list):
        return None
    groups = walk(tags, ("ReferencedRTPlanSequence", "ReferencedFractionGroupSequence"))
    found = (whole_number(group.get("ReferencedFractionGroupNumber")) for group in groups)
    return list(dict.fromkeys(group for group in found if group is not None))


def _prescriptions(tags: Tags) -> list[float] | None:
    """Return the doses prescribed to targets, Gy (PS3.3 C.8.8.10)."""
    references = tags.get("DoseReferenceSequence")
    if not isinstance(references, list):
        return None
    targets = [each for each in items(references) if text(each.get("DoseReferenceType")) == "TARGET"]
    doses = (number(each.get("TargetPrescriptionDose")) for each in targets)
    return [dose for dose in doses if dose is not None]


def _fractions(tags: Tags) -> list[int] | None:
    """Return the fractions planned in each group that says it (PS3.3 C.8.8.13)."""
    if not isinstance(tags.get("FractionGroupSequence"), list):
        return None
    planned = (whole_number(each.get("NumberOfFractionsPlanned")) for each in items(tags["FractionGroupSequence"]))
    return [count for count in planned if count is not None]


def _rois(convert: Callable[[Tags], object]) -> Callable[[Tags], object]:
    def read(tags: Tags) -> object:
        rois = tags.get("StructureSetROISequence")
        return [convert(roi) for roi in items(rois)] if isinstance(rois, list) else None

    return read


def _organs(tags: Tags) -> str | None:
    rois = items(tags.get("StructureSetROISequence"))
    named = [{text(roi.get("ROIName")) or "missing": text(roi.get("ROIVolume")) or "missing"} for roi in rois]
    return json_text(named) if isinstance(tags.get("StructureSetROISequence"), list) else None


def _first(read: Callable[[Tags], list[Any] | None]) -> Callable[[Tags], object]:
    return lambda tags: next(iter(read(tags) or ()), None)


def _of(convert: Callable[[object], object], keyword: str, *places: str) -> Callable[[Tags], object]:
    """Read a keyword from the main tags in `places`, and from the instance's own where these have none."""

    def read(tags: Tags) -> object:
        for place in places:
            main = tags.get(place)
            if isinstance(main, Mapping) and (value := convert(main.get(keyword))) is not None:
                return value
        return convert(tags.get(keyword))

    return read


def _radiopharmaceutical(convert: Callable[[object], object], keyword: str) -> Callable[[Tags], object]:
    def read(tags: Tags) -> object:
        drugs = items(tags.get("RadiopharmaceuticalInformationSequence"))
        return convert(drugs[0].get(keyword)) if drugs else None

    return read


def _keywords(dtype: str, convert: Callable[[object], object], keywords: Iterable[str]) -> dict[str, Column]:
    return {snake_case(keyword): Column(dtype, _of(convert, keyword)) for keyword in keywords}


_LIST = "object"
_DATE = "object"
COLUMNS: Mapping[str, Column] = {
    # PDCP's keywords.
    **_keywords("string", text, _PDCP_TEXT),
    **_keywords("string", verbatim, ["PatientID"]),
    **_keywords("string", json_text, _PDCP_SEQUENCES),
    **_keywords("Int64", whole_number, _PDCP_WHOLE_NUMBERS),
    **_keywords("Float64", number, _PDCP_NUMBERS),
    **_keywords(_DATE, date_of, _PDCP_DATES),
    **_keywords(_LIST, numbers, _PDCP_NUMBER_LISTS),
    # Of a multi-frame CT these lie frame by frame.
    "rescale_intercept": Column("Float64", common_to_frames(number, "RescaleIntercept")),
    "rescale_slope": Column("Float64", common_to_frames(number, "RescaleSlope")),
    "slice_thickness": Column("Float64", common_to_frames(number, "SliceThickness")),
    "kvp": Column("Float64", common_to_frames(number, "KVP")),
    "image_position_patient": Column(_LIST, first_of_frames(numbers, "ImagePositionPatient")),
    "image_orientation_patient": Column(_LIST, common_to_frames(numbers, "ImageOrientationPatient")),
    "pixel_spacing": Column(_LIST, common_to_frames(numbers, "PixelSpacing")),
    "frame_numbers": Column(_LIST, frame_numbers),
    "frame_positions_mm": Column(_LIST, frame_positions_mm),
    # PDCP's derived columns; its PatId and StudyId are patient_id and study_id.
    "study_description": Column("string", _of(text, "StudyDescription", "study_tags")),
    "series_description": Column("string", _of(text, "SeriesDescription", "series_tags")),
    "series_date": Column(_DATE, _of(date_of, "SeriesDate", "series_tags")),
    "organs": Column("string", _organs),
    "referenced_ct_series_uid": Column("string", _first(lambda tags: uids(tags, *_TO_SERIES, "SeriesInstanceUID"))),
    "len_of_associated_ct_slices": Column("Int64", _first(_image_counts)),
    "instance_identifier": Column("string", _of(text, "instance_identifier")),
    "series_identifier": Column("string", _of(text, "series_identifier")),
    "study_identifier": Column("string", _of(text, "study_identifier")),
    "orthanc_id": Column("string", _of(text, "orthanc_id")),
    # What linkage, geometry and later use need.
    "file_size": Column("Int64", _of(whole_number, "file_size")),
    "file_uuid": Column("string", _of(text, "file_uuid")),
    "frame_of_reference_uids": Column(_LIST, _frames),
    "referenced_series_uids": Column(_LIST, lambda tags: uids(tags, *_TO_SERIES, "SeriesInstanceUID")),
    "referenced_image_counts": Column(_LIST, _image_counts),
    "referenced_image_classes": Column(_LIST, _image_classes),
    "referenced_image_uids": Column(
        _LIST,
        lambda tags: uids(tags, *_TO_SERIES, "ContourImageSequence", "ReferencedSOPInstanceUID"),
    ),
    "referenced_structure_set_uids": Column(
        _LIST,
        lambda tags: uids(tags, "ReferencedStructureSetSequence", "ReferencedSOPInstanceUID"),
    ),
    "referenced_plan_uids": Column(
        _LIST, lambda tags: uids(tags, "ReferencedRTPlanSequence", "ReferencedSOPInstanceUID")
    ),
    "referenced_fraction_groups": Column(_LIST, _fraction_groups),
    "target_prescriptions_gy": Column(_LIST, _prescriptions),
    "fractions_planned": Column(_LIST, _fractions),
    "roi_numbers": Column(_LIST, _rois(lambda roi: whole_number(roi.get("ROINumber")))),
    "roi_names": Column(_LIST, _rois(lambda roi: text(roi.get("ROIName")) or "")),
    "roi_volumes_cm3": Column(_LIST, _rois(lambda roi: number(roi.get("ROIVolume")))),
    **_keywords("string", text, _MORE_TEXT),
    **_keywords("Float64", number, _MORE_NUMBERS),
    **_keywords(_DATE, date_of, _MORE_DATES),
    "radiopharmaceutical": Column("string", _radiopharmaceutical(text, "Radiopharmaceutical")),
    "radiopharmaceutical_start_time": Column("string", _radiopharmaceutical(text, "RadiopharmaceuticalStartTime")),
    "radiopharmaceutical_start_date_time": Column(
        "string", _radiopharmaceutical(text, "RadiopharmaceuticalStartDateTime")
    ),
    "radionuclide_total_dose_bq": Column("Float64", _radiopharmaceutical(number, "RadionuclideTotalDose")),
    "radionuclide_half_life_s": Column("Float64", _radiopharmaceutical(number, "RadionuclideHalfLife")),
}
"""The contract of image_summary.parquet: name, pandas type and source of every column, in order.

Columns of type `object` hold `datetime.date` (names ending in `_date`) or lists; vectors are in the order of DICOM, mm.
Sequences are kept as JSON text.
"""
