"""The dose of several plans together: base and boost, one after the other.

What lives here: when the doses of plans may be added, and what became of each plan's dose. What does not: the dose of
one plan (`dose`), the arithmetic (`dose_sum`), which plans belong together (`plan_groups`).

A boost adds, a replan replaces, and tags rarely tell: that plans were given one after the other is the cohort's word or
a person's. A part is no sum: where the dose of one plan is not there or not decided, nothing is added.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.dose import DoseDecision, combine_doses
from pdcp_dagster.domain.dose_refusal import DoseQuestion, reason_against
from pdcp_dagster.domain.dose_sum import MOST_LOST, NoCommonGridError, lost_outside, same_geometry, sum_doses
from pdcp_dagster.domain.words import some

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from pdcp_dagster.domain.dose_grid import DoseGrid, RtDose
    from pdcp_dagster.domain.plan import RtPlan

DONE, NONE_USABLE, SEVERAL_PLANS, NOT_ADDED = "XXIV_SUCC_001", "XXIV_EXEC_004", "XXIV_NOTE_003", "XXIV_REV_006"
SAME_DOSE_SHARE = 5e-3
"""Of the highest dose: what a copy of a plan differs by, recalculated or rounded; base and boost differ by far more."""
_OF_ALL = "the planning system gives the dose of all selected plans"
_OF_OTHERS = "it sums other plans than the selected ones"
_NOT_ADDED = "the doses of the selected plans cannot be added"


@dataclass(frozen=True, slots=True, eq=False)
class PlanSum:
    """What became of the doses of several plans.

    decision: as of one plan; its grid is the sum.
    parts: each plan's UID and the grid of its own dose, in the order of the plans; none where the planning system gave
    the dose of all, or nothing was added.
    """

    decision: DoseDecision
    parts: tuple[tuple[str, DoseGrid], ...] = ()


@dataclass(frozen=True, slots=True)
class _Asked:
    plans: Sequence[RtPlan]
    frame_of_reference_uid: str | None
    dose_type: str

    @property
    def uids(self) -> frozenset[str]:
        return frozenset(plan.sop_instance_uid for plan in self.plans)

    def owner_of(self, dose: RtDose) -> str:
        """Return the one plan of these that a dose names; empty where it names none or several."""
        named = self.uids & {*dose.plan_uids}
        return next(iter(named)) if len(named) == 1 else ""

    def of_plan(self, doses: Sequence[RtDose], plan: RtPlan) -> DoseDecision:
        return combine_doses(doses, plan, self.frame_of_reference_uid, self.dose_type)

    def of_all(self, doses: Sequence[RtDose]) -> DoseDecision:
        return combine_doses(doses, None, self.frame_of_reference_uid, self.dose_type, self.uids)


class _NotAddedError(Exception):
    """Why doses that are each complete make no sum, in words."""


def sum_plans(
    doses: Sequence[RtDose],
    plans: Sequence[RtPlan],
    frame_of_reference_uid: str | None = None,
    dose_type: str = "PHYSICAL",
) -> PlanSum:
    """Add the doses of at least two plans, in Gy.

    A MULTI_PLAN dose of exactly these plans is the dose of all. Else each plan has its own dose by `combine_doses`, and
    these are added on the region that all cover: XXIV_SUCC_001, and XXIV_NOTE_003 with the maximum of each. The
    findings of a plan whose dose is not decided stand, and there is no grid. XXIV_REV_006 where a plan has no usable
    dose while another has, a usable dose names none or several of the plans, brachytherapy meets external beams, two
    plans have the same dose (a plan and its copy), frames of reference or grids have nothing in common, or a dose has
    more than a tenth of its maximum outside the region that all cover.
    XXIV_EXEC_004 where no plan has a usable dose.
    """
    asked = _Asked(plans, frame_of_reference_uid, dose_type)
    several = [dose for dose in doses if dose.summation_type == "MULTI_PLAN" and len({*dose.plan_uids}) != 1]
    unusable = _strays(asked, [dose for dose in doses if dose not in several])
    others = [dose for dose in doses if dose not in several and dose.sop_instance_uid not in unusable]
    exact = [dose for dose in several if set(dose.plan_uids) == asked.uids]
    refused = {**unusable, **{dose.sop_instance_uid: _OF_OTHERS for dose in several if dose not in exact}}
    try:
        _require_one_kind_of_treatment(plans)
        whole = asked.of_all(exact) if exact else None
        if whole is not None and (whole.grid is not None or whole.findings[0].code != NONE_USABLE):
            return PlanSum(_with_refused(whole, {**refused, **_because(others, _OF_ALL)}, _told_of_all(whole, plans)))
        refused |= dict(whole.refused) if whole is not None else {}
        _require_own_doses(others, asked)
        return _added(others, asked, refused)
    except _NotAddedError as error:
        findings = (Finding(NOT_ADDED, str(error)), *_notes(refused))
        every = {**_because(others, _NOT_ADDED), **refused}
        return PlanSum(DoseDecision(None, (), tuple(every.items()), findings))


def _added(doses: Sequence[RtDose], asked: _Asked, refused: dict[str, str]) -> PlanSum:
    """Add each plan's own dose; what is refused meanwhile is put into `refused`, too."""
    own = {plan.sop_instance_uid: [d for d in doses if plan.sop_instance_uid in d.plan_uids] for plan in asked.plans}
    found = [(plan, asked.of_plan(own[plan.sop_instance_uid], plan)) for plan in asked.plans]
    of_plans = dict.fromkeys(note for _, decision in found for note in decision.findings[1:])
    notes = [*of_plans, *_notes(refused)]
    for _, decision in found:
        refused |= dict(decision.refused)
    parts = [(plan, decision.grid) for plan, decision in found if decision.grid is not None]
    used = [uid for _, decision in found for uid in decision.used_uids]
    if len(parts) < len(found):
        left = {**refused, **dict.fromkeys(used, _NOT_ADDED)}
        return PlanSum(DoseDecision(None, (), tuple(left.items()), (*_undecided(found), *notes)))
    _require_one_frame([dose for dose in doses if dose.sop_instance_uid in used])
    _require_different(parts)
    grid, summation = _total(parts)
    told = "; ".join(f"{_named(plan)} maximum {float(grid.dose_gy.max()):.2f} Gy" for plan, grid in parts)
    findings = (Finding(DONE, summation), Finding(SEVERAL_PLANS, told), *notes)
    decision = DoseDecision(grid, tuple(used), tuple(refused.items()), findings, summation)
    return PlanSum(decision, tuple((plan.sop_instance_uid, its) for plan, its in parts))


