"""Laws of stacking: what makes a grid, what does not, and the words for it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import cast

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pdcp_dagster.domain.stack import SliceGeometry, stack
from pdcp_dagster.domain.volume import Grid, Vector

AXIAL: tuple[Vector, Vector] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))


def vector(values: NDArray[np.float64]) -> Vector:
    return cast(Vector, tuple(float(value) for value in values))


def slices_at(
    along_mm: Sequence[float],
    cosines: tuple[Vector, Vector] = AXIAL,
    first: Vector = (-10.0, 20.0, 30.0),
    spacing: tuple[float, float] = (2.0, 3.0),
) -> list[SliceGeometry]:
    """Slices of 4 rows and 5 columns at distances along the normal."""
    normal = np.cross(*cosines)
    return [
        SliceGeometry(f"1.2.{n}", vector(np.array(first) + z * normal), *cosines, spacing, 4, 5)
        for n, z in enumerate(along_mm)
    ]


def grid_of(slices: Sequence[SliceGeometry]) -> Grid:
    stacked = stack(slices)
    assert stacked.problems == ()
    assert stacked.grid is not None
    return stacked.grid


def problems_of(slices: Sequence[SliceGeometry]) -> str:
    stacked = stack(slices)
    assert stacked.grid is None
    return "; ".join(stacked.problems)


@st.composite
def rotations(draw: st.DrawFn) -> tuple[Vector, Vector]:
    """Row and column cosines of any orientation, from a unit quaternion."""
    part = st.floats(-1, 1)
    q = np.array(draw(st.tuples(part, part, part, part).filter(lambda t: math.hypot(*t) > 0.1)))
    a, b, c, d = q / np.linalg.norm(q)
    row = np.array([a * a + b * b - c * c - d * d, 2 * (b * c + a * d), 2 * (b * d - a * c)])
    column = np.array([2 * (b * c - a * d), a * a - b * b + c * c - d * d, 2 * (c * d + a * b)])
    return vector(row), vector(column)


def test_an_axial_stack_has_the_grid_worked_by_hand() -> None:
    grid = grid_of(slices_at([0.0, 2.5, 5.0]))
    assert grid.origin_mm == (-10.0, 20.0, 30.0)
    assert grid.spacing_mm == (3.0, 2.0, 2.5), "PixelSpacing is rows first, a grid is columns first"
    assert grid.size == (5, 4, 3)
    assert grid.axes == ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def test_a_sagittal_stack_ascends_along_the_patients_x() -> None:
    grid = grid_of(slices_at([4.0, 0.0, 2.0], ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0))))
    assert grid.axes[2] == (1.0, 0.0, 0.0)
    assert grid.origin_mm == (-10.0, 20.0, 30.0)


def test_a_stack_whose_normal_points_to_the_feet_starts_at_the_head() -> None:
    slices = slices_at([0.0, 3.0, 6.0], ((-1.0, 0.0, 0.0), (0.0, 1.0, 0.0)))
    assert [one.position_mm[2] for one in slices] == [30.0, 27.0, 24.0]
    grid = grid_of(slices)
    assert grid.axes[2] == (0.0, 0.0, -1.0)
    assert grid.origin_mm[2] == 30.0


@settings(deadline=None)
@given(
    cosines=rotations(),
    step=st.floats(0.3, 10.0),
    count=st.integers(2, 12),
    first=st.tuples(st.floats(-500, 500), st.floats(-500, 500), st.floats(-2000, 2000)),
    data=st.data(),
)
def test_any_permutation_of_the_slices_gives_the_same_grid_to_the_last_bit(
    cosines: tuple[Vector, Vector], step: float, count: int, first: Vector, data: st.DataObject
) -> None:
    slices = slices_at([n * step for n in range(count)], cosines, first)
    shuffled = data.draw(st.permutations(slices))
    assert grid_of(shuffled) == grid_of(slices)
    assert [shuffled[index] for index in stack(shuffled).order] == slices


@settings(deadline=None)
@given(cosines=rotations(), step=st.floats(0.3, 10.0), count=st.integers(2, 12), data=st.data())
def test_every_slice_lies_where_the_grid_says(
    cosines: tuple[Vector, Vector], step: float, count: int, data: st.DataObject
) -> None:
    slices = slices_at([n * step for n in range(count)], cosines)
    grid = grid_of(slices)
    k = data.draw(st.integers(0, count - 1))
    i, j = data.draw(st.tuples(st.integers(0, 4), st.integers(0, 3)))
    # PS3.3 C.7.6.2.1.1, equation 1: columns step by the second value of PixelSpacing along the row direction.
    expected = np.array(slices[k].position_mm) + i * 3.0 * np.array(cosines[0]) + j * 2.0 * np.array(cosines[1])
    assert grid.to_patient(np.array([[i, j, k]]))[0] == pytest.approx(expected, abs=1e-4)


@settings(deadline=None)
@given(
    cosines=rotations(),
    jitter=st.lists(st.tuples(*[st.floats(-0.03, 0.03)] * 3), min_size=2, max_size=10),
)
def test_jitter_within_a_tenth_of_a_millimetre_is_regular(cosines: tuple[Vector, Vector], jitter: list[Vector]) -> None:
    straight = slices_at([3.0 * n for n in range(len(jitter))], cosines)
    moved = [
        dataclasses.replace(one, position_mm=vector(np.array(one.position_mm) + np.array(by)))
        for one, by in zip(straight, jitter, strict=True)
    ]
    assert grid_of(moved).spacing_mm[2] == pytest.approx(3.0, abs=0.07)


def test_the_tolerance_counts_from_the_best_uniform_fit() -> None:
    # Of 0, 3.14, 6 the least-squares line is 0.14/3 + 3k: residuals -0.047, 0.093, -0.047.
    assert grid_of(slices_at([0.0, 3.14, 6.0])).spacing_mm[2] == pytest.approx(3.0)
    assert "irregular slice spacing" in problems_of(slices_at([0.0, 3.16, 6.0]))  # residual 0.107


def test_a_slow_drift_of_the_spacing_is_irregular() -> None:
    drifting = [3.0 * n + 0.002 * n * n for n in range(30)]
    assert "irregular slice spacing: steps from 3.00 to 3.11 mm" in problems_of(slices_at(drifting))


def test_a_missing_slice_is_a_gap_with_its_position() -> None:
    said = problems_of(slices_at([0.0, 3.0, 9.0, 12.0, 15.0]))
    assert said == "1 gap where the usual step is 3.00 mm: z 33.00 mm to z 39.00 mm (6.00 mm, about 1 missing)"


def test_gaps_of_an_oblique_stack_are_named_by_points() -> None:
    tilted = (1.0, 0.0, 0.0), (0.0, math.cos(0.5), math.sin(0.5))
    said = problems_of(slices_at([0.0, 3.0, 9.0, 12.0], tilted, first=(0.0, 0.0, 0.0)))
    assert "(0.00, -1.44, 2.63) mm to (0.00, -4.31, 7.90) mm" in said  # 3 and 9 mm times (0, -sin, cos)


def test_only_the_first_gaps_are_listed_and_the_rest_counted() -> None:
    along = [0.0]
    for n in range(21):
        along.append(along[-1] + (6.0 if n % 3 == 0 else 2.0))
    said = problems_of(slices_at(along))
    assert said.startswith("7 gaps where the usual step is 2.00 mm: ")
    assert said.endswith(" and 2 more")


def test_two_slices_at_one_position_are_duplicates() -> None:
    said = problems_of(slices_at([0.0, 3.0, 3.0, 6.0]))
    assert said == "1 slice lies at the position of another: z 33.00 mm"


def test_two_spacings_in_one_series_are_refused() -> None:
    assert "irregular" in problems_of(slices_at([0.0, 3.0, 6.0, 9.0, 13.0, 17.0, 21.0]))


def test_gantry_tilt_is_shear_with_its_angle() -> None:
    # Slices step 3 mm along the patient's z and are tilted by 20 degrees about x: the normal leans away from z.
    tilt = math.radians(20.0)
    cosines = (1.0, 0.0, 0.0), (0.0, math.cos(tilt), math.sin(tilt))
    slices = [SliceGeometry(f"1.{n}", (0.0, 0.0, 3.0 * n), *cosines, (1.0, 1.0), 4, 4) for n in range(5)]
    # Sideways: 6 mm either side of the middle times sin 20 degrees = 2.05 mm.
    assert problems_of(slices) == (
        "sheared (gantry tilt) by 20.00 degrees: slices lie shifted sideways by up to 2.05 mm"
    )


def test_one_slice_beside_the_others_is_refused() -> None:
    slices = slices_at([0.0, 3.0, 6.0, 9.0, 12.0])
    slices[1] = dataclasses.replace(slices[1], position_mm=(-8.0, 20.0, 33.0))
    assert "slices lie shifted sideways by up to 1.60 mm" in problems_of(slices)  # 2 mm less their mean, 0.4 mm


def test_differing_orientations_spacings_and_sizes_are_all_said() -> None:
    slices = slices_at([0.0, 3.0, 6.0])
    slices[0] = dataclasses.replace(slices[0], rows=8)
    slices[1] = dataclasses.replace(slices[1], pixel_spacing_mm=(2.0, 3.1))
    slices[2] = dataclasses.replace(slices[2], row_cosines=(0.0, 1.0, 0.0), column_cosines=(0.0, 0.0, 1.0))
    said = problems_of(slices)
    assert "differ in orientation" in said
    assert "differ in pixel spacing (mm): (2.0, 3.0) and (2.0, 3.1)" in said
    assert "differ in size: 4 x 5 and 8 x 5" in said
    assert stack(slices).order == ()


def test_rows_and_columns_that_are_not_perpendicular_are_refused() -> None:
    assert "not perpendicular" in problems_of(slices_at([0.0, 1.0], ((1.0, 0.0, 0.0), (0.6, 0.8, 0.0))))


@pytest.mark.parametrize("along", [[], [0.0]])
def test_fewer_than_two_slices_are_no_volume(along: list[float]) -> None:
    assert problems_of(slices_at(along))


def test_rounding_noise_in_the_cosines_leaves_clean_axes() -> None:
    noisy = (1.0, 0.0, -1.224647e-16), (0.0, 1.0, 0.0)
    assert grid_of(slices_at([0.0, 3.0], noisy)).axes[0] == (1.0, 0.0, 0.0)


def leaning(slope: float, count: int = 121, step_mm: float = 2.5) -> list[SliceGeometry]:
    """Axial slices whose first pixels go aside along x with height: 121 of 2.5 mm reach 150 mm from their middle."""
    return [
        SliceGeometry(f"1.{n}", (slope * step_mm * n, 0.0, step_mm * n), *AXIAL, (1.0, 1.0), 4, 4) for n in range(count)
    ]


def test_a_lean_that_rounding_of_the_directions_leaves_is_no_shear() -> None:
    # Cosines of three decimals are off by up to 0.0005 each. 150 mm times 0.0009 is 0.135 mm aside, 0.05 degrees.
    grid = grid_of(leaning(0.0009))
    assert grid.axes == ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)), "contours are drawn by these"
    assert grid.spacing_mm[2] == pytest.approx(2.5)
    # The middle slice lies where it says, the first and the last 0.135 mm aside.
    assert grid.origin_mm == pytest.approx((0.135, 0.0, 0.0), abs=1e-9)


def test_a_lean_beyond_rounding_is_shear_and_its_small_angle_is_told() -> None:
    # atan 0.0011 = 0.063 degrees; 150 mm times 0.0011 = 0.165 mm.
    assert problems_of(leaning(0.0011)) == (
        "sheared (gantry tilt) by 0.06 degrees: slices lie shifted sideways by up to 0.17 mm"
    )


def test_no_lean_takes_a_slice_half_a_millimetre_aside() -> None:
    # 1125 mm long: 562.5 mm times 0.0009 = 0.51 mm.
    assert "shifted sideways by up to 0.51 mm" in problems_of(leaning(0.0009, count=451))
    assert grid_of(leaning(0.0008, count=451)).size[2] == 451


def test_slices_that_wander_sideways_are_no_lean() -> None:
    slices = leaning(0.0)
    slices[60] = dataclasses.replace(slices[60], position_mm=(0.13, 0.0, 150.0))
    assert "slices lie shifted sideways by up to 0.13 mm" in problems_of(slices)


@settings(deadline=None, max_examples=60)
@given(cosines=rotations())
def test_no_oblique_stack_is_sheared_by_rounding_its_directions_to_three_decimals(
    cosines: tuple[Vector, Vector],
) -> None:
    exact = slices_at([2.5 * n for n in range(120)], cosines)
    row, column = (vector(np.array(one).round(3)) for one in cosines)
    rounded = [dataclasses.replace(one, row_cosines=row, column_cosines=column) for one in exact]
    normal = np.cross(np.array(row), np.array(column))
    assume(np.linalg.norm(np.cross(np.cross(*cosines), normal / np.linalg.norm(normal))) < 0.99e-3)
    assert "sheared" not in "; ".join(stack(rounded).problems)
