"""What an RTDOSE says, as plain values: a dose grid in Gy and the facts that decide whether it may be summed.

What lives here: the grid with its possibly uneven planes. What does not: reading it from DICOM, summing (`dose`),
sampling for a DVH (`dvh`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pdcp_dagster.domain.volume import Vector, Volume


@dataclass(frozen=True, slots=True, eq=False)
class DoseGrid:
    """Dose on planes that are equal but may lie unevenly (GridFrameOffsetVector, PS3.3 C.8.8.3.2).

    origin_mm: LPS position of the centre of voxel (0, 0) of the first plane, mm.
    axes: unit vectors of columns (i), rows (j) and plane normal (k) in LPS.
    spacing_mm: centre distances along i and j, mm.
    plane_offsets_mm: `(planes,)` ascending distances along k from the first plane, the first being 0, mm.
    dose_gy: `(k, j, i)` float32, Gy.
    """

    origin_mm: Vector
    axes: tuple[Vector, Vector, Vector]
    spacing_mm: tuple[float, float]
    plane_offsets_mm: NDArray[np.float64]
    dose_gy: NDArray[np.float32]

    def axis_positions_mm(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Centre positions along i, j and k, mm from `origin_mm`."""
        _, rows, columns = self.dose_gy.shape
        along_i = np.arange(columns, dtype=np.float64) * self.spacing_mm[0]
        along_j = np.arange(rows, dtype=np.float64) * self.spacing_mm[1]
        return along_i.astype(np.float64), along_j.astype(np.float64), self.plane_offsets_mm


def even_dose_grid(volume: Volume) -> DoseGrid:
    """Return a volume of Gy as the dose grid that it was written from."""
    grid = volume.grid
    offsets = np.arange(grid.size[2], dtype=np.float64) * np.float64(grid.spacing_mm[2])
    values = volume.values.astype(np.float32, copy=False)
    return DoseGrid(grid.origin_mm, grid.axes, grid.spacing_mm[:2], offsets, values)


@dataclass(frozen=True, slots=True, eq=False)
class RtDose:
    """One RTDOSE instance with its grid in Gy; grid: None where it holds dose-volume histograms only."""

    sop_instance_uid: str
    grid: DoseGrid | None
    summation_type: str | None
    """DoseSummationType in capitals: PLAN, FRACTION, BEAM, MULTI_PLAN, ..."""
    dose_type: str | None
    """DoseType in capitals: PHYSICAL, EFFECTIVE or ERROR."""
    units: str | None
    """DoseUnits: GY or RELATIVE."""
    frame_of_reference_uid: str | None = None
    plan_uids: tuple[str, ...] = ()
    """Every plan that ReferencedRTPlanSequence names."""
    fraction_groups: tuple[int, ...] = ()
    beams: tuple[tuple[int | None, int], ...] = ()
    """(fraction group, beam) of every beam that is named; None where the group has no number."""
    heterogeneity_correction: tuple[str, ...] = ()
    max_gy: float | None = None
    """The highest voxel, Gy; None without a grid."""

    @property
    def in_gray(self) -> bool:
        """Whether its units are Gy, however that is written; else (RELATIVE, not given) the grid's values are not."""
        return (self.units or "").upper() == "GY"
