"""Laws of contours on one plane: which are one outline drawn twice, and which cut into one another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pdcp_dagster.domain.contour_overlap import crossing_flags, without_near_duplicates

Polygon = NDArray[np.float64]


def ring(radius: float, centre: tuple[float, float] = (0, 0), points: int = 60) -> Polygon:
    angle = np.arange(points) * (2 * np.pi / points)
    return np.column_stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)])


def bar(x0: float, y0: float, x1: float, y1: float) -> Polygon:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=np.float64)


def crosses(polygons: list[tuple[int, Polygon]]) -> bool:
    return "crossing_contours" in crossing_flags(polygons)


def on_one_plane(*polygons: Polygon) -> list[tuple[int, Polygon]]:
    return [(4, polygon) for polygon in polygons]


@settings(max_examples=25, deadline=None)
@given(
    radius=st.floats(5, 200),
    noise=st.floats(0, 0.001),
    start=st.integers(0, 59),
    backwards=st.booleans(),
    seed=st.integers(0, 100),
)
def test_an_outline_drawn_again_with_a_thousandth_of_noise_is_dropped(
    radius: float, noise: float, start: int, backwards: bool, seed: int
) -> None:
    first = ring(radius)
    again = np.roll(first * (1 + noise * np.random.default_rng(seed).uniform(-1, 1, (60, 1))), start, axis=0)
    polygons = on_one_plane(first, again[::-1] if backwards else again, first * 1.0005)
    kept, flags = without_near_duplicates(polygons)
    assert [id(polygon) for _, polygon in kept] == [id(first)]
    assert flags == {"near_duplicate_contour_dropped"}


@pytest.mark.parametrize(
    "other",
    [ring(19), ring(19.6), ring(20, (1, 0)), ring(20, (45, 0)), bar(-20, -20, 20, 20)],
    ids=["wall of 1 mm", "wall of 0.4 mm", "shifted", "elsewhere", "same box, other shape"],
)
def test_other_outlines_are_kept(other: Polygon) -> None:
    kept, flags = without_near_duplicates(on_one_plane(ring(20), other))
    assert len(kept) == 2
    assert flags == set()


@pytest.mark.parametrize(("outer", "inner"), [(40, 39.5), (90, 89.6), (150, 149.7)])
def test_a_thin_wall_is_no_outline_drawn_twice_and_is_not_filled_in(outer: float, inner: float) -> None:
    """The wall differs in less than 5 % of the area, and its boxes by half a millimetre at most."""
    walls = on_one_plane(ring(outer, points=400), ring(inner, points=400))
    kept, flags = without_near_duplicates(walls)
    assert (len(kept), flags) == (2, set())
    assert crossing_flags(kept) == set()


def test_an_outline_redrawn_so_that_it_crosses_the_first_is_dropped_however_far_it_strays() -> None:
    again = ring(40, points=400) + np.array([0.4, 0])
    assert without_near_duplicates(on_one_plane(ring(40, points=400), again))[1] == {"near_duplicate_contour_dropped"}


def test_the_same_outline_on_two_planes_is_no_duplicate() -> None:
    assert without_near_duplicates([(0, ring(20)), (1, ring(20.01))])[1] == set()
    assert without_near_duplicates([]) == ([], set())


def test_bars_that_cross_without_a_vertex_inside_each_other_cross() -> None:
    assert crosses(on_one_plane(bar(-20, -2, 20, 2), bar(-2, -20, 2, 20)))


def test_rings_that_overlap_in_part_cross_whichever_comes_first() -> None:
    assert crosses(on_one_plane(ring(20), ring(10, (18, 0)), ring(3, (60, 0))))
    assert crosses(on_one_plane(ring(3, (60, 0)), ring(10, (18, 0)), ring(20)))


def test_contours_that_cross_at_common_vertices_cross() -> None:
    """Two squares of pixels of 5 mm, shifted by one pixel: every crossing is at a vertex of both."""
    first = np.array([[0, 0], [5, 0], [10, 0], [10, 5], [10, 10], [5, 10], [0, 10], [0, 5]], dtype=np.float64)
    assert crosses(on_one_plane(first, first + 5 * np.array([1, 1])[None] * np.array([1, 0])))


@pytest.mark.parametrize(
    "other",
    [
        ring(10),
        ring(10, (10, 0)),
        ring(10, (40, 0)),
        bar(20, -5, 30, 5),
        bar(19.99, -5, 30, 5),
        bar(-20, -20, -10, -10),
    ],
    ids=["nested", "nested and touching", "apart", "touching", "touching by rounding", "touching within the box"],
)
def test_nested_touching_and_separate_contours_do_not_cross(other: Polygon) -> None:
    outer = bar(-20, -20, 20, 20)
    assert not crosses(on_one_plane(outer, other))
    assert not crosses(on_one_plane(other, outer))


@pytest.mark.parametrize(
    ("inner", "cut"),
    [(bar(-21, -10, 0, 10), False), (bar(-30, -10, -10, 10), True), (bar(-21, -20, 15, 19), True)],
    ids=["a hole that reaches out by 5 %", "half out", "as large as the outline"],
)
def test_a_hole_that_reaches_out_of_its_outline_by_a_little_is_a_hole(inner: Polygon, cut: bool) -> None:
    """In the outline of 1600 mm2: 400 of 420, 200 of 400, and 1365 of 1404 mm2."""
    for pair in ((bar(-20, -20, 20, 20), inner), (inner, bar(-20, -20, 20, 20))):
        assert crossing_flags(on_one_plane(*pair)) == {"crossing_contours", *(["cut_by_crossing"] if cut else [])}


def test_overlapping_contours_on_two_planes_do_not_cross() -> None:
    assert not crosses([(0, ring(20)), (1, ring(10, (18, 0)))])
