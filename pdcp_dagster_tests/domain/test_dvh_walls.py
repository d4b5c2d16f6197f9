"""Thin walls around much: a rind of skin has the dose of its own depth, however large its box is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pdcp_dagster.domain.contours import planar_contours
from pdcp_dagster.domain.dose_grid import DoseGrid
from pdcp_dagster.domain.dvh import compute_dvh
from pdcp_dagster.domain.metrics import volume_at_dose_pct
from pdcp_dagster.domain.structures import Contour, Roi
from pdcp_dagster.domain.volume import Grid

UPRIGHT = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
GRID = Grid((-160.0, -160.0, -30.0), (1.0, 1.0, 3.0), UPRIGHT, (321, 321, 21))
OUTER_MM, WALL_MM = 150.0, 3.0


def ring(radius: float, z: float) -> Contour:
    angle = np.arange(720) * (2 * np.pi / 720)
    return Contour(np.column_stack([radius * np.cos(angle), radius * np.sin(angle), np.full(720, z)]), "CLOSED_PLANAR")


def rind() -> Roi:
    heights = np.arange(-24.0, 25.0, 3.0)
    return Roi(1, "Skin", tuple(ring(r, float(z)) for z in heights for r in (OUTER_MM, OUTER_MM - WALL_MM)))


def falling_outwards(gy_per_mm: float) -> DoseGrid:
    """60 Gy at the middle of the wall, and `gy_per_mm` less for each mm outwards."""
    along = np.arange(-160.0, 160.1, 2.5)
    across = np.arange(-30.0, 30.1, 2.5)
    _, j, i = np.meshgrid(across, along, along, indexing="ij")
    values: NDArray[np.float64] = 60 - gy_per_mm * (np.hypot(i, j) - (OUTER_MM - 0.5 * WALL_MM))
    return DoseGrid((-160.0, -160.0, -30.0), UPRIGHT, (2.5, 2.5), across + 30, values.astype(np.float32))


def test_in_a_rind_of_three_millimetres_the_dose_is_spread_over_three_millimetres() -> None:
    """2 Gy/mm: from 57 to 63 Gy evenly, but for the outer mm's being a hundredth longer than the inner one's."""
    found = compute_dvh(planar_contours(rind(), GRID), GRID, falling_outwards(2.0))
    assert found is not None
    assert found.dmean_gy == pytest.approx(60, abs=0.05)
    for gy in (58.0, 59.0, 60.0, 61.0, 62.0):
        assert volume_at_dose_pct(found, gy) == pytest.approx(100 * (63 - gy) / 6, abs=2.5), gy
