"""Laws of masks: voxel centres, the even-odd rule, and never a voxel where none belongs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as OutlinePath
from numpy.typing import NDArray

from pdcp_dagster.domain.contours import PlanarContours, planar_contours, stack_volume_cm3
from pdcp_dagster.domain.masks import MaskCrop, fill_mask
from pdcp_dagster.domain.structures import Contour, Roi
from pdcp_dagster.domain.volume import Grid

GRID = Grid((-20.0, -15.0, 0.0), (1.0, 1.5, 3.0), ((1, 0, 0), (0, 1, 0), (0, 0, 1)), (40, 25, 10))
Points = NDArray[np.float64]


def at(z: float, outline: Points) -> Points:
    return np.column_stack([outline, np.full(len(outline), z)])


def box(x0: float, y0: float, x1: float, y1: float) -> Points:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=np.float64)


def fill(*contours: Points, grid: Grid = GRID) -> MaskCrop | None:
    drawn = Roi(1, "roi", tuple(Contour(points, "CLOSED_PLANAR") for points in contours))
    return fill_mask(planar_contours(drawn, grid), grid)


def full(*contours: Points, grid: Grid = GRID) -> NDArray[np.uint8]:
    crop = fill(*contours, grid=grid)
    return np.zeros(grid.shape, dtype=np.uint8) if crop is None else crop.on(grid)


def even_odd(outlines: list[Points]) -> NDArray[np.uint8]:
    """Matplotlib's answer, contour by contour, at the centres of one slice."""
    i, j = np.meshgrid(np.arange(GRID.size[0]), np.arange(GRID.size[1]))
    centres = np.column_stack([i.ravel() * 1.0 - 20, j.ravel() * 1.5 - 15])
    inside = np.zeros(len(centres), dtype=bool)
    for outline in outlines:
        inside ^= OutlinePath(np.vstack([outline, outline[:1]]), closed=True).contains_points(centres)
    return inside.reshape(i.shape).astype(np.uint8)


def test_a_voxel_is_inside_if_its_centre_is() -> None:
    """Centres at x = -20, -19, ... and y = -15, -13.5, ...: 4 by 3 of them lie in the box."""
    mask = fill(at(3, box(-3.5, -1, 0.4, 3.2)))
    assert mask is not None
    assert mask.voxels == 4 * 3
    assert mask.offset == (1, 10, 17)
    assert np.argwhere(mask.on(GRID)).min(axis=0).tolist() == [1, 10, 17]


def test_abutting_contours_share_no_voxel_and_leave_none_out() -> None:
    left, right = at(3, box(-5, -4.5, 1, 4.5)), at(3, box(1, -4.5, 6, 4.5))
    whole = at(3, box(-5, -4.5, 6, 4.5))
    assert not (full(left) & full(right)).any()
    assert np.array_equal(full(left) | full(right), full(whole))
    assert np.array_equal(full(left, right), full(whole))


def test_a_keyhole_equals_an_inner_contour() -> None:
    outer, inner = box(-12, -12, 12, 12), box(-5.2, -4.1, 6.3, 5.4)
    keyhole = np.vstack([outer, outer[:1], inner[:1], inner[::-1], outer[:1]])
    assert np.array_equal(full(at(3, keyhole)), full(at(3, outer), at(3, inner)))


def test_a_roi_drawn_on_every_second_slice_has_no_empty_planes() -> None:
    """The slabs reach from 0 to 18 mm; the plane at 0 lies in the first, that at 18 no longer in the last."""
    mask = full(*(at(z, box(-3.5, -1, 0.4, 3.2)) for z in (3, 9, 15)))
    assert np.flatnonzero(mask.any(axis=(1, 2))).tolist() == [0, 1, 2, 3, 4, 5]


def test_a_gap_in_a_roi_stays_empty() -> None:
    mask = full(*(at(z, box(-3.5, -1, 0.4, 3.2)) for z in (3, 6, 18, 21)))
    assert np.flatnonzero(mask.any(axis=(1, 2))).tolist() == [1, 2, 6, 7]


def test_a_contour_between_two_planes_fills_one_of_them() -> None:
    mask = full(at(4.5, box(-3.5, -1, 0.4, 3.2)))
    assert int(mask.any(axis=(1, 2)).sum()) == 1


def test_what_lies_outside_the_image_never_appears_in_it() -> None:
    """A contour one slab below the first plane must not come back at the top, nor one left of it at the right."""
    assert fill(at(-9, box(-3, -3, 3, 3))) is None
    assert fill(at(60, box(-3, -3, 3, 3))) is None
    assert fill(at(3, box(-90, -3, -60, 3))) is None
    assert fill(at(3, box(60, -3, 90, 3))) is None
    assert fill(at(3, box(-3, 60, 3, 90))) is None


def test_a_roi_across_the_borders_of_the_image_is_cut_there() -> None:
    mask = full(*(at(z, box(-500, -500, 500, 500)) for z in range(-30, 60, 3)))
    assert mask.all()
    halved = full(at(3, box(-500, -500, -0.5, 500)))
    assert halved[1, :, :20].all()
    assert not halved[1, :, 20:].any()


def test_a_roi_between_voxel_centres_has_no_voxel() -> None:
    crop = fill(at(3, box(0.2, 0.2, 0.7, 0.7)))
    assert crop is None or crop.voxels == 0


def test_a_fine_mask_has_nearly_the_volume_of_its_contours() -> None:
    fine = Grid((-12.0, -12.0, 0.0), (0.1, 0.1, 3.0), GRID.axes, (240, 240, 3))
    angle = np.arange(90) * (2 * np.pi / 90)
    disc = at(3, np.column_stack([9 * np.cos(angle), 7 * np.sin(angle)]))
    crop = fill(disc, grid=fine)
    drawn = planar_contours(Roi(1, "disc", (Contour(disc, "CLOSED_PLANAR"),)), fine)
    assert crop is not None
    assert crop.voxels * fine.voxel_volume_mm3 / 1000 == pytest.approx(stack_volume_cm3(drawn), rel=2e-3)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.floats(-24, 24), st.floats(-19, 26)), min_size=3, max_size=20, unique=True),
        min_size=1,
        max_size=4,
    )
)
def test_any_polygons_fill_as_matplotlib_says(outlines: list[list[tuple[float, float]]]) -> None:
    """Vertices are nudged off the voxel centres, where sides are a matter of convention."""
    drawn = [np.round(np.array(outline), 2) + np.array([0.0031, 0.0017]) for outline in outlines]
    on_image = tuple((0, outline - np.array(GRID.origin_mm[:2])) for outline in drawn)
    crop = fill_mask(PlanarContours(np.array([3.0]), on_image, (), 1, "roi", 3.0), GRID)
    found = np.zeros(GRID.shape, dtype=np.uint8) if crop is None else crop.on(GRID)
    assert np.array_equal(found[1], even_odd(drawn))
