"""What an RTSTRUCT says, as plain values: structure set, ROIs and their contours as drawn.

What lives here: names, numbers and points in the patient's space (LPS mm). What does not: which plane of which image a
contour belongs to (`contours`), masks, volumes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Contour:
    """One item of Contour Sequence (PS3.3 C.8.8.6): `points_mm` is `(n, 3)` in LPS mm, not closed by repetition."""

    points_mm: NDArray[np.float64]
    geometric_type: str
    """CLOSED_PLANAR, CLOSEDPLANAR_XOR, OPEN_PLANAR, OPEN_NONPLANAR or POINT."""


@dataclass(frozen=True, slots=True, eq=False)
class Roi:
    """One ROI: an item of Structure Set ROI Sequence with its observation and its contours, matched by ROINumber."""

    number: int
    name: str
    contours: tuple[Contour, ...] = ()
    interpreted_type: str | None = None
    generation_algorithm: str | None = None
    description: str | None = None
    frame_of_reference_uid: str | None = None
    flags: tuple[str, ...] = ()
    """What reading found odd: `duplicate_contour_dropped`, `bad_points_dropped`, `point_count_mismatch`, ..."""


@dataclass(frozen=True, slots=True, eq=False)
class StructureSet:
    """One RTSTRUCT instance."""

    sop_instance_uid: str
    rois: tuple[Roi, ...] = field(default=())
    label: str | None = None
    date: dt.date | None = None
    approval_status: str | None = None
    frame_of_reference_uid: str | None = None
    referenced_series_uids: tuple[str, ...] = ()
