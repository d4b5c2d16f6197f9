"""Laws of sampling a dose: exact where the dose is linear, unknown outside its grid, whatever the orientation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pdcp_dagster.domain.dose_grid import DoseGrid
from pdcp_dagster.domain.interpolation import DoseAxis
from pdcp_dagster.domain.sampling import align_dose, dose_at_points, dose_on_grid
from pdcp_dagster.domain.volume import Grid, Vector

Axes = tuple[Vector, Vector, Vector]
UPRIGHT: Axes = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
GRADIENT = np.array([0.3, -0.2, 0.1])
SIGNED_PERMUTATIONS: list[Axes] = [
    UPRIGHT,
    ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    ((0, 1, 0), (0, 0, -1), (-1, 0, 0)),
    ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
    ((0, 0, 1), (1, 0, 0), (0, 1, 0)),
]


def linear(points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(20 + points_mm @ GRADIENT)


def linear_dose(
    centre: Vector = (0, 0, 0), axes: Axes = UPRIGHT, offsets: tuple[float, ...] = (0, 2, 4, 7, 8, 11, 13, 16)
) -> DoseGrid:
    """10 x 9 voxels of 2 x 2.5 mm on uneven planes, centred, with a dose that is linear in the patient."""
    columns = np.array(axes, dtype=np.float64)
    extent = np.array([9 * 2.0, 8 * 2.5, offsets[-1]])
    origin = np.array(centre) - 0.5 * extent @ columns
    k, j, i = np.meshgrid(offsets, np.arange(9) * 2.5, np.arange(10) * 2.0, indexing="ij")
    values = linear(origin + np.stack([i, j, k], axis=-1) @ columns).astype(np.float32)
    return DoseGrid((origin[0], origin[1], origin[2]), axes, (2.0, 2.5), np.array(offsets, dtype=np.float64), values)


def points_of(grid: Grid) -> NDArray[np.float64]:
    k, j, i = np.meshgrid(*(np.arange(n, dtype=np.float64) for n in grid.shape), indexing="ij")
    return grid.to_patient(np.stack([i, j, k], axis=-1).reshape(-1, 3)).reshape(*grid.shape, 3)


@pytest.mark.parametrize("axes", SIGNED_PERMUTATIONS)
def test_a_linear_dose_is_exact_on_any_parallel_grid(axes: Axes) -> None:
    grid = Grid((-6.3, -5.1, -4.2), (1.1, 0.7, 1.3), UPRIGHT, (11, 13, 7))
    sampled = dose_on_grid(linear_dose(axes=axes), grid)
    assert align_dose(linear_dose(axes=axes), grid) is not None
    assert sampled.dtype == np.float32
    assert sampled == pytest.approx(linear(points_of(grid)), abs=1e-4)


def test_a_linear_dose_is_exact_on_a_rotated_grid() -> None:
    turned = Rotation.from_rotvec([0.2, -0.4, 0.3]).as_matrix().T
    axes = tuple((float(a[0]), float(a[1]), float(a[2])) for a in turned)
    dose = linear_dose(axes=(axes[0], axes[1], axes[2]))
    grid = Grid((-3.3, -2.1, -2.2), (0.9, 0.7, 1.3), UPRIGHT, (6, 6, 4))
    assert align_dose(dose, grid) is None
    assert dose_on_grid(dose, grid) == pytest.approx(linear(points_of(grid)), abs=1e-4)


def test_outside_its_grid_a_dose_is_unknown_and_the_outer_half_voxel_is_inside() -> None:
    """Voxel centres reach from -9 to 9 along x in steps of 2 mm, so the border lies at 10."""
    dose = linear_dose()
    points = np.array([[-10.1, 0, 0], [-9.9, 0, 0], [9, 0, 0], [9.9, 0, 0], [10.1, 0, 0]])
    sampled = dose_at_points(dose, points)
    assert np.isnan(sampled[[0, 4]]).all()
    border = linear(np.array([[-9.0, 0, 0], [9, 0, 0], [9, 0, 0]]))
    assert sampled[1:4] == pytest.approx(border, abs=1e-4)
    on_grid = dose_on_grid(dose, Grid((-12.0, 0, 0), (1.0, 1.0, 1.0), UPRIGHT, (25, 1, 1)))
    assert np.isfinite(on_grid[0, 0]).tolist() == [2 <= n <= 22 for n in range(25)]


def test_a_dose_far_away_is_unknown_everywhere() -> None:
    grid = Grid((500.0, 0, 0), (1.0, 1.0, 1.0), UPRIGHT, (3, 3, 3))
    assert np.isnan(dose_on_grid(linear_dose(), grid)).all()


def test_a_dose_of_a_single_plane_is_known_within_one_voxel_of_it() -> None:
    dose = linear_dose(offsets=(0,))
    sampled = dose_at_points(dose, np.array([[0, 0, 0], [0, 0, 1.2], [0, 0, 1.4]], dtype=np.float64))
    assert np.isfinite(sampled).tolist() == [True, True, False]


@settings(max_examples=40, deadline=None)
@given(
    shift=st.tuples(st.floats(-300, 300), st.floats(-300, 300), st.floats(-300, 300)),
    turn=st.tuples(st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3)),
)
def test_points_inside_get_the_linear_dose_in_any_orientation(shift: Vector, turn: Vector) -> None:
    rows = Rotation.from_rotvec(turn).as_matrix()
    axes = tuple((float(a[0]), float(a[1]), float(a[2])) for a in rows)
    dose = linear_dose(shift, (axes[0], axes[1], axes[2]))
    points = np.random.default_rng(0).uniform(-4, 4, (50, 3)) + shift
    assert dose_at_points(dose, points) == pytest.approx(linear(points), abs=1e-3)


def test_cubic_weights_reproduce_a_cubic_and_the_known_values() -> None:
    at = np.array([0.0, 1.0, 2.5, 4.0, 5.5, 8.0])
    axis = DoseAxis(at, 1.0)
    asked = np.array([0.0, 0.4, 2.5, 3.3, 7.9])
    assert axis.matrix(asked, "cubic") @ (at**3 - 2 * at) == pytest.approx(asked**3 - 2 * asked, rel=1e-4, abs=1e-3)
    assert axis.matrix(at, "cubic") == pytest.approx(np.eye(6), abs=1e-6)
    assert axis.matrix(asked).sum(axis=1) == pytest.approx(np.ones(5))


EVEN = DoseAxis(np.arange(0.0, 20.0, 2.0), 2.0)
"""Voxels from -1 to 19 mm."""


@settings(max_examples=100, deadline=None)
@given(first=st.floats(-30, -5), width=st.floats(0.05, 4))
def test_the_shares_of_cells_inside_add_up_to_the_width_of_the_grid(first: float, width: float) -> None:
    """Cells side by side from before the grid to beyond it; positions are allowed 0.001 mm at either end."""
    at = first + width * np.arange(np.ceil((25 - first) / width) + 1)
    assert width * EVEN.inside_share(at, width).sum(dtype=np.float64) == pytest.approx(20, abs=0.0025)


def test_a_cell_inside_the_grid_counts_wholly_one_outside_not_and_one_on_the_border_by_half() -> None:
    at = np.array([-40.0, -1.6, -1.0, -0.4, 9.0, 18.4, 19.0, 19.6, 60.0])
    assert EVEN.inside_share(at, 1.0) == pytest.approx([0, 0, 0.5, 1, 1, 1, 0.5, 0, 0], abs=0.002)
    assert EVEN.inside_share(np.array([-1.0 + 0.15, 19 - 0.15]), 1.0) == pytest.approx([0.65, 0.65], abs=0.002)


def test_of_a_cell_wider_than_the_grid_the_grid_is_the_share() -> None:
    assert EVEN.inside_share(np.array([9.0]), 50.0) == pytest.approx([20 / 50], abs=1e-4)


def test_a_grid_of_one_voxel_is_as_wide_as_that_voxel() -> None:
    """At 3 mm and 2.5 mm wide: from 1.75 to 4.25."""
    lone = DoseAxis(np.array([3.0]), 2.5)
    assert lone.inside_share(np.array([1.0, 1.75, 3.0, 4.25, 5.0]), 1.0) == pytest.approx(
        [0, 0.5, 1, 0.5, 0], abs=0.002
    )
    assert lone.inside_share(np.array([3.0]), 10.0) == pytest.approx([0.25], abs=1e-3)


def test_uneven_voxels_end_half_their_own_distance_beyond_the_last() -> None:
    """At 0, 2 and 5 mm: from -1 to 6.5."""
    uneven = DoseAxis(np.array([0.0, 2.0, 5.0]), 2.0)
    assert uneven.inside_share(np.array([-1.0, 6.5, 6.0, 7.0]), 1.0) == pytest.approx([0.5, 0.5, 1, 0], abs=0.002)


def test_a_cell_as_narrow_as_a_point_is_inside_where_the_point_is() -> None:
    at = np.linspace(-3, 21, 481) + 0.013
    assert np.array_equal(EVEN.inside_share(at, 1e-6), EVEN.inside(at).astype(np.float32))
