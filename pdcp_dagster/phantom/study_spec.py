"""What a study of a synthetic patient is to hold: its plans, their doses, and what is amiss with them.

What lives here: specifications of studies, plans and doses, whose defaults are a study without fault. What does not:
the patient (`spec`), files (`patient`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import datetime as dt

DoseNames = Literal["plan", "structure_set", "nothing"]


@dataclass(frozen=True, slots=True)
class DoseSpec:
    """One RTDOSE of a plan.

    names: what it refers to. With `nothing` its frame of reference is all that ties it to the CT.
    in_another_frame: its frame of reference is that of no other object.
    share: of the dose that the plan gives; doses of one plan with the same share are copies, with UIDs of their own.
    """

    names: DoseNames = "plan"
    in_another_frame: bool = False
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class PlanSpec:
    """One RTPLAN with its doses.

    label: RTPlanLabel, at most 16 characters; None: one with the chain's number.
    intent, approval: PlanIntent and ApprovalStatus; None: the tag is absent.
    names_structure_set: whether it refers to the structure set that it was made on; else that sequence is empty.
    share: of the patient's dose and prescription that it gives; a boost gives less than 1.
    prescribes: whether it says the prescribed dose.
    """

    label: str | None = None
    intent: str | None = "CURATIVE"
    approval: str | None = "APPROVED"
    names_structure_set: bool = True
    share: float = 1.0
    prescribes: bool = True
    doses: tuple[DoseSpec, ...] = (DoseSpec(),)


@dataclass(frozen=True, slots=True)
class StudySpec:
    """One study; everything in it is said of each of its chains.

    plans: on the one planned structure set; the right answers are those of the first one and of its first dose.
    modalities: which kinds of object reach the archive; None: those of the patient.
    description: StudyDescription; None: the patient's.
    date: StudyDate, from which the other dates count; None: one that follows from the seed.
    absent_tags: keywords of what the objects of this study lack, `StudyDate` for example.
    rt_in_another_study: structure set, plans and doses have a StudyInstanceUID, StudyID and StudyDate of their own.
    missing_slices: how many CT slices, those nearest the head, never reached the archive.

    Raises ValueError where there is no first plan or dose.
    """

    plans: tuple[PlanSpec, ...] = (PlanSpec(),)
    modalities: tuple[str, ...] | None = None
    description: str | None = None
    date: dt.date | None = None
    absent_tags: tuple[str, ...] = ()
    rt_in_another_study: bool = False
    missing_slices: int = 0

    def __post_init__(self) -> None:
        if not self.plans or not self.plans[0].doses:
            raise ValueError("a study needs a plan with a dose to have answers; leave them out by `modalities`")


def planned(*plans: PlanSpec) -> tuple[StudySpec, ...]:
    """Return a patient's one study, with these plans."""
    return (StudySpec(plans=plans),)
