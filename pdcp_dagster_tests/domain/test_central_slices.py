"""Laws of the positional features of one ROI, on shapes whose centre is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pdcp_dagster.domain.central_slices import CentralSlices, central_slices
from pdcp_dagster.domain.volume import Grid

STRAIGHT = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
GRID = Grid((-49.5, -99.0, -100.0), (1.0, 2.0, 2.5), STRAIGHT, (100, 100, 81))


def features(mask: NDArray[np.uint8], offset: tuple[int, int, int], grid: Grid = GRID) -> CentralSlices:
    return central_slices(mask, offset, grid, roi_number=3, roi_name="PTV", picture="PTV.png")


def sphere(radius: int) -> NDArray[np.uint8]:
    k, j, i = np.indices((2 * radius + 1,) * 3) - radius
    return np.asarray(k**2 + j**2 + i**2 <= radius**2, dtype=np.uint8)


def test_the_slices_of_a_sphere_go_through_its_centre_along_every_axis() -> None:
    found = features(sphere(6), (20, 30, 40))
    assert found.most == (26, 36, 46)
    assert found.central == (26, 36, 46)
    assert found.centroid_voxel == pytest.approx((46, 36, 26))
    assert found.centroid_mm == pytest.approx((-49.5 + 46, -99 + 72, -100 + 65))
    assert found.voxels == int(sphere(6).sum())


def test_of_equally_large_slices_the_one_nearest_to_the_middle_is_taken() -> None:
    found = features(np.ones((5, 3, 7), dtype=np.uint8), (10, 20, 30))
    assert found.most == found.central == (12, 21, 33)


def test_of_two_equally_large_and_near_slices_both_are_the_higher() -> None:
    found = features(np.ones((2, 4, 6), dtype=np.uint8), (10, 11, 13))
    assert found.most == found.central == (11, 13, 16)


def test_a_centroid_between_two_slices_belongs_to_the_higher() -> None:
    assert features(np.ones((2, 4, 2), dtype=np.uint8), (10, 11, 13)).central == (11, 13, 14)


def test_the_largest_slice_need_not_be_the_central_one() -> None:
    cone = np.zeros((3, 5, 5), dtype=np.uint8)
    cone[0, 2, 2] = cone[1, 2, 2] = 1
    cone[2] = 1
    found = features(cone, (0, 0, 0))
    assert found.most[0] == 2
    assert found.centroid_voxel[2] == pytest.approx((0 + 1 + 25 * 2) / 27)


@pytest.mark.parametrize(
    ("offset", "cosines"),
    [
        ((40, 49, 90), (1.0, 0.0, 0.0)),
        ((40, 10, 49), (0.0, -1.0, 0.0)),
        ((70, 49, 49), (0.0, 0.0, 1.0)),
    ],
)
def test_an_roi_on_an_axis_through_the_middle_of_the_image_has_that_axis_as_direction(
    offset: tuple[int, int, int], cosines: tuple[float, float, float]
) -> None:
    voxel_pair = (1, 2, 2)  # even along rows and columns, as the image is, so that its middle can be met
    assert features(np.ones(voxel_pair, dtype=np.uint8), offset).cosines == pytest.approx(cosines)


def test_direction_cosines_are_of_millimetres_not_of_voxels() -> None:
    # From the grid's centre (49.5, 49.5, 40): 3 columns of 1 mm and 2 rows of 2 mm, a 3-4-5 triangle.
    found = features(np.ones((1, 2, 2), dtype=np.uint8), (40, 51, 52))
    assert found.cosines == pytest.approx((3 / 5, 4 / 5, 0))


def test_an_roi_in_the_middle_of_the_image_has_no_direction() -> None:
    found = features(np.ones((1, 2, 2), dtype=np.uint8), (40, 49, 49))
    assert found.cosines is None
    assert found.as_row()["cosine_x"] is None


def test_the_features_of_an_roi_on_an_oblique_grid_are_those_worked_out_by_hand() -> None:
    # Columns run along (0.6, 0.8, 0), rows along (0, 0, -1), slices along (-0.8, 0.6, 0); the middle of the image is
    # voxel (5, 5, 5), which lies at (10, 20, 30) + 5 * 2 * (0.6, 0.8, 0) + 5 * 1 * (0, 0, -1) + 5 * 3 * (-0.8, 0.6, 0).
    axes = ((0.6, 0.8, 0.0), (0.0, 0.0, -1.0), (-0.8, 0.6, 0.0))
    grid = Grid((10.0, 20.0, 30.0), (2.0, 1.0, 3.0), axes, (11, 11, 11))
    found = features(np.ones((1, 1, 3), dtype=np.uint8), (5, 9, 7), grid)
    assert found.centroid_voxel == (8.0, 9.0, 5.0)
    assert found.centroid_mm == pytest.approx((10 + 16 * 0.6 - 15 * 0.8, 20 + 16 * 0.8 + 15 * 0.6, 30 - 9))
    # From the middle: 3 columns of 2 mm and 4 rows of 1 mm, 6 * (0.6, 0.8, 0) + 4 * (0, 0, -1), of length root of 52.
    assert found.cosines == pytest.approx((3.6 / math.sqrt(52), 4.8 / math.sqrt(52), -4 / math.sqrt(52)))
    assert found.most == found.central == (5, 9, 8)


@given(
    offset=st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30)),
    turn=st.floats(-math.pi, math.pi),
)
def test_direction_cosines_have_length_one_on_any_grid(offset: tuple[int, int, int], turn: float) -> None:
    cos, sin = math.cos(turn), math.sin(turn)
    grid = Grid((5.0, -7.0, 11.0), (0.9, 1.1, 3.0), ((cos, sin, 0.0), (-sin, cos, 0.0), (0.0, 0.0, -1.0)), (77, 77, 77))
    found = features(sphere(2), offset, grid)
    assert found.cosines is not None
    assert math.hypot(*found.cosines) == pytest.approx(1)
    assert np.array(found.centroid_mm) == pytest.approx(grid.to_patient(np.array([found.centroid_voxel]))[0])


def test_a_mask_without_a_voxel_is_refused() -> None:
    with pytest.raises(ValueError, match="ROI 3 has no voxel"):
        features(np.zeros((2, 2, 2), dtype=np.uint8), (0, 0, 0))


def test_a_row_names_every_column_of_the_contract_with_plain_values() -> None:
    row = features(sphere(2), (1, 2, 3)).as_row()
    axes = ("axial", "coronal", "sagittal")
    assert list(row) == [
        "roi_number",
        "roi_name",
        *(f"slice_most_{axis}" for axis in axes),
        *(f"slice_central_{axis}" for axis in axes),
        "centroid_x_mm",
        "centroid_y_mm",
        "centroid_z_mm",
        "centroid_i",
        "centroid_j",
        "centroid_k",
        "cosine_x",
        "cosine_y",
        "cosine_z",
        "voxels",
        "picture",
    ]
    assert {type(value) for value in row.values()} <= {int, float, str}
    assert (row["slice_most_axial"], row["slice_most_coronal"], row["slice_most_sagittal"]) == (3, 4, 5)
    assert (row["centroid_i"], row["centroid_j"], row["centroid_k"]) == (5.0, 4.0, 3.0)
