"""Solids whose axial sections are ellipses: sphere, cylinder, cone. What organs are made of.

What lives here: sections, polygons, ideal volumes. What does not: names and doses (`spec`), the volume of a stack of
contours (`truth`). All lengths are millimetres in DICOM patient coordinates (LPS: +x left, +y posterior, +z head).
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pdcp_dagster.domain.volume import Vector

    Points = NDArray[np.float64]

_SMALLEST_RADIUS_MM = 0.5
"""A section below this is not drawn: nobody draws a contour of less than a pixel."""
_CONTOUR_DECIMALS = 4
"""Written precision of a vertex, mm; polygons are rounded before their truth is taken, so truth and file agree."""


class Shape(enum.StrEnum):
    """How the section changes along z; the volume is pi rx ry length times the number that is given."""

    CYLINDER = "cylinder"
    """1."""
    ELLIPSOID = "ellipsoid"
    """2/3; a sphere when the length is twice both radii."""
    CONE = "cone"
    """1/3; the apex points to the head."""


_FILLING = {Shape.CYLINDER: 1.0, Shape.ELLIPSOID: 2 / 3, Shape.CONE: 1 / 3}


@dataclass(frozen=True, slots=True)
class Solid:
    """A solid of elliptic sections.

    centre_mm: LPS centre of its bounding box.
    radii_mm: largest half axes along x and y.
    length_mm: extent along z.
    """

    shape: Shape
    centre_mm: Vector
    radii_mm: tuple[float, float]
    length_mm: float

    @property
    def ideal_volume_cm3(self) -> float:
        """Volume of the smooth solid, cm3."""
        return math.pi * self.radii_mm[0] * self.radii_mm[1] * self.length_mm * _FILLING[self.shape] / 1000

    def section_radii_mm(self, z_mm: float) -> tuple[float, float] | None:
        """Half axes along x and y of the section at `z_mm`; None where there is none worth drawing."""
        u = (z_mm - self.centre_mm[2]) / (self.length_mm / 2)
        if abs(u) > 1:
            return None
        share = {Shape.CYLINDER: 1.0, Shape.ELLIPSOID: math.sqrt(1 - u * u), Shape.CONE: (1 - u) / 2}[self.shape]
        radii = share * self.radii_mm[0], share * self.radii_mm[1]
        return radii if min(radii) >= _SMALLEST_RADIUS_MM else None

    def polygon_mm(self, z_mm: float, vertices: int) -> Points | None:
        """Return the section's inscribed polygon `(vertices, 2)` in x and y, counter-clockwise in x and y."""
        radii = self.section_radii_mm(z_mm)
        if radii is None:
            return None
        angles = 2 * np.pi * np.arange(vertices) / vertices
        unit = np.column_stack([np.cos(angles), np.sin(angles)])
        points: Points = np.round(np.array(self.centre_mm[:2]) + unit * np.array(radii), _CONTOUR_DECIMALS)
        return points

    def moved(self, by_mm: Vector) -> Solid:
        """Return the same solid elsewhere."""
        x, y, z = (centre + step for centre, step in zip(self.centre_mm, by_mm, strict=True))
        return replace(self, centre_mm=(x, y, z))

    def widened(self, factor: float) -> Solid:
        """Return the solid with x and y, centre included, multiplied by `factor`; z stays."""
        x, y, z = self.centre_mm
        radii = self.radii_mm[0] * factor, self.radii_mm[1] * factor
        return replace(self, centre_mm=(x * factor, y * factor, z), radii_mm=radii)


def sphere(centre_mm: Vector, radius_mm: float) -> Solid:
    """Return a sphere."""
    return Solid(Shape.ELLIPSOID, centre_mm, (radius_mm, radius_mm), 2 * radius_mm)


def ellipsoid(centre_mm: Vector, radii_mm: tuple[float, float], length_mm: float) -> Solid:
    """Return an ellipsoid."""
    return Solid(Shape.ELLIPSOID, centre_mm, radii_mm, length_mm)


def cylinder(centre_mm: Vector, radii_mm: tuple[float, float], length_mm: float) -> Solid:
    """Return an elliptic cylinder along z."""
    return Solid(Shape.CYLINDER, centre_mm, radii_mm, length_mm)


def cone(centre_mm: Vector, radii_mm: tuple[float, float], length_mm: float) -> Solid:
    """Return an elliptic cone: base at the feet, apex at the head."""
    return Solid(Shape.CONE, centre_mm, radii_mm, length_mm)
