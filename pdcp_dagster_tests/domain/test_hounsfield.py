"""Laws of rescale: exact in int16 where it can be, never wrapped, never rounded to whole HU."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdcp_dagster.domain.hounsfield import PADDING_HU, StoredSlice, count_unscanned, to_hounsfield


def slice_of(
    values: list[int],
    slope: float = 1.0,
    intercept: float = 0.0,
    dtype: str = "<i2",
    padding: tuple[int, int] | None = None,
) -> StoredSlice:
    return StoredSlice(np.array([values], dtype), slope, intercept, padding)


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


@pytest.mark.parametrize(
    ("values", "intercept", "dtype", "padding"),
    [
        ([-2000, 1024], -1024.0, "<i2", (-2000, -2000)),  # would be -3024 HU
        ([-32768, 1024], -1024.0, "<i2", (-32768, -32768)),  # -33792 HU, beyond int16
        ([63536, 1024], -1024.0, "<u2", (63536, 63536)),  # 62512 HU
        ([-1995, 1024], -1024.0, "<i2", (-2000, -1990)),  # a range
    ],
)
def test_padding_is_no_hu_and_does_not_make_a_ct_float(
    values: list[int], intercept: float, dtype: str, padding: tuple[int, int]
) -> None:
    slices = [slice_of(values, 1.0, intercept, dtype, padding), slice_of([1024, 1025], 1.0, intercept, dtype, padding)]
    hounsfield = to_hounsfield(slices)
    assert hounsfield.dtype == np.int16
    assert hounsfield.tolist() == [[[PADDING_HU, 0]], [[0, 1]]]
    assert count_unscanned(slices) == 1


def test_a_slice_of_padding_alone_holds_nothing_else() -> None:
    slices = [slice_of([-32768, -32768], intercept=-1024.0, padding=(-32768, -32768)), slice_of([5, 6], 0.5)]
    assert to_hounsfield(slices).tolist() == [[[PADDING_HU, PADDING_HU]], [[2.5, 3.0]]]
    assert count_unscanned(slices) == 2


@pytest.mark.parametrize(
    ("stored", "intercept"), [(0, 0.0), (0, -1000.0), (0, -1024.0), (24, -1024.0), (4095, -1024.0)]
)
def test_padding_that_reads_as_a_density_is_left_alone_for_it_may_be_one(stored: int, intercept: float) -> None:
    # Water at 0 HU, air at -1000 HU, the brightest of 12 bits at 3071 HU.
    one = slice_of([stored, 1100], 1.0, intercept, padding=(stored, stored))
    assert to_hounsfield([one]).tolist() == [[[stored + intercept, 1100 + intercept]]]
    assert (one.unscanned(), count_unscanned([one])) == (None, 0)


def test_of_a_range_of_padding_only_what_is_no_density_is_padding() -> None:
    one = slice_of([-2000, 0, 23, 24, 1024], intercept=-1024.0, padding=(-2000, 24))
    # -3024 HU is below all air; at -1024 HU scanners clip it, -1001 and -1000 HU are air.
    assert to_hounsfield([one]).tolist() == [[[PADDING_HU, -1024, -1001, -1000, 0]]]
    assert count_unscanned([one]) == 1
