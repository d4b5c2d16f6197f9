"""Masks pixel by pixel against matplotlib's even-odd fill, over random polygons of every awkward kind.

What lives here: the polygons, the oracle's answer, and how many pixels differ. What does not: centres exactly on an
outline, where each program has its own convention: all vertices are nudged off the centres (the project's convention
has a test of its own, `test_mask_oracle`).
"""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.path import Path as OutlinePath

from pdcp_dagster.domain.contours import PlanarContours
from pdcp_dagster.domain.masks import fill_mask
from pdcp_dagster.domain.volume import Grid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Points = NDArray[np.float64]

_NUDGE = np.array([0.0031, 0.0017])
_DECIMALS = 2


def star(rng: np.random.Generator, middle: Points, reach: float, vertices: int) -> Points:
    """Return a polygon that does not cross itself, about a point."""
    angle = np.sort(rng.uniform(0, 2 * np.pi, vertices))
    radius = reach * rng.uniform(0.4, 1.0, vertices)
    return _rounded(middle + np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]))


def with_hole(rng: np.random.Generator, size: int) -> list[Points]:
    """Return an outline, a hole in it and an island in the hole."""
    middle, reach = rng.uniform(0.3, 0.7, 2) * size, 0.4 * size
    return [star(rng, middle, share * reach, 40) for share in (1.0, 0.38, 0.14)]


def keyhole(rng: np.random.Generator, size: int) -> list[Points]:
    """Return one contour that runs around an outline, along a bridge, around a hole and back."""
    outer, inner, _ = with_hole(rng, size)
    return [np.vstack([outer, outer[:1], inner[:1], inner[::-1], outer[:1]])]


def collinear(rng: np.random.Generator, size: int) -> list[Points]:
    """Return a polygon of long straight edges, level and upright ones too, with many vertices on each; some twice."""
    low, high = np.sort(np.round(rng.uniform(0.1, 0.9, (2, 2)) * size, _DECIMALS), axis=0)
    cut = np.round(low + (high - low) * rng.uniform(0.2, 0.8, 2), _DECIMALS)
    corners = [low, (high[0], low[1]), (high[0], cut[1]), cut, (cut[0], high[1]), (low[0], high[1])]
    points = np.array([*corners, low])
    along = np.concatenate([np.linspace(a, b, 9)[:-1] for a, b in pairwise(points)])
    return [np.repeat(_rounded(along), rng.integers(1, 3, len(along)), axis=0)]


def scattered(rng: np.random.Generator, size: int) -> list[Points]:
    """Return a dozen polygons on one plane, side by side, nested or across one another as it happens."""
    return [star(rng, rng.uniform(0, size, 2), rng.uniform(0.02, 0.3) * size, 24) for _ in range(12)]


def tangled(rng: np.random.Generator, size: int) -> list[Points]:
    """Return polygons that cross themselves many times, and leave the image."""
    return [_rounded(rng.uniform(-0.1, 1.1, (15, 2)) * size) for _ in range(2)]


KINDS: dict[str, Callable[[np.random.Generator, int], list[Points]]] = {
    "outline, hole and island": with_hole,
    "keyhole": keyhole,
    "collinear and repeated vertices": collinear,
    "a dozen polygons on a plane": scattered,
    "self-crossing": tangled,
}


def rows(planes: int = 9, size: int = 512, seed: int = 4) -> list[dict[str, float | str]]:
    """Fill so many planes of each kind; a row per kind with pixels, those that differ, and both programs' CPU s."""
    rng = np.random.default_rng(seed)
    return [{"polygons": name, **_compare(draw, rng, planes, size)} for name, draw in KINDS.items()]


def _compare(
    draw: Callable[[np.random.Generator, int], list[Points]], rng: np.random.Generator, planes: int, size: int
) -> dict[str, float | str]:
    drawn = [(plane, points) for plane in range(planes) for points in draw(rng, size)]
    grid = Grid((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), ((1, 0, 0), (0, 1, 0), (0, 0, 1)), (size, size, planes))
    started = time.process_time()
    ours = filled(drawn, grid)
    between = time.process_time()
    theirs = even_odd(drawn, grid)
    return {
        "pixels": float(ours.size),
        "inside": float(np.count_nonzero(theirs)),
        "differing": float(np.count_nonzero(ours != theirs)),
        "cpu_s": between - started,
        "oracle_cpu_s": time.process_time() - between,
    }


def filled(drawn: Sequence[tuple[int, Points]], grid: Grid) -> NDArray[np.uint8]:
    """Return the program's mask `(k, j, i)` of polygons `(plane, points in mm)`."""
    planes = np.arange(grid.size[2]) * np.float64(grid.spacing_mm[2])
    crop = fill_mask(PlanarContours(planes, tuple(drawn), (), 1, "roi", grid.spacing_mm[2]), grid)
    return np.zeros(grid.shape, dtype=np.uint8) if crop is None else crop.on(grid)


def even_odd(drawn: Sequence[tuple[int, Points]], grid: Grid) -> NDArray[np.uint8]:
    """Return matplotlib's answer at the voxel centres, polygon by polygon."""
    out = np.zeros(grid.shape, dtype=np.uint8)
    j, i = np.meshgrid(np.arange(grid.size[1]), np.arange(grid.size[0]), indexing="ij")
    centres = np.column_stack([i.ravel(), j.ravel()]) * np.array(grid.spacing_mm[:2])
    for plane, points in drawn:
        path = OutlinePath(np.vstack([points, points[:1]]), closed=True)
        out[plane] ^= path.contains_points(centres).reshape(i.shape)
    return out


def _rounded(points: Points) -> Points:
    return np.asarray(np.round(points, _DECIMALS) + _NUDGE)
