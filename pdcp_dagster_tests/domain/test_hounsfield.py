"""Laws of rescale: exact in int16 where it can be, never wrapped, never rounded to whole HU."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pdcp_dagster.domain.hounsfield import StoredSlice, to_hounsfield


def slice_of(values: list[int], slope: float = 1.0, intercept: float = 0.0, dtype: str = "<i2") -> StoredSlice:
    return StoredSlice(np.array([values], dtype), slope, intercept)


@settings(deadline=None)
@given(
    values=st.lists(st.integers(0, 65535), min_size=2, max_size=2),
    slope=st.integers(-3, 3).filter(bool),
    intercept=st.integers(-40000, 40000),
)
def test_whole_rescale_is_exact_whatever_the_range(values: list[int], slope: int, intercept: int) -> None:
    hounsfield = to_hounsfield([slice_of(values, float(slope), float(intercept), "<u2")])
    expected = [value * slope + intercept for value in values]
    assert hounsfield[0, 0].tolist() == expected
    assert (hounsfield.dtype == np.int16) == (min(expected) >= -32768 and max(expected) <= 32767)


def test_each_slice_has_its_own_rescale() -> None:
    hounsfield = to_hounsfield([slice_of([10, 20]), slice_of([10, 20], 2.0, -1024.0)])
    assert hounsfield.tolist() == [[[10, 20]], [[-1004, -984]]]
    assert hounsfield.dtype == np.int16


def test_a_fractional_rescale_stays_fractional() -> None:
    hounsfield = to_hounsfield([slice_of([1, 3], 0.5), slice_of([1, 3])])
    assert hounsfield.dtype == np.float32
    assert hounsfield.tolist() == [[[0.5, 1.5]], [[1.0, 3.0]]]


def test_one_slice_beyond_int16_takes_all_to_float_without_loss() -> None:
    hounsfield = to_hounsfield([slice_of([-1024, 7]), slice_of([0, 40000], dtype="<u2")])
    assert hounsfield.dtype == np.float32
    assert hounsfield.tolist() == [[[-1024.0, 7.0]], [[0.0, 40000.0]]]
