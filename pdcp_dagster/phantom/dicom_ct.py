"""CT Image IOD (PS3.3 A.3): the slices of a synthetic patient.

What lives here: image plane, pixels and CT attributes. What does not: what the pixels show (`ct_pixels`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.phantom.ct_pixels import image_origin_mm, slice_hu
from pdcp_dagster.phantom.dicom_base import TIME, da, ds_number, new_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset

    from pdcp_dagster.phantom.dicom_base import Chain

_INTERCEPT_HU = -1024
_BITS = 16


def ct_series(chain: Chain) -> Iterator[Dataset]:
    """Yield the slices that reached the archive, feet to head.

    With `drawn_elsewhere` they are those of another CT than the one the structures were drawn on: other UIDs and
    another frame of reference.
    """
    for index in range(chain.spec.size[2] - chain.study_spec.missing_slices):
        yield _slice(chain, index)


def _slice(chain: Chain, index: int) -> Dataset:
    elsewhere = chain.spec.drawn_elsewhere
    series = "other CT" if elsewhere else ""
    ds = new_object(chain, "CT", chain.uid(series, index) if elsewhere else chain.ct_uid(index), series)
    ds.FrameOfReferenceUID = chain.uid(series, "frame of reference") if elsewhere else chain.frame_of_reference_uid
    ds.PositionReferenceIndicator = ""
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.InstanceNumber = index + 1
    ds.AcquisitionNumber = 1
    ds.AcquisitionDate = ds.ContentDate = da(chain.date("CT"))
    ds.AcquisitionTime = ds.ContentTime = TIME
    ds.KVP = "120"
    ds.ConvolutionKernel = "STANDARD"
    ds.PatientPosition = "HFS"
    _place(ds, chain, index)
    _fill(ds, chain, index)
    return ds


def _place(ds: Dataset, chain: Chain, index: int) -> None:
    """Image Plane module (PS3.3 C.7.6.2)."""
    spec = chain.spec
    x, y = image_origin_mm(spec)
    z = spec.slice_positions_mm[index]
    ds.PixelSpacing = [ds_number(spec.pixel_mm)] * 2
    ds.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    ds.ImagePositionPatient = [ds_number(x), ds_number(y), ds_number(z)]
    ds.SliceThickness = ds_number(spec.slice_mm)
    ds.SliceLocation = ds_number(z)
    ds.ReconstructionDiameter = ds_number(spec.pixel_mm * spec.size[0])


def _fill(ds: Dataset, chain: Chain, index: int) -> None:
    """Image Pixel and CT Image modules (PS3.3 C.7.6.3, C.8.2.1)."""
    stored = slice_hu(chain.spec, index, chain.label) - _INTERCEPT_HU
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = stored.shape
    ds.BitsAllocated = ds.BitsStored = _BITS
    ds.HighBit = _BITS - 1
    ds.PixelRepresentation = 1
    ds.RescaleIntercept = str(_INTERCEPT_HU)
    ds.RescaleSlope = "1"
    ds.RescaleType = "HU"
    ds.add_new("PixelData", "OW", stored.astype("<i2").tobytes())
