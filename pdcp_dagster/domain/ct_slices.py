"""How many slices a CT series has, from the image summary.

What lives here: localisers, the frames of multi-frame images, distinct positions. What does not: whether the slices
form a regular volume (`stack`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_SAME_POSITION_MM = 0.01
"""Slices nearer than this are one position: below any slice spacing, above the rounding of position texts."""
_COSINES = 6
_COORDINATES = 3


def is_localiser(image_type: object) -> bool:
    """Whether ImageType (PS3.3 C.8.2.1.1.1) says LOCALIZER, at whatever place."""
    return isinstance(image_type, str) and "LOCALIZER" in image_type.upper().split("\\")


def each_slice(instances: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield instances of the image summary, a multi-frame one once for each frame that is a slice.

    As one of these it has that frame's `image_position_patient`, and its number in the image as `frame_number`.
    """
    for instance in instances:
        positions = instance.get("frame_positions_mm")
        if positions is None:
            yield instance
            continue
        for index, number in enumerate(instance["frame_numbers"]):
            place = tuple(positions[_COORDINATES * index : _COORDINATES * (index + 1)])
            yield {**instance, "image_position_patient": place, "frame_number": int(number)}


def count_positions(instances: Iterable[Mapping[str, Any]]) -> int:
    """Return the number of distinct slice positions along the normal.

    A multi-frame instance counts as its frames; other instances that tell no position count one each, or their frames.
    """
    positions: list[float] = []
    normals: dict[object, tuple[float, float, float] | None] = {}
    others = 0
    for instance in each_slice(instances):
        position = _position_mm(instance, normals)
        if position is None:
            frames = instance.get("number_of_frames")
            others += frames if isinstance(frames, int) and frames > 0 else 1
        else:
            positions.append(position)
    count = 0
    last = -math.inf
    for position in sorted(positions):
        if position - last > _SAME_POSITION_MM:
            count, last = count + 1, position
    return count + others


def _position_mm(instance: Mapping[str, Any], normals: dict[object, tuple[float, float, float] | None]) -> float | None:
    """Return ImagePositionPatient along the slice normal, mm; SliceLocation where there is none.

    normals: those of the orientations met so far.
    """
    position = _vector(instance.get("image_position_patient"), _COORDINATES)
    if position is None:
        location = instance.get("slice_location")
        return location if isinstance(location, float) and math.isfinite(location) else None
    cosines = _vector(instance.get("image_orientation_patient"), _COSINES)
    if cosines not in normals:
        normals[cosines] = _normal(cosines)
    normal = normals[cosines]
    if normal is None:
        return position[2]
    return position[0] * normal[0] + position[1] * normal[1] + position[2] * normal[2]


def _normal(cosines: tuple[float, ...] | None) -> tuple[float, float, float] | None:
    if cosines is None:
        return None
    a, b, c, d, e, f = cosines
    return b * f - c * e, c * d - a * f, a * e - b * d


def _vector(value: Sequence[float] | None, length: int) -> tuple[float, ...] | None:
    if value is None or len(value) != length:
        return None
    return value if isinstance(value, tuple) else tuple(float(number) for number in value)
