"""The cases of the analytic bench: shapes x slices x doses x dose grids, each shifted by less than a voxel.

What lives here: where everything lies, and the dose on its grid. What does not: the right answers (`analytic_truth`),
DICOM files of a case (`analytic_files`), tables (`analytic`).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.domain.contours import PlanarContours, planar_contours
from pdcp_dagster.domain.dose_grid import DoseGrid
from pdcp_dagster.domain.structures import Contour, Roi
from pdcp_dagster.domain.volume import Grid, Vector
from pdcp_dagster_tests.bench.analytic_shapes import SHAPES, Outline, outlines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Points = NDArray[np.float64]

DOSES = ("SI", "AP", "Gaussian")
SLICES_MM = (1.0, 2.0, 3.0, 5.0)
DOSE_GRIDS_MM = (1.0, 2.5, 3.0)
LINEAR_GY, PEAK_GY, SIGMA_MM = 70.0, 60.0, 15.0
"""SI and AP: 70 Gy at the origin and 1 Gy/mm; Gaussian: 60 Gy at the origin, sigma 15 mm."""
_IMAGE_HALF_MM = 33.0
_DOSE_HALF_MM = 48.0
_DECIMALS = 4
"""As DICOM files have them; the truth is taken of the rounded points."""
_VOXELS_ACROSS = 4
_UPRIGHT: tuple[Vector, Vector, Vector] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))


@dataclass(frozen=True, slots=True)
class Case:
    """One shape under one dose; everything in LPS mm and Gy.

    centre_mm: of the shape, less than half a voxel of the image from the origin.
    dose_shift_mm: by how much the dose grid's voxel centres miss the origin.
    """

    shape: str
    slice_mm: float
    dose: str
    dose_grid_mm: float
    pixel_mm: float = 1.0
    centre_mm: Vector = (0.0, 0.0, 0.0)
    dose_shift_mm: Vector = (0.0, 0.0, 0.0)

    @property
    def name(self) -> str:
        """Short and unique, fit for a folder and a PatientID."""
        shape = self.shape.replace(",", "").replace(" ", "-")
        return f"{shape}_{self.slice_mm:g}_{self.dose}_{self.dose_grid_mm:g}_{self.pixel_mm:g}"

    @property
    def slices_mm(self) -> tuple[float, ...]:
        """The z of each slice, feet to head, symmetric about 0."""
        half = int(_IMAGE_HALF_MM / self.slice_mm)
        return tuple(round(k * self.slice_mm, _DECIMALS) for k in range(-half, half + 1))

    @property
    def grid(self) -> Grid:
        """The image."""
        size = 2 * int(_IMAGE_HALF_MM / self.pixel_mm) + 1
        corner = -(size - 1) / 2 * self.pixel_mm
        spacing = (self.pixel_mm, self.pixel_mm, self.slice_mm)
        return Grid((corner, corner, self.slices_mm[0]), spacing, _UPRIGHT, (size, size, len(self.slices_mm)))

    def drawn(self) -> list[tuple[float, Outline]]:
        """Height and outline of every contour, in the patient."""
        middle = np.array(self.centre_mm[:2])
        return [
            (z, Outline(np.round(outline.points + middle, _DECIMALS), outline.sign))
            for z in self.slices_mm
            for outline in outlines(self.shape, z - self.centre_mm[2])
        ]

    def planar(self) -> PlanarContours:
        """The contours as the program projects them on the image."""
        contours = [
            Contour(np.column_stack([outline.points, np.full(len(outline.points), z)]), "CLOSED_PLANAR")
            for z, outline in self.drawn()
        ]
        return planar_contours(Roi(1, self.shape, tuple(contours)), self.grid)

    def dose_grid(self) -> DoseGrid:
        """The dose at the voxel centres of its grid."""
        half = int(_DOSE_HALF_MM / self.dose_grid_mm)
        along = np.arange(-half, half + 1, dtype=np.float64) * np.float64(self.dose_grid_mm)
        x, y, z = (along + shift for shift in self.dose_shift_mm)
        k, j, i = np.meshgrid(z, y, x, indexing="ij")
        values = dose_at(self.dose, np.stack([i, j, k], axis=-1)).astype(np.float32)
        step = self.dose_grid_mm
        return DoseGrid((float(x[0]), float(y[0]), float(z[0])), _UPRIGHT, (step, step), along - along[0], values)

    @property
    def is_small(self) -> bool:
        """Whether the shape is narrower than four dose voxels anywhere."""
        points = np.concatenate([outline.points for _, outline in self.drawn()])
        heights = [z for z, _ in self.drawn()]
        extent = [*np.ptp(points, axis=0), max(heights) - min(heights) + self.slice_mm]
        return bool(min(extent) < _VOXELS_ACROSS * self.dose_grid_mm)


def dose_at(dose: str, points_mm: Points) -> Points:
    """Return the dose in Gy at points `(..., 3)` in LPS mm."""
    match dose:
        case "SI":
            return np.asarray(LINEAR_GY + points_mm[..., 2])
        case "AP":
            return np.asarray(LINEAR_GY + points_mm[..., 1])
        case _:
            return np.asarray(PEAK_GY * np.exp(-(points_mm**2).sum(axis=-1) / (2 * SIGMA_MM**2)))


def cases(
    *,
    shapes: Sequence[str] = SHAPES,
    slices_mm: Sequence[float] = SLICES_MM,
    doses: Sequence[str] = DOSES,
    dose_grids_mm: Sequence[float] = DOSE_GRIDS_MM,
    pixels_mm: Sequence[float] = (1.0,),
    seed: int = 4,
) -> Iterator[Case]:
    """Yield every combination, each with offsets of its own, the same for the same seed."""
    rng = np.random.default_rng(seed)
    for shape, thick, dose, grid, pixel in itertools.product(shapes, slices_mm, doses, dose_grids_mm, pixels_mm):
        shift = rng.uniform(-0.5, 0.5, 6) * ([pixel, pixel, thick] + [grid] * 3)
        x, y, z, dx, dy, dz = (round(float(value), _DECIMALS) for value in shift)
        yield Case(shape, thick, dose, grid, pixel, (x, y, z), (dx, dy, dz))
