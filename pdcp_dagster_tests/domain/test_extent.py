"""Where a dose grid lies, told from tags: inside the CT, outside it, or not to be known."""

from __future__ import annotations

from typing import Any

import pytest

from pdcp_dagster.domain.extent import is_inside

PLANE: dict[str, Any] = {
    "image_orientation_patient": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
    "pixel_spacing": [2.0, 2.0],
    "rows": 51,
    "columns": 101,
}
CT = [{**PLANE, "image_position_patient": [0.0, 0.0, 3.0 * k]} for k in range(11)]
"""Voxel centres from 0 to 200, 100 and 30 mm; borders 1, 1 and 1.5 mm beyond."""
DOSE = {**PLANE, "rows": 3, "columns": 3, "image_position_patient": [0.0, 0.0, 0.0]}


@pytest.mark.parametrize(
    ("at", "offsets", "inside"),
    [
        ([0.0, 0.0, 0.0], [0.0, 30.0], True),
        ([196.0, 96.0, 0.0], [0.0, 30.0], True),
        ([198.5, 0.0, 0.0], [0.0, 30.0], False),
        ([-2.5, 0.0, 0.0], [0.0, 30.0], False),
        ([0.0, 98.5, 0.0], [0.0, 30.0], False),
        ([0.0, 0.0, 0.0], [0.0, 33.0], False),
        ([0.0, 0.0, 30.0], [0.0, -30.0], True),
        ([0.0, 0.0, 6.0], [6.0, 9.0], True),
        ([0.0, 0.0, 6.0], None, None),
    ],
)
def test_a_grid_is_inside_where_all_its_voxel_centres_are(
    at: list[float], offsets: list[float] | None, inside: bool | None
) -> None:
    dose = {**DOSE, "image_position_patient": at, "grid_frame_offset_vector": offsets, "number_of_frames": 2}
    assert is_inside(dose, CT) is inside


def test_a_single_plane_needs_no_offsets() -> None:
    assert is_inside({**DOSE, "number_of_frames": 1}, CT) is True


@pytest.mark.parametrize(
    "odd",
    [
        {"image_orientation_patient": [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]},
        {"pixel_spacing": [1.0, 1.0]},
        {"rows": 52},
        {"image_position_patient": None},
        {"pixel_spacing": [2.0]},
    ],
)
def test_a_ct_whose_slices_differ_in_form_has_no_box_whatever_their_order(odd: dict[str, Any]) -> None:
    slices = [*CT[:5], {**CT[5], **odd}, *CT[6:]]
    dose = {**DOSE, "number_of_frames": 1}
    assert is_inside(dose, slices) is None
    assert is_inside(dose, slices[::-1]) is None
    assert is_inside(dose, []) is None


def test_the_axes_of_the_ct_count_not_those_of_the_room() -> None:
    turned = {"image_orientation_patient": [0.0, 1.0, 0.0, -1.0, 0.0, 0.0]}
    slices = [{**each, **turned} for each in CT]  # columns along y to 200, rows along -x to -100
    inside = {**DOSE, **turned, "image_position_patient": [-50.0, 150.0, 0.0], "number_of_frames": 1}
    assert is_inside(inside, slices) is True
    assert is_inside({**inside, "image_position_patient": [50.0, 150.0, 0.0]}, slices) is False
