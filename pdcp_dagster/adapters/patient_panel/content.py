"""What a patient's page tells: plain values, in the order in which they are told.

What lives here: the content. What does not: how it looks (`sections`, `figure`, `style`).

All text is untrusted, and is escaped where it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from pdcp_dagster.domain.codes import Status


@dataclass(frozen=True, slots=True)
class PanelFinding:
    """One code: what it means, what was seen in this patient, and what can be done; decides: whether it is no note."""

    code: str
    standing: str
    meaning: str
    detail: str
    remedy: str
    decides: bool


@dataclass(frozen=True, slots=True)
class PanelObject:
    """One object that was considered: what it belongs to, and by what; `reason` where it was refused."""

    role: str
    uid: str
    linked_to: str
    linked_by: str
    selected: bool
    reason: str


@dataclass(frozen=True, slots=True)
class PanelPlan:
    """Facts of one plan with one of its doses, by their names in words."""

    title: str
    selected: bool
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PanelRoi:
    """One ROI: its place among the curves (None: no curve), and its numbers by column, None where not known."""

    name: str
    standard_name: str
    curve: int | None
    numbers: tuple[float | None, ...]
    flags: str


@dataclass(frozen=True, slots=True, eq=False)
class PanelCurve:
    """One cumulative DVH: `volume_pct` of the ROI gets at least `dose_gy`, which ascends; arrays of one length."""

    name: str
    is_target: bool
    dose_gy: NDArray[np.float64]
    volume_pct: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PanelPicture:
    """A picture by its name in a folder of the patient's, and what it shows."""

    folder: str
    name: str
    caption: str


@dataclass(frozen=True, slots=True)
class PanelFiles:
    """What lies under one name in the patient's folder, of which asset it is, in how many files of how many bytes."""

    asset: str
    name: str
    files: int
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class PatientPanel:
    """A patient as the page tells of it.

    name: what the patient is called. reason: of the status, in words. facts: of study and CT, by their names in words.
    columns: the heads of the ROIs' numbers. curves: targets first. further_curves: how many ROIs with a curve have none
    here. unread: the files that could not be read, of which the page therefore tells nothing.
    """

    name: str
    cohort: str
    status: Status
    reason: str
    facts: Mapping[str, str]
    findings: tuple[PanelFinding, ...] = ()
    objects: tuple[PanelObject, ...] = ()
    plans: tuple[PanelPlan, ...] = ()
    columns: tuple[str, ...] = ()
    rois: tuple[PanelRoi, ...] = ()
    further_rois: int = 0
    curves: tuple[PanelCurve, ...] = ()
    further_curves: int = 0
    prescriptions_gy: tuple[float, ...] = ()
    pictures: tuple[PanelPicture, ...] = ()
    candidates: tuple[PanelPicture, ...] = ()
    files: tuple[PanelFiles, ...] = ()
    unread: tuple[str, ...] = ()
