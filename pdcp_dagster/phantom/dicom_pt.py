"""Positron Emission Tomography Image IOD (PS3.3 A.21.3): a few coarse slices beside the CT.

What lives here: everything of a small PET series. What does not: a picture of the patient; the activity is the same
everywhere, for nothing is measured on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydicom.dataset import Dataset

from pdcp_dagster.phantom.dicom_base import TIME, da, ds_number, new_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pdcp_dagster.phantom.dicom_base import Chain

_SLICES = 3
_PIXELS = 8
_PIXEL_MM = 24.0
_SLICE_MM = 24.0
_STORED = 5000
_BITS = 16
_INJECTED_AT = "091500"
_F18_HALF_LIFE_S = "6586.2"
_INJECTED_BQ = "250000000"


def pt_series(chain: Chain) -> Iterator[Dataset]:
    """Yield three slices of 8 x 8 voxels, feet to head, in the CT's frame of reference."""
    for index in range(_SLICES):
        yield _slice(chain, index)


def _slice(chain: Chain, index: int) -> Dataset:
    ds = new_object(chain, "PT", chain.uid("PT", index))
    ds.FrameOfReferenceUID = chain.frame_of_reference_uid
    ds.PositionReferenceIndicator = ""
    ds.InstanceNumber = index + 1
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.AcquisitionDate = ds.ContentDate = da(chain.date("PT"))
    ds.AcquisitionTime = ds.ContentTime = TIME
    ds.PatientWeight = "68"
    lying = _code("102538003", "recumbent")
    lying.PatientOrientationModifierCodeSequence = [_code("40199007", "supine")]
    ds.PatientOrientationCodeSequence = [lying]
    ds.PatientGantryRelationshipCodeSequence = [_code("102540001", "headfirst")]
    _acquire(ds)
    ds.ImageIndex = index + 1
    _place(ds, index)
    _fill(ds)
    return ds


def _acquire(ds: Dataset) -> None:
    """PET Series, PET Isotope and PET Image modules (PS3.3 C.8.9.1, C.8.9.2, C.8.9.4)."""
    ds.Units = "BQML"
    ds.CountsSource = "EMISSION"
    ds.SeriesType = ["STATIC", "IMAGE"]
    ds.NumberOfSlices = _SLICES
    ds.CorrectedImage = ["DECY", "ATTN", "SCAT"]
    ds.DecayCorrection = "START"
    ds.DecayFactor = "1"
    ds.CollimatorType = "NONE"
    ds.RadiopharmaceuticalInformationSequence = [_tracer()]
    ds.FrameReferenceTime = "0"
    ds.ActualFrameDuration = "120000"


def _tracer() -> Dataset:
    item = Dataset()
    item.RadionuclideCodeSequence = [_code("77004003", "^18^Fluorine")]
    item.RadiopharmaceuticalStartTime = _INJECTED_AT
    item.RadionuclideTotalDose = _INJECTED_BQ
    item.RadionuclideHalfLife = _F18_HALF_LIFE_S
    return item


def _code(value: str, meaning: str) -> Dataset:
    """Return an item of the Code Sequence Macro (PS3.3 8.8), of SNOMED CT."""
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = "SCT"
    item.CodeMeaning = meaning
    return item


def _place(ds: Dataset, index: int) -> None:
    """Image Plane module (PS3.3 C.7.6.2)."""
    corner = ds_number(-(_PIXELS - 1) / 2 * _PIXEL_MM)
    ds.PixelSpacing = [ds_number(_PIXEL_MM)] * 2
    ds.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    ds.ImagePositionPatient = [corner, corner, ds_number((index - (_SLICES - 1) / 2) * _SLICE_MM)]
    ds.SliceThickness = ds_number(_SLICE_MM)


def _fill(ds: Dataset) -> None:
    stored = np.full((_PIXELS, _PIXELS), _STORED, dtype="<i2")
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = stored.shape
    ds.BitsAllocated = ds.BitsStored = _BITS
    ds.HighBit = _BITS - 1
    ds.PixelRepresentation = 1
    ds.RescaleIntercept = "0"
    ds.RescaleSlope = "1"
    ds.add_new("PixelData", "OW", stored.tobytes())
