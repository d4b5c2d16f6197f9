"""Shapes whose contours are known to the last digit: what the analytic bench draws.

What lives here: the outlines of each shape on one slice, in mm about the shape's centre. What does not: slices, doses
and offsets (`analytic_cases`), the right answers (`analytic_truth`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Points = NDArray[np.float64]

SHAPES = (
    "sphere",
    "cylinder",
    "cone",
    "annulus, inner contour",
    "annulus, keyhole",
    "torus",
    "two blobs",
    "sphere of 0.065 cm3",
)
_RADIUS = 12.0
_LENGTH = 24.0
_TINY_RADIUS = 2.5
_TORUS = 13.0, 7.0
_BLOB_RADIUS, _BLOBS_APART = 7.5, 18.0
_VERTICES = 72
_SMALLEST_RADIUS = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """One closed contour: `(n, 2)` points in mm, and +1, or -1 for a hole."""

    points: Points
    sign: int = 1


def outlines(shape: str, height_mm: float) -> list[Outline]:
    """Return the contours of a shape on the slice at a height above its centre, about its centre; maybe none."""
    return _DRAWERS[shape](height_mm)


def _ring(radius: float, sign: int = 1, x: float = 0.0) -> list[Outline]:
    if radius < _SMALLEST_RADIUS:
        return []
    angle = np.arange(_VERTICES) * (2 * np.pi / _VERTICES)
    return [Outline(np.column_stack([x + radius * np.cos(angle), radius * np.sin(angle)]), sign)]


def _ball(radius: float, z: float, x: float = 0.0) -> list[Outline]:
    return _ring(math.sqrt(max(radius**2 - z**2, 0.0)), x=x)


def _cylinder(z: float) -> list[Outline]:
    return _ring(_RADIUS) if abs(z) <= _LENGTH / 2 else []


def _cone(z: float) -> list[Outline]:
    return _ring(_RADIUS * (0.5 - z / _LENGTH)) if abs(z) <= _LENGTH / 2 else []


def _annulus(z: float) -> list[Outline]:
    return [*_cylinder(z), *_ring(_RADIUS / 2, sign=-1)] if abs(z) <= _LENGTH / 2 else []


def _keyhole(z: float) -> list[Outline]:
    rings = [outline.points for outline in _annulus(z)]
    if not rings:
        return []
    outer, inner = rings
    return [Outline(np.vstack([outer, outer[:1], inner[:1], inner[::-1], outer[:1]]))]


def _torus(z: float) -> list[Outline]:
    ring, tube = _TORUS
    half = math.sqrt(max(tube**2 - z**2, 0.0))
    return [*_ring(ring + half), *_ring(ring - half, sign=-1)] if half >= _SMALLEST_RADIUS else []


def _two_blobs(z: float) -> list[Outline]:
    half = _BLOBS_APART / 2
    return [*_ball(_BLOB_RADIUS, z, -half), *_ball(_BLOB_RADIUS, z, half)]


def _sphere(z: float) -> list[Outline]:
    return _ball(_RADIUS, z)


def _tiny(z: float) -> list[Outline]:
    return _ball(_TINY_RADIUS, z)


_DRAWERS: dict[str, Callable[[float], list[Outline]]] = dict(
    zip(SHAPES, (_sphere, _cylinder, _cone, _annulus, _keyhole, _torus, _two_blobs, _tiny), strict=True)
)
