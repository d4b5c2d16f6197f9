"""Products with matrices whose rows each touch few columns, as weights of interpolation do.

What lives here: such a matrix cut into dense blocks, and its products with stacks of planes. What does not: the weights
(`interpolation`), what is sampled (`dvh_lattice`).

A dense product over a whole body costs 150 multiplications a value where two are needed; blocks cost some 40, at the
speed of dense products.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_COLUMNS_OF_A_BLOCK = 32


@dataclass(frozen=True, slots=True, eq=False)
class Banded:
    """A matrix `(rows, columns)` as dense blocks: which rows, which columns, and the values there; 0 elsewhere."""

    rows: int
    blocks: tuple[tuple[slice, slice, NDArray[np.float32]], ...]

    @classmethod
    def of(cls, matrix: NDArray[np.float32]) -> Self:
        """Cut a matrix; one block if it is small or dense."""
        rows, columns = matrix.shape
        ends = np.linspace(0, rows, max(1, columns // _COLUMNS_OF_A_BLOCK) + 1).astype(int)
        spans = [slice(int(first), int(last)) for first, last in pairwise(ends) if first < last]
        return cls(
            rows, tuple((span, used, matrix[span, used]) for span in spans for used in [used_columns(matrix[span])])
        )

    def along_rows(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Apply to the middle axis of `(planes, columns, n)`: `(planes, rows, n)`."""
        if len(self.blocks) == 1:
            _, used, part = self.blocks[0]
            whole: NDArray[np.float32] = np.matmul(part, planes[:, used])
            return whole
        out = np.empty((len(planes), self.rows, planes.shape[2]), dtype=np.float32)
        for span, used, part in self.blocks:
            np.matmul(part, planes[:, used], out=out[:, span])
        return out

    def along_columns(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Apply to the last axis of `(planes, n, columns)`: `(planes, n, rows)`."""
        flat = planes.reshape(-1, planes.shape[2])
        out = np.empty((len(flat), self.rows), dtype=np.float32)
        for span, used, part in self.blocks:
            np.matmul(flat[:, used], part.T, out=out[:, span])
        return out.reshape(*planes.shape[:2], self.rows)


def used_columns(matrix: NDArray[np.float32]) -> slice:
    """Return the columns from the first to the last that hold anything but 0; never none."""
    used = np.flatnonzero(matrix.any(axis=0))
    return slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 1)
