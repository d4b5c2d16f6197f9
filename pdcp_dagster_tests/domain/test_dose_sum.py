"""Where a sum of dose grids lies, what it holds, and what it would lose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pdcp_dagster.domain.dose_grid import DoseGrid
from pdcp_dagster.domain.dose_sum import sum_doses
from pdcp_dagster.domain.volume import Vector

UPRIGHT: tuple[Vector, Vector, Vector] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
C30, S30 = np.sqrt(0.75), 0.5
TURNED: tuple[Vector, Vector, Vector] = ((C30, S30, 0), (-S30, C30, 0), (0, 0, 1))
"""Turned by 30 degrees about the patient's long axis."""


def grid(gy: float, *, origin: Vector = (0, 0, 0), spacing: float = 2.0, size: int = 6) -> DoseGrid:
    """Return a uniform dose."""
    values = np.full((size, size, size), gy, dtype=np.float32)
    return DoseGrid(origin, UPRIGHT, (spacing, spacing), np.arange(size) * np.float64(spacing), values)


def test_a_sum_lies_on_the_region_that_all_grids_cover_at_the_finest_spacing() -> None:
    """A: centres 0 to 10 mm in steps of 2, ending at 11; B: 4 to 19 in steps of 3, beginning at 2.5.

    A's voxels at 4, 6, 8 and 10 mm lie whole in both; the one at 2 begins at 1, where B is unknown.
    """
    parts = [grid(30), grid(22, origin=(4, 4, 4), spacing=3.0)]
    for order in (parts, parts[::-1]):
        total = sum_doses(order)
        summed = total.grid
        assert summed.spacing_mm == pytest.approx((2, 2))
        assert summed.origin_mm == pytest.approx((4, 4, 4))
        assert summed.plane_offsets_mm == pytest.approx([0, 2, 4, 6])
        assert summed.dose_gy == pytest.approx(np.full((4, 4, 4), 52))
        assert total.resampled


def test_a_sum_of_linear_doses_is_linear_whatever_the_order_and_sign_of_the_axes() -> None:
    """Dose 5 + x Gy at x mm on both; the second's columns run along z, its planes along -x, from 14 down to -1 mm."""
    ramp = np.broadcast_to(np.arange(5, 17, 2, dtype=np.float32), (6, 6, 6))
    turned = np.broadcast_to(np.arange(19, 1, -3, dtype=np.float32)[:, None, None], (6, 6, 6))
    axes: tuple[Vector, Vector, Vector] = ((0, 0, 1), (0, 1, 0), (-1, 0, 0))
    offsets = np.arange(6) * np.float64(3)
    other = DoseGrid((14, 0, 0), axes, (3.0, 3.0), offsets, turned)
    summed = sum_doses([replace(grid(0), dose_gy=ramp), other]).grid
    assert summed.origin_mm == pytest.approx((0, 0, 0))
    assert summed.dose_gy == pytest.approx(2 * ramp, abs=1e-4)


ORIGIN = np.array([-40.0, 20.0, 10.0])


def linear(axes: tuple[Vector, Vector, Vector], low: float, spacing: float, size: int) -> DoseGrid:
    """Dose 40 + 0.3 x - 0.2 y + 0.1 z Gy, the first voxel `low` mm from `ORIGIN` along every axis."""
    steps = low + spacing * np.arange(size, dtype=np.float64)
    k, j, i = np.meshgrid(steps, steps, steps, indexing="ij")
    points = ORIGIN + np.stack([i, j, k], axis=-1) @ np.array(axes)
    values = (40 + points @ np.array([0.3, -0.2, 0.1])).astype(np.float32)
    x, y, z = points[0, 0, 0]
    return DoseGrid((x, y, z), axes, (spacing, spacing), steps - low, values)


@pytest.mark.parametrize("other", [TURNED, UPRIGHT], ids=["both turned", "one turned"])
def test_a_sum_of_linear_doses_on_turned_grids_is_linear(other: tuple[Vector, Vector, Vector]) -> None:
    """A cube from -10 to 10 mm within one from -30 to 30 mm, which covers it turned by 30 degrees, too."""
    parts = [linear(TURNED, -30, 3.0, 21), linear(other, -10, 2.0, 11)]
    for order in (parts, parts[::-1]):
        summed = sum_doses(order).grid
        i_mm, j_mm, k_mm = summed.axis_positions_mm()
        k, j, i = np.meshgrid(k_mm, j_mm, i_mm, indexing="ij")
        points = np.array(summed.origin_mm) + np.stack([i, j, k], axis=-1) @ np.array(summed.axes)
        assert summed.axes == other
        assert summed.dose_gy.shape == (11, 11, 11)
        assert summed.dose_gy == pytest.approx(2 * (40 + points @ np.array([0.3, -0.2, 0.1])), abs=1e-3)


def hot_at(*at: int) -> DoseGrid:
    """Return 10 voxels along each axis: 4 Gy at voxel (i, j, k), and 3 Gy in the middle."""
    values = np.zeros((10, 10, 10), dtype=np.float32)
    values[5, 5, 5] = 3
    values[at[::-1]] = 4
    return replace(grid(0, size=10), dose_gy=values)


@pytest.mark.parametrize(
    ("at", "share"), [((5, 5, 6), 0), ((1, 1, 1), 0), ((0, 5, 5), 0.25), ((5, 0, 5), 0.25), ((5, 5, 0), 0.25)]
)
def test_a_sum_tells_how_much_of_its_height_each_dose_loses_but_for_the_voxels_at_its_border(
    at: tuple[int, int, int], share: float
) -> None:
    """Voxels at 0, 2, ... 18 mm; the other begins at 3 mm: the voxel at 2 mm is at the border, that at 0 mm is lost."""
    total = sum_doses([hot_at(*at), grid(3, origin=(4, 4, 4), size=8)])
    assert total.grid.origin_mm == pytest.approx((4, 4, 4))
    assert total.lost_shares == pytest.approx((share, 0))


def test_what_turned_grids_lose_is_found_along_the_axes_of_the_sum() -> None:
    """A cube from -5 to 5 mm, turned by 30 degrees about z, in one from -10 to 10 mm that covers it whole.

    The sum lies along the axes of the small one; of the large one the voxel at z = 9 mm is outside.
    """
    small = DoseGrid(
        tuple(float(value) for value in np.array([-5.0, -5, -5]) @ np.array(TURNED)),  # type: ignore[arg-type] # three
        TURNED,
        (1.0, 1.0),
        np.arange(11) * np.float64(1),
        np.ones((11, 11, 11), np.float32),
    )
    for place, share in (((19, 10, 10), 1.0), ((10, 10, 10), 0.0)):
        values = np.zeros((21, 21, 21), np.float32)
        values[place] = 8
        large = DoseGrid((-10, -10, -10), UPRIGHT, (1.0, 1.0), np.arange(21) * np.float64(1), values)
        total = sum_doses([large, small])
        assert total.grid.axes == TURNED
        assert total.lost_shares == (share, 0)


def test_on_one_geometry_nothing_is_lost() -> None:
    total = sum_doses([grid(30), grid(22)])
    assert (total.resampled, total.lost_shares) == (False, (0, 0))
    assert set(total.grid.dose_gy.ravel().tolist()) == {52}
