"""Grids and volumes in the patient's space.

What lives here: where a regular voxel grid lies and how points move between millimetres and voxels. What does not:
how slices become a grid (`stack`), doses with uneven planes (`dose`), or any file format.

All geometry is DICOM patient coordinates, LPS, in millimetres (PS3.3 C.7.6.2.1.1). Arrays are `(k, j, i)`: slice, row,
column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Grid:
    """A regular voxel grid.

    origin_mm: LPS position of the centre of voxel (0, 0, 0), mm.
    spacing_mm: distance of neighbouring centres along i (columns), j (rows), k (slices), mm, all positive.
    axes: unit vectors of i, j and k in LPS, one tuple each; right-handed, or left-handed for descending slices.
    size: number of voxels along i, j, k.
    """

    origin_mm: Vector
    spacing_mm: Vector
    axes: tuple[Vector, Vector, Vector]
    size: tuple[int, int, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        """The array shape `(k, j, i)` of a volume on this grid."""
        return self.size[2], self.size[1], self.size[0]

    @property
    def direction(self) -> NDArray[np.float64]:
        """3x3 matrix whose columns are the unit vectors of i, j, k in LPS."""
        return np.array(self.axes, dtype=np.float64).T

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel, mm3."""
        return float(np.prod(self.spacing_mm))

    def to_voxel(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Continuous voxel coordinates `(n, 3)` as i, j, k of LPS points `(n, 3)` in mm; centres are whole numbers."""
        offset = np.asarray(points_mm, dtype=np.float64) - np.array(self.origin_mm)
        voxels: NDArray[np.float64] = offset @ np.linalg.inv(self.direction).T / np.array(self.spacing_mm)
        return voxels

    def to_patient(self, voxels: NDArray[np.float64]) -> NDArray[np.float64]:
        """LPS points `(n, 3)` in mm of continuous voxel coordinates `(n, 3)` given as i, j, k."""
        offset = np.asarray(voxels, dtype=np.float64) * np.array(self.spacing_mm)
        points: NDArray[np.float64] = np.array(self.origin_mm) + offset @ self.direction.T
        return points


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """Values on a grid; `values` is `(k, j, i)`: HU for a CT, Gy for a dose, 0 and 1 for a mask."""

    grid: Grid
    values: NDArray[np.generic]

    def __post_init__(self) -> None:
        if self.values.shape != self.grid.shape:
            raise ValueError(f"values of shape {self.values.shape} do not fill a grid of shape {self.grid.shape}")
