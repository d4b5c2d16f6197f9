"""The answers of the phantom against answers worked by hand, smooth solids, and brute force."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

from pdcp_dagster.phantom.anatomy import tiny_spec
from pdcp_dagster.phantom.solids import Shape, Solid, cone, cylinder, ellipsoid, sphere
from pdcp_dagster.phantom.spec import Axis, LinearDose, PhantomRoi, PhantomSpec
from pdcp_dagster.phantom.truth import RoiTruth, truth_of

UP = LinearDose(Axis.SI, at_mm=0.0, dose_gy=30.0, gradient_gy_per_mm=1.0)
BACK = LinearDose(Axis.AP, at_mm=0.0, dose_gy=30.0, gradient_gy_per_mm=1.0)
FRONT = LinearDose(Axis.AP, at_mm=0.0, dose_gy=30.0, gradient_gy_per_mm=-1.0)
SLICES_3_MM = tuple(-13.5 + 3.0 * k for k in range(10))
DIAMOND = PhantomRoi(1, "Diamond", cylinder((0, 0, 0), (10, 10), 30), vertices=4)


def of(roi: PhantomRoi, dose: LinearDose, slices: tuple[float, ...] = SLICES_3_MM, slice_mm: float = 3.0) -> RoiTruth:
    return truth_of(roi, dose, slices, slice_mm)


def test_a_diamond_of_30_mm_in_a_dose_that_grows_towards_the_head() -> None:
    truth = of(DIAMOND, UP)
    assert truth.volume_cm3 == pytest.approx(200 * 30 / 1000)
    assert (truth.dmin_gy, truth.dmean_gy, truth.dmax_gy) == pytest.approx((15, 30, 45))
    assert truth.d95_gy == pytest.approx(15 + 0.05 * 30)
    assert truth.d2_gy == pytest.approx(45 - 0.02 * 30)
    assert truth.v20gy_pct == pytest.approx(100 * 25 / 30)


@pytest.mark.parametrize("dose", [BACK, FRONT])
def test_a_diamond_is_symmetric_so_a_dose_along_y_gives_the_same_answers_either_way(dose: LinearDose) -> None:
    """Above y = t lies (10 - t)^2 of 200 mm2: D2 where that is 4, D95 where the other side has 10, V20Gy = 1 - 0."""
    truth = of(DIAMOND, dose)
    assert truth.dmean_gy == pytest.approx(30)
    assert truth.d2_gy == pytest.approx(30 + 8)
    assert truth.d95_gy == pytest.approx(30 - (10 - math.sqrt(10)))
    assert truth.v20gy_pct == pytest.approx(100)
    assert (truth.dmin_gy, truth.dmax_gy) == pytest.approx((20, 40))


def test_a_hole_is_taken_out_and_moves_the_mean_away_from_it() -> None:
    """A diamond of 200 mm2 less one of 8 mm2 at y = 5: the mean is -(8 * 5) / 192 from the middle."""
    roi = PhantomRoi(1, "Wall", DIAMOND.solid, vertices=4, hole=cylinder((0, 5, 0), (2, 2), 30))
    truth = of(roi, BACK)
    assert truth.volume_cm3 == pytest.approx(192 * 30 / 1000)
    assert truth.dmean_gy == pytest.approx(30 - 40 / 192)


def test_a_point_and_a_roi_that_was_never_drawn_have_no_answers() -> None:
    for roi in (PhantomRoi(1, "Isocentre", point_mm=(0.0, 0.0, 0.0)), PhantomRoi(2, "Never drawn")):
        truth = of(roi, UP)
        assert (truth.volume_cm3, truth.dmean_gy, truth.d95_gy, truth.v20gy_pct) == (None, None, None, None)


@pytest.mark.parametrize(
    "shape", [sphere((1, 2, 0), 12), cone((1, 2, 0), (12, 9), 24), cylinder((1, 2, 0), (9, 8), 24)]
)
def test_finer_slices_and_more_vertices_bring_the_stack_to_the_smooth_solid(shape: Solid) -> None:
    errors = []
    for slice_mm, vertices in ((3.0, 12), (1.0, 48), (0.2, 240)):
        count = round(30 / slice_mm)
        slices = tuple((k - (count - 1) / 2) * slice_mm for k in range(count))
        truth = of(PhantomRoi(1, "Organ", shape, vertices=vertices), UP, slices, slice_mm)
        assert truth.volume_cm3 is not None
        errors.append(abs(truth.volume_cm3 / shape.ideal_volume_cm3 - 1))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.001


def test_ideal_volumes_are_the_textbooks() -> None:
    assert sphere((0, 0, 0), 10).ideal_volume_cm3 == pytest.approx(4 / 3 * math.pi)
    assert cone((0, 0, 0), (10, 10), 30).ideal_volume_cm3 == pytest.approx(math.pi)
    assert cylinder((0, 0, 0), (10, 20), 30).ideal_volume_cm3 == pytest.approx(6 * math.pi)
    assert ellipsoid((0, 0, 0), (10, 20), 60).ideal_volume_cm3 == pytest.approx(8 * math.pi)


@pytest.mark.parametrize(
    "dose", [UP, LinearDose(Axis.SI, 2.0, 40.0, -0.7), BACK, LinearDose(Axis.AP, -36.0, 50.0, -0.4)]
)
@pytest.mark.parametrize("name", ["Lung_L", "Liver", "Stomach_wall", "SpinalCord"])
def test_closed_forms_agree_with_brute_force(name: str, dose: LinearDose) -> None:
    spec = tiny_spec("P1", 1)
    roi = next(each for each in spec.rois if each.name == name)
    truth = truth_of(roi, dose, spec.slice_positions_mm, spec.slice_mm)
    volume_cm3, doses = _by_brute_force(roi, spec, dose)
    assert truth.volume_cm3 == pytest.approx(volume_cm3, rel=5e-3)
    assert truth.dmean_gy == pytest.approx(doses.mean(), abs=0.05)
    assert truth.d95_gy == pytest.approx(np.quantile(doses, 0.05), abs=0.1)
    assert truth.d2_gy == pytest.approx(np.quantile(doses, 0.98), abs=0.1)
    assert truth.v20gy_pct == pytest.approx(100 * (doses >= 20).mean(), abs=0.5)


@given(
    solid=st.builds(
        Solid,
        st.sampled_from(list(Shape)),
        st.tuples(*[st.floats(-20, 20)] * 3),
        st.tuples(st.floats(3, 30), st.floats(3, 30)),
        st.floats(10, 60),
    ),
    axis=st.sampled_from(list(Axis)),
    gradient=st.floats(0.05, 1.0),
    falls=st.booleans(),
)
def test_doses_are_in_order_from_the_least_to_the_greatest(
    solid: Solid, axis: Axis, gradient: float, falls: bool
) -> None:
    slices = tuple(-60.0 + 3.0 * k for k in range(41))
    dose = LinearDose(axis, 0.0, 60.0, -gradient if falls else gradient)
    truth = of(PhantomRoi(1, "Organ", solid), dose, slices)
    ordered = [truth.dmin_gy, truth.d95_gy, truth.dmean_gy, truth.d2_gy, truth.dmax_gy]
    values = [dose for dose in ordered if dose is not None]
    assert len(values) == 5
    assert all(low <= high + 1e-9 for low, high in pairwise(values))
    assert truth.volume_cm3 is not None
    assert truth.volume_cm3 > 0


@given(factor=st.floats(0.5, 2.0))
def test_widening_by_a_factor_multiplies_the_volume_by_its_square(factor: float) -> None:
    solid = ellipsoid((5, -4, 0), (12, 8), 24)
    plain, wide = (of(PhantomRoi(1, "Organ", each), UP).volume_cm3 for each in (solid, solid.widened(factor)))
    assert plain is not None
    assert wide == pytest.approx(plain * factor**2, rel=1e-3)


def test_a_dose_without_gradient_is_refused() -> None:
    with pytest.raises(ValueError, match="gradient"):
        LinearDose(Axis.SI, 0.0, 50.0, 0.0)


def _by_brute_force(roi: PhantomRoi, spec: PhantomSpec, dose: LinearDose) -> tuple[float, NDArray[np.float64]]:
    """Volume and doses at points thrown at random, one into each small box about the ROI, that fall inside."""
    step = 0.25
    rng = np.random.default_rng(1)
    doses: list[NDArray[np.float64]] = []
    for plane in roi.planes(spec.slice_positions_mm):
        low, high = plane.outline.min(axis=0), plane.outline.max(axis=0)
        corners = np.meshgrid(*[np.arange(first, last, step) for first, last in zip(low, high, strict=True)])
        points = np.column_stack([corner.ravel() for corner in corners])
        points += rng.random(points.shape) * step
        inside = Outline(plane.outline).contains_points(points)
        if plane.hole is not None:
            inside &= ~Outline(plane.hole).contains_points(points)
        y = points[inside, 1]
        along = y if dose.axis is Axis.AP else plane.z_mm + (rng.random(len(y)) - 0.5) * spec.slice_mm
        doses.append(dose.dose_gy + dose.gradient_gy_per_mm * (along - dose.at_mm))
    every = np.concatenate(doses)
    return len(every) * step * step * spec.slice_mm / 1000, every
