"""A strict re-read of DICOM files: all required attributes there, each value valid, every reference resolved.

What lives here: the check of a folder. What does not: what is required (`iods`), repairs.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pydicom
from pydicom import config
from pydicom.multival import MultiValue
from pydicom.valuerep import STR_VR, validate_value

from pdcp_dagster.phantom.iods import CONTOUR, EVERY_OBJECT, FILE_META, FIRST_CONTROL_POINT, REQUIRED, REVIEWED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset

    from pdcp_dagster.phantom.iods import Table

_UNRESOLVED = ("1.2.840.10008.3.1.2.3.1",)
"""SOP classes of references whose objects are never files: Detached Study Management."""


def check_conformance(folder: Path) -> tuple[str, ...]:
    """Return what is wrong with the DICOM files of one patient, a sentence each; nothing where all is well."""
    problems: list[str] = []
    datasets: dict[str, Dataset] = {}
    for path in sorted(folder.glob("*.dcm")):
        try:
            datasets[path.name] = read_strictly(path)
        except Exception as error:  # noqa: BLE001 - whatever a strict reader objects to is the finding
            problems.append(f"{path.name}: {error}")
    for name, ds in datasets.items():
        problems += [f"{name}: {problem}" for problem in (*_missing(ds), *_contradictions(ds))]
    there = {str(ds.SOPInstanceUID) for ds in datasets.values()}
    for name, ds in datasets.items():
        problems += [f"{name}: refers to {uid}, which is not there" for uid in referenced_uids(ds) if uid not in there]
    return tuple(problems)


def read_strictly(path: Path) -> Dataset:
    """Return a file's dataset, every element parsed and validated; any objection, warnings too, is raised."""
    with _strict(), warnings.catch_warnings():
        warnings.simplefilter("error")
        ds = pydicom.dcmread(path)
        for element in ds.iterall():
            _require_valid(element)
    return ds


def referenced_uids(ds: Dataset) -> tuple[str, ...]:
    """Return each SOPInstanceUID that the object refers to anywhere, without repetition."""
    items = (item for item in _items(ds) if "ReferencedSOPInstanceUID" in item)
    uids = (str(item.ReferencedSOPInstanceUID) for item in items if item.ReferencedSOPClassUID not in _UNRESOLVED)
    return tuple(dict.fromkeys(uids))


def _require_valid(element: DataElement) -> None:
    """Raise ValueError for text that its VR forbids; reading alone does not look at every VR."""
    if element.VR not in STR_VR or element.value is None:
        return
    for value in element.value if isinstance(element.value, MultiValue) else (element.value,):
        try:
            validate_value(element.VR, str(value), config.RAISE)
        except ValueError as error:
            raise ValueError(f"{element.keyword or element.tag}: {error}") from error


def _missing(ds: Dataset) -> Iterator[str]:
    yield from _unfulfilled(ds.file_meta, FILE_META, "file meta ")
    yield from _unfulfilled(ds, EVERY_OBJECT, "")
    yield from _unfulfilled(ds, REQUIRED.get(ds.get("Modality", ""), {"RequirementsOfThisModality": 1}), "")
    if ds.get("ApprovalStatus") in ("APPROVED", "REJECTED"):
        yield from _unfulfilled(ds, REVIEWED, "")
    for roi in ds.get("ROIContourSequence", []):
        for contour in roi.get("ContourSequence", []):
            yield from _unfulfilled(contour, CONTOUR, f"ROI {roi.ReferencedROINumber} contour ")
    for beam in ds.get("BeamSequence", []):
        yield from _unfulfilled(beam.ControlPointSequence[0], FIRST_CONTROL_POINT, f"beam {beam.BeamNumber} ")


def _unfulfilled(ds: Dataset, table: Table, where: str) -> Iterator[str]:
    for keyword, kind in table.items():
        if keyword not in ds:
            yield f"{where}{keyword} is missing"
        elif kind != 2 and _is_empty(ds[keyword].value):  # noqa: PLR2004 - type 2 may be empty (PS3.5 7.4.3)
            yield f"{where}{keyword} is empty"
        elif not isinstance(kind, int):
            for number, item in enumerate(ds[keyword].value, start=1):
                yield from _unfulfilled(item, kind, f"{where}{keyword} item {number} ")


def _contradictions(ds: Dataset) -> Iterator[str]:
    """Say what cannot be true at once: counts, lengths, numbers that name nothing."""
    if ds.file_meta.MediaStorageSOPInstanceUID != ds.SOPInstanceUID:
        yield "file meta names another SOPInstanceUID"
    if "PixelData" in ds:
        frames = int(ds.get("NumberOfFrames", 1))
        expected = ds.Rows * ds.Columns * frames * ds.BitsAllocated // 8
        if len(ds.PixelData) != expected + expected % 2:
            yield "PixelData has the wrong length"
        if "GridFrameOffsetVector" in ds and len(ds.GridFrameOffsetVector) != frames:
            yield "GridFrameOffsetVector and NumberOfFrames differ"
    yield from _numbering_contradictions(ds)


def _numbering_contradictions(ds: Dataset) -> Iterator[str]:
    rois = _numbers(ds, "StructureSetROISequence", "ROINumber")
    for sequence in ("ROIContourSequence", "RTROIObservationsSequence"):
        if _numbers(ds, sequence, "ReferencedROINumber") != rois:
            yield f"{sequence} is not about the ROIs of the structure set"
    beams = _numbers(ds, "BeamSequence", "BeamNumber")
    for group in ds.get("FractionGroupSequence", []):
        if not set(_numbers(group, "ReferencedBeamSequence", "ReferencedBeamNumber")) <= set(beams):
            yield "FractionGroupSequence names a beam that is not there"
        if len(group.ReferencedBeamSequence) != group.NumberOfBeams:
            yield "NumberOfBeams is wrong"
    for item in _items(ds):
        if "ContourData" in item and len(item.ContourData) != 3 * item.NumberOfContourPoints:
            yield "NumberOfContourPoints is wrong"


def _numbers(ds: Dataset, sequence: str, keyword: str) -> list[int]:
    return [int(item[keyword].value) for item in ds.get(sequence, [])]


def _items(ds: Dataset) -> Iterator[Dataset]:
    """Yield every item of every sequence, at any depth."""
    for element in ds:
        if element.VR == "SQ":
            for item in element.value:
                yield item
                yield from _items(item)


def _is_empty(value: Any) -> bool:
    return value is None or (hasattr(value, "__len__") and len(value) == 0)


@contextmanager
def _strict() -> Iterator[None]:
    before = config.settings.reading_validation_mode
    config.settings.reading_validation_mode = config.RAISE
    try:
        yield
    finally:
        config.settings.reading_validation_mode = before
