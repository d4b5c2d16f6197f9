"""Named arrays in one file: numpy reads back what was written, and nothing half written is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pdcp_dagster.adapters.array_file import write_arrays

ARRAYS: dict[str, NDArray[Any]] = {
    "PTV 1/axial/ct_hu": np.arange(-6, 6, dtype=np.int16).reshape(3, 4)[:, ::2],
    "心臓/mask": np.eye(3, dtype=np.uint8),
    "a/dose_gy": np.array([[1.5, np.nan]], dtype=np.float32),
    "a/offset_kji": np.array([1, 2, 3]),
    "nothing": np.zeros((0, 4)),
}


def test_numpy_reads_back_what_was_written(tmp_path: Path) -> None:
    write_arrays(ARRAYS, tmp_path / "arrays.npz")
    with np.load(tmp_path / "arrays.npz", allow_pickle=False) as found:
        assert list(found) == list(ARRAYS)
        for name, values in ARRAYS.items():
            assert found[name].dtype == values.dtype
            assert np.array_equal(found[name], values, equal_nan=values.dtype.kind == "f")


def test_the_same_arrays_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        write_arrays(ARRAYS, tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_no_array_makes_a_file_without_one(tmp_path: Path) -> None:
    write_arrays({}, tmp_path / "none.npz")
    with np.load(tmp_path / "none.npz", allow_pickle=False) as found:
        assert list(found) == []


def test_objects_are_refused_and_leave_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        write_arrays({"a": np.array([{}])}, tmp_path / "arrays.npz")
    assert list(tmp_path.iterdir()) == []
