"""Homogeneity and conformity of a sphere within a sphere, in a linear dose: by the volumes of spherical caps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pdcp_dagster.domain.contours import planar_contours
from pdcp_dagster.domain.dose_grid import DoseGrid
from pdcp_dagster.domain.dvh import Dvh, compute_dvh
from pdcp_dagster.domain.metrics import TARGET_OUTSIDE_EXTERNAL, dvh_row
from pdcp_dagster.domain.prescription import prescription_isodose_volume_cm3
from pdcp_dagster.domain.structures import Contour, Roi
from pdcp_dagster.domain.volume import Grid

AXES = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
GRID = Grid((-50.0, -50.0, -50.0), (1.0, 1.0, 1.0), AXES, (101, 101, 101))
TARGET_MM, BODY_MM = 20.0, 40.0
MIDDLE_GY = 50.0


def dose(half_mm: float = 45.0) -> DoseGrid:
    """50 Gy + 1 Gy/mm towards the back, on a cube of 2.5 mm voxels."""
    along = np.arange(-half_mm, half_mm + 1e-6, 2.5)
    values = np.broadcast_to(MIDDLE_GY + along[None, :, None], (len(along),) * 3).astype(np.float32)
    return DoseGrid((-half_mm,) * 3, AXES, (2.5, 2.5), along + half_mm, values)


def sphere(radius_mm: float) -> Dvh:
    angle = np.arange(360) * (2 * np.pi / 360)
    contours = []
    for z in np.arange(-radius_mm + 0.5, radius_mm, 1.0):
        across = np.sqrt(radius_mm**2 - z**2)
        points = np.column_stack([across * np.cos(angle), across * np.sin(angle), np.full(360, z)])
        contours.append(Contour(points, "CLOSED_PLANAR"))
    found = compute_dvh(planar_contours(Roi(1, "PTV", tuple(contours)), GRID), GRID, dose())
    assert found is not None
    return found


@pytest.fixture(scope="module")
def target() -> Dvh:
    return sphere(TARGET_MM)


@pytest.fixture(scope="module")
def body() -> Dvh:
    return sphere(BODY_MM)


def share_above(depth_mm: float, radius_mm: float) -> float:
    """Share of a sphere on the far side of a plane that lies `depth_mm` before its centre."""
    t = depth_mm / radius_mm
    return (2 + 3 * t - t**3) / 4


@pytest.mark.parametrize("prescription_gy", [50.0, 40.0, 35.0, 60.0])
def test_conformity_is_the_volume_of_the_caps(target: Dvh, body: Dvh, prescription_gy: float) -> None:
    depth = MIDDLE_GY - prescription_gy
    piv, covered = 8 * share_above(depth, BODY_MM), share_above(depth, TARGET_MM)
    piv_cm3 = prescription_isodose_volume_cm3(body, dose(), prescription_gy)
    row = dvh_row(target, prescription_gy=prescription_gy, is_target=True, piv_cm3=piv_cm3)
    assert row["ci_rtog"] == pytest.approx(piv, rel=5e-3)
    assert row["ci_paddick"] == pytest.approx(covered**2 / piv, rel=5e-3)


def test_homogeneity_is_the_range_of_dose_over_its_median(target: Dvh) -> None:
    """2 % of a sphere lie beyond t with t^3 - 3 t + 2 = 0.08."""
    t = next(root.real for root in np.roots([1, 0, -3, 1.92]) if 0 < root.real < 1)
    row = dvh_row(target, prescription_gy=50, is_target=True)
    assert row["hi_icru83"] == pytest.approx(2 * t * TARGET_MM / MIDDLE_GY, rel=2e-3)


def test_without_a_body_there_is_homogeneity_and_no_conformity(target: Dvh) -> None:
    row = dvh_row(target, prescription_gy=50, is_target=True, piv_cm3=prescription_isodose_volume_cm3(None, dose(), 50))
    assert row["hi_icru83"] is not None
    assert (row["ci_rtog"], row["ci_paddick"]) == (None, None)


def test_organs_unknown_prescriptions_and_targets_outside_the_dose_have_no_indices(target: Dvh) -> None:
    organ = dvh_row(target, prescription_gy=50, is_target=False, piv_cm3=100)
    unknown = dvh_row(target, prescription_gy=None, is_target=True, piv_cm3=None)
    outside = dvh_row(replace(target, dose_coverage=0.9), prescription_gy=50, is_target=True, piv_cm3=100)
    for row in (organ, unknown, outside):
        assert [row[name] for name in ("hi_icru83", "ci_rtog", "ci_paddick")] == [None, None, None]


def test_a_body_and_a_target_whose_contours_are_swapped_have_no_conformity_and_a_flag(target: Dvh, body: Dvh) -> None:
    """Half of each sphere gets 50 Gy; Paddick's index of the large one in the small one would be 0.5 * 8."""
    piv_cm3 = prescription_isodose_volume_cm3(target, dose(), 50)
    row = dvh_row(body, prescription_gy=50, is_target=True, piv_cm3=piv_cm3)
    assert (row["ci_rtog"], row["ci_paddick"]) == (None, None)
    assert row["flags"] == sorted({*body.flags, TARGET_OUTSIDE_EXTERNAL})
    upright = dvh_row(target, prescription_gy=50, is_target=True, piv_cm3=piv_cm3)
    assert upright["ci_paddick"] == pytest.approx(0.5)
    assert upright["flags"] == list(target.flags)


def test_an_isodose_that_no_part_of_the_body_reaches_has_no_conformity(target: Dvh, body: Dvh) -> None:
    piv_cm3 = prescription_isodose_volume_cm3(body, dose(), 120.0)
    assert piv_cm3 == 0
    row = dvh_row(target, prescription_gy=120, is_target=True, piv_cm3=piv_cm3)
    assert (row["ci_rtog"], row["ci_paddick"]) == (None, None)
