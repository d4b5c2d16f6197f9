"""What the image summary tells of multi-frame images: where their frames lie, and what these have in common."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from pdcp_dagster.domain.candidates import instance_records
from pdcp_dagster.domain.ct_slices import count_positions, each_slice
from pdcp_dagster.domain.extent import is_inside
from pdcp_dagster.domain.functional_groups import frames_of
from pdcp_dagster.domain.summary import summarise


def frame(z: float | None, frame_type: str = "ORIGINAL\\PRIMARY\\AXIAL\\NONE", **values: str) -> dict[str, Any]:
    """One item of the per-frame functional groups, as Orthanc simplifies it."""
    found: dict[str, Any] = {"CTImageFrameTypeSequence": [{"FrameType": frame_type}]}
    if z is not None:
        found["PlanePositionSequence"] = [{"ImagePositionPatient": f"-10\\-20\\{z}"}]
    if values:
        found["PixelValueTransformationSequence"] = [values]
    return found


def image(*frames: dict[str, Any], uid: str = "1.2", **shared: Any) -> dict[str, Any]:
    groups = {
        "PlaneOrientationSequence": [{"ImageOrientationPatient": "1\\0\\0\\0\\1\\0"}],
        "PixelMeasuresSequence": [{"PixelSpacing": "2\\2", "SliceThickness": "3"}],
        **shared,
    }
    return {
        "Modality": "CT",
        "SOPInstanceUID": uid,
        "NumberOfFrames": str(len(frames)),
        "Rows": "21",
        "Columns": "11",
        "SharedFunctionalGroupsSequence": [groups],
        "PerFrameFunctionalGroupsSequence": list(frames),
    }


def row_of(tags: dict[str, Any]) -> dict[str, Any]:
    (row,) = summarise([tags]).to_dict("records")
    return {str(name): value for name, value in row.items()}


def test_each_frame_has_its_place_and_localiser_frames_have_none() -> None:
    row = row_of(image(frame(6.0), frame(0.0, "ORIGINAL\\PRIMARY\\LOCALIZER\\NONE"), frame(3.0)))
    assert row["frame_numbers"] == [1, 3]
    assert row["frame_positions_mm"] == [-10, -20, 6, -10, -20, 3]
    assert row["image_position_patient"] == [-10, -20, 6], "that of the first frame"
    assert row["pixel_spacing"] == [2, 2]
    assert row["image_orientation_patient"] == [1, 0, 0, 0, 1, 0]
    assert row["slice_thickness"] == 3


def test_what_frames_have_in_common_is_told_and_what_differs_is_not() -> None:
    tens = frame(0.0, RescaleSlope="1", RescaleIntercept="-10")
    row = row_of(image(tens, frame(3.0, RescaleSlope="1", RescaleIntercept="-20")))
    assert row["rescale_slope"] == 1
    assert pd.isna(row["rescale_intercept"])


def test_a_frame_without_a_place_leaves_all_places_unknown() -> None:
    row = row_of(image(frame(0.0), frame(None)))
    assert row["frame_positions_mm"] is None
    assert count_positions(instance_records(summarise([image(frame(0.0), frame(None))]))) == 1


def test_an_ordinary_image_has_no_frames() -> None:
    row = row_of({"Modality": "CT", "ImagePositionPatient": "1\\2\\3", "PixelSpacing": "1\\1", "KVP": "120"})
    assert (row["frame_numbers"], row["frame_positions_mm"]) == (None, None)
    assert (row["image_position_patient"], row["kvp"]) == ([1, 2, 3], 120)


def test_positions_are_counted_over_all_multi_frame_images_and_single_ones() -> None:
    single = {"Modality": "CT", "SOPInstanceUID": "1.9", "ImagePositionPatient": "-10\\-20\\12"}
    tags = [image(frame(0.0), frame(3.0)), image(frame(6.0), frame(9.0), frame(9.0), uid="1.3"), single]
    rows = instance_records(summarise(tags))
    assert count_positions(rows) == 5
    assert [each.get("frame_number") for each in each_slice(rows)] == [1, 2, 1, 2, 3, None]


@pytest.mark.parametrize(("top_mm", "inside"), [(30.0, True), (36.0, False)])
def test_a_dose_lies_inside_a_multi_frame_ct_as_far_as_its_frames_reach(top_mm: float, inside: bool) -> None:
    slices = summarise([image(*(frame(3.0 * n) for n in range(11)))]).to_dict("records")
    dose = {
        "image_position_patient": [-5.0, -15.0, 0.0],
        "image_orientation_patient": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        "pixel_spacing": [5.0, 5.0],
        "rows": 3,
        "columns": 3,
        "number_of_frames": 2,
        "grid_frame_offset_vector": [0.0, top_mm],
    }
    # Frames from z = 0 to 30 mm, 3 mm apart: the borders of their voxels lie at -1.5 and 31.5 mm.
    assert is_inside(dose, [{str(name): value for name, value in row.items()} for row in slices]) is inside


@pytest.mark.parametrize("broken", [None, "", "text", [], [None], 7])
def test_functional_groups_that_are_none_are_no_frames(broken: Any) -> None:
    assert frames_of({"PerFrameFunctionalGroupsSequence": broken}) == ()


def test_a_frames_own_groups_come_before_the_shared_and_these_before_the_image() -> None:
    own = {"PixelMeasuresSequence": [{"PixelSpacing": "1\\1"}]}
    (found,) = frames_of(image(own, PixelSpacing="9\\9"))
    assert found.get("PixelSpacing") == "1\\1"
    assert found.get("SliceThickness") == "3"
    assert found.get("Rows") == "21"
    assert found.get("KVP") is None
