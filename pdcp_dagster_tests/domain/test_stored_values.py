"""Laws of unpacking stored values: sign, unused bits, and too few bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pdcp_dagster.domain.dicom_values import UnusableValueError
from pdcp_dagster.domain.stored_values import pixel_format_of, unpack, unpack_each

SIGNED = {"Rows": 1, "Columns": 2, "BitsAllocated": 16, "BitsStored": 16, "HighBit": 15, "PixelRepresentation": 1}


def test_signed_and_unsigned_read_the_same_bytes_differently() -> None:
    raw = b"\xff\xff\x01\x00"
    assert unpack(raw, pixel_format_of(SIGNED)).tolist() == [[[-1, 1]]]
    assert unpack(raw, pixel_format_of({**SIGNED, "PixelRepresentation": 0})).tolist() == [[[65535, 1]]]


def test_unused_bits_may_hold_anything() -> None:
    twelve = {**SIGNED, "BitsStored": 12, "HighBit": 11}
    raw = np.array([0xF801, 0x7FFF], "<u2").tobytes()
    # 0x801 in 12 bits is 2049 unsigned and -2047 signed; 0xFFF is 4095 and -1.
    assert unpack(raw, pixel_format_of(twelve)).tolist() == [[[-2047, -1]]]
    assert unpack(raw, pixel_format_of({**twelve, "PixelRepresentation": 0})).tolist() == [[[2049, 4095]]]


def test_values_that_sit_in_the_high_bits_come_down() -> None:
    high = {**SIGNED, "BitsStored": 12, "HighBit": 15, "PixelRepresentation": 0}
    assert unpack(np.array([0x123F, 0xFFF0], "<u2").tobytes(), pixel_format_of(high)).tolist() == [[[0x123, 0xFFF]]]


def test_frames_follow_one_another_and_padding_is_left_aside() -> None:
    raw = np.arange(4, dtype="<i2").tobytes() + b"\0"
    assert unpack(raw, pixel_format_of(SIGNED), frames=2).tolist() == [[[0, 1]], [[2, 3]]]


def test_frames_come_one_by_one_as_they_do_together() -> None:
    twelve = pixel_format_of({**SIGNED, "BitsStored": 12, "HighBit": 11})
    raw = np.array([0xF801, 0x7FFF, 0x0003, 0x0004, 0x0FFF, 0x0005], "<u2").tobytes()
    together = unpack(raw, twelve, frames=3)
    assert [frame.tolist() for frame in unpack_each(raw, twelve, 3, [2, 0])] == [[[-1, 5]], [[-2047, -1]]]
    assert np.array_equal(np.stack([*unpack_each(raw, twelve, 3, range(3))]), together)
    with pytest.raises(UnusableValueError, match="truncated: 12 bytes for 4 x 1 x 2 pixels"):
        next(unpack_each(raw, twelve, 4, [0]))


def test_fewer_bytes_than_pixels_are_truncated_pixel_data() -> None:
    with pytest.raises(UnusableValueError, match="truncated: 3 bytes for 1 x 1 x 2 pixels of 2 bytes"):
        unpack(b"\0\0\0", pixel_format_of(SIGNED))


@pytest.mark.parametrize(
    "wrong",
    [{"Rows": 0}, {"Rows": None}, {"BitsAllocated": 12}, {"BitsStored": 17}, {"HighBit": 3}, {"SamplesPerPixel": 3}],
)
def test_an_impossible_pixel_format_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UnusableValueError):
        pixel_format_of({**SIGNED, **wrong})