def _total(parts: Sequence[tuple[RtPlan, DoseGrid]]) -> tuple[DoseGrid, str]:
    """Return the sum and how it came about, in words."""
    try:
        total = sum_doses([grid for _, grid in parts])
    except NoCommonGridError as error:
        raise _NotAddedError(f"their grids do not fit together: {error}") from error
    for (plan, _), share in zip(parts, total.lost_shares, strict=True):
        if share > MOST_LOST:
            raise _NotAddedError(f"the dose of {_named(plan)} {lost_outside(share)}")
    said = f"sum of the doses of {len(parts)} plans"
    return total.grid, f"{said} on the region that all cover" if total.resampled else said


def _undecided(found: Sequence[tuple[RtPlan, DoseDecision]]) -> list[Finding]:
    """Return the findings of the plans without a dose; that one has none is no exclusion while another has."""
    lacking = [(plan, decision.findings[0]) for plan, decision in found if decision.grid is None]
    if len(lacking) == len(found) and all(finding.code == NONE_USABLE for _, finding in lacking):
        return [Finding(NONE_USABLE, "; ".join(f"{_named(plan)} {finding.detail}" for plan, finding in lacking))]
    return [
        Finding(NOT_ADDED, f"{_named(plan)} has no dose that can be used: {finding.detail}")
        if finding.code == NONE_USABLE
        else Finding(finding.code, f"{_named(plan)} {finding.detail}")
        for plan, finding in lacking
    ]


def _require_one_kind_of_treatment(plans: Sequence[RtPlan]) -> None:
    brachy = [plan for plan in plans if plan.brachytherapy is not None]
    if brachy and len(brachy) < len(plans):
        told = ", ".join(_named(plan) for plan in brachy)
        raise _NotAddedError(f"brachytherapy ({told}) is never added to external beams")


def _strays(asked: _Asked, doses: Iterable[RtDose]) -> dict[str, str]:
    """Return the doses that are of no single plan and of no use either, with the reason: they stand in no sum's way."""
    question = DoseQuestion(None, asked.frame_of_reference_uid, asked.dose_type, asked.uids)
    strays = {dose.sop_instance_uid: reason_against(dose, question) for dose in doses if not asked.owner_of(dose)}
    return {uid: reason for uid, reason in strays.items() if reason}


def _require_own_doses(doses: Iterable[RtDose], asked: _Asked) -> None:
    """A dose that is not of one of the plans alone would be added twice, or to the wrong one."""
    for dose in doses:
        if not asked.owner_of(dose):
            told = "several" if asked.uids & {*dose.plan_uids} else "none"
            raise _NotAddedError(f"RTDOSE {dose.sop_instance_uid} names {told} of the plans, and is no MULTI_PLAN dose")


def _require_one_frame(doses: Iterable[RtDose]) -> None:
    frames = {dose.frame_of_reference_uid or "" for dose in doses} - {""}
    if len(frames) > 1:
        raise _NotAddedError(f"the doses have different frames of reference: {some(sorted(frames))}")


def _require_different(parts: Sequence[tuple[RtPlan, DoseGrid]]) -> None:
    for (one, its), (other, others) in combinations(parts, 2):
        if same_geometry(its, others) and _same_dose(its.dose_gy, others.dose_gy):
            raise _NotAddedError(f"{_named(one)} and {_named(other)} have the same dose, as a plan and its copy have")


def _same_dose(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Whether two doses differ by no more than a dose and its recalculation do."""
    highest = max(float(one.max()), float(other.max()))
    return bool((np.abs(one - other) <= SAME_DOSE_SHARE * highest).all())


def _told_of_all(whole: DoseDecision, plans: Sequence[RtPlan]) -> tuple[Finding, ...]:
    if whole.grid is None:
        return ()
    told = f"by the planning system: {', '.join(_named(plan) for plan in plans)}"
    return (Finding(SEVERAL_PLANS, f"{told}; maximum {float(whole.grid.dose_gy.max()):.2f} Gy"),)


def _with_refused(whole: DoseDecision, refused: dict[str, str], told: Sequence[Finding]) -> DoseDecision:
    first, *notes = whole.findings
    every = tuple({**dict(whole.refused), **refused}.items())
    findings = (first, *told, *notes, *_notes(refused))
    return DoseDecision(whole.grid, whole.used_uids, every, findings, whole.summation, of_all_plans=whole.of_all_plans)


def _because(doses: Iterable[RtDose], reason: str) -> dict[str, str]:
    return {dose.sop_instance_uid: reason for dose in doses}


def _notes(refused: dict[str, str]) -> list[Finding]:
    return [Finding("XXIV_NOTE_002", f"{uid}: {reason}") for uid, reason in refused.items()]


def _named(plan: RtPlan) -> str:
    return f"'{plan.label or ''}' (RTPLAN {plan.sop_instance_uid})"
