"""Judgements on ROIs: names, keywords, and where contours lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.contours import planar_contours
from pdcp_dagster.domain.quality import Judgement
from pdcp_dagster.domain.quality_structures import DrawnRoi, judge_inside, judge_keywords, judge_names, points_outside
from pdcp_dagster.domain.structures import Contour, Roi
from pdcp_dagster.domain.volume import Grid

# 100 x 90 x 20 voxels, whose outer borders lie at x -50.5 and 49.5, y -40.5 and 49.5, z -31.5 and 28.5 mm.
GRID = Grid((-50.0, -40.0, -30.0), (1.0, 1.0, 3.0), ((1, 0, 0), (0, 1, 0), (0, 0, 1)), (100, 90, 20))


def drawn(
    name: str, x: float = 0.0, z: float = 0.0, *, number: int = 1, structure_set: int = 1, kind: str = ""
) -> DrawnRoi:
    """A square of 20 mm about (x, 0) on the plane z and the next one."""
    corners = np.array([[x - 10, -10.0], [x + 10, -10.0], [x + 10, 10.0], [x - 10, 10.0]])
    contours = tuple(Contour(np.column_stack([corners, np.full(4, at)]), "CLOSED_PLANAR") for at in (z, z + 3))
    roi = Roi(number, name, contours, interpreted_type=kind)
    return DrawnRoi(roi, planar_contours(roi, GRID), structure_set)


def undrawn(name: str) -> DrawnRoi:
    return DrawnRoi(Roi(9, name), planar_contours(Roi(9, name), GRID))


def test_names_are_unique_case_aside_within_a_structure_set() -> None:
    assert judge_names([]) is None
    same = [drawn("Heart", number=6), drawn("heart ", number=12), drawn("PTV", number=1), drawn("Lung", number=2)]
    assert judge_names(same[1:]) == Judgement(passed=True, said="3 ROIs, no two with the same name.")
    assert judge_names(same) == Judgement(
        passed=False, said="Names that more than one ROI has, case aside: Heart and heart  (ROI numbers 6, 12)."
    )
    assert judge_names([drawn("PTV", structure_set=1), drawn("PTV", structure_set=2)]) == Judgement(
        passed=True, said="2 ROIs, no two with the same name."
    )


def test_a_roi_that_the_cohort_asks_for_must_be_drawn_on_this_ct() -> None:
    cohort = Cohort(name="a", roi_keywords=("ptv", "lung"), roi_keywords_exclude=("ring",))
    beside = drawn("Lung_L", x=500)
    assert judge_keywords(cohort, [drawn("PTV_50"), undrawn("Lung_R"), beside]) == Judgement(
        passed=True, said="Drawn, of what the cohort asks for: PTV_50. Not drawn on this CT: Lung_R, Lung_L."
    )
    found = judge_keywords(cohort, [undrawn("Lung_R"), beside, drawn("Heart"), drawn("PTV ring")])
    assert found == Judgement(
        passed=False, said="Not drawn on this CT: Lung_R, Lung_L; nothing else is asked for (roi_keywords: ptv, lung)."
    )
    found = judge_keywords(cohort, [drawn("Heart")])
    assert found is not None
    assert not found.passed


def test_a_cohort_without_keywords_asks_for_nothing() -> None:
    assert judge_keywords(Cohort(name="a", roi_keywords=()), [drawn("PTV")]) is None


@pytest.mark.parametrize(
    ("x", "z", "outside"),
    [(39.5, 0, 0), (39.6, 0, 4), (100, 0, 8), (0, -31.4, 0), (0, -31.5, 4), (0, 27, 4), (0, 25.5, 0)],
)
def test_a_point_is_outside_beyond_the_outer_border_of_the_outer_voxels(x: float, z: float, outside: int) -> None:
    one = drawn("PTV", x=x, z=z)
    assert points_outside(one.planar, GRID) == (outside, 8)
    flagged = {"outside_image", "partly_outside_image"} & {*one.planar.flags}
    assert bool(flagged) is bool(outside)


def test_contours_outside_are_said_with_their_share_the_largest_first() -> None:
    said = judge_inside([drawn("PTV"), drawn("Lung", x=45), drawn("Heart", x=100)], GRID)
    assert said == Judgement(
        passed=False, said="Outside the CT: Heart (100.0 % of 8 points), Lung (50.0 % of 8 points)."
    )
    assert judge_inside([drawn("PTV")], GRID) == Judgement(passed=True, said="The contours of 1 ROI lie within the CT.")


def test_couch_and_its_like_may_reach_beyond_the_ct() -> None:
    assert judge_inside([drawn("Couch", x=100, kind="SUPPORT"), undrawn("PTV")], GRID) is None


def test_a_roi_of_another_frame_has_no_known_place_and_does_not_pass() -> None:
    roi = replace(drawn("PTV").roi, frame_of_reference_uid="1.2")
    one = DrawnRoi(roi, planar_contours(roi, GRID, frame_of_reference_uid="1.3"))
    assert judge_inside([one, drawn("Lung")], GRID) == Judgement(
        passed=False, said="In another frame of reference than the CT: PTV."
    )
