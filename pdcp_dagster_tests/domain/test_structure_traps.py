"""The traps of RTSTRUCTs, one by one: what becomes of each ROI on the image, and the flag that tells of it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pdcp_dagster.domain.contours import planar_contours, stack_volume_cm3
from pdcp_dagster.domain.masks import fill_mask
from pdcp_dagster.domain.structures import Contour, Roi
from pdcp_dagster.domain.volume import Grid

GRID = Grid((-50.0, -40.0, -30.0), (1.0, 1.0, 3.0), ((1, 0, 0), (0, 1, 0), (0, 0, 1)), (100, 90, 20))
SLICES_MM = GRID.origin_mm[2] + GRID.spacing_mm[2] * np.arange(GRID.size[2])


def square(z: float, half: float = 10.3, kind: str = "CLOSED_PLANAR") -> Contour:
    corners = np.array([[-half, -half], [half, -half], [half, half], [-half, half]])
    return Contour(np.column_stack([corners, np.full(4, z)]), kind)


def voxels_by_slice(*contours: Contour) -> NDArray[np.int64]:
    crop = fill_mask(planar_contours(Roi(1, "a", contours), GRID), GRID)
    assert crop is not None
    return np.asarray(crop.on(GRID).sum(axis=(1, 2), dtype=np.int64))


def flags(*contours: Contour) -> tuple[str, ...]:
    return planar_contours(Roi(1, "a", contours), GRID).flags


@pytest.mark.parametrize("off_mm", [1.2, -1.2])
def test_contours_between_slices_fill_the_slice_that_they_are_nearest_to(off_mm: float) -> None:
    """Squares of 11 to 21 mm, 1.2 mm off slices of 3 mm: matched by half a slice, not by equal z."""
    halves = [5.3, 6.3, 7.3, 8.3, 9.3, 10.3]
    drawn = [square(SLICES_MM[5 + n] + off_mm, half) for n, half in enumerate(halves)]
    expected = np.zeros(20, dtype=np.int64)
    expected[5:11] = [(2 * int(half) + 1) ** 2 for half in halves]
    assert voxels_by_slice(*drawn).tolist() == expected.tolist()
    assert flags(*drawn) == ("between_slices",)
    assert stack_volume_cm3(planar_contours(Roi(1, "a", tuple(drawn)), GRID)) == pytest.approx(
        sum((2 * half) ** 2 for half in halves) * 3 / 1000
    )


@pytest.mark.parametrize("off_mm", [0.0, 0.05, -0.2])
def test_contours_on_the_slices_but_for_rounding_are_not_flagged(off_mm: float) -> None:
    assert flags(*(square(z + off_mm) for z in SLICES_MM[5:9])) == ()


@pytest.mark.parametrize("kind", ["POINT", "OPEN_PLANAR", "OPEN_NONPLANAR"])
def test_open_contours_beside_closed_ones_are_left_out_and_flagged(kind: str) -> None:
    line = Contour(np.array([[0.0, 0, 0], [30, 30, 0]])[: 1 if kind == "POINT" else 2], kind)
    assert flags(square(0), line) == (f"skipped_{kind}",)
    assert voxels_by_slice(square(0), line).sum() == 21 * 21


def test_xor_contours_are_holes_and_islands_by_turns() -> None:
    rings = [square(0, half, "CLOSEDPLANAR_XOR") for half in (10.3, 6.3, 2.3)]
    assert voxels_by_slice(*rings)[10] == 21**2 - 13**2 + 5**2


def test_the_same_contour_twice_does_not_erase_itself() -> None:
    assert voxels_by_slice(square(0), square(0))[10] == 21**2
    assert flags(square(0), square(0)) == ("duplicate_contour_dropped",)


def test_contours_across_the_slices_are_left_out_and_flagged() -> None:
    sagittal = Contour(square(0).points_mm[:, [2, 1, 0]], "CLOSED_PLANAR")
    assert flags(square(0), sagittal) == ("non_axial_contour",)
    assert voxels_by_slice(square(0), sagittal).sum() == 21**2
    assert flags(sagittal) == ("no_closed_contour", "non_axial_contour")


def test_contours_outside_the_image_are_flagged_and_not_misplaced() -> None:
    assert flags(square(300)) == ("outside_image",)
    assert fill_mask(planar_contours(Roi(1, "a", (square(300),)), GRID), GRID) is None
