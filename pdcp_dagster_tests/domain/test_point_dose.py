"""Laws of the dose at points and along open contours, under a dose that grows by 1 Gy per mm along z."""

from __future__ import annotations

import numpy as np
import pytest

from pdcp_dagster.domain.dose_grid import DoseGrid
from pdcp_dagster.domain.point_dose import open_points_mm, point_dose_gy
from pdcp_dagster.domain.structures import Contour, Roi

PLANES_MM = np.array([0.0, 3.0, 6.0, 12.0])
DOSE = DoseGrid(
    origin_mm=(-10.0, -10.0, 100.0),
    axes=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    spacing_mm=(2.5, 2.5),
    plane_offsets_mm=PLANES_MM,
    dose_gy=np.broadcast_to(20 + PLANES_MM[:, None, None], (4, 9, 9)).astype(np.float32),
)


def roi(*contours: tuple[str, list[tuple[float, float, float]]]) -> Roi:
    return Roi(1, "POI", tuple(Contour(np.array(points, dtype=np.float64), kind) for kind, points in contours))


def test_one_point_has_the_dose_there_interpolated_linearly() -> None:
    dose_gy, flags = point_dose_gy(np.array([[1.3, -2.0, 108.5]]), DOSE)
    assert dose_gy == pytest.approx(28.5)
    assert flags == ()


def test_several_points_have_their_mean_and_say_so() -> None:
    several = np.array([[0.0, 0.0, 101.0], [1.0, 2.0, 103.0], [5.0, 5.0, 111.0]])
    dose_gy, flags = point_dose_gy(several, DOSE)
    assert dose_gy == pytest.approx(25.0)
    assert flags == ("mean_of_points",)


def test_with_a_point_outside_the_dose_grid_nothing_is_known() -> None:
    outside = np.array([[0.0, 0.0, 101.0], [0.0, 0.0, 300.0]])
    assert point_dose_gy(outside, DOSE) == (None, ("point_outside_dose_grid",))


def test_no_point_has_no_dose() -> None:
    assert point_dose_gy(np.zeros((0, 3)), DOSE) == (None, ())


def test_points_are_those_of_open_contours_and_of_contours_of_one_point() -> None:
    found = open_points_mm(
        roi(
            ("POINT", [(1, 2, 3)]),
            ("OPEN_PLANAR", [(0, 0, 5), (9, 9, 5)]),
            ("OPEN_NONPLANAR", [(0, 0, 6), (9, 9, 7)]),
            ("CLOSED_PLANAR", [(7, 7, 7)]),
            ("CLOSED_PLANAR", [(0, 0, 5), (9, 0, 5), (0, 9, 5)]),
            ("POINT", [(1e9, 0, 0)]),
        )
    )
    assert found.tolist() == [[1, 2, 3], [0, 0, 5], [9, 9, 5], [0, 0, 6], [9, 9, 7], [7, 7, 7]]
    assert open_points_mm(Roi(1, "empty")).shape == (0, 3)
