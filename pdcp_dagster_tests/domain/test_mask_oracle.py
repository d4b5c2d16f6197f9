"""Masks pixel by pixel: matplotlib's answer off the outlines, and exact integer arithmetic on them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pdcp_dagster.domain.volume import Grid
from pdcp_dagster_tests.bench.mask_oracle import KINDS, even_odd, filled

SIZE, PLANES = 256, 4
UPRIGHT = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
Points = NDArray[np.float64]


def image(size: int, planes: int) -> Grid:
    return Grid((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), UPRIGHT, (size, size, planes))


def half_open(polygons: list[Points], size: int) -> NDArray[np.uint8]:
    """The even-odd rule in whole numbers: an edge counts for the centres at or right of it, from its lower end on.

    An edge from y0 up to y1 > y0 meets the rows y0 <= row < y1, and there the centres with x >= its crossing.
    """
    row, column = (index.astype(np.int64) for index in np.indices((size, size)))
    crossed = np.zeros((size, size), dtype=np.int64)
    for points in polygons:
        vertices = points.astype(np.int64)
        for one, other in zip(vertices, np.roll(vertices, -1, axis=0), strict=True):
            (x0, y0), (x1, y1) = sorted((one, other), key=lambda vertex: int(vertex[1]))
            crossed += (y0 <= row) & (row < y1) & (x0 * (y1 - y0) + (row - y0) * (x1 - x0) <= column * (y1 - y0))
    return (crossed % 2).astype(np.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_no_pixel_differs_from_matplotlib(kind: str) -> None:
    """A quarter of a million pixels of each kind; the bench does ten million."""
    rng = np.random.default_rng(11)
    drawn = [(plane, points) for plane in range(PLANES) for points in KINDS[kind](rng, SIZE)]
    grid = image(SIZE, PLANES)
    expected = even_odd(drawn, grid)
    assert 0 < np.count_nonzero(expected) < expected.size
    assert np.count_nonzero(filled(drawn, grid) != expected) == 0


@pytest.mark.parametrize("vertices", [3, 4, 7, 30])
def test_a_centre_on_an_outline_belongs_to_its_low_side(vertices: int) -> None:
    """All vertices on voxel centres, so that edges pass through many; a pixel differing would be a rounding error."""
    rng = np.random.default_rng(vertices)
    for _ in range(20):
        polygons = [rng.integers(-5, 69, (vertices, 2)).astype(np.float64) for _ in range(2)]
        found = filled([(0, points) for points in polygons], image(64, 1))[0]
        assert np.array_equal(found, half_open(polygons, 64))


def test_rois_that_share_an_oblique_outline_share_no_voxel_and_leave_none_out() -> None:
    """A square cut along lines through voxel centres, each part drawn its own way round and in a box of its own."""
    rng = np.random.default_rng(3)
    for _ in range(200):
        a, b = rng.integers(1, 40, 2).astype(np.float64)
        spacing = float(rng.uniform(0.5, 1.5))
        square = np.array([[0, 0], [40, 0], [40, 40], [0, 40]]) * spacing
        lower = np.array([[0, 0], [40, 0], [40, b], [0, a]]) * spacing
        upper = np.array([[0, 40], [40, 40], [40, b], [0, a]]) * spacing
        grid = Grid((0.0, 0.0, 0.0), (spacing, spacing, 1.0), UPRIGHT, (44, 44, 1))
        parts = [filled([(0, points)], grid) for points in (lower, upper)]
        assert not (parts[0] & parts[1]).any()
        assert np.array_equal(parts[0] | parts[1], filled([(0, square)], grid))
