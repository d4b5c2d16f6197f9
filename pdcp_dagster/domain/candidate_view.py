"""The one slice by which a person sees a candidate, and what is drawn on it.

What lives here: where a series' slices lie by their tags, which ROI and which slice show a candidate, outlines in the
slice's pixels. What does not: files, drawing.

The slices need not be a regular grid: each is placed by its own tags.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pdcp_dagster.domain.coverage import plane_areas_mm2
from pdcp_dagster.domain.prescription import is_target
from pdcp_dagster.domain.volume import Grid
from pdcp_dagster.domain.words import substring_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from pdcp_dagster.domain.contours import PlanarContours
    from pdcp_dagster.domain.structures import Roi
    from pdcp_dagster.domain.volume import Vector

    Drawn = Sequence[tuple[Roi, PlanarContours]]
    """ROIs with their contours on the planes of `PlacedSlices.grid`."""

PLACE_COLUMNS = (
    "sop_instance_uid",
    "instance_identifier",
    "image_position_patient",
    "image_orientation_patient",
    "pixel_spacing",
    "rows",
    "columns",
    "slice_thickness",
    "frame_numbers",
    "frame_positions_mm",
)
"""What the image summary tells of where a slice lies."""

_LENGTHS = {"image_position_patient": 3, "image_orientation_patient": 6, "pixel_spacing": 2}
_SAME_DIRECTION_DECIMALS = 3
_SAME_POSITION_MM = 0.01
_AS_LARGE = 1 - 1e-6
"""Areas that differ by less are equal but for the rounding of coordinates."""


@dataclass(frozen=True, slots=True, eq=False)
class PlacedSlices:
    """The slices of a series that say where they lie, ascending along their common normal.

    grid: of the first slice, with the usual slice distance; contours are projected on it.
    positions_mm: `(n,)` distance of each slice from the first along the normal, mm.
    numbers: which of the records each slice is.
    grids: where each slice lies by itself, one voxel thick.
    """

    grid: Grid
    positions_mm: NDArray[np.float64]
    numbers: tuple[int, ...]
    grids: tuple[Grid, ...]

    @property
    def middle(self) -> int:
        """The slice in the middle."""
        return (len(self.grids) - 1) // 2

    def nearest(self, position_mm: float) -> int:
        """Return the slice nearest to a distance from the first, of two as near the lower one."""
        return int(np.argmin(np.abs(self.positions_mm - position_mm)))


@dataclass(frozen=True, slots=True)
class Focus:
    """The ROI that shows a candidate, and where: mm from the first slice along the normal."""

    roi_name: str
    position_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A ROI on a slice: `(n, 2)` vertices along columns (i) and rows (j) in pixels, whose centres are whole numbers."""

    name: str
    is_target: bool
    polygons: tuple[NDArray[np.float64], ...]


def place_slices(records: Sequence[Mapping[str, Any]]) -> PlacedSlices | None:
    """Return where slices lie, of those that have the most frequent orientation; None where none tells its place.

    records: of each slice the `PLACE_COLUMNS`, a frame of a multi-frame image as `each_slice` gives it.
    """
    told = [number for number, record in enumerate(records) if _tells_its_place(record)]
    if not told:
        return None
    directions = {number: _direction(records[number]) for number in told}
    usual = Counter(directions.values()).most_common(1)[0][0]
    same = [number for number in told if directions[number] == usual]
    normal = np.array(_grid(records[same[0]], 1.0).axes[2])
    along = {number: float(np.array(records[number]["image_position_patient"]) @ normal) for number in same}
    same.sort(key=lambda number: (along[number], str(records[number]["sop_instance_uid"]), number))
    positions = np.array([along[number] - along[same[0]] for number in same])
    distance = _usual_distance(positions, records[same[0]].get("slice_thickness"))
    grids = tuple(_grid(records[number], distance) for number in same)
    return PlacedSlices(grids[0], positions, tuple(same), grids)


