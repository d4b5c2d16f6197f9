"""Which way up a slice is shown: letters worked out by hand for the positions of PS3.3 C.7.3.1.1.2."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdcp_dagster.domain.views import (
    Edges,
    Window,
    box_of,
    cut,
    edges_of,
    extent_mm,
    orientation_letters,
    pixel_grid,
    plane_grid,
    slice_position,
    span_of,
    view_along,
    window_around,
)
from pdcp_dagster.domain.volume import Grid, Vector

X, Y, Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
OPPOSITE = str.maketrans("RLAPHF", "LRPAFH")


def minus(axis: Vector) -> Vector:
    return -axis[0], -axis[1], -axis[2]


def grid_with(axes: tuple[Vector, Vector, Vector], size: tuple[int, int, int] = (40, 30, 20)) -> Grid:
    return Grid((-10.0, 20.0, -30.0), (1.0, 2.0, 5.0), axes, size)


POSITIONS = {
    "head first supine": (X, Y, Z),
    "head first prone": (minus(X), minus(Y), Z),
    "feet first supine": (minus(X), Y, minus(Z)),
    "feet first prone": (X, minus(Y), minus(Z)),
    "head first decubitus right": (minus(Y), X, Z),
    "sagittal acquisition": (Y, minus(Z), minus(X)),
    "coronal acquisition": (X, minus(Z), Y),
}


def test_an_axial_slice_of_a_head_first_patient_has_right_left_front_and_back_at_its_edges() -> None:
    assert edges_of(np.array(X), np.array(Y)) == Edges(left="R", right="L", top="A", bottom="P")


def test_a_feet_first_slice_as_it_is_stored_has_left_and_right_exchanged() -> None:
    assert edges_of(np.array(minus(X)), np.array(Y)) == Edges(left="L", right="R", top="A", bottom="P")


def test_rows_that_run_along_ascending_slices_have_the_feet_on_top() -> None:
    assert edges_of(np.array(X), np.array(Z)) == Edges(left="R", right="L", top="F", bottom="H")
    assert edges_of(np.array(X), np.array(minus(Z))).top == "H"


@pytest.mark.parametrize("position", POSITIONS)
def test_every_position_is_shown_with_right_on_the_left_and_front_and_head_on_top(position: str) -> None:
    views = [view_along(grid_with(POSITIONS[position]), axis) for axis in range(3)]
    assert {view.name: view.edges for view in views} == {
        "axial": Edges("R", "L", "A", "P"),
        "coronal": Edges("R", "L", "H", "F"),
        "sagittal": Edges("A", "P", "H", "F"),
    }


@pytest.mark.parametrize("position", POSITIONS)
def test_the_pixels_lie_where_the_letters_say(position: str) -> None:
    grid = grid_with(POSITIONS[position])
    k, j, i = np.indices(grid.shape)
    points = grid.to_patient(np.stack([i, j, k], axis=-1).reshape(-1, 3).astype(np.float64))
    for axis in range(3):
        view = view_along(grid, axis)
        across, down = {"axial": (0, 1), "coronal": (0, 2), "sagittal": (1, 2)}[view.name]
        coordinate = points.reshape(*grid.shape, 3)
        rightward = np.diff(view.upright(view.plane(coordinate[..., across], 4)), axis=1)
        downward = np.diff(view.upright(view.plane(coordinate[..., down], 4)), axis=0)
        assert (rightward > 0).all()
        assert (downward > 0).all() if view.name == "axial" else (downward < 0).all()


def test_an_oblique_direction_names_its_strongest_part_first() -> None:
    degrees = [math.radians(angle) for angle in (10, 30, 80)]
    assert [orientation_letters(np.array([math.cos(a), math.sin(a), 0])) for a in degrees] == ["L", "LP", "P"]


@given(st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda vector: math.hypot(*vector) > 0.1))
def test_opposite_edges_have_opposite_letters(vector: tuple[float, float, float]) -> None:
    direction = np.array(vector) / math.hypot(*vector)
    assert orientation_letters(-direction) == orientation_letters(direction).translate(OPPOSITE)


@pytest.mark.parametrize(
    ("position", "axis", "index", "name", "expected_mm"),
    [
        ("head first supine", 0, 3, "z", -30 + 3 * 5),
        ("head first supine", 1, 7, "y", 20 + 7 * 2),
        ("feet first supine", 0, 3, "z", -30 - 3 * 5),
        ("feet first supine", 2, 4, "x", -10 - 4 * 1),
    ],
)
def test_a_slice_position_is_the_patient_coordinate_whatever_the_slices_direction(
    position: str, axis: int, index: int, name: str, expected_mm: float
) -> None:
    found_name, found_mm = slice_position(grid_with(POSITIONS[position]), axis, index)
    assert found_name == name
    assert found_mm == pytest.approx(expected_mm)


def test_the_position_of_an_oblique_slice_is_its_distance_along_the_normal() -> None:
    half = math.sqrt(0.5)
    name, position = slice_position(grid_with((X, (0.0, half, -half), (0.0, half, half))), 0, 2)
    assert name == "n"
    assert position == pytest.approx(20 * half - 30 * half + 2 * 5)


def test_the_box_around_an_roi_reaches_to_the_edges_of_its_pixels() -> None:
    plane = np.zeros((5, 6), dtype=np.uint8)
    plane[1:3, 2:6] = 1
    box = box_of(plane, (10, 20))
    assert box == Window((10.5, 12.5), (21.5, 25.5))
    axial = view_along(grid_with((X, Y, Z)), 0)
    assert extent_mm(axial, grid_with((X, Y, Z)), box) == pytest.approx(4)  # 2 rows of 2 mm, 4 columns of 1 mm
    with pytest.raises(ValueError, match="empty"):
        box_of(np.zeros((2, 2)), (0, 0))


def test_the_box_of_a_block_of_voxels_is_the_same_whether_its_corners_are_empty_or_not() -> None:
    coronal = view_along(grid_with((X, Y, Z)), 1)
    assert span_of(coronal, (2, 3, 4), (10, 20, 30)) == Window((9.5, 11.5), (29.5, 33.5))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("position", POSITIONS)
def test_the_pixels_of_a_picture_lie_in_the_middle_of_their_share_of_the_window(position: str, axis: int) -> None:
    grid = grid_with(POSITIONS[position])
    view = view_along(grid, axis)
    found = pixel_grid(view, grid, 7, Window((2.5, 6.5), (-0.5, 7.5)), 4)
    assert found.shape == (1, 4, 4)
    corners = grid.to_voxel(found.to_patient(np.array([[0.0, 0.0, 0.0], [3.0, 3.0, 0.0]])))[:, ::-1]
    # 4 pixels share 4 voxels downward and 8 across: their centres are at 3 and 6, and at 0.5 and 6.5.
    assert corners[:, view.axis] == pytest.approx([7, 7])
    assert corners[:, view.down] == pytest.approx([3, 6])
    assert corners[:, view.across] == pytest.approx([0.5, 6.5])


@pytest.mark.parametrize(("axis", "rows", "columns"), [(0, 1, 2), (1, 0, 2), (2, 0, 1)])
def test_a_plane_of_a_grid_has_the_places_of_its_voxels(axis: int, rows: int, columns: int) -> None:
    grid = grid_with(POSITIONS["feet first supine"])
    k, j, i = np.indices(grid.shape)
    points = grid.to_patient(np.stack([i, j, k], axis=-1).reshape(-1, 3).astype(float)).reshape(*grid.shape, 3)
    box = [slice(4, 10), slice(5, 12), slice(6, 14)]
    box[axis] = slice(box[axis].start, box[axis].start + 1)
    expected = points[tuple(box)].squeeze(axis)
    plane = plane_grid(grid, (4, 5, 6), (rows, columns), (1, 1), (expected.shape[0], expected.shape[1]))
    j, i = np.indices(expected.shape[:2])
    voxels = np.stack([i, j, np.zeros_like(i)], axis=-1).reshape(-1, 3).astype(float)
    assert plane.to_patient(voxels).reshape(expected.shape) == pytest.approx(expected)


def test_a_window_is_centred_moved_into_the_image_or_larger_than_it() -> None:
    grid = grid_with((X, Y, Z), (40, 30, 20))
    axial = view_along(grid, 0)
    middle = Window((14.5, 16.5), (19.5, 21.5))
    assert window_around(axial, grid, middle, 20) == Window((10.5, 20.5), (10.5, 30.5))
    corner = Window((-0.5, 0.5), (38.5, 39.5))
    assert window_around(axial, grid, corner, 20) == Window((-0.5, 9.5), (19.5, 39.5))
    assert window_around(axial, grid, corner, 100) == Window((-10.5, 39.5), (-30.5, 69.5))


def test_a_cut_fills_what_lies_outside_and_says_where_the_window_is() -> None:
    plane = np.arange(12).reshape(3, 4)
    found, box = cut(plane, (5, 10), Window((3.5, 6.5), (11.5, 15.5)), -1)
    # The window covers rows 4 to 6 and columns 12 to 15; the voxels start at row 3 and column 11.
    assert found[1:4, 1:5].tolist() == [[-1, -1, -1, -1], [2, 3, -1, -1], [6, 7, -1, -1]]
    assert box == pytest.approx((1, 1, 5, 4))


@given(st.floats(0, 20), st.floats(1, 30))
def test_a_windows_box_always_lies_within_its_voxels(low: float, length: float) -> None:
    window = Window((low, low + length), (low, low + length))
    found, (left, top, right, bottom) = cut(np.ones((10, 10)), (3, 3), window, 0)
    assert min(left, top) >= 0
    assert right <= found.shape[1]
    assert bottom <= found.shape[0]
    assert right - left == pytest.approx(length)
