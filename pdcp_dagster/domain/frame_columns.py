"""What the image summary tells of a multi-frame CT, whose tags lie frame by frame in functional groups.

What lives here: from simplified tags to where the frames lie, and to values that all of them share. What does not:
where an attribute lies in the groups (`functional_groups`), the other columns (`summary`).

Localiser frames are left out, as localiser images are.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from pdcp_dagster.domain.ct_slices import is_localiser
from pdcp_dagster.domain.functional_groups import frames_of
from pdcp_dagster.domain.simplified_tags import numbers, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from pdcp_dagster.domain.functional_groups import FrameAttributes
    from pdcp_dagster.domain.simplified_tags import Tags

_COORDINATES = 3


def frame_numbers(tags: Tags) -> list[int] | None:
    """Return the numbers of the frames that are slices, counted from 1; None for an image without functional groups."""
    return [number for number, _ in _slices(tags)] or None


def frame_positions_mm(tags: Tags) -> list[float] | None:
    """Return x, y, z of each of `frame_numbers`, one after another, LPS mm; None where one does not tell."""
    positions = [numbers(frame.get("ImagePositionPatient")) for _, frame in _slices(tags)]
    known = [position for position in positions if position is not None and len(position) == _COORDINATES]
    return list(chain(*known)) if known and len(known) == len(positions) else None


def first_of_frames(convert: Callable[[object], object], keyword: str) -> Callable[[Tags], object]:
    """Read a keyword of the first frame, or of an image without functional groups."""

    def read(tags: Tags) -> object:
        found = _slices(tags)
        return convert(found[0][1].get(keyword) if found else tags.get(keyword))

    return read


def common_to_frames(convert: Callable[[object], object], keyword: str) -> Callable[[Tags], object]:
    """Read a keyword that all frames have in common, null where they differ; or of an image without such groups."""

    def read(tags: Tags) -> object:
        found = _slices(tags)
        values: list[Any] = [convert(frame.get(keyword)) for _, frame in found] or [convert(tags.get(keyword))]
        return values[0] if all(value == values[0] for value in values) else None

    return read


def _slices(tags: Tags) -> list[tuple[int, FrameAttributes]]:
    return [
        (number, frame)
        for number, frame in enumerate(frames_of(tags), start=1)
        if not is_localiser(text(frame.get("FrameType")))
    ]
