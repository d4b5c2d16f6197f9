"""Laws of contours that abut: together they are what one contour around both would be."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pdcp_dagster.domain.contour_joins import ABUTTING_MM, TENTHS_ABUTTING_MM, join_abutting, rounded_apart_mm
from pdcp_dagster.domain.contours import planar_contours, stack_volume_cm3
from pdcp_dagster.domain.masks import fill_mask
from pdcp_dagster.domain.structures import Contour, Roi
from pdcp_dagster.domain.volume import Grid

GRID = Grid((0, 0, 0), (1, 1, 3), ((1, 0, 0), (0, 1, 0), (0, 0, 1)), (70, 60, 3))
Polygon = NDArray[np.float64]


def bar(x0: float, x1: float, *right: tuple[float, float], y0: float = 10, y1: float = 50) -> Polygon:
    """A rectangle; `right` are further vertices on the way up its right side."""
    return np.array([(x0, y0), (x1, y0), *right, (x1, y1), (x0, y1)], dtype=np.float64)


def drawn(*polygons: Polygon) -> Roi:
    return Roi(1, "PTV", tuple(Contour(np.column_stack([p, np.full(len(p), 3.0)]), "CLOSED_PLANAR") for p in polygons))


def area_mm2(roi: Roi) -> float:
    return stack_volume_cm3(planar_contours(roi, GRID)) * 1000 / GRID.spacing_mm[2]


def mask(roi: Roi) -> NDArray[np.uint8]:
    filled = fill_mask(planar_contours(roi, GRID), GRID)
    assert filled is not None
    return filled.on(GRID)


WHOLE = drawn(bar(10, 50))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (bar(10, 30), bar(30, 50)),
        (bar(10, 30), bar(30, 50)[::-1]),
        (bar(10, 30, (30, 17.3), (30, 33)), bar(30, 50)),
        (bar(30, 50), bar(10, 30, (30, 17.3))),
    ],
    ids=["common edge", "drawn the other way", "more vertices", "the other first"],
)
def test_rectangles_with_a_common_edge_are_one_without_any_repair(left: Polygon, right: Polygon) -> None:
    """40 mm x 40 mm, and as many pixels of 1 mm: their centres on the low sides count, those on the high sides not."""
    both = drawn(left, right)
    assert area_mm2(both) == pytest.approx(1600)
    assert np.array_equal(mask(both), mask(WHOLE))
    assert mask(both).sum() == 1600
    assert planar_contours(both, GRID).flags == ()


@pytest.mark.parametrize("off_mm", [0.01, -0.01, 0.004, -0.004])
@pytest.mark.parametrize("more", [(), ((30.0, 17.0), (30.0, 40.0))])
def test_a_border_rounded_apart_loses_no_pixel_and_no_area(
    off_mm: float, more: tuple[tuple[float, float], ...]
) -> None:
    """The border lies on a column of pixel centres: as it was written, 40 of 1600 pixels would be lost."""
    both = drawn(bar(10, 30 + off_mm / 2, *((x + off_mm / 2, y) for x, y in more)), bar(30 - off_mm / 2, 50))
    assert area_mm2(both) == pytest.approx(1600, abs=1e-6)
    assert mask(both).sum() == 1600
    assert planar_contours(both, GRID).flags == ("abutting_contours_joined",)


@settings(max_examples=60, deadline=None)
@given(
    bend=st.lists(st.floats(-8, 8), min_size=0, max_size=6),
    first=st.sets(st.integers(0, 5)),
    second=st.sets(st.integers(0, 5)),
    seed=st.integers(0, 1000),
)
def test_any_border_drawn_twice_and_rounded_is_no_gap(
    bend: list[float], first: set[int], second: set[int], seed: int
) -> None:
    """A crooked border whose straight pieces were given further points, other ones in either contour, all rounded."""
    random = np.random.default_rng(seed)
    heights = np.linspace(10, 50, len(bend) + 2)
    border = np.column_stack([np.r_[30, 30 + np.array(bend), 30], heights])
    both = []
    for more in (first, second):
        middles = [0.5 * (border[n] + border[n + 1]) for n in sorted(more) if n + 1 < len(border)]
        points = np.concatenate([border, *(middle[None] for middle in middles)])
        points = points[np.argsort(points[:, 1], kind="stable")] + random.uniform(-0.005, 0.005, (len(points), 2))
        both.append(points)
    left = np.concatenate([[[10.3, 10.0]], both[0], [[10.3, 50.0]]])
    right = np.concatenate([[[50.3, 10.0]], both[1], [[50.3, 50.0]]])
    roi = drawn(left, right)
    assert area_mm2(roi) == pytest.approx(1600, abs=0.8)
    inside = mask(roi)[1, 11:49, 12:50]
    assert inside.all()


def test_no_vertex_moves_further_than_the_tolerance_and_others_stay() -> None:
    left, right = bar(10, 30.01), bar(30, 50)
    joined, flags = join_abutting([(0, left), (0, right), (1, bar(30.01, 50))])
    assert flags == {"abutting_contours_joined"}
    assert np.abs(joined[1][1] - right).max() <= ABUTTING_MM
    assert joined[0][1] is not right
    assert joined[2][1].tolist() == bar(30.01, 50).tolist()


@pytest.mark.parametrize(("apart_mm", "area"), [(0.05, 1600 - 2), (-0.05, 1602 - 2 * 2), (3.0, 1600 - 120)])
def test_borders_further_apart_than_rounding_are_as_they_were_drawn(apart_mm: float, area: float) -> None:
    """40 mm of border: what is apart is missing, and what both hold is cut out by the even-odd rule."""
    both = drawn(bar(10, 30), bar(30 + apart_mm, 50))
    assert join_abutting([(0, bar(10, 30)), (0, bar(30 + apart_mm, 50))])[1] == set()
    assert area_mm2(both) == pytest.approx(area, abs=1e-3)


@pytest.mark.parametrize("off_mm", [0.1, -0.1])
def test_a_border_rounded_to_tenths_is_joined_where_all_of_the_roi_is(off_mm: float) -> None:
    """It lies on a column of pixel centres: up to 40 of 1600 pixels would be lost, and 4 mm2 of area either way."""
    both = drawn(bar(10, 30), bar(30 + off_mm, 50))
    assert area_mm2(both) == pytest.approx(1600, abs=1e-6)
    assert mask(both).sum() == 1600
    assert planar_contours(both, GRID).flags == ("abutting_contours_joined",)
    finer = drawn(bar(10, 30), bar(30 + off_mm, 50), bar(55.03, 60))
    assert area_mm2(finer) == pytest.approx(1600 - 4 + 4.97 * 40, abs=0.1)


def test_the_decimals_of_the_coordinates_tell_how_they_were_rounded() -> None:
    assert rounded_apart_mm([np.array([[0.1, -20.3, 7.0]]), np.array([[1.0, 2.0, 3.0]])]) == TENTHS_ABUTTING_MM
    assert rounded_apart_mm([np.array([[0.1, -20.3, 7.0]]), np.array([[1.25, 2.0, 3.0]])]) == ABUTTING_MM


def test_a_ring_of_many_vertices_takes_no_memory_for_all_pairs_of_them() -> None:
    """4000 x 4000 pairs of a vertex and an edge are 128 MB for each number that is kept of them."""
    angle = np.arange(4000) * (2 * np.pi / 4000)
    outer, inner = (np.column_stack([r * np.cos(angle), r * np.sin(angle)]) for r in (150, 147))
    tracemalloc.start()
    joined, flags = join_abutting([(0, outer), (0, inner)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert flags == set()
    assert [vertices for _, vertices in joined] == [pytest.approx(outer), pytest.approx(inner)]
    assert peak < 20e6


def test_a_long_border_of_many_vertices_is_joined_wherever_its_vertices_lie() -> None:
    """A wavy border of 2000 and of 1501 vertices 0.01 mm apart, 30 mm from either straight side."""
    sides = []
    for points, off in ((2000, 0.005), (1501, -0.005)):
        y = np.linspace(10, 50, points)
        sides.append(np.column_stack([40 + 0.5 * np.sin(y / 5) + off, y]))
    left = np.concatenate([[[10.0, 10.0]], sides[0], [[10.0, 50.0]]])
    right = np.concatenate([[[70.0, 10.0]], sides[1], [[70.0, 50.0]]])
    joined, flags = join_abutting([(0, left), (0, right)])
    assert flags == {"abutting_contours_joined"}
    assert area_mm2(drawn(*(vertices for _, vertices in joined))) == pytest.approx(60 * 40, abs=1e-3)


def test_a_hole_stays_a_hole_where_it_touches_the_outline_or_not() -> None:
    inner = bar(20, 30, y0=20, y1=40)
    assert area_mm2(drawn(bar(10, 50), inner)) == pytest.approx(1600 - 200)
    touching = bar(10, 30, y0=20, y1=40)
    assert area_mm2(drawn(bar(10, 50), touching)) == pytest.approx(1600 - 400)


def test_contours_that_touch_at_a_corner_or_nested_stay_as_they_were_drawn() -> None:
    corner = bar(30.01, 50, y0=50.01, y1=58)
    nested = bar(10.01, 30, y0=20, y1=40)
    for other in (corner, nested):
        joined, flags = join_abutting([(0, bar(10, 30)), (0, other)])
        assert flags == set()
        assert [polygon.tolist() for _, polygon in joined] == [bar(10, 30).tolist(), other.tolist()]


def test_nothing_to_join_is_nothing() -> None:
    assert join_abutting([]) == ([], set())
