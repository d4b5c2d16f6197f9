"""Laws of parsing ContourData: fast and slow agree, and no point is ever made up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdcp_dagster.domain.contour_data import numbers_in, parse_numbers, shape_key, to_points


@settings(deadline=None)
@given(st.lists(st.floats(-1e4, 1e4).map(lambda value: f"{value:.3f}"), max_size=30))
def test_the_fast_way_reads_what_the_slow_way_reads(tokens: list[str]) -> None:
    raw = "\\".join(tokens).encode()
    assert parse_numbers(raw + b" \0").tolist() == numbers_in(tokens).tolist()


@pytest.mark.parametrize("bad", [b"", b"abc", b"1_0", b"\xff", b"nan", b"inf"])
def test_a_bad_number_costs_its_point_and_no_other(bad: bytes) -> None:
    points, flags = to_points(parse_numbers(b"1\\2\\3\\4\\" + bad + b"\\6\\7\\8\\9"))
    assert points.tolist() == [[1, 2, 3], [7, 8, 9]]
    assert flags == ("bad_points_dropped",)


def test_an_incomplete_triplet_is_left_out() -> None:
    points, flags = to_points(parse_numbers(b"1\\2\\3\\4\\5"))
    assert points.tolist() == [[1, 2, 3]]
    assert flags == ("truncated_triplets",)


@pytest.mark.parametrize("empty", [b"", b" ", b"\0"])
def test_no_text_is_no_points(empty: bytes) -> None:
    points, flags = to_points(parse_numbers(empty))
    assert points.shape == (0, 3)
    assert flags == ()


@settings(deadline=None)
@given(start=st.integers(0, 3), backwards=st.booleans())
def test_start_and_direction_do_not_make_another_contour(start: int, backwards: bool) -> None:
    square = np.array([[0.0, 0, 5], [10, 0, 5], [10, 10, 5], [0, 10, 5]])
    again = np.roll(square, start, axis=0)[:: -1 if backwards else 1]
    assert shape_key(again) == shape_key(square)
    assert shape_key(again + 0.01) != shape_key(square)
