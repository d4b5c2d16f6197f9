"""Laws of reading an RTDOSE: scaled once, planes ascending, in Gy at the right place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless

from pdcp_dagster.adapters.rtdose import DoseReadError, read_dose
from pdcp_dagster.domain.dose_grid import DoseGrid, RtDose
from pdcp_dagster.domain.sampling import dose_at_points

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


def placed(dose: RtDose) -> DoseGrid:
    assert dose.grid is not None
    return dose.grid


def test_scaling_is_applied_once_and_the_grid_is_as_written(read: Read) -> None:
    dose = read()
    assert placed(dose).dose_gy.dtype == np.float32
    assert np.array_equal(placed(dose).dose_gy, STORED * 0.5)
    assert dose.max_gy == 11.5
    assert placed(dose).origin_mm == (10.0, 20.0, 30.0)
    assert placed(dose).spacing_mm == (3.0, 2.0), "along i is the distance of columns, PixelSpacing's second value"
    assert placed(dose).plane_offsets_mm.tolist() == [0.0, 3.0, 8.0]


@pytest.mark.parametrize(
    ("vector", "origin_z", "offsets", "frames"),
    [
        ([0, 3, 8], 30.0, [0, 3, 8], [0, 1, 2]),
        ([30, 33, 38], 30.0, [0, 3, 8], [0, 1, 2]),
        ([0, -3, -8], 22.0, [0, 5, 8], [2, 1, 0]),
        ([30, 27, 22], 22.0, [0, 5, 8], [2, 1, 0]),
        ([0, 8, 3], 30.0, [0, 3, 8], [0, 2, 1]),
        ([5, 8, 13], 30.0, [0, 3, 8], [0, 1, 2]),
        ([30.004, 33.004, 38.004], 30.0, [0, 3, 8], [0, 1, 2]),
    ],
    ids=[
        "relative",
        "absolute",
        "descending",
        "absolute descending",
        "unsorted",
        "from any start",
        "absolute, rounded",
    ],
)
def test_planes_ascend_whatever_way_the_offsets_are_written(
    read: Read, vector: list[int], origin_z: float, offsets: list[float], frames: list[int]
) -> None:
    grid = placed(read(GridFrameOffsetVector=vector))
    assert grid.origin_mm == (10.0, 20.0, origin_z)
    assert grid.plane_offsets_mm == pytest.approx(offsets, abs=1e-9)
    assert np.array_equal(grid.dose_gy, STORED[frames] * 0.5)


@pytest.mark.parametrize(
    ("vector", "origin_z", "frames"),
    [([0, 3, 8], 30.0, [0, 1, 2]), ([30, 33, 38], 38.0, [2, 1, 0])],
    ids=["relative offsets follow the normal", "absolute ones are z coordinates"],
)
def test_where_the_normal_points_to_the_feet(read: Read, vector: list[int], origin_z: float, frames: list[int]) -> None:
    grid = placed(read(ImageOrientationPatient=[-1, 0, 0, 0, 1, 0], GridFrameOffsetVector=vector))
    assert grid.axes[2] == (0.0, 0.0, -1.0)
    assert grid.origin_mm[2] == origin_z
    assert np.array_equal(grid.dose_gy, STORED[frames] * 0.5)


@pytest.mark.parametrize(
    ("start", "vector", "origin_z", "frames"),
    [
        (30, [30.05, 33.05, 38.05], 38.0, [2, 1, 0]),
        (30, [29, 26, 21], 30.0, [0, 1, 2]),
        (0.2, [0.25, 3.25, 8.25], 8.2, [2, 1, 0]),
        (30, [0.005, 3.005, 8.005], 30.0, [0, 1, 2]),
        (0, [0, 3, 8], 0.0, [0, 1, 2]),
    ],
    ids=["z rounded", "z off by 1 mm, descending", "z near 0", "0 rounded", "0 is relative"],
)
def test_towards_the_feet_a_rounded_z_coordinate_is_one_and_a_rounded_zero_too(
    read: Read, start: float, vector: list[float], origin_z: float, frames: list[int]
) -> None:
    """Frames lie at z, z + 3 and z + 8 mm (or at z - 3 and z - 8 mm); planes ascend along -z, from the highest z."""
    feet_first = {"ImageOrientationPatient": [-1, 0, 0, 0, 1, 0], "ImagePositionPatient": [10, 20, start]}
    grid = placed(read(**feet_first, GridFrameOffsetVector=vector))
    assert grid.origin_mm[2] == pytest.approx(origin_z)
    assert np.array_equal(grid.dose_gy, STORED[frames] * 0.5)


@pytest.mark.parametrize("orientation", [[-1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, -1]], ids=["to the feet", "sagittal"])
@pytest.mark.parametrize("vector", [[5, 8, 13], [31.2, 34.2, 39.2]])
def test_offsets_that_are_neither_relative_nor_z_coordinates_are_not_guessed(
    read: Read, orientation: list[float], vector: list[float]
) -> None:
    with pytest.raises(DoseReadError, match="neither 0 nor the z of ImagePositionPatient"):
        read(ImageOrientationPatient=orientation, GridFrameOffsetVector=vector)


HEAD_FIRST_SUPINE, FEET_FIRST_SUPINE = [1, 0, 0, 0, 1, 0], [-1, 0, 0, 0, 1, 0]
HEAD_FIRST_PRONE, FEET_FIRST_PRONE = [-1, 0, 0, 0, -1, 0], [1, 0, 0, 0, -1, 0]
POSITIONS = [HEAD_FIRST_SUPINE, FEET_FIRST_SUPINE, HEAD_FIRST_PRONE, FEET_FIRST_PRONE]
C30, S30 = np.sqrt(0.75), 0.5
TURNED = [[C30, S30, 0, -S30, C30, 0], [C30, 0, S30, 0, 1, 0], [1, 0, 0, 0, C30, -S30]]
"""By 30 degrees about each axis; the planes of the last two are oblique."""


@pytest.mark.parametrize(
    ("orientation", "vector", "along"),
    [
        *((cosines, [0, 3, 8], "normal") for cosines in [*POSITIONS, *TURNED, [0, 1, 0, 0, 0, -1]]),
        *((cosines, [0, -3, -8], "normal") for cosines in [*POSITIONS, *TURNED]),
        *((cosines, [30, 33, 38], "z") for cosines in [*POSITIONS, TURNED[0]]),
        *((cosines, [30, 27, 22], "z") for cosines in POSITIONS),
    ],
)
def test_every_pixel_has_its_dose_at_the_point_that_the_standard_gives_it(
    read: Read, orientation: list[float], vector: list[float], along: str
) -> None:
    """PS3.3 C.7.6.2.1.1 within a frame; C.8.8.3.2 among frames: offsets along the normal, or z coordinates."""
    row, column = np.array(orientation[:3], dtype=float), np.array(orientation[3:], dtype=float)
    normal = np.cross(row, column) if along == "normal" else np.array([0, 0, 1])
    frame, r, c = np.meshgrid(range(3), range(2), range(4), indexing="ij")
    offsets = np.array(vector, dtype=float) - vector[0]
    points = [10, 20, 30] + offsets[frame, None] * normal + 2 * r[..., None] * column + 3 * c[..., None] * row
    grid = placed(read(ImageOrientationPatient=[f"{x:.12g}" for x in orientation], GridFrameOffsetVector=vector))
    assert dose_at_points(grid, points.reshape(-1, 3)) == pytest.approx(STORED.ravel() * 0.5, abs=1e-5)


def test_one_frame_lies_at_the_position_whatever_its_offset(read: Read) -> None:
    one = {"NumberOfFrames": 1, "PixelData": STORED[:1].tobytes()}
    for vector in ([0], [30], [17], None):
        grid = placed(read(**one, GridFrameOffsetVector=vector))
        assert grid.origin_mm == (10.0, 20.0, 30.0)
        assert grid.plane_offsets_mm.tolist() == [0.0]


def test_an_object_with_histograms_only_has_no_grid(read: Read) -> None:
    """The pixels, the image plane and the grid's scaling are there only where there is a grid (PS3.3 A.18.3)."""
    no_grid = dict.fromkeys(
        ("PixelData", "Rows", "Columns", "ImagePositionPatient", "PixelSpacing", "DoseGridScaling", "NumberOfFrames")
    )
    for histograms in ([Dataset()], None):
        dose = read(**no_grid, DVHSequence=histograms)
        assert (dose.grid, dose.max_gy) == (None, None)
        assert (dose.units, dose.summation_type) == ("GY", "PLAN")
    assert read(PixelData=None, DVHSequence=[Dataset()]).grid is None


