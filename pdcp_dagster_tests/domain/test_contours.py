"""Laws of contours on the planes of an image, and of the stack that they form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pdcp_dagster.domain.contours import (
    centroid_mm,
    planar_contours,
    slabs,
    stack_volume_cm3,
)
from pdcp_dagster.domain.structures import Contour, Roi
from pdcp_dagster.domain.volume import Grid, Vector

GRID = Grid((-50.0, -40.0, -30.0), (1.0, 1.0, 3.0), ((1, 0, 0), (0, 1, 0), (0, 0, 1)), (100, 90, 20))


def square(z: float, half: float = 10.0, centre: tuple[float, float] = (0.0, 0.0)) -> NDArray[np.float64]:
    corners = np.array([[-half, -half], [half, -half], [half, half], [-half, half]]) + centre
    return np.column_stack([corners, np.full(4, z)])


def roi(*contours: NDArray[np.float64], kind: str = "CLOSED_PLANAR") -> Roi:
    return Roi(3, "PTV", tuple(Contour(points, kind) for points in contours))


def test_contours_become_polygons_in_mm_from_the_first_voxel_on_ascending_planes() -> None:
    planar = planar_contours(roi(square(0), square(-3)), GRID)
    assert planar.planes_mm == pytest.approx([27, 30])
    assert [plane for plane, _ in planar.polygons] == [0, 1]
    assert planar.polygons[0][1][0] == pytest.approx([40, 30])
    assert (planar.number, planar.name, planar.flags) == (3, "PTV", ())


def test_points_and_open_contours_enclose_nothing_and_are_flagged() -> None:
    point = Contour(np.array([[1.0, 2.0, 3.0]]), "POINT")
    line = Contour(square(0)[:3], "OPEN_PLANAR")
    planar = planar_contours(Roi(1, "POI", (point, line)), GRID)
    assert planar.polygons == ()
    assert planar.flags == ("no_closed_contour", "skipped_OPEN_PLANAR", "skipped_POINT")
    assert stack_volume_cm3(planar) == 0
    assert centroid_mm(planar, GRID) is None


def test_a_roi_without_contours_is_flagged_empty() -> None:
    assert planar_contours(Roi(1, "POI_1"), GRID).flags == ("empty",)


def test_flags_of_the_reader_are_kept() -> None:
    read = Roi(1, "a", (Contour(square(0), "CLOSED_PLANAR"),), flags=("bad_points_dropped",))
    assert planar_contours(read, GRID).flags == ("bad_points_dropped",)


def test_a_closedplanar_xor_hole_is_a_hole() -> None:
    planar = planar_contours(roi(square(0), square(0, 5), kind="CLOSEDPLANAR_XOR"), GRID)
    assert stack_volume_cm3(planar) == pytest.approx((400 - 100) * 3 / 1000)


def test_a_repeated_closing_point_is_removed() -> None:
    closed = np.vstack([square(0), square(0)[:1]])
    assert len(planar_contours(roi(closed), GRID).polygons[0][1]) == 4


@pytest.mark.parametrize("broken", [square(3)[:2], np.repeat(square(3)[:1], 9, axis=0)])
def test_contours_of_fewer_than_three_points_are_dropped_and_flagged(broken: NDArray[np.float64]) -> None:
    planar = planar_contours(roi(square(0), broken), GRID)
    assert planar.flags == ("degenerate_contour",)
    assert len(planar.polygons) == 1


@pytest.mark.parametrize("turned", [[0, 1, 2], [1, 0, 2], [2, 1, 0]])
def test_points_along_a_line_enclose_nothing_and_are_no_plane(turned: list[int]) -> None:
    line = np.array([[0.0, 0.0, 9.0], [10, 5, 9], [4, 2, 9], [8, 4, 9]])
    assert planar_contours(roi(line[:, turned]), GRID).flags == ("degenerate_contour", "no_closed_contour")
    planar = planar_contours(roi(square(0), square(3), line), GRID)
    assert planar.flags == ("degenerate_contour",)
    assert len(planar.planes_mm) == 2


def test_a_figure_of_eight_whose_loops_cancel_is_no_line() -> None:
    """Two triangles of 10 x 10 / 2 / 2 mm2 each."""
    eight = np.array([[0.0, 0.0, 0.0], [10, 10, 0], [10, 0, 0], [0, 10, 0]])
    planar = planar_contours(roi(eight), GRID)
    assert planar.flags == ("self_crossing_contour",)
    assert stack_volume_cm3(planar) == pytest.approx(50 * 3 / 1000, rel=1e-3)


@pytest.mark.parametrize("damage", [np.nan, np.inf, 1e300, -1e6])
def test_points_that_can_be_no_place_in_a_patient_drop_their_contour(damage: float) -> None:
    broken = square(3)
    broken[1, 0] = damage
    planar = planar_contours(roi(square(0), broken), GRID)
    assert planar.flags == ("implausible_contour_dropped",)
    assert len(planar.polygons) == 1


@pytest.mark.parametrize("again", [square(0), np.roll(square(0), 1, axis=0), square(0)[::-1]])
def test_the_same_contour_twice_counts_once_and_is_flagged(again: NDArray[np.float64]) -> None:
    planar = planar_contours(roi(square(0), again), GRID)
    assert planar.flags == ("duplicate_contour_dropped",)
    assert stack_volume_cm3(planar) == pytest.approx(400 * 3 / 1000)


@pytest.mark.parametrize("scale", [1.001, 0.999])
def test_an_outline_redrawn_almost_alike_counts_once_and_is_flagged(scale: float) -> None:
    planar = planar_contours(roi(square(0), square(0, 10 * scale), square(3)), GRID)
    assert planar.flags == ("near_duplicate_contour_dropped",)
    assert stack_volume_cm3(planar) == pytest.approx(2 * 400 * 3 / 1000)


def test_contours_that_overlap_in_part_are_flagged() -> None:
    assert planar_contours(roi(square(0), square(0, 10, (17, 4))), GRID).flags == ("crossing_contours",)
    assert planar_contours(roi(square(0), square(3, 10, (17, 4))), GRID).flags == ()


@pytest.mark.parametrize(("aside", "cut"), [(17, False), (15, True), (0.6, True)])
def test_a_plane_that_loses_a_tenth_of_its_area_to_crossings_is_cut(aside: float, cut: bool) -> None:
    """Two squares of 400 mm2 have 3 x 16, 5 x 16 or 19.4 x 20 mm2 in common: 6, 11 and 94 % of both together."""
    moved = square(0, 10, (aside, 4 if aside > 1 else 0))
    assert ("cut_by_crossing" in planar_contours(roi(square(0), moved, square(3)), GRID).flags) is cut


def test_a_crossing_in_a_small_part_of_a_large_plane_cuts_nothing() -> None:
    """80 mm2 of 2 x 80 beside 1600: 4 %."""
    large, small, other = square(0, 20, (-20, 0)), square(0, 6, (30, 0)), square(0, 6, (35, 0))
    assert planar_contours(roi(large, small, other), GRID).flags == ("crossing_contours",)


def test_a_contour_across_the_planes_is_dropped_and_flagged() -> None:
    sagittal = square(0)[:, [2, 1, 0]]
    planar = planar_contours(roi(square(0), sagittal), GRID)
    assert planar.flags == ("non_axial_contour",)
    assert len(planar.polygons) == 1


def test_a_roi_on_another_frame_of_reference_is_not_placed() -> None:
    elsewhere = Roi(1, "a", (Contour(square(0), "CLOSED_PLANAR"),), frame_of_reference_uid="1.2")
    assert planar_contours(elsewhere, GRID, "1.3").flags == ("other_frame_of_reference",)
    assert planar_contours(elsewhere, GRID, "1.3").polygons == ()
    assert planar_contours(elsewhere, GRID, "1.2").flags == ()
    assert planar_contours(elsewhere, GRID).flags == ()


@pytest.mark.parametrize(
    ("centre", "z", "flags"),
    [
        ((0.0, 0.0), 0.0, ()),
        ((-45.0, 0.0), 0.0, ("partly_outside_image",)),
        ((200.0, 0.0), 0.0, ("outside_image",)),
        ((0.0, 0.0), 90.0, ("outside_image",)),
        ((0.0, 0.0), -31.5, ("between_slices", "partly_outside_image")),
    ],
)
def test_a_roi_off_the_image_is_flagged(centre: tuple[float, float], z: float, flags: tuple[str, ...]) -> None:
    assert planar_contours(roi(square(z, centre=centre)), GRID).flags == flags


def test_slabs_meet_halfway_and_end_half_a_slice_beyond() -> None:
    low, high = slabs(np.array([0.0, 3.0, 6.0, 8.0]), 1.0, "half_slice")
    assert low == pytest.approx([-1.5, 1.5, 4.5, 7.0])
    assert high == pytest.approx([1.5, 4.5, 7.0, 9.5])


def test_without_end_caps_slabs_end_at_the_outer_planes() -> None:
    low, high = slabs(np.array([0.0, 3.0, 6.0]), 1.0, "none")
    assert low == pytest.approx([0, 1.5, 4.5])
    assert high == pytest.approx([1.5, 4.5, 6.0])


def test_a_gap_is_not_bridged() -> None:
    planes = np.array([0.0, 3.0, 6.0, 15.0, 18.0])
    low, high = slabs(planes, 1.0, "half_slice")
    assert (high[2], low[3]) == pytest.approx((7.5, 13.5))
    low, high = slabs(planes, 1.0, "none")
    assert (high[2], low[3]) == pytest.approx((6, 15))


@pytest.mark.parametrize("caps", ["half_slice", "none"])
def test_a_single_plane_stands_for_one_slice_of_the_image(caps: str) -> None:
    low, high = slabs(np.array([7.0]), 3.0, "none" if caps == "none" else "half_slice")
    assert (low[0], high[0]) == pytest.approx((5.5, 8.5))


def test_a_cone_has_the_volume_of_its_stack_of_discs() -> None:
    radii = np.linspace(2, 12, 11)
    angle = np.arange(60) * (2 * np.pi / 60)
    discs = [np.column_stack([r * np.cos(angle), r * np.sin(angle), np.full(60, 2.0 * n)]) for n, r in enumerate(radii)]
    areas = 0.5 * 60 * np.sin(2 * np.pi / 60) * radii**2
    assert stack_volume_cm3(planar_contours(roi(*discs), GRID)) == pytest.approx(areas.sum() * 2 / 1000, rel=1e-9)
    trimmed = areas.sum() - 0.5 * areas[0] - 0.5 * areas[-1]
    assert stack_volume_cm3(planar_contours(roi(*discs), GRID), "none") == pytest.approx(trimmed * 2 / 1000, rel=1e-9)


def test_the_centroid_of_a_box_with_a_hole_is_where_balance_says() -> None:
    """400 mm2 at x = 0 less 100 mm2 at x = 4: the middle moves to -400 / 300."""
    planar = planar_contours(roi(square(0), square(0, 5, (4, 0))), GRID)
    assert centroid_mm(planar, GRID) == pytest.approx((-4 / 3, 0, 0), abs=1e-9)


@pytest.mark.parametrize("aside", [0.6, 2.0, 5.0, 12.0])
def test_the_centroid_of_two_outlines_that_cross_lies_between_them(aside: float) -> None:
    """What the even-odd rule leaves of two discs moved apart is the same to either side of the middle."""
    angle = np.arange(100) * (2 * np.pi / 100)
    disc = np.column_stack([10 * np.cos(angle), 10 * np.sin(angle), np.zeros(100)])
    planar = planar_contours(roi(disc, disc + np.array([aside, 0, 0])), GRID)
    assert centroid_mm(planar, GRID) == pytest.approx((aside / 2, 0, 0), abs=0.02)


def test_the_centroid_of_what_the_rule_leaves_nothing_of_is_the_middle_of_its_box() -> None:
    """The same outline twice on one plane, as no ROI that was cleaned has it."""
    planar = planar_contours(roi(square(0), square(3)), GRID)
    empty = replace(planar, polygons=tuple((0, vertices) for _, vertices in planar.polygons))
    assert centroid_mm(empty, GRID) == pytest.approx((0, 0, 1.5))


@settings(max_examples=25, deadline=None)
@given(
    turn=st.tuples(st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3)),
    shift=st.tuples(st.floats(-500, 500), st.floats(-500, 500), st.floats(-500, 500)),
    flip=st.booleans(),
)
def test_moving_patient_and_image_together_changes_no_polygon(turn: Vector, shift: Vector, flip: bool) -> None:
    matrix = Rotation.from_rotvec(turn).as_matrix()
    axes = np.array(GRID.axes, dtype=np.float64)
    if flip:
        matrix = matrix @ np.diag([1.0, 1.0, -1.0])

    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(points @ matrix.T + shift)

    moved_axes = axes @ matrix.T
    origin = move(np.array(GRID.origin_mm))
    grid = Grid(
        (origin[0], origin[1], origin[2]), GRID.spacing_mm,
        tuple((float(a[0]), float(a[1]), float(a[2])) for a in moved_axes),  # type: ignore[arg-type]  # three of them
        GRID.size,
    )  # fmt: skip
    drawn = [square(-3, 8), square(0, 10), square(0, 4, (1, 1)), square(3, 9)]
    still = planar_contours(roi(*drawn), GRID)
    moved = planar_contours(roi(*(move(points) for points in drawn)), grid)
    assert moved.flags == still.flags
    assert moved.planes_mm == pytest.approx(still.planes_mm, abs=1e-6)
    for (plane, points), (expected_plane, expected) in zip(moved.polygons, still.polygons, strict=True):
        assert plane == expected_plane
        assert points == pytest.approx(expected, abs=1e-6)
    centre, expected_centre = centroid_mm(moved, grid), centroid_mm(still, GRID)
    assert centre == pytest.approx(move(np.array(expected_centre)), abs=1e-6)
