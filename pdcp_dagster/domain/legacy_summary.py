"""The image summary in the columns and the spelling of PDCP's summary files.

What lives here: PDCP's columns in its order, and each value as the text that its scripts expect. What does not: the
summary itself (`summary`), or files (`stages.legacy_export`).

Two things are told apart in the store that PDCP's files hold as one: an absent tag and an empty one are both `missing`.
"""

# ruff: noqa: SIM905 - tables of keywords read better as text

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pdcp_dagster.domain.summary import snake_case

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Cell = str | int | float | None
MISSING = "missing"

KEYWORDS = tuple(
    """
    AccessionNumber AcquisitionNumber ApprovalStatus BitsAllocated BitsStored BurnedInAnnotation Columns
    DoseGridScaling DoseSummationType DoseType DoseUnits FractionGroupSequence FrameIncrementPointer
    FrameOfReferenceUID GridFrameOffsetVector HighBit ImageOrientationPatient ImagePositionPatient ImageType
    InstanceCreationDate InstanceCreationTime InstanceCreatorUID InstanceNumber IssuerOfPatientID KVP
    LargestImagePixelValue Manufacturer ManufacturerModelName Modality NumberOfFrames PatientBirthDate PatientID
    PatientName PatientPosition PatientSetupSequence PatientSex PhotometricInterpretation PixelData
    PixelRepresentation PixelSpacing PositionReferenceIndicator RTPlanDate RTPlanDescription RTPlanGeometry
    RTPlanLabel RTPlanName RTPlanTime ReferencedRTPlanSequence ReferencedStructureSetSequence
    ReferencedStudySequence ReferringPhysicianName RescaleIntercept RescaleSlope ReviewDate ReviewerName Rows
    SOPClassUID SOPInstanceUID SamplesPerPixel SeriesInstanceUID SeriesNumber SliceLocation SliceThickness
    SmallestImagePixelValue SoftwareVersions SpecificCharacterSet StationName StructureSetDate StructureSetTime
    StudyDate StudyDescription StudyID StudyInstanceUID StudyTime
    """.split()
)
"""The 74 DICOM keywords that PDCP collected."""

LEGACY_COLUMNS: Mapping[str, str] = {
    **{keyword: snake_case(keyword) for keyword in KEYWORDS},
    "organs": "organs",
    "len_of_associated_ct_slices": "len_of_associated_ct_slices",
    "referenced_ct_series_uid": "referenced_ct_series_uid",
    "InstanceIdentifier": "instance_identifier",
    "OrthancId": "orthanc_id",
    "PatId": "patient_id",
    "StudyId": "study_id",
    "StudyIdentifier": "study_identifier",
    "SeriesIdentifier": "series_identifier",
    "SeriesDescription": "series_description",
    "SeriesDate": "series_date",
}
"""PDCP's column -> column of image_summary.parquet, in PDCP's order."""


def legacy_rows(summary: Iterable[Mapping[Any, Any]]) -> list[list[Cell]]:
    """Return the cells of each row of the image summary in the order of `LEGACY_COLUMNS`.

    Raises KeyError where the summary lacks a column.
    """
    return [
        [legacy_sequence(row[ours]) if legacy in _SEQUENCES else legacy_cell(row[ours]) for legacy, ours in _COLUMNS]
        for row in summary
    ]


_COLUMNS = tuple(LEGACY_COLUMNS.items())
_SEQUENCES = frozenset({"organs", *(keyword for keyword in KEYWORDS if keyword.endswith("Sequence"))})


def legacy_cell(value: object) -> Cell:
    """Return one value as PDCP wrote it.

    Nothing: `missing`. A date: YYYYMMDD. A vector: its numbers, a backslash between them. Text and numbers: themselves.
    """
    if isinstance(value, list | tuple | np.ndarray):
        return "\\".join(map(_number_text, value)) or MISSING
    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return MISSING
    if isinstance(value, dt.date):
        return f"{value.year:04d}{value.month:02d}{value.day:02d}"
    return value if isinstance(value, str | int | float) else str(value)


def legacy_sequence(value: object) -> Cell:
    """Return the summary's JSON text of a sequence, or of the organs, as JSON and a Python literal in one."""
    if not isinstance(value, str):
        return MISSING
    # Escaped letters beyond 16 bits mean one thing in JSON and another in Python: there are none left.
    return json.dumps(_without_null(json.loads(value)), ensure_ascii=False)


def _without_null(value: Any) -> Any:
    """Return the value with empty text for null, a word that Python does not know."""
    if isinstance(value, list):
        return [_without_null(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_null(item) for key, item in value.items()}
    return "" if value is None else value


def _number_text(value: object) -> str:
    return repr(float(value)).removesuffix(".0") if isinstance(value, float | int) else str(value)