def test_signed_doses_are_passed_on_below_zero(read: Read) -> None:
    """As in a difference of doses (DoseType ERROR); which doses may be used is not the reader's to say."""
    dose = read(PixelRepresentation=1, DoseType="ERROR", PixelData=(STORED.astype("<i4") - 20).tobytes())
    assert placed(dose).dose_gy.min() == -10.0
    assert dose.max_gy == 1.5


def test_a_dose_of_any_orientation_keeps_its_axes(read: Read) -> None:
    grid = placed(read(ImageOrientationPatient=[0, 1, 0, 0, 0, -1], GridFrameOffsetVector=[0, -3, -8]))
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
    assert placed(dose).plane_offsets_mm.tolist() == [0.0]


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
    assert (dose.plan_uids, dose.fraction_groups) == (("1.2.77", "1.2.78"), (1,))
    assert dose.beams == ((1, 2), (1, 5))
    assert dose.heterogeneity_correction == ("IMAGE", "ROI_OVERRIDE")
    assert (dose.units, dose.dose_type, dose.summation_type) == ("GY", "PHYSICAL", "PLAN")
    assert dose.frame_of_reference_uid == "1.2.3.9"


def test_one_beam_in_two_fraction_groups_is_two_parts(read: Read) -> None:
    groups = []
    for number in (1, 2, None):
        beam, group = Dataset(), Dataset()
        beam.ReferencedBeamNumber = 7
        group.ReferencedBeamSequence = [beam]
        if number is not None:
            group.ReferencedFractionGroupNumber = number
        groups.append(group)
    plan = Dataset()
    plan.ReferencedFractionGroupSequence = groups
    assert read(ReferencedRTPlanSequence=[plan]).beams == ((1, 7), (2, 7), (None, 7))


