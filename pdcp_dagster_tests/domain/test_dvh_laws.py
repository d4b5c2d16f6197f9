"""Laws of every DVH: whatever is drawn, wherever it lies, whatever the dose, interpolated either way."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pdcp_dagster.domain.dose_grid import DoseGrid
from pdcp_dagster.domain.dvh import Dvh, DvhSettings
from pdcp_dagster.domain.interpolation import Interpolation
from pdcp_dagster.domain.metrics import dose_at_volume_pct
from pdcp_dagster.domain.volume import Grid, Vector
from pdcp_dagster_tests.domain.known_stacks import GRID, UPRIGHT, Axes, Points, dvh_of, outline

LAW = settings(max_examples=12, deadline=None, derandomize=True)
BOTH = pytest.mark.parametrize("interpolation", ["linear", "cubic"])
PCTS = (98, 95, 50, 5, 2)
HALF_MM = 30.0


@dataclass(frozen=True)
class Drawn:
    """Rings of two star-shaped outlines on some slices, about a point: outer radii above 9 mm, inner below 7 mm."""

    outer: list[float]
    inner: list[float]
    slice_mm: float
    slices: int
    middle: tuple[float, float]

    @property
    def heights(self) -> list[float]:
        return [(k - self.slices // 2) * self.slice_mm for k in range(self.slices)]

    @property
    def grid(self) -> Grid:
        return replace(GRID, spacing_mm=(1.0, 1.0, self.slice_mm), origin_mm=(-60.0, -60.0, -20 * self.slice_mm))

    def rings(self, radii: list[float]) -> list[Points]:
        return [outline(radii, z) + np.array([*self.middle, 0.0]) for z in self.heights]

    @property
    def contours(self) -> list[Points]:
        return self.rings(self.outer) + self.rings(self.inner)

    @property
    def keyholes(self) -> list[Points]:
        """Around the outer outline, over to the inner one, around it backwards, and back."""
        pairs = zip(self.rings(self.outer), self.rings(self.inner), strict=True)
        return [np.vstack([outer, outer[:1], inner[:1], inner[::-1], outer[:1]]) for outer, inner in pairs]


@dataclass(frozen=True)
class Smooth:
    """20 Gy + gradient . r + 40 Gy exp(-(r - peak)^2 / 2 sigma^2) on a grid that is off the origin."""

    gradient: Vector
    peak: Vector
    sigma: float
    spacing: float
    off: Vector

    def grid(self) -> DoseGrid:
        half = int(HALF_MM / self.spacing)
        along = np.arange(-half, half + 1) * self.spacing
        x, y, z = (along + shift for shift in self.off)
        k, j, i = np.meshgrid(z, y, x, indexing="ij")
        places = np.stack([i, j, k], axis=-1)
        bump = np.exp(-((places - self.peak) ** 2).sum(axis=-1) / (2 * self.sigma**2))
        values = (20 + places @ np.array(self.gradient) + 40 * bump).astype(np.float32)
        origin = (float(x[0]), float(y[0]), float(z[0]))
        return DoseGrid(origin, UPRIGHT, (self.spacing, self.spacing), along - along[0], values)


def vectors(reach: float) -> st.SearchStrategy[Vector]:
    return st.tuples(*(st.floats(-reach, reach) for _ in range(3)))


drawn = st.builds(
    Drawn,
    outer=st.lists(st.floats(9, 16), min_size=5, max_size=16),
    inner=st.lists(st.floats(3, 4.5), min_size=8, max_size=12),
    slice_mm=st.sampled_from([1.0, 2.5, 3.0, 5.0]),
    slices=st.integers(1, 5),
    middle=st.tuples(st.floats(-2, 2), st.floats(-2, 2)),
)
smooth = st.builds(
    Smooth,
    gradient=vectors(0.2),
    peak=vectors(8),
    sigma=st.floats(6, 20),
    spacing=st.sampled_from([2.0, 2.5, 3.0]),
    off=vectors(1),
)


def doses_of(found: Dvh) -> list[float]:
    doses = [dose_at_volume_pct(found, pct) for pct in PCTS]
    assert None not in doses
    return [float(gy or 0) for gy in doses]


def assert_same(found: Dvh, expected: Dvh, *, within_gy: float) -> None:
    assert found.volume_cm3 == pytest.approx(expected.volume_cm3, rel=1e-6)
    assert found.dmean_gy == pytest.approx(expected.dmean_gy, abs=within_gy)
    assert doses_of(found) == pytest.approx(doses_of(expected), abs=within_gy)


@BOTH
@LAW
@given(drawn=drawn, smooth=smooth)
def test_a_dvh_never_rises_and_its_doses_keep_their_order(
    interpolation: Interpolation, drawn: Drawn, smooth: Smooth
) -> None:
    found = dvh_of(drawn.contours, smooth.grid(), DvhSettings(interpolation), drawn.grid)
    assert found.edges_gy[0] == 0
    assert found.volume_fraction[0] == 1
    assert found.volume_fraction[-1] == 0
    assert (np.diff(found.volume_fraction) <= 0).all()
    doses = [found.dmin_gy, *(dose_at_volume_pct(found, pct) for pct in (100, 98, 90, 50, 10, 2, 0)), found.dmax_gy]
    assert all((low or 0) <= (high or 0) for low, high in itertools.pairwise(doses))
    assert found.dmin_gy <= (found.dmean_gy or -1) <= found.dmax_gy


@BOTH
@LAW
@given(drawn=drawn, smooth=smooth, shift=vectors(400))
def test_shifting_everything_changes_nothing(
    interpolation: Interpolation, drawn: Drawn, smooth: Smooth, shift: Vector
) -> None:
    dose, grid, chosen = smooth.grid(), drawn.grid, DvhSettings(interpolation)
    there = replace(grid, origin_mm=plus(grid.origin_mm, shift))
    moved = replace(dose, origin_mm=plus(dose.origin_mm, shift))
    found = dvh_of([points + shift for points in drawn.contours], moved, chosen, there)
    assert_same(found, dvh_of(drawn.contours, dose, chosen, grid), within_gy=0.005)


def plus(one: Vector, other: Vector) -> Vector:
    x, y, z = (float(a + b) for a, b in zip(one, other, strict=True))
    return x, y, z


@BOTH
@LAW
@given(drawn=drawn, smooth=smooth, turn=vectors(3))
def test_turning_everything_changes_nothing(
    interpolation: Interpolation, drawn: Drawn, smooth: Smooth, turn: Vector
) -> None:
    rows = Rotation.from_rotvec(turn).as_matrix().T  # image of each unit vector
    axes: Axes = tuple(tuple(float(value) for value in row) for row in rows)  # type: ignore[assignment]
    dose, grid, chosen = smooth.grid(), drawn.grid, DvhSettings(interpolation)
    there = replace(grid, origin_mm=tuple(np.array(grid.origin_mm) @ rows), axes=axes)
    turned = replace(dose, origin_mm=tuple(np.array(dose.origin_mm) @ rows), axes=axes)
    found = dvh_of([points @ rows for points in drawn.contours], turned, chosen, there)
    assert_same(found, dvh_of(drawn.contours, dose, chosen, grid), within_gy=0.01)


@BOTH
@LAW
@given(drawn=drawn, smooth=smooth, reversed_ones=st.integers(0, 1023))
def test_the_direction_of_drawing_does_not_matter(
    interpolation: Interpolation, drawn: Drawn, smooth: Smooth, reversed_ones: int
) -> None:
    dose, chosen = smooth.grid(), DvhSettings(interpolation)
    mixed = [points[::-1] if reversed_ones >> n & 1 else points for n, points in enumerate(drawn.contours)]
    found = dvh_of(mixed, dose, chosen, drawn.grid)
    assert_same(found, dvh_of(drawn.contours, dose, chosen, drawn.grid), within_gy=1e-4)


@BOTH
@LAW
@given(drawn=drawn, smooth=smooth)
def test_a_keyhole_is_an_inner_contour(interpolation: Interpolation, drawn: Drawn, smooth: Smooth) -> None:
    dose, chosen = smooth.grid(), DvhSettings(interpolation)
    found = dvh_of(drawn.keyholes, dose, chosen, drawn.grid)
    assert_same(found, dvh_of(drawn.contours, dose, chosen, drawn.grid), within_gy=1e-3)


@BOTH
@LAW
@given(drawn=drawn, smooth=smooth, factor=st.floats(0.05, 3))
def test_a_scaled_dose_scales_the_dvh(
    interpolation: Interpolation, drawn: Drawn, smooth: Smooth, factor: float
) -> None:
    """To within a bin of the histogram, 0.01 Gy."""
    dose, chosen = smooth.grid(), DvhSettings(interpolation)
    still = dvh_of(drawn.contours, dose, chosen, drawn.grid)
    scaled = dvh_of(drawn.contours, replace(dose, dose_gy=dose.dose_gy * np.float32(factor)), chosen, drawn.grid)
    bin_gy = 0.01 * max(factor, 1)
    assert scaled.volume_cm3 == still.volume_cm3
    assert scaled.dmean_gy == pytest.approx(factor * still.dmean_inside_gy, rel=1e-5)
    assert doses_of(scaled) == pytest.approx([factor * gy for gy in doses_of(still)], abs=bin_gy)


@LAW
@given(drawn=drawn, gradient=vectors(1))
def test_where_the_dose_is_linear_both_interpolations_agree(drawn: Drawn, gradient: Vector) -> None:
    dose = replace(Smooth((0, 0, 0), (0, 0, 0), 10, 2.5, (0.3, -0.7, 0.4)).grid())
    k, j, i = np.meshgrid(*reversed(dose.axis_positions_mm()), indexing="ij")
    dose = replace(dose, dose_gy=(60 + (np.stack([i, j, k], axis=-1) - HALF_MM) @ gradient).astype(np.float32))
    linear = dvh_of(drawn.contours, dose, DvhSettings("linear"), drawn.grid)
    assert_same(dvh_of(drawn.contours, dose, DvhSettings("cubic"), drawn.grid), linear, within_gy=0.01)
