"""The dose of cells that a ROI covers in part: that of the covered part's middle, not of the cell's.

What lives here: where the covered part of a rim cell lies, and the shift of its dose. What does not: the share that is
covered (`coverage`), the sum over cells (`dvh_sum`).

The outline within a cell is taken for a straight line across the direction in which the neighbours' shares rise most.
Of a cell whose share is s, the middle of the covered part lies (1 - s) / 2 of a cell from the cell's own: exactly where
the line runs along rows or columns, nearly elsewhere but for cells scarcely covered. Without the shift a rim of one
cell's width takes doses from outside the ROI, and a DVH needs ten times as many cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pdcp_dagster.domain.dvh_lattice import LatticePlanes

_NO_SHARE, _WHOLE = 1e-6, 1 - 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Rim:
    """Cells covered in part, as flat indices into `(planes, rows, columns)`.

    inner: `(2, n)` the neighbours along a row and along a column that the ROI covers more.
    shift: `(2, n)` how far the covered part's middle lies towards each of them, 0 to 0.5 of a cell.
    """

    cells: NDArray[np.int64]
    inner: NDArray[np.int64]
    shift: NDArray[np.float32]

    @classmethod
    def of(cls, share: NDArray[np.float32]) -> Self:
        """Find the rim of shares `(planes, rows, columns)`, whose outermost rows and columns must be 0."""
        flat = share.reshape(-1)
        cells = np.flatnonzero((flat > _NO_SHARE) & (flat < _WHOLE))
        steps = np.array([[1], [share.shape[2]]])
        slope = flat[cells + steps] - flat[cells - steps]
        length = np.sqrt((slope * slope).sum(axis=0))
        reach = np.float32(0.5) * (1 - flat[cells])
        shift = np.abs(slope) * np.divide(reach, length, out=np.zeros_like(length), where=length > 0)
        return cls(cells, cells + steps * np.sign(slope).astype(np.int64), shift)

    def apply(self, planes: LatticePlanes) -> None:
        """Shift the doses of the rim, in place, towards those inside, as far as these are known."""
        dose = planes.dose_gy.reshape(-1)
        own = dose[self.cells]
        towards = (dose[self.inner] - own) * self.shift
        if planes.inside is not None:
            towards *= planes.inside.reshape(-1)[self.inner] > 0
        dose[self.cells] = own + towards.sum(axis=0)
