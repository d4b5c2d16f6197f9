"""A dose on a small part of space, such as a slice: it costs what that part needs, not a volume of the CT's size.

What lives here: which voxels of a dose bear on a grid. What does not: the
sampling itself (`sampling`).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.domain.sampling import dose_axes, dose_on_grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pdcp_dagster.domain.dose_grid import DoseGrid
    from pdcp_dagster.domain.volume import Grid, Vector

_MARGIN = 2
"""Voxels of the dose kept around what is asked for: the outer ones have a neighbour, which gives their width."""


def dose_of_part(dose: DoseGrid, grid: Grid) -> NDArray[np.float32]:
    """Return the trilinear dose in Gy at every voxel of a small grid, `(k, j, i)`, NaN outside the dose grid.

    The same numbers as `dose_on_grid`, but for rounding, in a time that the size of the dose does not matter for.
    """
    return dose_on_grid(dose_near(dose, grid), grid)


def dose_near(dose: DoseGrid, grid: Grid) -> DoseGrid:
    """Return the part of a dose that bears on the voxels of a grid, in any orientation; its values are not copied."""
    corners = np.array(list(product(*[(0, size - 1) for size in grid.size])), dtype=np.float64)
    axes = np.array(dose.axes)
    along = (grid.to_patient(corners) - np.array(dose.origin_mm)) @ np.linalg.inv(axes)
    spans = list(zip(along.min(axis=0), along.max(axis=0), strict=True))
    i, j, k = (
        axis.part(float(low), float(high), _MARGIN) for axis, (low, high) in zip(dose_axes(dose), spans, strict=True)
    )
    first_mm = [positions[part.start] for positions, part in zip(dose.axis_positions_mm(), (i, j, k), strict=True)]
    return replace(
        dose,
        origin_mm=_vector(np.array(dose.origin_mm) + np.array(first_mm) @ axes),
        plane_offsets_mm=dose.plane_offsets_mm[k] - dose.plane_offsets_mm[k.start],
        dose_gy=dose.dose_gy[k, j, i],
    )


def _vector(values: NDArray[np.float64]) -> Vector:
    x, y, z = (float(value) for value in values)
    return x, y, z
