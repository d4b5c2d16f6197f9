"""A dose at other points than its own voxels: on an image grid, or at scattered points.

What lives here: how a dose grid lies relative to an image grid, and linear sampling in any orientation. What does not:
doses over a ROI (`dvh`), sums of doses (`dose`).

Outside its grid a dose is unknown, not 0: NaN. Inside reaches half a voxel beyond the outer voxel centres, where the
outer value holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import map_coordinates

from pdcp_dagster.domain.interpolation import DoseAxis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pdcp_dagster.domain.dose_grid import DoseGrid
    from pdcp_dagster.domain.volume import Grid

PARALLEL_TOLERANCE = 1e-4
"""Direction cosines off by less are rounding: 0.05 mm over half a metre."""


@dataclass(frozen=True, slots=True, eq=False)
class AlignedDose:
    """A dose whose axes are those of an image: axes i, j, k in mm from the image's origin, values `(k, j, i)` in Gy."""

    axes: tuple[DoseAxis, DoseAxis, DoseAxis]
    dose_gy: NDArray[np.float32]


def dose_axes(dose: DoseGrid) -> tuple[DoseAxis, DoseAxis, DoseAxis]:
    """Return the axes i, j, k of a dose grid in mm from its own origin."""
    i_mm, j_mm, k_mm = dose.axis_positions_mm()
    wide = max(dose.spacing_mm)
    return DoseAxis(i_mm, dose.spacing_mm[0]), DoseAxis(j_mm, dose.spacing_mm[1]), DoseAxis(k_mm, wide)


def align_dose(dose: DoseGrid, grid: Grid) -> AlignedDose | None:
    """Turn a dose so that its axes are the image's, where they are parallel in any order and sign; else None."""
    cosines = np.array(dose.axes) @ grid.direction  # row: dose axis, column: image axis
    nearest = np.rint(cosines)
    if np.abs(cosines - nearest).max() > PARALLEL_TOLERANCE or np.abs(np.linalg.det(nearest)) != 1:
        return None
    start = np.linalg.inv(grid.direction) @ (np.array(dose.origin_mm) - np.array(grid.origin_mm))
    own = dose_axes(dose)
    turned: list[DoseAxis] = []
    values = dose.dose_gy.transpose([2 - int(np.argmax(np.abs(nearest[:, image]))) for image in (2, 1, 0)])
    for image in range(3):
        which = int(np.argmax(np.abs(nearest[:, image])))
        positions = start[image] + nearest[which, image] * own[which].positions_mm
        if nearest[which, image] < 0:
            positions = positions[::-1]
            values = np.flip(values, axis=2 - image)
        turned.append(DoseAxis(positions, own[which].lone_width_mm))
    return AlignedDose((turned[0], turned[1], turned[2]), values)


def dose_on_grid(dose: DoseGrid, grid: Grid) -> NDArray[np.float32]:
    """Trilinear dose in Gy at every voxel of a grid, `(k, j, i)`, NaN outside the dose grid."""
    out = np.full(grid.shape, np.nan, dtype=np.float32)
    aligned = align_dose(dose, grid)
    if aligned is None:
        return _fill_by_points(dose, grid, out)
    at = [np.arange(grid.size[axis], dtype=np.float64) * np.float64(grid.spacing_mm[axis]) for axis in range(3)]
    known = [np.flatnonzero(aligned.axes[axis].inside(at[axis])) for axis in range(3)]
    if min(len(inside) for inside in known) == 0:
        return out
    spans = [slice(int(inside[0]), int(inside[-1]) + 1) for inside in known]
    along_i, along_j, along_k = (aligned.axes[axis].matrix(at[axis][spans[axis]]) for axis in range(3))
    values = np.ascontiguousarray(aligned.dose_gy)
    planes = (along_k @ values.reshape(len(values), -1)).reshape(-1, *values.shape[1:])
    across = np.ascontiguousarray(along_i.T)
    for index, plane in enumerate(planes):
        out[spans[2].start + index, spans[1], spans[0]] = along_j @ plane @ across
    return out


def dose_at_points(dose: DoseGrid, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Trilinear dose in Gy at `(n, 3)` LPS points in mm, `(n,)`, NaN outside the dose grid."""
    offset = np.asarray(points_mm, dtype=np.float64) - np.array(dose.origin_mm)
    along = offset @ np.linalg.inv(np.array(dose.axes).T).T
    return values_at(dose_axes(dose), dose.dose_gy, along)


def values_at(
    axes: tuple[DoseAxis, DoseAxis, DoseAxis], values: NDArray[np.float32], points_mm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Trilinear values at `(n, 3)` points given in mm along the axes i, j, k; NaN outside them."""
    inside = np.ones(len(points_mm), dtype=bool)
    voxels = []
    for axis, at in zip(axes, points_mm.T, strict=True):
        inside &= axis.inside(at)
        voxels.append(np.interp(at, axis.positions_mm, np.arange(len(axis.positions_mm))))
    sampled: NDArray[np.float64] = map_coordinates(values, voxels[::-1], order=1, mode="nearest", output=np.float64)
    sampled[~inside] = np.nan
    return sampled


def _fill_by_points(dose: DoseGrid, grid: Grid, out: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fill the voxels that lie inside the dose grid, image plane by image plane; the axes need not be parallel."""
    own = dose_axes(dose)
    to_dose = np.linalg.inv(np.array(dose.axes).T)
    first = to_dose @ (np.array(grid.origin_mm) - np.array(dose.origin_mm))
    steps = to_dose @ grid.direction * np.array(grid.spacing_mm)  # mm along each dose axis per column, row and slice
    in_plane = [
        first[axis] + steps[axis, 1] * np.arange(grid.size[1])[:, None] + steps[axis, 0] * np.arange(grid.size[0])
        for axis in range(3)
    ]
    for k in range(grid.size[2]):
        along = [in_plane[axis] + steps[axis, 2] * k for axis in range(3)]
        inside = own[0].inside(along[0]) & own[1].inside(along[1]) & own[2].inside(along[2])
        if inside.any():
            points = np.column_stack([positions[inside] for positions in along])
            out[k][inside] = values_at(own, dose.dose_gy, points)
    return out
