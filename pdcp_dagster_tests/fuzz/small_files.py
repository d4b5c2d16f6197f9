"""Small whole DICOM files to damage: one of each kind that is read, of some kB.

What lives here: making them from a phantom. What does not: the damage (`dicom_mutations`), laws.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from pdcp_dagster.phantom.anatomy import tiny_rois, tiny_spec
from pdcp_dagster.phantom.patient import write_phantom
from pdcp_dagster_tests.adapters.enhanced_ct import enhanced_from, item

_PIXELS = 8
_PLANES = 4


@cache
def small_files() -> dict[str, bytes]:
    """Return the files by kind: CT, ENHANCED, RTSTRUCT, RTPLAN, RTDOSE (with DVHs)."""
    with TemporaryDirectory() as folder:
        write_phantom(tiny_spec("FUZZ", 5, slices=6, rois=tiny_rois("FUZZ")[1:3]), Path(folder))
        read: dict[str, Dataset] = {
            path.name.split("_")[0]: pydicom.dcmread(path) for path in sorted(Path(folder).glob("*.dcm"))
        }
        slices = [pydicom.dcmread(path) for path in sorted(Path(folder).glob("CT_*.dcm"))[:3]]
    for one in slices:
        _crop(one, one.pixel_array[:_PIXELS, :_PIXELS])
    _crop(read["RTDOSE"], read["RTDOSE"].pixel_array[:_PLANES, :_PIXELS, :_PIXELS])
    read["RTDOSE"].NumberOfFrames = _PLANES
    read["RTDOSE"].GridFrameOffsetVector = read["RTDOSE"].GridFrameOffsetVector[:_PLANES]
    read["RTDOSE"].DVHSequence = [_dvh(1), _dvh(2)]
    read["CT"], read["ENHANCED"] = slices[0], enhanced_from(slices)
    return {kind: written(data) for kind, data in read.items()}


def written(data: Dataset) -> bytes:
    """Return the bytes of a data set's file."""
    buffer = BytesIO()
    data.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _crop(data: Dataset, pixels: NDArray[np.integer]) -> None:
    data.Rows = data.Columns = _PIXELS
    data.PixelData = np.ascontiguousarray(pixels).tobytes()


def _dvh(roi_number: int) -> Dataset:
    of_roi = item(ReferencedROINumber=roi_number, DVHROIContributionType="INCLUDED")
    units = {"DoseUnits": "GY", "DoseType": "PHYSICAL", "DVHVolumeUnits": "CM3", "DVHType": "CUMULATIVE"}
    data = ["0.5", "10", "0.5", "8", "0.5", "1"]
    return item(
        **units, DVHDoseScaling="1", DVHNumberOfBins=3, DVHData=data, DVHMeanDose="1", DVHReferencedROISequence=[of_roi]
    )
