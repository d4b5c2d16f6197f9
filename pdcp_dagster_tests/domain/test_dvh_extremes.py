"""The extremes of a ROI are those of the dose voxels inside it, and of no voxel outside."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pdcp_dagster.domain.contours import planar_contours
from pdcp_dagster.domain.dose_grid import DoseGrid
from pdcp_dagster.domain.dvh import Dvh, compute_dvh
from pdcp_dagster.domain.structures import Contour, Roi
from pdcp_dagster.domain.volume import Grid, Vector

UPRIGHT: tuple[Vector, Vector, Vector] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
IMAGE = Grid((-60.0, -60.0, -30.0), (1.0, 1.0, 3.0), UPRIGHT, (121, 121, 21))
SPACING = 2.5
VOXELS = 61
MIDDLE = VOXELS // 2


def turned(angles: tuple[float, float, float]) -> tuple[Vector, Vector, Vector]:
    rows = Rotation.from_rotvec(angles).as_matrix()
    first, second, third = ((float(a[0]), float(a[1]), float(a[2])) for a in rows)
    return first, second, third


def dose_with_one_odd_voxel(at: tuple[int, int, int], gy: float, axes: tuple[Vector, Vector, Vector]) -> DoseGrid:
    """50 Gy but for one voxel, so many voxels along i, j and k from the middle, which lies at 0."""
    values = np.full((VOXELS, VOXELS, VOXELS), 50, dtype=np.float32)
    values[MIDDLE + at[2], MIDDLE + at[1], MIDDLE + at[0]] = gy
    origin = -MIDDLE * SPACING * np.array(axes).sum(axis=0)
    offsets = np.arange(VOXELS, dtype=np.float64) * np.float64(SPACING)
    return DoseGrid((origin[0], origin[1], origin[2]), axes, (SPACING, SPACING), offsets, values)


def ring(radius: float, z: float) -> NDArray[np.float64]:
    angle = np.arange(90) * (2 * np.pi / 90)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle), np.full(90, z)])


def tube(dose: DoseGrid, inner: float | None) -> Dvh:
    """A cylinder of 50 mm from z = -28.5 to 28.5, hollow if `inner` says so."""
    heights = np.arange(-27.0, 27.1, 3)
    contours = [ring(radius, float(z)) for z in heights for radius in (50.0, inner) if radius]
    roi = Roi(1, "tube", tuple(Contour(points, "CLOSED_PLANAR") for points in contours))
    found = compute_dvh(planar_contours(roi, IMAGE), IMAGE, dose)
    assert found is not None
    return found


AXES = [UPRIGHT, ((0, 0, 1), (1, 0, 0), (0, 1, 0)), turned((0.2, 0.1, 0.4))]


@pytest.mark.parametrize("axes", AXES, ids=["upright", "permuted", "rotated"])
@pytest.mark.parametrize("gy", [80.0, 20.0])
@pytest.mark.parametrize("at", [(0, 0, 0), (5, -6, 3)])
def test_one_odd_voxel_inside_is_the_extreme(
    at: tuple[int, int, int], gy: float, axes: tuple[Vector, Vector, Vector]
) -> None:
    found = tube(dose_with_one_odd_voxel(at, gy, axes), None)
    assert (found.dmin_gy, found.dmax_gy) == pytest.approx((min(gy, 50), max(gy, 50)))


@pytest.mark.parametrize("axes", AXES, ids=["upright", "permuted", "rotated"])
@pytest.mark.parametrize("gy", [80.0, 20.0])
def test_an_odd_voxel_in_the_hollow_is_none(gy: float, axes: tuple[Vector, Vector, Vector]) -> None:
    found = tube(dose_with_one_odd_voxel((2, 0, 1), gy, axes), 20.0)
    assert (found.dmin_gy, found.dmax_gy) == pytest.approx((50, 50))


@pytest.mark.parametrize("at", [(16, 16, 0), (0, 0, 13)])
def test_an_odd_voxel_beside_or_beyond_the_roi_is_none(at: tuple[int, int, int]) -> None:
    """(40, 40, 0) is 57 mm from the axis, within the box; z = 32.5 is 4 mm above the top cap."""
    found = tube(dose_with_one_odd_voxel(at, 80.0, UPRIGHT), None)
    assert found.dmax_gy == pytest.approx(50)
