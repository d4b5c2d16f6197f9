"""Laws of interpolating uneven slices: what is linear in space stays as it was, and what is unknown is not made up."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pdcp_dagster.domain.hounsfield import PADDING_HU
from pdcp_dagster.domain.resample_ct import Resampling, resample, resampling_problems
from pdcp_dagster.domain.stack import SliceGeometry, stack
from pdcp_dagster.domain.volume import Vector, Volume

ROWS, COLUMNS = 12, 10
BETWEEN_ROWS, BETWEEN_COLUMNS = 2.0, 1.5
AXIAL: tuple[Vector, Vector] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
FIRST = np.array([-7.0, 5.0, 30.0])

Points = NDArray[np.float64]


def tilted(degrees: float) -> tuple[Vector, Vector]:
    angle = math.radians(degrees)
    return (1.0, 0.0, 0.0), (0.0, math.cos(angle), math.sin(angle))


def linear_hu(points: Points) -> Points:
    x, y, z = points.T
    return cast(Points, x + 2 * y + 3 * z)


def slices_at(positions: Sequence[Points], cosines: tuple[Vector, Vector] = AXIAL) -> list[SliceGeometry]:
    return [
        SliceGeometry(
            f"1.2.{n}",
            cast(Vector, tuple(position.tolist())),
            *cosines,
            (BETWEEN_ROWS, BETWEEN_COLUMNS),
            ROWS,
            COLUMNS,
        )
        for n, position in enumerate(positions)
    ]


def hu_of(slices: Sequence[SliceGeometry], hu: Callable[[Points], Points] = linear_hu) -> Points:
    """HU of every pixel, its place written out (PS3.3 C.7.6.2.1.1, equation 1)."""
    j, i = np.indices((ROWS, COLUMNS)).reshape(2, -1)
    planes = []
    for one in slices:
        along_row, along_column = np.array(one.row_cosines), np.array(one.column_cosines)
        places = np.outer(i * BETWEEN_COLUMNS, along_row) + np.outer(j * BETWEEN_ROWS, along_column)
        planes.append(hu(places + np.array(one.position_mm)).reshape(ROWS, COLUMNS))
    return np.array(planes)


def resampled(slices: Sequence[SliceGeometry], hounsfield: NDArray[np.generic]) -> tuple[Volume, Resampling]:
    order = stack(slices).order
    ascending = [slices[n] for n in order]
    assert resampling_problems(ascending, hounsfield[list(order)]) == ()
    return resample(ascending, hounsfield[list(order)])


def places_of(volume: Volume) -> Points:
    k, j, i = np.indices(volume.values.shape).reshape(3, -1)
    return volume.grid.to_patient(np.column_stack([i, j, k]).astype(np.float64))


def assert_linear(volume: Volume, within_hu: float = 2e-3) -> NDArray[np.bool_]:
    """Every voxel that is not padded has the HU of its place; return where it is not padded."""
    values = volume.values.ravel().astype(np.float64)
    scanned = values != PADDING_HU
    assert values[scanned] == pytest.approx(linear_hu(places_of(volume))[scanned], abs=within_hu)
    return np.asarray(scanned.reshape(volume.values.shape), dtype=np.bool_)


def at_z(*positions_mm: float) -> list[Points]:
    return [FIRST + np.array([0.0, 0.0, z]) for z in positions_mm]


def test_uneven_steps_become_even_and_linear_hu_stay_exact() -> None:
    slices = slices_at(at_z(0, 3, 8, 11, 16, 19, 22))
    volume, done = resampled(slices, hu_of(slices))
    # Steps 3 5 3 5 3 3: the usual one is 3; planes at 0 3 6 ... 21, of which 0, 3 and none else is a slice's place.
    assert volume.grid.spacing_mm == (BETWEEN_COLUMNS, BETWEEN_ROWS, 3.0)
    assert volume.grid.origin_mm == tuple(FIRST)
    assert volume.grid.size == (COLUMNS, ROWS, 8)
    assert (done.planes, done.interpolated_planes, done.widest_step_mm, done.padded_voxels) == (8, 6, 5.0, 0)
    assert assert_linear(volume).all()


def test_a_missing_slice_is_filled_and_all_others_keep_their_hu() -> None:
    slices = slices_at(at_z(0, 3, 6, 12, 15, 18))
    hounsfield = np.random.default_rng(5).integers(-1000, 1500, (6, ROWS, COLUMNS), np.int16)
    volume, done = resampled(slices, hounsfield)
    assert volume.grid.size[2] == 7
    assert np.array_equal(volume.values[[0, 1, 2, 4, 5, 6]], hounsfield)
    assert np.array_equal(volume.values[3], (hounsfield[2].astype(float) + hounsfield[3]) / 2)
    assert (done.interpolated_planes, done.widest_step_mm) == (1, 6.0)


def test_positions_that_were_rounded_do_not_drift_away_from_the_planes() -> None:
    # 0.625 mm written with two decimals, over 60 mm; slices 40 and 41 are missing.
    written = [round(0.625 * n, 2) for n in range(97) if n not in {40, 41}]
    slices = slices_at(at_z(*written))
    hounsfield = np.random.default_rng(6).integers(-1000, 1500, (95, ROWS, COLUMNS), np.int16)
    volume, done = resampled(slices, hounsfield)
    assert (done.planes, done.interpolated_planes) == (97, 2)
    assert done.step_mm == pytest.approx(0.625, abs=1e-9)
    assert np.array_equal(volume.values[:40], hounsfield[:40])
    assert np.array_equal(volume.values[42:], hounsfield[40:])


def test_whole_hu_stay_int16_and_others_become_float32() -> None:
    slices = slices_at(at_z(0, 3, 9))
    even = np.stack([np.full((ROWS, COLUMNS), hu, np.int16) for hu in (0, 10, 20)])
    assert resampled(slices, even)[0].values.dtype == np.int16
    odd = np.stack([np.full((ROWS, COLUMNS), hu, np.int16) for hu in (0, 10, 21)])
    volume = resampled(slices, odd)[0]
    assert volume.values.dtype == np.float32
    assert volume.values[:, 0, 0].tolist() == [0.0, 10.0, 15.5, 21.0]


@pytest.mark.parametrize("degrees", [20.0, -20.0, 7.5])
def test_a_sheared_stack_is_straightened_and_linear_hu_stay_exact(degrees: float) -> None:
    # Slices step 3 mm along the patient's z, tilted about x: a gantry tilt.
    slices = slices_at(at_z(*(3.0 * n for n in range(9))), tilted(degrees))
    volume, done = resampled(slices, hu_of(slices))
    lean = math.radians(abs(degrees))
    # Along the normal they step 3 cos, in their own plane 3 sin: over 8 steps 24 sin.
    assert done.step_mm == pytest.approx(3.0 * math.cos(lean))
    assert done.moved_mm == pytest.approx(24.0 * math.sin(lean))
    more_rows = math.ceil(24.0 * math.sin(lean) / BETWEEN_ROWS)
    assert volume.grid.size == (COLUMNS, ROWS + more_rows, 9)
    scanned = assert_linear(volume)
    # Rows that a slice was moved by a part of a row lose one row to interpolation, none loses a column.
    assert (scanned.sum(axis=(1, 2)) >= (ROWS - 1) * COLUMNS).all()
    assert done.padded_voxels == int((~scanned).sum())
    assert done.padded_share == pytest.approx(done.padded_voxels / scanned.size)


def test_shear_gaps_and_uneven_steps_together_stay_exact() -> None:
    slices = slices_at(at_z(0, 3, 6, 11, 14, 20, 23, 26), tilted(20.0))
    volume, done = resampled(slices, hu_of(slices))
    assert done.widest_step_mm == pytest.approx(6.0 * math.cos(math.radians(20.0)))
    assert assert_linear(volume).mean() > 0.6


def test_a_slice_beside_the_others_is_moved_back() -> None:
    positions = at_z(0, 3, 6, 9)
    positions[2] = positions[2] + [2 * BETWEEN_COLUMNS, -BETWEEN_ROWS, 0.0]
    slices = slices_at(positions)
    hounsfield = np.random.default_rng(7).integers(-1000, 1500, (4, ROWS, COLUMNS), np.int16)
    volume, done = resampled(slices, hounsfield)
    # Two columns to the left of the others' first, one row above: whole pixels, so that nothing is interpolated.
    assert volume.grid.origin_mm == tuple(FIRST + np.array([0.0, -BETWEEN_ROWS, 0.0]))
    assert volume.grid.size == (COLUMNS + 2, ROWS + 1, 4)
    assert done.interpolated_planes == 0
    assert np.array_equal(volume.values[2, :ROWS, 2:], hounsfield[2])
    assert np.array_equal(volume.values[3, 1:, :COLUMNS], hounsfield[3])
    assert (volume.values[3, 0] == PADDING_HU).all()
    assert done.padded_voxels == 4 * ((COLUMNS + 2) * (ROWS + 1) - COLUMNS * ROWS)


@pytest.mark.parametrize("cosines", [AXIAL, tilted(20.0), ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0))])
def test_a_marker_is_found_at_its_patient_point(cosines: tuple[Vector, Vector]) -> None:
    normal = np.cross(*cosines)
    steps = [0.0, 3.0, 6.0, 12.0, 15.0]
    along = [FIRST + step * (normal if cosines != tilted(20.0) else np.array([0.0, 0.0, 1.0])) for step in steps]
    slices = slices_at(along, cosines)
    hounsfield = np.full((5, ROWS, COLUMNS), -1000, np.int16)
    hounsfield[3, 5, 4] = 3000
    point = along[3] + 4 * BETWEEN_COLUMNS * np.array(cosines[0]) + 5 * BETWEEN_ROWS * np.array(cosines[1])
    volume, _ = resampled(slices, hounsfield)
    weight = np.clip(volume.values.ravel().astype(np.float64) + 1000.0, 0.0, None)
    weight *= (np.abs(places_of(volume) @ normal - point @ normal) < 0.1).astype(float)
    # Linear interpolation spreads the marker over two rows, whose centre of mass it is.
    assert weight @ places_of(volume) / weight.sum() == pytest.approx(point, abs=1e-3)
    assert weight.sum() == pytest.approx(4000.0, abs=0.1)


@settings(deadline=None, max_examples=60)
@given(
    steps=st.lists(st.sampled_from([2.0, 2.5, 3.0, 4.0, 5.0]), min_size=2, max_size=9),
    # Less than 0.1 mm sideways is no shear: neither is here.
    degrees=st.sampled_from([0.0, 5.0, -12.5, 20.0, -30.0]),
    sideways=st.sampled_from([0.0, 0.3, -0.45]),
    data=st.data(),
)
def test_linear_hu_stay_exact_whatever_the_steps_the_tilt_and_the_order(
    steps: list[float], degrees: float, sideways: float, data: st.DataObject
) -> None:
    along = np.concatenate([[0.0], np.cumsum(steps)])
    slices = slices_at([FIRST + z * np.array([sideways, 0.0, 1.0]) for z in along.tolist()], tilted(degrees))
    shuffled = data.draw(st.permutations(slices))
    volume, _ = resampled(shuffled, hu_of(shuffled))
    # A slice within 0.01 mm of a plane, or of a row or column, is taken as on it: at most (1 + 2 + 3) / 100 HU.
    assert_linear(volume, within_hu=0.062)


def test_repeated_slices_with_the_same_pixels_are_kept_once() -> None:
    slices = slices_at(at_z(0, 3, 3, 6, 6, 6, 9))
    hounsfield = np.stack([np.full((ROWS, COLUMNS), hu, np.int16) for hu in (0, 1, 1, 2, 2, 2, 3)])
    volume, done = resampled(slices, hounsfield)
    assert volume.values[:, 0, 0].tolist() == [0, 1, 2, 3]
    assert (done.repeated_slices, done.interpolated_planes) == (3, 0)
    assert "repeated slices with the same pixels left out: 3" in str(done)


def refusal(positions: Sequence[Points], hounsfield: NDArray[np.generic] | None = None) -> str:
    slices = slices_at(positions)
    values = np.zeros((len(slices), ROWS, COLUMNS), np.int16) if hounsfield is None else hounsfield
    said = "; ".join(resampling_problems(slices, values))
    with pytest.raises(ValueError, match=r"cannot be interpolated"):
        resample(slices, values)
    return said


def test_repeated_slices_with_other_pixels_are_refused() -> None:
    hounsfield = np.stack([np.full((ROWS, COLUMNS), hu, np.int16) for hu in (0, 1, 2, 3)])
    said = refusal(at_z(0, 3, 3, 6), hounsfield)
    assert said == "cannot be interpolated: slices at one position, z 33.00 mm, differ in their pixels or place"


def test_repeated_slices_that_lie_sideways_are_refused() -> None:
    positions = at_z(0, 3, 3, 6)
    positions[2] = positions[2] + [1.0, 0.0, 0.0]
    assert "differ in their pixels or place" in refusal(positions)


@pytest.mark.parametrize(
    ("along_mm", "limit"),
    [
        ((0, 3, 6, 16, 19), "9.00"),  # three usual steps
        ((0, 1, 2, 3, 7), "3.00"),
        ((0, 6, 12, 28, 34), "15.00"),  # less than three usual steps, and yet too far
        ((0, 20, 40, 65), "20.00"),  # slices as wide apart as usual, but never more
    ],
)
def test_a_gap_that_is_too_wide_is_not_bridged(along_mm: tuple[float, ...], limit: str) -> None:
    assert f"at most {limit} mm are bridged (3 usual steps, never above 15 mm)" in refusal(at_z(*along_mm))


@pytest.mark.parametrize("along_mm", [(0, 3, 6, 15, 18), (0, 5, 10, 25, 30), (0, 20, 40, 50, 70)])
def test_the_widest_gap_that_is_bridged(along_mm: tuple[float, ...]) -> None:
    slices = slices_at(at_z(*along_mm))
    assert assert_linear(resampled(slices, hu_of(slices))[0]).all()


def test_the_first_gap_too_wide_is_named_and_the_widest_told() -> None:
    said = refusal(at_z(0, 3, 6, 16, 19, 49))
    assert "30.00 mm without a slice, the first of such gaps from z 36.00 mm to z 46.00 mm" in said


def test_slices_beside_one_another_are_refused() -> None:
    positions = at_z(0, 3, 6)
    positions[1] = positions[1] + [COLUMNS * BETWEEN_COLUMNS, 0.0, 0.0]
    assert "15.00 mm apart in their own plane, beside one another" in refusal(positions)


def test_slices_that_wander_off_are_refused() -> None:
    # Each lies over most of the one below; all of them together are 2.7 times as high as one, and 4.2 times as wide.
    positions = [place + n * np.array([6.0, 5.0, 0.0]) for n, place in enumerate(at_z(*range(0, 27, 3)))]
    assert "48.00 mm apart in their own plane, beside one another" in refusal(positions)


def test_one_position_is_not_enough() -> None:
    assert "fewer than 2 slice positions" in refusal(at_z(0, 0))


def test_what_slices_must_have_in_common_is_never_interpolated() -> None:
    slices = slices_at(at_z(0, 3, 6))
    slices[1] = dataclasses.replace(slices[1], pixel_spacing_mm=(2.0, 1.6))
    assert "differ in pixel spacing" in resampling_problems(slices, np.zeros((3, ROWS, COLUMNS)))[0]


def test_padding_is_never_interpolated_but_counted() -> None:
    # At x = first a column of padding in the lower slice alone, 0 HU elsewhere; the slice at 3 mm is missing.
    slices = slices_at(at_z(0, 6, 9, 12))
    hounsfield = np.zeros((4, ROWS, COLUMNS), np.int16)
    padding = np.zeros((ROWS, COLUMNS), np.bool_)
    padding[:, 0] = True
    hounsfield[0][padding] = -3024
    volume, done = resample(slices, hounsfield, [padding, None, None, None])
    # The new plane has no HU where one of its two slices has none: not (-3024 + 0) / 2.
    assert np.unique(volume.values).tolist() == [PADDING_HU, 0]
    assert volume.values.dtype == np.int16
    assert (volume.values[:2, :, 0] == PADDING_HU).all()
    assert (volume.values[:2, :, 1:] == 0).all()
    assert (volume.values[2:] == 0).all()
    assert done.padded_voxels == 2 * ROWS
    assert "% of the voxels were not scanned and hold -1024 HU" in str(done)


def test_padding_of_moved_slices_takes_its_neighbours_along_and_leaves_no_invented_hu() -> None:
    # Slices shifted by half a column each: a pixel of the new grid lies between two of theirs.
    slices = slices_at([place + n * np.array([BETWEEN_COLUMNS / 2, 0.0, 0.0]) for n, place in enumerate(at_z(0, 3, 6))])
    hounsfield = np.full((3, ROWS, COLUMNS), 40, np.int16)
    hounsfield[:, 0, 4] = -3024
    volume, _ = resample(slices, hounsfield, list(hounsfield == -3024))
    assert np.unique(volume.values).tolist() == [PADDING_HU, 40]
    # The middle slice lies half a column aside: both pixels next to its padding are unknown.
    assert (volume.values[1, 0, 4:6] == PADDING_HU).all()
    assert (volume.values[1, 0, [3, 6]] == 40).all()


def test_a_last_plane_a_hair_above_the_last_slice_is_that_slice() -> None:
    # Steps 6.615 7.355 3.76 1 1.26 2.5: the usual is the smaller middle one, 2.5; the tenth plane lies at 22.5 mm.
    slices = slices_at([np.array([-7.0, 5.0, z]) for z in (0.0, 6.615, 13.97, 17.73, 18.73, 19.99, 22.49)])
    hounsfield = hu_of(slices)
    volume, done = resampled(slices, hounsfield)
    assert done.planes == 10
    assert volume.grid.spacing_mm[2] == 2.5
    assert volume.values[-1] == pytest.approx(hounsfield[-1], abs=1e-4)
    assert_linear(volume, within_hu=0.031)


def test_slices_that_lean_by_rounding_alone_are_not_moved_to_fill_a_gap() -> None:
    # 0.0005 per mm aside over 300 mm: 0.075 mm either side of the middle at 2 mm steps is within 0.1; 0.0009 is not.
    heights = [2.0 * n for n in range(151) if n != 70]
    slices = slices_at([FIRST + z * np.array([0.0009, 0.0, 1.0]) for z in heights])
    hounsfield = np.random.default_rng(8).integers(-1000, 1500, (150, ROWS, COLUMNS), np.int16)
    volume, done = resampled(slices, hounsfield)
    assert (volume.grid.size, done.interpolated_planes, done.padded_voxels) == ((COLUMNS, ROWS, 151), 1, 0)
    assert np.array_equal(volume.values[:70], hounsfield[:70])
    assert np.array_equal(volume.values[71:], hounsfield[70:])
