"""Laws of banded matrices: their products are the dense ones, whatever the matrix looks like."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pdcp_dagster.domain.banded import Banded, used_columns
from pdcp_dagster.domain.interpolation import DoseAxis


def whole_numbers(rows: int, columns: int) -> NDArray[np.float32]:
    """Between -4 and 4, so that sums of products are exact in single precision, in any order."""
    return np.random.default_rng(rows * columns).integers(-4, 5, (rows, columns)).astype(np.float32)


def band(rows: int, columns: int, width: int) -> NDArray[np.float32]:
    """Whole numbers within `width` columns of the diagonal, 0 elsewhere."""
    diagonal = np.arange(rows)[:, None] * columns / rows
    return np.where(np.abs(np.arange(columns) - diagonal) <= width, whole_numbers(rows, columns), np.float32(0))


def gapped() -> NDArray[np.float32]:
    """A third of the rows, and with them whole blocks, hold nothing."""
    matrix = band(200, 160, 3)
    matrix[60:130] = 0
    return matrix


MATRICES = {
    "small": whole_numbers(5, 7),
    "one row": whole_numbers(1, 90),
    "one column": whole_numbers(90, 1),
    "just too narrow to cut": band(70, 63, 2),
    "just wide enough to cut": band(70, 64, 2),
    "rows no multiple of the blocks": band(101, 100, 4),
    "large and banded": band(400, 200, 2),
    "large and falling": band(400, 200, 2)[::-1].copy(),
    "large and dense": whole_numbers(150, 130),
    "fewer rows than blocks": whole_numbers(2, 200),
    "with empty blocks": gapped(),
    "nothing but zeros": np.zeros((50, 100), dtype=np.float32),
}


def test_by_hand() -> None:
    """Rows [1 2 0] and [0 0 3] applied to 1, 10, 100 along either axis give 21 and 300."""
    matrix = Banded.of(np.array([[1, 2, 0], [0, 0, 3]], dtype=np.float32))
    values = np.array([1, 10, 100], dtype=np.float32)
    assert matrix.along_rows(values.reshape(1, 3, 1)).tolist() == [[[21], [300]]]
    assert matrix.along_columns(values.reshape(1, 1, 3)).tolist() == [[[21, 300]]]


@pytest.mark.parametrize("name", MATRICES)
def test_along_rows_it_is_the_dense_product(name: str) -> None:
    matrix = MATRICES[name]
    planes = whole_numbers(3 * matrix.shape[1], 11).reshape(3, matrix.shape[1], 11)
    found = Banded.of(matrix).along_rows(planes)
    assert found.dtype == np.float32
    assert np.array_equal(found, np.einsum("rc,pcn->prn", matrix, planes))


@pytest.mark.parametrize("name", MATRICES)
def test_along_columns_it_is_the_dense_product(name: str) -> None:
    matrix = MATRICES[name]
    planes = whole_numbers(3 * 11, matrix.shape[1]).reshape(3, 11, matrix.shape[1])
    found = Banded.of(matrix).along_columns(planes)
    assert found.dtype == np.float32
    assert np.array_equal(found, np.einsum("rc,pnc->pnr", matrix, planes))


def test_planes_need_not_lie_in_order_in_memory() -> None:
    matrix = MATRICES["large and banded"]
    planes = whole_numbers(200, 2 * 9).reshape(200, 2, 9)
    found = Banded.of(matrix).along_rows(planes.transpose(1, 0, 2))
    assert np.array_equal(found, np.einsum("rc,cpn->prn", matrix, planes))
    found = Banded.of(matrix).along_columns(planes.transpose(1, 2, 0))
    assert np.array_equal(found, np.einsum("rc,cpn->pnr", matrix, planes))


@pytest.mark.parametrize("name", MATRICES)
def test_the_blocks_hold_each_row_once_and_all_that_is_not_zero(name: str) -> None:
    matrix = MATRICES[name]
    again = np.zeros_like(matrix)
    rows: list[int] = []
    for span, used, part in Banded.of(matrix).blocks:
        again[span, used] = part
        rows += range(span.start, span.stop)
    assert rows == list(range(len(matrix)))
    assert np.array_equal(again, matrix)


def test_blocks_of_linear_weights_are_as_narrow_as_what_they_interpolate() -> None:
    """300 places from 0 to 149 make four blocks of 75 rows, each 74 x 149 / 299 = 36.9 long: at most 39 columns."""
    weights = DoseAxis(np.arange(150, dtype=np.float64), 1.0).matrix(np.linspace(0, 149, 300))
    blocks = Banded.of(weights).blocks
    assert [span.stop - span.start for span, _, _ in blocks] == [75] * 4
    assert all(used.stop - used.start <= 39 for _, used, _ in blocks)


def test_used_columns_are_those_from_the_first_to_the_last_that_is_not_zero_and_never_none() -> None:
    assert used_columns(np.array([[0, 0, 5, 0, 0], [0, 0, 0, -1, 0]], dtype=np.float32)) == slice(2, 4)
    assert used_columns(np.array([[7, 0, 0, 0, 7]], dtype=np.float32)) == slice(0, 5)
    assert used_columns(np.zeros((3, 4), dtype=np.float32)) == slice(0, 1)
