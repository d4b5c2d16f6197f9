"""Counting slices: positions, not instances."""

from __future__ import annotations

import math

import pytest

from pdcp_dagster.domain.ct_slices import count_positions, is_localiser

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)


def at(x: float, y: float, z: float, orientation: tuple[float, ...] | None = AXIAL) -> dict[str, object]:
    return {"image_position_patient": (x, y, z), "image_orientation_patient": orientation}


def test_positions_count_once_whatever_the_order() -> None:
    assert count_positions([at(0, 0, 3), at(0, 0, 0), at(0, 0, 3.001), at(5, 5, 0)]) == 2


def test_positions_are_taken_along_the_normal() -> None:
    assert count_positions([at(x, 0, 7, SAGITTAL) for x in (1, 2, 3)]) == 3
    assert count_positions([at(1, y, 7, SAGITTAL) for y in (1, 2, 3)]) == 1


def test_a_tilted_stack_has_as_many_positions_as_slices() -> None:
    tilt = math.radians(20)
    tilted = (1.0, 0.0, 0.0, 0.0, math.cos(tilt), math.sin(tilt))
    assert count_positions([at(0, 0, 3 * n, tilted) for n in range(5)]) == 5


def test_without_a_position_the_slice_location_counts_and_without_both_each_instance() -> None:
    assert count_positions([{"slice_location": 1.0}, {"slice_location": 1.0}, {"slice_location": 2.0}]) == 2
    assert count_positions([{}, {}, {}]) == 3
    assert count_positions([{"number_of_frames": 40}]) == 40
    assert count_positions([]) == 0


@pytest.mark.parametrize(
    ("image_type", "localiser"),
    [
        ("ORIGINAL\\PRIMARY\\LOCALIZER", True),
        ("original\\primary\\localizer\\x", True),
        ("ORIGINAL\\PRIMARY\\AXIAL", False),
    ],
)
def test_localisers_are_told_by_their_image_type(image_type: str, localiser: bool) -> None:
    assert is_localiser(image_type) is localiser
    assert is_localiser(None) is False
