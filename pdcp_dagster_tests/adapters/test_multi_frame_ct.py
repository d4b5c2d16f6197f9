"""Laws of reading multi-frame CT: its frames are slices like any others."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from pdcp_dagster.adapters.ct_series import CtReadError, CtSeries, read_ct_series, read_ct_slice
from pdcp_dagster_tests.adapters.enhanced_ct import enhanced_from

MakeSlice = Callable[..., Dataset]
Save = Callable[[Dataset, str], Path]
AXIAL = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
SCOUT = ["ORIGINAL", "PRIMARY", "LOCALIZER", "NONE"]


@pytest.fixture
def slices(make_slice: MakeSlice) -> list[Dataset]:
    """Six slices of 64 x 40 pixels, 3 mm apart, given out of order; of stored value and of HU no two are alike."""
    found = []
    for k in (4, 0, 5, 2, 1, 3):
        stored = np.arange(64 * 40, dtype=np.int16).reshape(64, 40) + 17 * k - 500
        changed = {"RescaleIntercept": -1024 - k, "PixelSpacing": [1.5, 0.75]}
        found.append(make_slice(stored, (-20.0, 12.0, 3.0 * k), **changed))
    return found


def single(slices: Sequence[Dataset], save: Save) -> CtSeries:
    return read_ct_series([save(one, f"single-{k}.dcm") for k, one in enumerate(slices)])


def assert_same_volume(found: CtSeries, wanted: CtSeries) -> None:
    assert found.volume is not None
    assert wanted.volume is not None
    assert found.volume.grid == wanted.volume.grid
    assert found.volume.values.dtype == wanted.volume.values.dtype
    assert np.array_equal(found.volume.values, wanted.volume.values)


@pytest.mark.parametrize("all_per_frame", [False, True])
@pytest.mark.parametrize("legacy", [False, True], ids=["enhanced", "legacy converted"])
def test_frames_make_the_volume_that_single_slices_make(
    slices: list[Dataset], save: Save, legacy: bool, all_per_frame: bool
) -> None:
    frames = read_ct_series([save(enhanced_from(slices, legacy=legacy, all_per_frame=all_per_frame), "frames.dcm")])
    wanted = single(slices, save)
    assert_same_volume(frames, wanted)
    assert frames.sop_instance_uids == ("1.2.7.7",) * 6
    assert (frames.kvp, frames.kernel, frames.slice_thickness_mm) == (120.0, "B30f", 3.0)
    assert (frames.patient_position, frames.frame_of_reference_uid) == ("HFS", "1.2.826.3")


def test_a_series_may_lie_in_several_multi_frame_images_and_single_ones(slices: list[Dataset], save: Save) -> None:
    files = [
        save(enhanced_from(slices[:2], "1.2.7.1"), "a.dcm"),
        save(enhanced_from(slices[2:5], "1.2.7.2"), "b.dcm"),
        save(slices[5], "c.dcm"),
    ]
    frames = read_ct_series(files)
    assert_same_volume(frames, single(slices, save))
    # In the order of acquisition 4 0 | 5 2 1 | 3: from the feet up 0 | 1 2 | 3 | 4 | 5.
    assert frames.sop_instance_uids == ("1.2.7.1", "1.2.7.2", "1.2.7.2", slices[5].SOPInstanceUID, "1.2.7.1", "1.2.7.2")


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_compressed_frames_hold_the_same_hu(slices: list[Dataset], save: Save, syntax: str) -> None:
    data = enhanced_from(slices)
    data.compress(syntax, generate_instance_uid=False)
    assert_same_volume(read_ct_series([save(data, "frames.dcm")]), single(slices, save))


def test_one_frame_alone_is_read_by_its_number_and_without_one_the_middle(slices: list[Dataset], save: Save) -> None:
    file = save(enhanced_from(slices), "frames.dcm")
    first = slices[0]
    wanted = np.frombuffer(first.PixelData, "<i2").reshape(64, 40) + int(first.RescaleIntercept)
    assert np.array_equal(read_ct_slice(file, 1)[0], wanted)
    assert np.array_equal(read_ct_slice(file), read_ct_slice(file, 3))
    assert not np.array_equal(read_ct_slice(file, 3), read_ct_slice(file, 4))
    with pytest.raises(CtReadError, match="there is no frame 7: the image has 6"):
        read_ct_slice(file, 7)


def test_localiser_frames_are_left_out_and_named(slices: list[Dataset], save: Save, make_slice: MakeSlice) -> None:
    scout = make_slice(np.full((64, 40), 7, np.int16), (0.0, 0.0, 0.0), ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    data = enhanced_from([scout, *slices], all_per_frame=True, frame_types=[SCOUT, *[AXIAL] * 6])
    frames = read_ct_series([save(data, "frames.dcm")])
    assert_same_volume(frames, single(slices, save))
    assert frames.localisers == ("1.2.7.7 frame 1",)


def test_frames_that_hold_no_hu_are_refused(slices: list[Dataset], save: Save) -> None:
    perfusion = ["DERIVED", "PRIMARY", "PERFUSION", "RCBF"]
    data = enhanced_from(slices, frame_types=[*[AXIAL] * 5, perfusion])
    with pytest.raises(CtReadError, match="FrameType says RCBF: the values are not HU"):
        read_ct_series([save(data, "frames.dcm")])


def test_frames_of_weighted_energies_are_hu_where_they_say_so(slices: list[Dataset], save: Save) -> None:
    data = enhanced_from(slices, frame_types=[["DERIVED", "PRIMARY", "VOLUME", "ENERGY_PROP_WT"]] * 6)
    assert_same_volume(read_ct_series([save(data, "frames.dcm")]), single(slices, save))
    for groups in data.PerFrameFunctionalGroupsSequence:
        groups.PixelValueTransformationSequence[0].RescaleType = "US"
    with pytest.raises(CtReadError, match="FrameType says ENERGY_PROP_WT: the values are not HU"):
        read_ct_series([save(data, "unsaid.dcm")])


def test_padding_of_frames_is_no_hu(slices: list[Dataset], save: Save) -> None:
    # No slice has a stored value of 30000, but the first 2 pixels of each from here on.
    for one in slices:
        one.PixelData = np.array([30000, 30000], "<i2").tobytes() + one.PixelData[4:]
        one.PixelPaddingValue = 30000
    frames = read_ct_series([save(enhanced_from(slices), "frames.dcm")])
    assert_same_volume(frames, single(slices, save))
    assert frames.volume is not None
    assert frames.volume.values[:, 0, :2].tolist() == [[-1024, -1024]] * 6
    assert frames.unscanned_voxels == 12


def test_projections_and_averages_of_phases_are_densities(slices: list[Dataset], save: Save) -> None:
    data = enhanced_from(slices, frame_types=[["DERIVED", "SECONDARY", "RESPIRATORY", "MEAN"]] * 6)
    assert_same_volume(read_ct_series([save(data, "frames.dcm")]), single(slices, save))


def test_two_phases_in_one_image_are_no_volume(slices: list[Dataset], save: Save) -> None:
    series = read_ct_series([save(enhanced_from([*slices, *slices]), "frames.dcm")])
    assert series.volume is None
    assert series.stack.problems[0].startswith("6 slices lie at the position of another")


def lose_a_frame(data: Dataset) -> None:
    del data.PerFrameFunctionalGroupsSequence[-1]


def lose_all_groups(data: Dataset) -> None:
    del data.PerFrameFunctionalGroupsSequence


def lose_a_position(data: Dataset) -> None:
    del data.PerFrameFunctionalGroupsSequence[3].PlanePositionSequence


def lose_pixels(data: Dataset) -> None:
    data.PixelData = data.PixelData[:-2]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lose_a_frame, "5 of its 6 frames say where they lie"),
        (lose_all_groups, "none of its 6 frames says where they lie"),
        (lose_a_position, "ImagePositionPatient is missing"),
        (lose_pixels, "pixel data is truncated: 30718 bytes for 6 x 64 x 40 pixels of 2 bytes"),
    ],
)
def test_a_multi_frame_image_that_lacks_what_it_needs_is_a_read_error(
    slices: list[Dataset], save: Save, spoil: Callable[[Dataset], None], why: str
) -> None:
    data = enhanced_from(slices)
    spoil(data)
    with pytest.raises(CtReadError, match=why):
        read_ct_series([save(data, "frames.dcm")])


@pytest.mark.parametrize("bits", [12, 16])
def test_a_large_image_is_in_memory_no_more_than_twice(make_slice: MakeSlice, save: Save, bits: int) -> None:
    changed: dict[str, Any] = {"BitsStored": bits, "HighBit": bits - 1}
    planes = [make_slice(np.full((256, 256), k, np.int16), (0.0, 0.0, 3.0 * k), **changed) for k in range(40)]
    file = save(enhanced_from(planes), "frames.dcm")
    del planes
    tracemalloc.start()
    try:
        read_ct_series([file])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2.2 * 40 * 256 * 256 * 2
