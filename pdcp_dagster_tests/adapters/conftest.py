"""Small DICOM objects for the readers' tests, written with pydicom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"


def file_with(values: dict[str, Any], sop_class: str = CT_IMAGE_STORAGE) -> Dataset:
    """Return a data set with file meta information and these attributes; None leaves one out."""
    data = Dataset()
    data.SOPClassUID = sop_class
    for keyword, value in values.items():
        if value is not None:
            setattr(data, keyword, value)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = UID(sop_class)
    data.file_meta.MediaStorageSOPInstanceUID = UID(values.get("SOPInstanceUID") or "1.2.3")
    return data


@pytest.fixture
def save(tmp_path: Path) -> Callable[[Dataset, str], Path]:
    """Write a data set under a file name and return the path."""

    def write(data: Dataset, name: str) -> Path:
        path = tmp_path / name
        data.save_as(path, enforce_file_format=True)
        return path

    return write


@pytest.fixture
def make_file() -> Callable[..., Dataset]:
    """Build any data set: `make_file(values, sop_class)`."""
    return file_with


@pytest.fixture
def make_slice() -> Callable[..., Dataset]:
    """Build a CT slice: `make_slice(pixels, position, **attributes)`."""

    def build(pixels: NDArray[np.integer], position: tuple[float, float, float], **changed: Any) -> Dataset:
        values: dict[str, Any] = {
            "SOPInstanceUID": "1.2." + ".".join(str(round(abs(x) * 1000)) for x in position),
            "SeriesInstanceUID": "1.2.826.1",
            "StudyInstanceUID": "1.2.826.2",
            "FrameOfReferenceUID": "1.2.826.3",
            "Modality": "CT",
            "PatientID": "0042",
            "StudyDate": "20240229",
            "PatientPosition": "HFS",
            "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
            "Manufacturer": "Phantom",
            "ManufacturerModelName": "One",
            "KVP": "120",
            "SliceThickness": "3",
            "ConvolutionKernel": "B30f",
            "ImagePositionPatient": [f"{x:.9g}" for x in position],
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
            "PixelSpacing": [1, 1],
            "Rows": pixels.shape[0],
            "Columns": pixels.shape[1],
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "BitsAllocated": 16,
            "BitsStored": 16,
            "HighBit": 15,
            "PixelRepresentation": 1 if pixels.dtype.kind == "i" else 0,
            "RescaleSlope": 1,
            "RescaleIntercept": 0,
            "PixelData": pixels.astype(pixels.dtype.newbyteorder("<")).tobytes(),
        }
        return file_with({**values, **changed})

    return build
