"""Stacks of contours and doses whose answers are known: what the tests of the DVH draw.

All about the origin, in LPS mm and Gy.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pdcp_dagster.domain.contours import PlanarContours, planar_contours
from pdcp_dagster.domain.dose_grid import DoseGrid
from pdcp_dagster.domain.dvh import Dvh, DvhSettings, compute_dvh
from pdcp_dagster.domain.structures import Contour, Roi
from pdcp_dagster.domain.volume import Grid, Vector

Points = NDArray[np.float64]
Axes = tuple[Vector, Vector, Vector]
UPRIGHT: Axes = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
GRID = Grid((-60.0, -60.0, -60.0), (1.0, 1.0, 3.0), UPRIGHT, (121, 121, 41))
SI, AP, OBLIQUE = np.array([0, 0, 1.0]), np.array([0, 1.0, 0]), np.array([0.5, 0.4, 0.3])
OFFSET_GY = 70.0


def dose_of(
    gradient: Points, *, spacing: float = 2.5, axes: Axes = UPRIGHT, half_mm: float = 50.0, centre: Vector = (0, 0, 0)
) -> DoseGrid:
    """Dose 70 Gy + gradient . r on a cube of voxel centres from -half to half along its own axes."""
    along = np.arange(-half_mm, half_mm + 1e-6, spacing)
    k, j, i = np.meshgrid(along, along, along, indexing="ij")
    rows = np.array(axes, dtype=np.float64)
    places = np.stack([i, j, k], axis=-1) @ rows + np.array(centre)
    origin = np.array(centre) - half_mm * rows.sum(axis=0)
    values = (OFFSET_GY + places @ gradient).astype(np.float32)
    return DoseGrid((origin[0], origin[1], origin[2]), axes, (spacing, spacing), along + half_mm, values)


def disc(radius: float, z: float, *, points: int = 72, middle: tuple[float, float] = (0.3, -0.2)) -> Points:
    angle = np.arange(points) * (2 * np.pi / points)
    return np.column_stack([middle[0] + radius * np.cos(angle), middle[1] + radius * np.sin(angle), np.full(points, z)])


def sphere(radius: float, dz: float) -> list[Points]:
    heights = np.arange(-radius + dz / 2, radius, dz)
    return [disc(float(np.sqrt(radius**2 - z**2)), float(z)) for z in heights]


def cylinder(radius: float, dz: float) -> list[Points]:
    return [disc(radius, float(z)) for z in np.arange(-12 + dz / 2, 12, dz)]


def cone(radius: float, dz: float) -> list[Points]:
    heights = np.arange(-12 + dz / 2, 12, dz)
    return [disc(radius * float(z + 12) / 24, float(z)) for z in heights]


def annulus(radius: float, dz: float) -> list[Points]:
    return cylinder(radius, dz) + cylinder(radius / 2, dz)


def keyhole(radius: float, dz: float) -> list[Points]:
    rings = zip(cylinder(radius, dz), cylinder(radius / 2, dz), strict=True)
    return [np.vstack([outer, outer[:1], inner[:1], inner[::-1], outer[:1]]) for outer, inner in rings]


def stack(contours: list[Points], grid: Grid = GRID) -> PlanarContours:
    return planar_contours(Roi(1, "roi", tuple(Contour(points, "CLOSED_PLANAR") for points in contours)), grid)


def dvh_of(contours: list[Points], dose: DoseGrid, chosen: DvhSettings | None = None, grid: Grid = GRID) -> Dvh:
    found = compute_dvh(stack(contours, grid), grid, dose, chosen)
    assert found is not None
    return found


def peaked(spacing: float, axes: Axes = UPRIGHT) -> DoseGrid:
    """60 Gy exp(-r^2 / 2 / 15^2)."""
    dose = dose_of(SI, spacing=spacing, axes=axes)
    k, j, i = np.meshgrid(*(along - 50 for along in reversed(dose.axis_positions_mm())), indexing="ij")
    return replace(dose, dose_gy=(60 * np.exp(-(i**2 + j**2 + k**2) / 450)).astype(np.float32))


def outline(radii: list[float], z: float) -> Points:
    """A star-shaped polygon."""
    angle = np.arange(len(radii)) * (2 * np.pi / len(radii))
    return np.column_stack([np.cos(angle) * radii, np.sin(angle) * radii, np.full(len(radii), z)])
