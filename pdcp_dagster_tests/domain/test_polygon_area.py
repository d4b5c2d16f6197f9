"""Laws of areas by the even-odd rule, and of the share of a pixel that contours cover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pdcp_dagster.domain.coverage import covered_share, inside_stack, lattice_around, plane_areas_mm2, stack_edges
from pdcp_dagster.domain.polygon_area import (
    contains,
    even_odd_signs,
    first_moments_mm3,
    flatten,
    self_crossing,
    signed_areas_mm2,
)

Polygon = NDArray[np.float64]


def rectangle(x0: float, y0: float, x1: float, y1: float) -> Polygon:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=np.float64)


KEYHOLE = np.array(
    [[0, 0], [10, 0], [10, 10], [0, 10], [0, 5], [3, 5], [3, 7], [7, 7], [7, 3], [3, 3], [3, 5], [0, 5]],
    dtype=np.float64,
)
"""A square of 10 with a hole of 4 x 4, entered by a cut from the left at y = 5."""


def area(*polygons: Polygon) -> float:
    return float(plane_areas_mm2([(0, polygon) for polygon in polygons], 1)[0])


def covered_area(step: float, *polygons: Polygon) -> float:
    points = np.concatenate(polygons)
    lattice = lattice_around(points.min(axis=0), points.max(axis=0), step)
    share = covered_share(stack_edges([(0, polygon) for polygon in polygons]), lattice, 0, 1)
    assert share.min() >= 0
    assert share.max() <= 1 + 1e-6
    return float(share.sum(dtype=np.float64)) * step**2


def test_the_sign_of_an_area_is_the_direction_of_drawing() -> None:
    square = rectangle(0, 0, 2, 3)
    assert signed_areas_mm2(flatten([(0, square), (0, square[::-1])])) == pytest.approx([6, -6])


def test_the_moment_of_a_rectangle_is_its_area_times_its_middle() -> None:
    moments = first_moments_mm3(flatten([(0, rectangle(1, 2, 3, 6))]))
    assert moments[0] == pytest.approx([8 * 2, 8 * 4])


def test_an_inner_contour_is_a_hole_and_one_within_that_is_not() -> None:
    outer, hole, island = rectangle(0, 0, 10, 10), rectangle(2, 2, 8, 8), rectangle(4, 4, 6, 6)
    signs, tangled = even_odd_signs(flatten([(0, hole), (0, outer), (0, island)]))
    assert signs.tolist() == [-1, 1, 1]
    assert not tangled.any()
    assert area(hole, outer, island) == pytest.approx(100 - 36 + 4)


def test_contours_on_different_planes_are_no_holes_of_one_another() -> None:
    signs, _ = even_odd_signs(flatten([(0, rectangle(0, 0, 10, 10)), (1, rectangle(2, 2, 8, 8))]))
    assert signs.tolist() == [1, 1]


def test_abutting_contours_add_up_without_a_seam() -> None:
    left, right = rectangle(0.25, 0, 3.3, 5), rectangle(3.3, 0, 7.1, 5)
    assert area(left, right) == pytest.approx(6.85 * 5)
    assert covered_area(1.0, left, right) == pytest.approx(6.85 * 5, rel=1e-6)


def test_a_keyhole_has_the_area_of_an_inner_contour() -> None:
    assert area(KEYHOLE) == pytest.approx(84)
    assert covered_area(0.7, KEYHOLE) == pytest.approx(84, rel=1e-6)
    assert covered_area(0.7, rectangle(0, 0, 10, 10), rectangle(3, 3, 7, 7)) == pytest.approx(84, rel=1e-6)


def test_a_wall_thinner_than_a_pixel_keeps_its_area() -> None:
    """Both outlines of the wall run through the same pixels: 10 x 10 around 9.8 x 9.8 leaves 3.96."""
    outer, inner = rectangle(0, 0, 10, 10), rectangle(0.1, 0.1, 9.9, 9.9)
    assert covered_area(2.0, outer, inner) == pytest.approx(3.96, rel=1e-5)


def test_a_figure_of_eight_has_the_area_of_both_loops() -> None:
    eight = np.array([[0, 0], [4, 4], [4, 0], [0, 4]], dtype=np.float64)
    assert self_crossing(flatten([(0, eight)])).all()
    assert area(eight) == pytest.approx(8, rel=1e-4)


def test_overlapping_contours_cancel_where_they_overlap() -> None:
    assert area(rectangle(0, 0, 4, 4), rectangle(3, 1, 7, 3)) == pytest.approx(16 + 8 - 2 * 2, rel=1e-3)


def test_simple_contours_and_keyholes_do_not_cross_themselves() -> None:
    repeated = np.repeat(rectangle(0, 0, 1, 1), 2, axis=0)
    assert not self_crossing(flatten([(0, rectangle(0, 0, 1, 1)), (0, KEYHOLE), (0, repeated)])).any()


def test_points_lie_inside_by_the_even_odd_rule() -> None:
    points = np.array([[5, 5], [1, 1], [11, 5], [5, 2]], dtype=np.float64)
    assert contains(KEYHOLE, points).tolist() == [False, True, False, True]


@settings(max_examples=30, deadline=None)
@given(
    radii=st.lists(st.floats(1, 10), min_size=3, max_size=12),
    points=st.lists(
        st.tuples(st.integers(0, 2), st.floats(-12, 12, allow_subnormal=False), st.floats(-12, 12)),
        min_size=1,
        max_size=40,
    ),
)
def test_points_lie_inside_a_stack_where_they_lie_inside_an_odd_number_of_its_planes_contours(
    radii: list[float], points: list[tuple[int, float, float]]
) -> None:
    angle = np.arange(len(radii)) * (2 * np.pi / len(radii))
    star = np.stack([np.cos(angle) * radii, np.sin(angle) * radii], axis=1)
    planes = [[star, 0.5 * star], [], [rectangle(-3, -8, 9, 2)]]
    edges = stack_edges([(k, polygon) for k, polygons in enumerate(planes) for polygon in polygons])
    asked = np.array([(x, y) for _, x, y in points])
    found = inside_stack(edges, np.array([k for k, _, _ in points]), asked)
    expected = [
        sum(bool(contains(p, at[None])[0]) for p in planes[k]) % 2 for (k, _, _), at in zip(points, asked, strict=True)
    ]
    assert found.tolist() == [odd == 1 for odd in expected]


@settings(max_examples=40, deadline=None)
@given(
    radii=st.lists(st.floats(1, 10), min_size=3, max_size=30),
    step=st.floats(0.2, 3),
    shift=st.tuples(st.floats(-5, 5), st.floats(-5, 5)),
)
def test_the_covered_shares_of_a_star_shaped_contour_sum_to_its_shoelace_area(
    radii: list[float], step: float, shift: tuple[float, float]
) -> None:
    angle = np.arange(len(radii)) * (2 * np.pi / len(radii))
    star = np.stack([np.cos(angle) * radii, np.sin(angle) * radii], axis=1) + shift
    expected = abs(float(signed_areas_mm2(flatten([(0, star)]))[0]))
    assert covered_area(step, star) == pytest.approx(expected, rel=1e-5)
    assert covered_area(step, star[::-1]) == pytest.approx(expected, rel=1e-5)
