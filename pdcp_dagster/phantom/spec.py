"""What a synthetic patient is to be: plain data from which every file and every answer follows.

What lives here: the patient's body, dose and images. What does not: what each study holds (`study_spec`), ready-made
anatomies (`anatomy`), files (`patient`), answers (`truth`).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from pdcp_dagster.phantom.study_spec import StudySpec

if TYPE_CHECKING:
    from pdcp_dagster.domain.volume import Vector
    from pdcp_dagster.phantom.solids import Points, Solid

MODALITIES = ("CT", "RTSTRUCT", "RTPLAN", "RTDOSE")
WATER_HU = 0.0
AIR_HU = -1000.0
_DRAFT_OFF_BY_MM = (-6.0, 0.0, 0.0)


class Axis(enum.IntEnum):
    """The direction of the dose gradient, as index into x, y, z (LPS)."""

    AP = 1
    """Along y; dose grows towards posterior where the gradient is positive."""
    SI = 2
    """Along z; dose grows towards the head where the gradient is positive."""


@dataclass(frozen=True, slots=True)
class LinearDose:
    """A dose that is linear in one coordinate, so that trilinear interpolation adds no error.

    dose_gy at `at_mm` on `axis`, changing by `gradient_gy_per_mm`.
    """

    axis: Axis
    at_mm: float
    dose_gy: float
    gradient_gy_per_mm: float

    def __post_init__(self) -> None:
        if self.gradient_gy_per_mm == 0:
            raise ValueError("a dose without gradient has no D95 of its own: give it a gradient")

    def gy_at(self, position_mm: float) -> float:
        """Dose at a position on the axis, Gy."""
        return self.dose_gy + self.gradient_gy_per_mm * (position_mm - self.at_mm)

    def times(self, share: float) -> LinearDose:
        """Return that share of the dose, everywhere."""
        return replace(self, dose_gy=self.dose_gy * share, gradient_gy_per_mm=self.gradient_gy_per_mm * share)

    def position_mm(self, dose_gy: float) -> float:
        """Position on the axis where the dose is `dose_gy`, mm."""
        return self.at_mm + (dose_gy - self.dose_gy) / self.gradient_gy_per_mm


@dataclass(frozen=True, slots=True)
class Plane:
    """A ROI's closed contours on one CT slice: outline and, inside it, perhaps a hole; `(n, 2)` points in x, y mm."""

    z_mm: float
    outline: Points
    hole: Points | None = None

    @property
    def contours(self) -> tuple[Points, ...]:
        """The outline, then the hole if there is one."""
        return (self.outline,) if self.hole is None else (self.outline, self.hole)


@dataclass(frozen=True, slots=True)
class PhantomRoi:
    """One ROI.

    solid: its body; None for a POINT (then `point_mm`) or for a ROI that was named and never drawn.
    hole: what is cut out of it, drawn as an inner contour.
    interpreted_type: RTROIInterpretedType (PS3.3 C.8.8.8.1), or empty.
    hu: what the CT shows there; None leaves what lies below.
    vertices: number of points of each contour.
    """

    number: int
    name: str
    solid: Solid | None = None
    interpreted_type: str = ""
    hu: float | None = None
    hole: Solid | None = None
    vertices: int = 48
    point_mm: Vector | None = None

    def planes(self, slice_positions_mm: tuple[float, ...]) -> tuple[Plane, ...]:
        """Return the contours on the CT slices, in their order."""
        if self.solid is None:
            return ()
        planes = []
        for z in slice_positions_mm:
            outline = self.solid.polygon_mm(z, self.vertices)
            if outline is not None:
                planes.append(Plane(z, outline, self.hole.polygon_mm(z, self.vertices) if self.hole else None))
        return tuple(planes)


@dataclass(frozen=True, slots=True)
class PhantomSpec:
    """One patient.

    birth_date: as DICOM writes it; 1 January is what de-identification leaves of one.
    size: columns, rows, slices of each CT.
    pixel_mm, slice_mm, dose_grid_mm: spacings.
    modalities: which kinds of object reach the archive; PT among them adds a small series to each CT.
    studies: how many studies of the usual kind, or what each of them holds.
    chains_per_study: how often a study has the chain CT <- RTSTRUCT <- RTPLAN <- RTDOSE, each with UIDs of its own.
    spare_structure_set: a second, unapproved RTSTRUCT on each CT that no plan uses.
    drawn_elsewhere: the RTSTRUCT was drawn on a CT of another frame of reference, which never reached the archive.

    Raises ValueError where there is no study.
    """

    patient_id: str
    seed: int
    size: tuple[int, int, int]
    pixel_mm: float
    slice_mm: float
    rois: tuple[PhantomRoi, ...]
    dose: LinearDose
    patient_name: str = "Anonymous"
    birth_date: str = "19610101"
    study_description: str = "Breast planning"
    series_description: str | None = None
    """For every series; None: one that says what it is."""
    noise_hu: float = 15.0
    dose_grid_mm: float = 2.5
    dose_bits: Literal[16, 32] = 32
    prescription_gy: float = 50.0
    fractions: int = 25
    modalities: tuple[str, ...] = field(default=MODALITIES)
    studies: int | tuple[StudySpec, ...] = 1
    chains_per_study: int = 1
    spare_structure_set: bool = False
    drawn_elsewhere: bool = False

    def __post_init__(self) -> None:
        if not self.each_study:
            raise ValueError("a patient needs a study")

    @property
    def each_study(self) -> tuple[StudySpec, ...]:
        """What each study holds, in their order."""
        return (StudySpec(),) * self.studies if isinstance(self.studies, int) else self.studies

    @property
    def slice_positions_mm(self) -> tuple[float, ...]:
        """The z of each slice, feet to head, symmetric about 0, mm."""
        slices = self.size[2]
        return tuple(round((k - (slices - 1) / 2) * self.slice_mm, 4) for k in range(slices))

    @property
    def target(self) -> PhantomRoi | None:
        """The ROI that the plan's prescription names: the first PTV."""
        return next((roi for roi in self.rois if roi.interpreted_type == "PTV"), None)

    @property
    def spare_rois(self) -> tuple[PhantomRoi, ...]:
        """The ROIs of the structure set that no plan uses: an earlier draft, 6 mm to the patient's right."""
        drawn = [roi for roi in self.rois if roi.solid is not None]
        return tuple(replace(roi, solid=roi.solid.moved(_DRAFT_OFF_BY_MM), hole=None) for roi in drawn if roi.solid)
