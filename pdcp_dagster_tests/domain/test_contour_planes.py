"""Laws of the planes that contours lie on: what is one slice, what is a stack, and what is a gap."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pdcp_dagster.domain.contours import centroid_mm, planar_contours, plane_spacing_mm, slabs, stack_volume_cm3
from pdcp_dagster.domain.structures import Contour, Roi
from pdcp_dagster.domain.volume import Grid

GRID = Grid((-50.0, -40.0, -30.0), (1.0, 1.0, 3.0), ((1, 0, 0), (0, 1, 0), (0, 0, 1)), (100, 90, 20))


def square(z: float, half: float = 10.0, centre: tuple[float, float] = (0.0, 0.0)) -> NDArray[np.float64]:
    corners = np.array([[-half, -half], [half, -half], [half, half], [-half, half]]) + centre
    return np.column_stack([corners, np.full(4, z)])


def roi(*contours: NDArray[np.float64]) -> Roi:
    return Roi(3, "PTV", tuple(Contour(points, "CLOSED_PLANAR") for points in contours))


def test_a_contour_missing_on_a_middle_plane_is_flagged() -> None:
    heights = [-6.0, -3.0, 0.0, 6.0, 9.0]
    assert planar_contours(roi(*(square(z) for z in heights)), GRID).flags == ("gap_in_contours",)
    assert planar_contours(roi(*(square(2 * z) for z in (-3.0, 0.0, 3.0, 6.0))), GRID).flags == ()


@pytest.mark.parametrize(("spread", "flags"), [(0.09, ()), (0.12, ("tilted_contour",)), (0.7, ("tilted_contour",))])
def test_a_contour_off_its_plane_by_less_than_a_quarter_of_a_slice_is_kept(spread: float, flags: tuple[str]) -> None:
    wobbling = square(0)
    wobbling[:, 2] += 0.5 * spread * np.array([-1, 1, -1, 1])
    planar = planar_contours(roi(wobbling), GRID)
    assert planar.flags == flags
    assert stack_volume_cm3(planar) == pytest.approx(400 * 3 / 1000)
    wobbling[:, 2] *= 0.8 / spread
    assert planar_contours(roi(wobbling), GRID).flags == ("no_closed_contour", "non_axial_contour")


def test_an_image_turned_by_a_hair_loses_no_large_contour() -> None:
    """0.0004 rad over 300 mm are 0.12 mm."""
    turn = 0.0004
    axes = ((1.0, 0.0, 0.0), (0.0, np.cos(turn), np.sin(turn)), (0.0, -np.sin(turn), np.cos(turn)))
    turned = Grid((-200.0, -200.0, -9.0), (1.0, 1.0, 3.0), axes, (400, 400, 7))
    planar = planar_contours(roi(square(0, 150), square(3, 150)), turned)
    assert planar.flags == ("tilted_contour",)
    assert stack_volume_cm3(planar) == pytest.approx(300 * 300 * 6 / 1000, rel=1e-5)


def test_contours_a_few_hundredths_off_lie_on_one_plane() -> None:
    planar = planar_contours(roi(square(0), square(0.04, 5, (20, 20)), square(3)), GRID)
    assert len(planar.planes_mm) == 2
    assert stack_volume_cm3(planar) == pytest.approx((400 + 100 + 400) * 3 / 1000, rel=1e-2)


def test_finely_drawn_contours_stay_on_their_own_planes() -> None:
    planar = planar_contours(roi(*(square(0.2 * n) for n in range(5))), GRID)
    assert plane_spacing_mm(planar) == pytest.approx(0.2)
    assert stack_volume_cm3(planar) == pytest.approx(400 * 1.0 / 1000)


@pytest.mark.parametrize(
    ("heights", "thickness"),
    [
        ([30, 90], [3, 3]),
        ([30, 90, 120], [3, 3, 3]),
        ([30, 33, 90], [3, 3, 3]),
        ([30, 33, 90, 150], [3, 3, 3, 3]),
        ([30, 36], [6, 6]),
        ([30, 39], [9, 9]),
        ([30, 36, 42, 60, 66], [6, 6, 6, 6, 6]),
        ([30, 50, 70, 90], [20, 20, 20, 20]),
        ([30, 33, 36, 42, 45], [3, 3, 3, 3, 3]),
    ],
    ids=str,
)
def test_lesions_far_apart_are_no_stack_and_swell_to_none(heights: list[float], thickness: list[float]) -> None:
    """Slices of 3 mm: of two or three planes the median of their distances would be the gap itself."""
    low, high = slabs(np.array(heights, dtype=np.float64), 3.0, "half_slice")
    assert high - low == pytest.approx(thickness)


def test_lesions_of_one_slice_far_apart_have_their_own_volumes_and_a_flagged_gap() -> None:
    planar = planar_contours(roi(square(-30), square(15, 5)), GRID)
    assert planar.flags == ("gap_in_contours",)
    assert stack_volume_cm3(planar) == pytest.approx((400 + 100) * 3 / 1000)
    assert centroid_mm(planar, GRID) == pytest.approx((0, 0, (400 * -30 + 100 * 15) / 500))
    assert plane_spacing_mm(planar) == 3


def test_even_planes_far_apart_are_joined_and_flagged() -> None:
    planar = planar_contours(roi(*(square(z) for z in (-24.0, -12.0, 0.0, 12.0))), GRID)
    assert planar.flags == ("sparse_contours",)
    assert stack_volume_cm3(planar) == pytest.approx(400 * 48 / 1000)


@pytest.mark.parametrize("off_mm", [0.12, 0.3, 1.0, -1.0])
@pytest.mark.parametrize("slices", [1, 2, 5])
def test_contours_side_by_side_on_one_slice_at_slightly_different_z_lie_on_one_plane(
    off_mm: float, slices: int
) -> None:
    """The left and the right half were drawn with positions apart; each slice has 400 + 400 mm2."""
    heights = [3.0 * n for n in range(slices)]
    left, right = [square(z, 10, (-20, 0)) for z in heights], [square(z + off_mm, 10, (20, 0)) for z in heights]
    planar = planar_contours(roi(*left, *right), GRID)
    assert planar.flags == ("planes_merged",)
    assert planar.planes_mm == pytest.approx([30 + z for z in heights])
    assert stack_volume_cm3(planar) == pytest.approx(800 * 3 * slices / 1000)


def test_a_hole_written_a_tenth_of_a_slice_off_its_outline_is_a_hole() -> None:
    drawn = [contour for z in (0.0, 3.0) for contour in (square(z), square(z + 0.2, 5))]
    planar = planar_contours(roi(*drawn), GRID)
    assert planar.flags == ("planes_merged",)
    assert stack_volume_cm3(planar) == pytest.approx((400 - 100) * 6 / 1000)


def test_contours_one_above_the_other_in_finer_steps_than_the_slices_stay_apart() -> None:
    for step in (0.2, 1.0):
        planar = planar_contours(roi(*(square(step * n, 10 - n) for n in range(5))), GRID)
        assert len(planar.planes_mm) == 5
        assert "planes_merged" not in planar.flags
    planar = planar_contours(roi(*(square(n, 2, (6 * n, 0)) for n in range(4))), GRID)
    assert len(planar.planes_mm) == 4


def test_contours_one_above_the_other_at_uneven_heights_lose_no_volume() -> None:
    """Each slice of 3 mm drawn twice, 1 mm apart: nine millimetres of one square."""
    planar = planar_contours(roi(*(square(z + off, 10) for z in (0.0, 3.0, 6.0) for off in (0.0, 1.0))), GRID)
    assert stack_volume_cm3(planar) == pytest.approx(400 * (7 + 3) / 1000)


@pytest.mark.parametrize(
    ("slice_mm", "heights", "total"),
    [
        (1.25, [*range(0, 21, 5), *range(35, 51, 5)], 45),
        (1.0, [*range(0, 96, 5), 130, 135], 110),
        (1.0, [0, 4, 8, 12, 30, 34], 24),
        (1.0, [0, 5, 10], 15),
        (3.0, [0, 1, 2, 3, 7, 8, 9, 10], 8),
        (5.0, [0, 1.25, 2.5, 3.75, 13.75, 15, 16.25], 8.75),
    ],
    ids=str,
)
def test_contours_at_steps_of_their_own_keep_them_whatever_the_image_s(
    slice_mm: float, heights: list[float], total: float
) -> None:
    """As many steps as there are planes: a gap is not bridged, and an end reaches half a step."""
    low, high = slabs(np.array(heights, dtype=np.float64), slice_mm, "half_slice")
    assert float((high - low).sum()) == pytest.approx(total)


def test_two_contours_one_above_the_other_within_a_slice_stand_for_a_slice() -> None:
    """10 mm squares 0.4 mm apart on slices of 3 mm: their distance tells nothing of the slices."""
    low, high = slabs(np.array([30.0, 30.4]), 3.0, "half_slice")
    assert high[-1] - low[0] == pytest.approx(3.4)