def focus_of(drawn: Drawn, keywords: Iterable[str]) -> Focus | None:
    """Return the ROI to look at, where its contours enclose most; None where no ROI has closed contours.

    The target with the largest plane; without targets the first ROI whose name contains a keyword; else the first.
    """
    closed = [(roi, planar, _largest_plane(planar)) for roi, planar in drawn if planar.polygons]
    targets = [each for each in closed if is_target(each[0])]
    named = [each for each in closed if substring_in(keywords, each[0].name)]
    chosen = max(targets, key=lambda each: each[2][0]) if targets else next(iter([*named, *closed]), None)
    return None if chosen is None else Focus(chosen[0].name, chosen[2][1])


def outlines_on(drawn: Drawn, placed: PlacedSlices, number: int) -> tuple[Outline, ...]:
    """Return the ROIs that have contours within half a slice of a slice, of each those of the nearest plane."""
    own, first = placed.grids[number], placed.grid
    shift = (np.array(own.origin_mm) - np.array(first.origin_mm)) @ np.array(first.axes[:2]).T
    reach = first.spacing_mm[2] / 2 + _SAME_POSITION_MM
    found = []
    for roi, planar in drawn:
        if not planar.polygons:
            continue
        away = np.abs(planar.planes_mm - placed.positions_mm[number])
        if away.min() > reach:
            continue
        plane = int(np.argmin(away))
        polygons = [vertices for index, vertices in planar.polygons if index == plane]
        pixels = tuple((vertices - shift) / np.array(own.spacing_mm[:2]) for vertices in polygons)
        found.append(Outline(roi.name, is_target(roi), pixels))
    return tuple(found)


def _largest_plane(planar: PlanarContours) -> tuple[float, float]:
    """Return the largest area of a plane, mm2, and its position, mm; of planes as large the one in the middle."""
    areas = plane_areas_mm2(planar.polygons, len(planar.planes_mm))
    largest = np.flatnonzero(areas >= areas.max() * _AS_LARGE)
    plane = int(largest[(len(largest) - 1) // 2])
    return float(areas[plane]), float(planar.planes_mm[plane])


def _tells_its_place(record: Mapping[str, Any]) -> bool:
    numbers = [record[name] for name in _LENGTHS]
    if any(value is None or len(value) != length for value, length in zip(numbers, _LENGTHS.values(), strict=True)):
        return False
    if not all(math.isfinite(number) for value in numbers for number in value) or min(record["pixel_spacing"]) <= 0:
        return False
    row, column = np.array(record["image_orientation_patient"], dtype=np.float64).reshape(2, 3)
    return bool(np.linalg.norm(np.cross(row, column))) and bool(record["rows"]) and bool(record["columns"])


def _direction(record: Mapping[str, Any]) -> tuple[float, ...]:
    return tuple(round(float(cosine), _SAME_DIRECTION_DECIMALS) + 0.0 for cosine in record["image_orientation_patient"])


def _grid(record: Mapping[str, Any], distance_mm: float) -> Grid:
    row, column = np.array(record["image_orientation_patient"], dtype=np.float64).reshape(2, 3)
    row = row / np.linalg.norm(row)
    normal = np.cross(row, column)
    normal = normal / np.linalg.norm(normal)
    between_rows, between_columns = (float(step) for step in record["pixel_spacing"])
    return Grid(
        origin_mm=_vector(record["image_position_patient"]),
        spacing_mm=(between_columns, between_rows, distance_mm),
        axes=(_vector(row), _vector(np.cross(normal, row)), _vector(normal)),
        size=(int(record["columns"]), int(record["rows"]), 1),
    )


def _usual_distance(positions_mm: NDArray[np.float64], thickness_mm: float | None) -> float:
    steps = np.diff(positions_mm)
    steps = steps[steps > _SAME_POSITION_MM]
    return float(np.median(steps)) if len(steps) else float(thickness_mm or 1.0)


def _vector(values: Iterable[float]) -> Vector:
    x, y, z = (float(value) + 0.0 for value in values)  # + 0.0: no negative zeros
    return x, y, z