@pytest.mark.filterwarnings("ignore:Invalid value for VR CS")
def test_units_and_types_are_passed_on_as_they_stand_but_in_capitals(read: Read) -> None:
    assert read(DoseUnits="RELATIVE").units == "RELATIVE"
    assert read(DoseUnits=None).units is None
    dose = read(DoseUnits="Gy", DoseType="Physical", DoseSummationType="plan")
    assert (dose.units, dose.dose_type, dose.summation_type) == ("GY", "PHYSICAL", "PLAN")


@pytest.mark.parametrize(
    ("syntax", "bits"),
    [
        (RLELossless, 16),
        *((ExplicitVRBigEndian, bits) for bits in (16, 32)),
        *((DeflatedExplicitVRLittleEndian, bits) for bits in (16, 32)),
    ],
)
def test_other_transfer_syntaxes_hold_the_same_dose(build: Build, tmp_path: Path, syntax: str, bits: int) -> None:
    cells = STORED.astype(f"<u{bits // 8}")
    data = build(BitsAllocated=bits, BitsStored=bits, HighBit=bits - 1, PixelData=cells.tobytes())
    if syntax == RLELossless:
        data.compress(RLELossless, generate_instance_uid=False)
    else:
        data.file_meta.TransferSyntaxUID = UID(syntax)
    if syntax == ExplicitVRBigEndian:
        data.PixelData = cells.astype(f">u{bits // 8}").tobytes()
    data.save_as(tmp_path / "rd.dcm", enforce_file_format=True)
    assert np.array_equal(placed(read_dose(tmp_path / "rd.dcm")).dose_gy, STORED * 0.5)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"PixelData": None}, "PixelData is missing: no dose grid"),
        ({"PixelData": STORED.tobytes()[:-4]}, "pixel data is truncated: 92 bytes for 3 x 2 x 4 pixels of 4 bytes"),
        ({"DoseGridScaling": None}, "DoseGridScaling is missing"),
        ({"DoseGridScaling": "0"}, "DoseGridScaling is 0"),
        ({"DoseGridScaling": "-0.5"}, "DoseGridScaling is -0.5"),
        ({"Rows": None}, "Rows is missing"),
        ({"BitsAllocated": 64, "BitsStored": 64, "HighBit": 63}, "64 bits stored up to bit 63 of 64 allocated"),
        ({"GridFrameOffsetVector": None}, "GridFrameOffsetVector has 0 values for 3 frames"),
        ({"GridFrameOffsetVector": [0, 3]}, "GridFrameOffsetVector has 2 values for 3 frames"),
        ({"GridFrameOffsetVector": [0, 3, 3]}, "two planes at one position"),
        ({"NumberOfFrames": None}, "pixel data holds 3 frames, not 1"),
        ({"NumberOfFrames": 0}, "pixel data holds 3 frames, not 1"),
        (
            {"NumberOfFrames": None, "PixelData": STORED[:1].tobytes()},
            "GridFrameOffsetVector has 3 values for 1 frames",
        ),
        ({"NumberOfFrames": 2, "GridFrameOffsetVector": [0, 3]}, "pixel data holds 3 frames, not 2"),
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
