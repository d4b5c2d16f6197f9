"""The slice that shows a candidate: which one it is, and what lies on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pdcp_dagster.domain.candidate_view import Focus, focus_of, outlines_on, place_slices
from pdcp_dagster.domain.contours import PlanarContours, planar_contours
from pdcp_dagster.domain.structures import Contour, Roi

SLICE_MM = 3.0
AXIAL = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]


def record(z_mm: float | None, *, x_mm: float = -50.0, orientation: list[float] | None = None) -> dict[str, Any]:
    return {
        "sop_instance_uid": f"1.2.{z_mm}",
        "instance_identifier": f"id {z_mm}",
        "image_position_patient": None if z_mm is None else [x_mm, -50.0, z_mm],
        "image_orientation_patient": np.array(orientation or AXIAL),
        "pixel_spacing": [2.0, 1.0],
        "rows": 50,
        "columns": 100,
        "slice_thickness": 5.0,
    }


def square(name: str, kind: str | None, *planes: tuple[float, float], number: int = 1) -> Roi:
    """Return squares about x = y = 0: z and half of the edge of each, mm."""
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    contours = [Contour(np.column_stack([corners * half, np.full(4, z)]), "CLOSED_PLANAR") for z, half in planes]
    return Roi(number, name, tuple(contours), interpreted_type=kind)


def drawn(*rois: Roi) -> list[tuple[Roi, PlanarContours]]:
    placed = place_slices([record(0.0), record(SLICE_MM)])
    assert placed is not None
    return [(roi, planar_contours(roi, placed.grid)) for roi in rois]


def test_slices_are_placed_by_their_positions_whatever_their_order() -> None:
    placed = place_slices([record(6.0), record(0.0), record(3.0), record(None)])
    assert placed is not None
    assert placed.numbers == (1, 2, 0)
    assert placed.positions_mm.tolist() == [0.0, 3.0, 6.0]
    assert placed.grid.spacing_mm == (1.0, 2.0, 3.0)
    assert [placed.nearest(each) for each in (-100.0, 1.4, 1.6, 4.5, 100.0)] == [0, 0, 1, 1, 2]
    assert placed.middle == 1


def test_slices_of_another_orientation_than_most_are_left_out() -> None:
    sagittal = record(0.0, orientation=[0.0, 1.0, 0.0, 0.0, 0.0, -1.0])
    placed = place_slices([sagittal, record(0.0), record(3.0)])
    assert placed is not None
    assert placed.numbers == (1, 2)


def test_slices_that_run_from_head_to_feet_count_along_their_own_normal() -> None:
    feet_first = [-1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    placed = place_slices([record(0.0, orientation=feet_first), record(3.0, orientation=feet_first)])
    assert placed is not None
    assert placed.numbers == (1, 0)


@pytest.mark.parametrize(
    "lack",
    [
        {"image_position_patient": None},
        {"image_position_patient": [0.0, float("nan"), 0.0]},
        {"image_orientation_patient": [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]},
        {"image_orientation_patient": [1.0, 0.0, 0.0]},
        {"pixel_spacing": [0.0, 1.0]},
        {"rows": None},
    ],
)
def test_a_slice_that_does_not_tell_its_place_is_not_placed(lack: dict[str, Any]) -> None:
    assert place_slices([{**record(0.0), **lack}]) is None


def test_one_slice_has_its_thickness_for_a_distance() -> None:
    placed = place_slices([record(0.0)])
    assert placed is not None
    assert placed.grid.spacing_mm[2] == 5.0


def test_the_target_with_the_largest_plane_shows_the_candidate_where_it_is_largest() -> None:
    body = square("BODY", "EXTERNAL", (0.0, 40.0), (3.0, 45.0))
    small, large = square("PTV_1", "PTV", (0.0, 5.0)), square("PTV_2", "PTV", (3.0, 6.0), (6.0, 8.0), (9.0, 7.0))
    assert focus_of(drawn(body, small, large), ["heart"]) == Focus("PTV_2", 6.0)


def test_without_a_target_the_first_roi_with_a_keyword_shows_it_and_without_one_the_first() -> None:
    body, heart = square("BODY", "EXTERNAL", (0.0, 40.0)), square("Heart", "ORGAN", (3.0, 10.0))
    assert focus_of(drawn(body, heart), ["HEART"]) == Focus("Heart", 3.0)
    assert focus_of(drawn(body, heart), ["lung"]) == Focus("BODY", 0.0)
    assert focus_of(drawn(body, heart), []) == Focus("BODY", 0.0)


def test_a_roi_without_closed_contours_shows_nothing() -> None:
    point = Roi(1, "PTV", (Contour(np.zeros((1, 3)), "POINT"),), interpreted_type="PTV")
    assert focus_of(drawn(point), ["ptv"]) is None
    heart = square("Heart", "ORGAN", (3.0, 10.0), number=2)
    assert focus_of(drawn(point, heart), ["ptv"]) == Focus("Heart", 3.0)


def test_of_planes_as_large_the_one_in_the_middle_is_shown() -> None:
    column = square("PTV", "PTV", *((3.0 * n, 10.0) for n in range(5)))
    assert focus_of(drawn(column), []) == Focus("PTV", 6.0)


def test_a_roi_is_outlined_only_on_slices_within_half_a_slice_of_its_contours() -> None:
    placed = place_slices([record(0.0), record(3.0), record(6.0)])
    assert placed is not None
    near, far = square("near", None, (4.5, 10.0)), square("far", None, (5.0, 10.0))
    rois = [(roi, planar_contours(roi, placed.grid)) for roi in (near, far)]
    assert [outline.name for outline in outlines_on(rois, placed, 1)] == ["near"]
    assert [outline.name for outline in outlines_on(rois, placed, 2)] == ["near", "far"]
    assert outlines_on(rois, placed, 0) == ()


def test_an_outline_is_given_in_the_slices_own_pixels() -> None:
    placed = place_slices([record(0.0), record(3.0)])
    assert placed is not None
    (outline,) = outlines_on(drawn(square("CTV_1", None, (3.0, 10.0))), placed, 1)
    assert outline.is_target
    # Pixel 0 lies at -50 mm; columns are 1 mm and rows 2 mm apart.
    assert outline.polygons[0].min(axis=0).tolist() == pytest.approx([40.0, 20.0])
    assert outline.polygons[0].max(axis=0).tolist() == pytest.approx([60.0, 30.0])


def test_the_outline_on_a_slice_that_is_shifted_sideways_is_where_the_slice_shows_it() -> None:
    placed = place_slices([record(0.0), record(3.0, x_mm=-45.0)])
    assert placed is not None
    (outline,) = outlines_on(drawn(square("CTV", None, (3.0, 10.0))), placed, 1)
    assert outline.polygons[0].min(axis=0).tolist() == pytest.approx([35.0, 20.0])


def test_of_contours_denser_than_slices_the_nearest_plane_is_outlined() -> None:
    placed = place_slices([record(0.0), record(3.0)])
    assert placed is not None
    roi = square("PTV", "PTV", (2.0, 5.0), (2.8, 7.0), (3.6, 9.0))
    (outline,) = outlines_on([(roi, planar_contours(roi, placed.grid))], placed, 1)
    assert np.ptp(outline.polygons[0][:, 0]) == pytest.approx(14.0)
