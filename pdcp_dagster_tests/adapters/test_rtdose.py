"""Laws of reading an RTDOSE: scaled once, planes ascending, in Gy at the right place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, RLELossless

from pdcp_dagster.adapters.rtdose import DoseReadError, read_dose
from pdcp_dagster.domain.dose_grid import RtDose

DOSE_STORAGE = "1.2.840.10008.5.1.4.1.1.481.2"
STORED = np.arange(24, dtype="<u4").reshape(3, 2, 4)
"""Frame, row, column."""

Build = Callable[..., Dataset]


@pytest.fixture
def build(make_file: Callable[..., Dataset]) -> Build:
    """Make an RTDOSE of three frames with `STORED` x 0.5 Gy at z = 30, 33, 38 mm, with changes."""

    def make(**changed: Any) -> Dataset:
        values: dict[str, Any] = {
            "SOPInstanceUID": "1.2.3.4",
            "Modality": "RTDOSE",
            "FrameOfReferenceUID": "1.2.3.9",
            "DoseUnits": "GY",
            "DoseType": "PHYSICAL",
            "DoseSummationType": "PLAN",
            "DoseGridScaling": "0.5",
            "ImagePositionPatient": [10, 20, 30],
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
            "PixelSpacing": [2, 3],
            "GridFrameOffsetVector": [0, 3, 8],
            "NumberOfFrames": 3,
            "Rows": 2,
            "Columns": 4,
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "BitsAllocated": 32,
            "BitsStored": 32,
            "HighBit": 31,
            "PixelRepresentation": 0,
            "PixelData": STORED.tobytes(),
        }
        data = make_file({**values, **changed}, DOSE_STORAGE)
        if "PixelData" in data:
            data["PixelData"].VR = "OW"
        return data

    return make


@pytest.fixture
def read(build: Build, save: Callable[[Dataset, str], Path]) -> Callable[..., RtDose]:
    """Write an RTDOSE with changes and read it back."""

    def write_and_read(**changed: Any) -> RtDose:
        return read_dose(save(build(**changed), "rd.dcm"))

    return write_and_read


Read = Callable[..., RtDose]


def test_scaling_is_applied_once_and_the_grid_is_as_written(read: Read) -> None:
    dose = read()
    assert dose.grid.dose_gy.dtype == np.float32
    assert np.array_equal(dose.grid.dose_gy, STORED * 0.5)
    assert dose.max_gy == 11.5
    assert dose.grid.origin_mm == (10.0, 20.0, 30.0)
    assert dose.grid.spacing_mm == (3.0, 2.0), "along i is the distance of columns, PixelSpacing's second value"
    assert dose.grid.plane_offsets_mm.tolist() == [0.0, 3.0, 8.0]


@pytest.mark.parametrize(
    ("vector", "origin_z", "offsets", "frames"),
    [
        ([0, 3, 8], 30.0, [0, 3, 8], [0, 1, 2]),
        ([30, 33, 38], 30.0, [0, 3, 8], [0, 1, 2]),
        ([0, -3, -8], 22.0, [0, 5, 8], [2, 1, 0]),
        ([30, 27, 22], 22.0, [0, 5, 8], [2, 1, 0]),
        ([0, 8, 3], 30.0, [0, 3, 8], [0, 2, 1]),
        ([5, 8, 13], 30.0, [0, 3, 8], [0, 1, 2]),
    ],
    ids=["relative", "absolute", "descending", "absolute descending", "unsorted", "from any start"],
)
def test_planes_ascend_whatever_way_the_offsets_are_written(
    read: Read, vector: list[int], origin_z: float, offsets: list[float], frames: list[int]
) -> None:
    grid = read(GridFrameOffsetVector=vector).grid
    assert grid.origin_mm == (10.0, 20.0, origin_z)
    assert grid.plane_offsets_mm.tolist() == offsets
    assert np.array_equal(grid.dose_gy, STORED[frames] * 0.5)


@pytest.mark.parametrize(
    ("vector", "origin_z", "frames"),
    [([0, 3, 8], 30.0, [0, 1, 2]), ([30, 33, 38], 38.0, [2, 1, 0])],
    ids=["relative offsets follow the normal", "absolute ones are z coordinates"],
)
def test_where_the_normal_points_to_the_feet(read: Read, vector: list[int], origin_z: float, frames: list[int]) -> None:
    grid = read(ImageOrientationPatient=[-1, 0, 0, 0, 1, 0], GridFrameOffsetVector=vector).grid
    assert grid.axes[2] == (0.0, 0.0, -1.0)
    assert grid.origin_mm[2] == origin_z
    assert np.array_equal(grid.dose_gy, STORED[frames] * 0.5)


def test_a_dose_of_any_orientation_keeps_its_axes(read: Read) -> None:
    grid = read(ImageOrientationPatient=[0, 1, 0, 0, 0, -1], GridFrameOffsetVector=[0, -3, -8]).grid
    assert grid.axes == ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (-1.0, 0.0, 0.0))
    assert grid.origin_mm == (18.0, 20.0, 30.0)  # 8 mm against the normal, which is -x


def test_sixteen_bits_and_one_frame_without_offsets(read: Read) -> None:
    dose = read(
        BitsAllocated=16,
        BitsStored=16,
        HighBit=15,
        NumberOfFrames=None,
        GridFrameOffsetVector=None,
        PixelData=np.full((2, 4), 65535, "<u2").tobytes(),
        DoseGridScaling="0.001",
    )
    assert dose.max_gy == pytest.approx(65.535)
    assert dose.grid.plane_offsets_mm.tolist() == [0.0]


def test_references_are_all_kept(read: Read) -> None:
    beams = [Dataset(), Dataset()]
    beams[0].ReferencedBeamNumber = 2
    beams[1].ReferencedBeamNumber = 5
    group = Dataset()
    group.ReferencedFractionGroupNumber = 1
    group.ReferencedBeamSequence = beams
    plans = [Dataset(), Dataset()]
    plans[0].ReferencedSOPInstanceUID = "1.2.77"
    plans[0].ReferencedFractionGroupSequence = [group]
    plans[1].ReferencedSOPInstanceUID = "1.2.78"
    dose = read(ReferencedRTPlanSequence=plans, TissueHeterogeneityCorrection=["IMAGE", "ROI_OVERRIDE"])
    assert (dose.plan_uids, dose.fraction_groups, dose.beams) == (("1.2.77", "1.2.78"), (1,), (2, 5))
    assert dose.heterogeneity_correction == ("IMAGE", "ROI_OVERRIDE")
    assert (dose.units, dose.dose_type, dose.summation_type) == ("GY", "PHYSICAL", "PLAN")
    assert dose.frame_of_reference_uid == "1.2.3.9"


def test_units_are_passed_on_as_they_stand(read: Read) -> None:
    assert read(DoseUnits="RELATIVE").units == "RELATIVE"
    assert read(DoseUnits=None).units is None


@pytest.mark.parametrize("syntax", [RLELossless, ExplicitVRBigEndian])
def test_other_transfer_syntaxes_hold_the_same_dose(build: Build, tmp_path: Path, syntax: str) -> None:
    sixteen = STORED.astype("<u2")
    data = build(BitsAllocated=16, BitsStored=16, HighBit=15, PixelData=sixteen.tobytes())
    if syntax == RLELossless:
        data.compress(RLELossless, generate_instance_uid=False)
    else:
        data.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        data.PixelData = sixteen.astype(">u2").tobytes()
    data.save_as(tmp_path / "rd.dcm", enforce_file_format=True)
    assert np.array_equal(read_dose(tmp_path / "rd.dcm").grid.dose_gy, STORED * 0.5)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"PixelData": None}, "PixelData is missing: no dose grid"),
        ({"PixelData": STORED.tobytes()[:-4]}, "pixel data is truncated: 92 bytes for 3 x 2 x 4 pixels of 4 bytes"),
        ({"DoseGridScaling": None}, "DoseGridScaling is missing"),
        ({"DoseGridScaling": "0"}, "DoseGridScaling is 0"),
        ({"GridFrameOffsetVector": None}, "GridFrameOffsetVector has 0 values for 3 frames"),
        ({"GridFrameOffsetVector": [0, 3]}, "GridFrameOffsetVector has 2 values for 3 frames"),
        ({"GridFrameOffsetVector": [0, 3, 3]}, "two planes at one position"),
        ({"ImagePositionPatient": None}, "ImagePositionPatient is missing"),
        ({"ImageOrientationPatient": [1, 0, 0, 0.6, 0.8, 0]}, "not perpendicular"),
        ({"ImageOrientationPatient": [0, 1, 0, 0, 0, -1], "GridFrameOffsetVector": [30, 33, 38]}, "not transverse"),
        ({"PixelSpacing": [1]}, "PixelSpacing has 1 values, not 2"),
        ({"Modality": "CT"}, "not an RT Dose: Modality is CT"),
        ({"SOPInstanceUID": None}, "SOPInstanceUID is missing"),
    ],
)
def test_a_dose_that_cannot_be_placed_or_scaled_is_a_read_error(
    read: Read, tmp_path: Path, changed: dict[str, Any], why: str
) -> None:
    with pytest.raises(DoseReadError) as caught:
        read(**changed)
    assert caught.value.path == str(tmp_path / "rd.dcm")
    assert why in caught.value.why
