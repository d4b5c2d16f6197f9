"""Grey, colour, outlines and text, with values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdcp_dagster.domain.display import (
    DOSE_BANDS,
    NOT_SHOWN,
    band_colours,
    dose_bands,
    grey_of_hu,
    one_line,
    outline,
    round_steps,
    widened,
)


def doses(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array(values, dtype=np.float32)


def test_the_soft_tissue_window_runs_from_black_at_minus_160_to_white_at_239_hu() -> None:
    hu = np.array([-1000, -160, 39.5, 239, 3000])
    assert grey_of_hu(hu).tolist() == [0, 0, 128, 255, 255]


def test_the_window_is_the_standards_linear_function() -> None:
    # PS3.3 C.11.2.1.2.1, its example: centre 2048, width 4096 maps 0 to 0, 4095 to 255 and 2047.5 to the middle.
    assert grey_of_hu(np.array([0, 2047.5, 4095]), 2048, 4096).tolist() == [0, 128, 255]


def test_a_window_without_width_is_refused() -> None:
    with pytest.raises(ValueError, match="slope"):
        grey_of_hu(np.zeros(1), 40, 1)


def test_doses_fall_into_bands_of_five_percent_from_ten_percent_on() -> None:
    found = dose_bands(doses(0, 5.9, 6, 8.9, 9, 30, 57, 60, 70), 60)
    assert found.tolist() == [NOT_SHOWN, NOT_SHOWN, 0, 0, 1, 8, 17, 17, 17]


def test_an_unknown_dose_is_not_shown() -> None:
    assert dose_bands(doses(np.nan, 60), 60).tolist() == [NOT_SHOWN, DOSE_BANDS - 1]


def test_the_colours_of_higher_doses_are_lighter() -> None:
    red, green, blue = band_colours().astype(np.float64).T
    lightness = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    assert len(lightness) == DOSE_BANDS
    assert (np.diff(lightness) > 0).all()


def test_the_outline_of_a_square_is_its_border() -> None:
    square = np.zeros((7, 7), dtype=bool)
    square[1:6, 1:6] = True
    border = square.copy()
    border[2:5, 2:5] = False
    assert np.array_equal(outline(square), border)


def test_a_hole_has_an_outline_too() -> None:
    ring = np.ones((5, 5), dtype=bool)
    ring[2, 2] = False
    assert [tuple(pixel) for pixel in np.argwhere(outline(ring))] == [(1, 2), (2, 1), (2, 3), (3, 2)]


@given(st.integers(0, 2**36 - 1))
def test_an_outline_lies_inside_and_every_inside_pixel_beside_the_outside_is_on_it(bits: int) -> None:
    mask = np.array([bool(bits >> n & 1) for n in range(36)]).reshape(6, 6)
    found = outline(mask)
    assert not (found & ~mask).any()
    assert np.array_equal(found, mask & widened(~mask))


def test_steps_are_round_and_end_below_the_highest() -> None:
    assert round_steps(70.6, 6) == [0, 20, 40, 60]
    assert round_steps(2.0, 6) == [0, 0.5, 1.0, 1.5, 2.0]
    assert round_steps(0.06, 6) == [0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06]


@given(st.floats(1e-3, 1e4))
def test_steps_are_never_too_many(highest: float) -> None:
    steps = round_steps(highest, 6)
    assert 3 <= len(steps) <= 7
    assert steps[-1] <= highest * (1 + 1e-6)


def test_untrusted_text_becomes_one_printable_line() -> None:
    assert one_line("PTV\n 60\t Gy", 40) == "PTV 60 Gy"
    assert one_line("a\x1b[31mb\u202ec\ud800", 40) == "a\ufffd[31mb\ufffdc\ufffd"
    assert one_line("abcdefgh", 5) == "abcd…"
    assert one_line("", 5) == ""
