"""A dose on a small grid is that of the whole dose there, whatever the orientation and the planes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pdcp_dagster.domain.dose_grid import DoseGrid
from pdcp_dagster.domain.dose_part import dose_near, dose_of_part
from pdcp_dagster.domain.sampling import dose_on_grid
from pdcp_dagster.domain.volume import Grid, Vector

Axes = tuple[Vector, Vector, Vector]
UPRIGHT: Axes = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
FEET_FIRST: Axes = ((-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0))
SAGITTAL: Axes = ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (-1.0, 0.0, 0.0))
OFFSETS = np.array([0.0, 2.0, 4.0, 7.0, 8.0, 11.0, 13.0, 16.0, 20.0])
RNG = np.random.default_rng(8)


def turned(x: float, y: float, z: float) -> Axes:
    columns = Rotation.from_rotvec([x, y, z]).as_matrix().T
    rows = [(float(row[0]), float(row[1]), float(row[2])) for row in columns]
    return rows[0], rows[1], rows[2]


def rough_dose(axes: Axes = UPRIGHT) -> DoseGrid:
    """Return 12 x 11 x 9 voxels of 2 x 2.5 mm on uneven planes, about the origin, with a random dose."""
    values = RNG.uniform(1, 60, (9, 11, 12)).astype(np.float32)
    origin = -np.array([11.0, 12.5, 10.0]) @ np.array(axes)
    return DoseGrid((float(origin[0]), float(origin[1]), float(origin[2])), axes, (2.0, 2.5), OFFSETS, values)


@given(
    axes=st.sampled_from([UPRIGHT, FEET_FIRST, SAGITTAL, turned(0.2, -0.4, 0.3)]),
    dose_axes=st.sampled_from([UPRIGHT, SAGITTAL, turned(0.0, 0.0, 0.1)]),
    origin=st.tuples(*[st.floats(-20, 20)] * 3),
    size=st.tuples(*[st.integers(1, 6)] * 3),
)
def test_a_part_has_the_numbers_of_the_whole(
    axes: Axes, dose_axes: Axes, origin: Vector, size: tuple[int, int, int]
) -> None:
    grid = Grid(origin, (0.9, 1.1, 3.0), axes, size)
    dose = rough_dose(dose_axes)
    whole, part = dose_on_grid(dose, grid), dose_of_part(dose, grid)
    assert np.array_equal(np.isnan(whole), np.isnan(part))
    assert part == pytest.approx(whole, abs=1e-3, nan_ok=True)


def test_far_from_a_small_grid_the_dose_is_left_out_and_not_copied() -> None:
    dose = rough_dose()
    near = dose_near(dose, Grid((-1.0, 0.0, -3.0), (1.0, 1.0, 1.0), UPRIGHT, (3, 1, 1)))
    # Columns lie at -11, -9, ..., 11: -1 and 1 are two of them; two more on each side, and one for the upper end.
    assert near.origin_mm[0] == pytest.approx(-5)
    assert near.dose_gy.shape[2] <= 6
    assert near.plane_offsets_mm[0] == 0
    assert near.dose_gy.base is dose.dose_gy


def test_a_dose_of_one_plane_keeps_its_width() -> None:
    dose = DoseGrid((0.0, 0.0, 0.0), UPRIGHT, (2.0, 2.0), np.zeros(1), np.full((1, 5, 5), 7, dtype=np.float32))
    grid = Grid((4.0, 4.0, -1.5), (1.0, 1.0, 0.75), UPRIGHT, (1, 1, 5))
    assert dose_of_part(dose, grid)[:, 0, 0] == pytest.approx([np.nan, 7, 7, 7, np.nan], nan_ok=True)


def test_far_outside_the_dose_grid_nothing_is_known() -> None:
    far = Grid((500.0, 500.0, 500.0), (1.0, 1.0, 1.0), UPRIGHT, (3, 3, 1))
    assert np.isnan(dose_of_part(rough_dose(), far)).all()
