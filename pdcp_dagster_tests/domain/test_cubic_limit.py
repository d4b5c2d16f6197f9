"""How far a cubic dose may go: never beyond its stated limit, at a step nowhere, over a smooth peak far enough."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from pdcp_dagster.domain.cubic_limit import ALLOWANCE, dose_limits
from pdcp_dagster.domain.dose_grid import DoseGrid
from pdcp_dagster.domain.dvh_lattice import Cells, dose_lattice
from pdcp_dagster.domain.interpolation import DoseAxis
from pdcp_dagster.domain.volume import Grid, Vector

Doses = NDArray[np.float32]
UPRIGHT: tuple[Vector, Vector, Vector] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
TURNED: tuple[Vector, Vector, Vector] = ((0.8, 0.6, 0), (-0.48, 0.64, 0.6), (0.36, -0.48, 0.8))
IMAGE = Grid((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), UPRIGHT, (2, 2, 2))
VOXELS = 6

rough = arrays(np.float32, (VOXELS, VOXELS, VOXELS), elements=st.sampled_from([0.0, 1.0, 10.0, 50.0, 60.0]))
steps = st.sampled_from([1.0, 2.5, 4.0])


def axes_of(offsets: NDArray[np.float64], step: float = 2.0) -> tuple[DoseAxis, DoseAxis, DoseAxis]:
    even = np.arange(VOXELS, dtype=np.float64) * np.float64(step)
    return DoseAxis(even, step), DoseAxis(even, step), DoseAxis(offsets, step)


def around(values: NDArray[np.floating], at: Sequence[int]) -> NDArray[np.floating]:
    """The 4 x 4 x 4 values around an interval, fewer at the ends."""
    k, j, i = (slice(max(n - 1, 0), n + 3) for n in at)
    return np.asarray(values[k, j, i])


def room(values: Doses, at: Sequence[int], positions: list[NDArray[np.float64]], sign: int) -> float:
    """The widening of the limit in one direction, worked out voxel by voxel."""
    total = 0.0
    for axis in range(3):
        p = positions[axis]
        moved = np.moveaxis(values.astype(np.float64), axis, 0)
        bend = np.zeros_like(moved)
        for n in range(1, VOXELS - 1):
            left, right = (moved[n] - moved[n - 1]) / (p[n] - p[n - 1]), (moved[n + 1] - moved[n]) / (p[n + 1] - p[n])
            bend[n] = 2 * (right - left) / (p[n + 1] - p[n - 1])
        least = float((sign * around(np.moveaxis(bend, 0, axis), at)).min())
        width = p[at[axis] + 1] - p[at[axis]]
        total += ALLOWANCE * width**2 * max(0.0, least)
    return total


@settings(max_examples=15, deadline=None, derandomize=True)
@given(values=rough, gaps=st.lists(steps, min_size=VOXELS - 1, max_size=VOXELS - 1))
def test_the_limit_is_the_range_around_and_the_least_curvature(values: Doses, gaps: list[float]) -> None:
    offsets = np.concatenate([[0.0], np.cumsum(gaps)])
    axes = axes_of(offsets)
    limits = dose_limits(values, axes)
    positions = [axis.positions_mm for axis in reversed(axes)]
    for at in itertools.product((0, 2, VOXELS - 2), repeat=3):
        lowest, highest = float(around(values, at).min()), float(around(values, at).max())
        high = highest + room(values, at, positions, -1)
        low = max(lowest - room(values, at, positions, 1), min(lowest, 0))
        assert (limits.low_gy[at], limits.high_gy[at]) == pytest.approx((low, high), rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("axes", [UPRIGHT, TURNED], ids=["upright", "rotated"])
@settings(max_examples=15, deadline=None, derandomize=True)
@given(values=rough, gaps=st.lists(steps, min_size=VOXELS - 1, max_size=VOXELS - 1))
def test_no_cubic_dose_is_beyond_its_limit(
    axes: tuple[Vector, Vector, Vector], values: Doses, gaps: list[float]
) -> None:
    """Every 0.5 mm through a rough dose of 2 mm voxels on uneven planes, and never on a border of two intervals."""
    offsets = np.concatenate([[0.0], np.cumsum(gaps)])
    limits = dose_limits(values, axes_of(offsets))
    along = np.arange(-8.0, 20.0, 0.5) + 0.0137
    lattice = dose_lattice(
        DoseGrid((0, 0, 0), axes, (2.0, 2.0), offsets, values), IMAGE, Cells(along, along, along, 0.5, 0.5), "cubic"
    )
    planes = lattice.planes(np.arange(len(along)), np.ones((len(along),) * 3, dtype=bool))
    assert planes.inside is not None
    inside = planes.inside >= 0.5
    k, j, i = np.meshgrid(along, along, along, indexing="ij")
    own = (np.stack([i, j, k], axis=-1) @ np.array(axes).T)[inside]
    cell_i, cell_j, cell_k = (axis.cell(at) for axis, at in zip(axes_of(offsets), own.T, strict=True))
    doses, where = planes.dose_gy[inside], (cell_k, cell_j, cell_i)
    assert len(doses) > 1000
    assert (doses <= limits.high_gy[where] + 1e-3).all()
    assert (doses >= limits.low_gy[where] - 1e-3).all()
    assert doses.min() >= 0
    assert doses.max() <= lattice.max_gy + 1e-3


def beam(edge: str) -> Doses:
    """24 voxels each way: 50 Gy within and 10 Gy without, by a plane, a corner or a slab."""
    k, j, i = np.indices((24, 24, 24))
    inside = {"plane": i > 11, "corner": (i > 11) & (j > 10) & (k > 12), "slab": abs(i - 12) <= 3}[edge]
    return np.where(inside, np.float32(50), np.float32(10))


@pytest.mark.parametrize("edge", ["plane", "corner", "slab"])
def test_at_a_step_no_dose_is_beyond_those_of_the_voxels(edge: str) -> None:
    """An unlimited spline gives 54.3 Gy at the plane and 64.4 Gy at the corner."""
    values = beam(edge)
    offsets = np.arange(24, dtype=np.float64) * np.float64(2.5)
    at = np.arange(5, 50, 0.5)
    dose = DoseGrid((0, 0, 0), UPRIGHT, (2.5, 2.5), offsets, values)
    lattice = dose_lattice(dose, IMAGE, Cells(at, at, at, 0.5, 0.5), "cubic")
    sampled = lattice.planes(np.arange(len(at)), np.ones((len(at),) * 3, dtype=bool)).dose_gy
    assert (float(sampled.min()), float(sampled.max())) == pytest.approx((10, 50), abs=1e-3)


@pytest.mark.parametrize(("sigma", "spacing"), [(15.0, 2.5), (15.0, 3.0), (6.0, 1.0), (6.0, 2.5)])
def test_a_smooth_peak_between_voxels_keeps_its_top(sigma: float, spacing: float) -> None:
    """60 Gy in the middle between eight voxels, whose doses are 60 exp(-3 (spacing / 2)^2 / 2 sigma^2)."""
    along = (np.arange(24, dtype=np.float64) - 11.5) * np.float64(spacing)
    k, j, i = np.meshgrid(along, along, along, indexing="ij")
    values = (60 * np.exp(-(i**2 + j**2 + k**2) / (2 * sigma**2))).astype(np.float32)
    corner = float(along[0])
    dose = DoseGrid((corner, corner, corner), UPRIGHT, (spacing, spacing), along - corner, values)
    middle = np.array([0.0])
    lattice = dose_lattice(dose, IMAGE, Cells(middle, middle, middle, 0.5, 0.5), "cubic")
    centre_gy = lattice.planes(np.array([0]), np.ones((1, 1, 1), dtype=bool)).centre_gy
    assert centre_gy is not None
    assert float(centre_gy[0, 0, 0]) == pytest.approx(60, abs=0.07)
    assert float(centre_gy[0, 0, 0]) > float(values.max()) + 0.25
