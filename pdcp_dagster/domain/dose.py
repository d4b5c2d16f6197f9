"""Which RTDOSE instances make the dose of a plan, and their sum.

What lives here: the decision, with the reason for every dose that is left out, and the findings. What does not: which
doses can be no part of any sum (`dose_refusal`), what each DoseSummationType must fulfil (`dose_rules`), the arithmetic
(`dose_sum`), what is believable (`dose_plausibility`), reading RTDOSE.

A dose is never multiplied: a FRACTION dose is that of the whole delivery of its fraction group. Where the rules leave a
choice, nothing is chosen: there is no grid, and a person decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.dose_plausibility import check_maximum, compare_with_prescription
from pdcp_dagster.domain.dose_refusal import DoseQuestion, reason_against
from pdcp_dagster.domain.dose_rules import DIFFERENT, INCOMPLETE, RULES, UndecidedError, is_whole_dose_of_plan
from pdcp_dagster.domain.dose_sum import MOST_LOST, NoCommonGridError, lost_outside, same_geometry, sum_doses

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pdcp_dagster.domain.dose_grid import DoseGrid, RtDose
    from pdcp_dagster.domain.plan import RtPlan

__all__ = ["DoseDecision", "check_maximum", "combine_doses", "compare_with_prescription"]


@dataclass(frozen=True, slots=True, eq=False)
class DoseDecision:
    """What became of a patient's doses.

    grid: the sum in Gy, or None where no dose may be used or the rules do not decide.
    used_uids: SOP instances in the sum.
    refused: (SOP instance, reason in words) of every other.
    findings: codes of step XXIV.
    summation: how the sum came about, in words; empty without one.
    of_all_plans: whether it is the dose of several selected plans together (MULTI_PLAN), to which none is added.
    """

    grid: DoseGrid | None
    used_uids: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    summation: str = ""
    of_all_plans: bool = False


def combine_doses(
    doses: Sequence[RtDose],
    plan: RtPlan | None,
    frame_of_reference_uid: str | None = None,
    dose_type: str = "PHYSICAL",
    selected_plans: frozenset[str] | None = None,
) -> DoseDecision:
    """Decide which doses make the plan's dose, and sum them.

    PLAN as it is, if it names no other plan; FRACTION summed over all fraction groups of the plan; BEAM only if the
    beams are all the plan's treatment beams. MULTI_PLAN only if its plans are the selected ones: with one plan it is a
    PLAN dose, with several (`selected_plans`, their UIDs, `plan` among them) it is the dose of all, and goes before all
    else (`of_all_plans`). Without a plan (linkage CRD) the plan is the one that the doses name; which parts it has,
    nobody can tell. Doses without a grid, sessions, control points, records, relative units, DoseTypes other than
    `dose_type` (EFFECTIVE: XXIV_NOTE_004), other plans' doses and (where one is given) other frames of reference are
    refused. What lies a little below 0 Gy counts as 0 (XXIV_NOTE_005). Identical doses are kept once (XXIV_NOTE_001);
    doses of one plan that differ give XXIV_REV_001; incomplete ones XXIV_REV_002; none usable XXIV_EXEC_004; else
    XXIV_SUCC_001.
    """
    uids = selected_plans or frozenset((plan.sop_instance_uid,) if plan else ())
    asked = DoseQuestion(plan, frame_of_reference_uid, dose_type, uids)
    reasons = {dose.sop_instance_uid: reason_against(dose, asked) for dose in doses}
    refused = [(uid, reason) for uid, reason in reasons.items() if reason]
    usable = _once(dose for dose in doses if not reasons[dose.sop_instance_uid])
    distinct, copies = _distinct(usable, asked)
    notes = [Finding("XXIV_NOTE_001", f"{uid} equals {kept}") for uid, kept in copies]
    refused += [(uid, f"identical to {kept}") for uid, kept in copies]
    undecided: list[Finding] = []
    for kind in _kinds_in_order(asked):
        candidates = [dose for dose in distinct if _kind(dose, asked) == kind]
        if not candidates:
            continue
        try:
            RULES[kind](candidates, asked)
            grid, summation = _summed(candidates)
        except UndecidedError as error:
            undecided.append(error.finding)
            refused += [(dose.sop_instance_uid, str(error)) for dose in candidates]
            if error.finding.code == DIFFERENT:
                break
            continue
        used = tuple(dose.sop_instance_uid for dose in candidates)
        refused += _left_over(
            distinct, {*used, *(uid for uid, _ in refused)}, f"the plan's dose is complete without it: {summation}"
        )
        notes += [*_weighted(asked), *_below_zero(candidates)]
        told = (Finding("XXIV_SUCC_001", summation), *notes, *_notes_of(refused, copies))
        return DoseDecision(grid, used, tuple(refused), told, summation, of_all_plans=kind == "MULTI_PLAN")
    outcome = undecided[0] if undecided else Finding("XXIV_EXEC_004", _counted(refused))
    refused += _left_over(distinct, {uid for uid, _ in refused}, "doses of the plan differ")
    return DoseDecision(None, (), tuple(refused), (outcome, *notes, *_notes_of(refused, copies)))


def _kinds_in_order(asked: DoseQuestion) -> list[str]:
    """Return the summation types, the one that goes before the others first."""
    return sorted(RULES, key=lambda kind: kind != "MULTI_PLAN") if len(asked.plan_uids) > 1 else list(RULES)


def _kind(dose: RtDose, asked: DoseQuestion) -> str | None:
    """Return the summation type by whose rule a dose goes."""
    return "PLAN" if is_whole_dose_of_plan(dose, asked) else dose.summation_type


def _once(doses: Iterable[RtDose]) -> list[RtDose]:
    return list({dose.sop_instance_uid: dose for dose in doses}.values())


def _distinct(doses: Sequence[RtDose], asked: DoseQuestion) -> tuple[list[RtDose], list[tuple[str, str]]]:
    """Doses that differ, and (copy, kept one) for those that do not."""
    kept: list[RtDose] = []
    copies: list[tuple[str, str]] = []
    for dose in doses:
        same = next((other for other in kept if _identical(dose, other, asked)), None)
        if same is None:
            kept.append(dose)
        else:
            copies.append((dose.sop_instance_uid, same.sop_instance_uid))
    return kept, copies


def _identical(one: RtDose, other: RtDose, asked: DoseQuestion) -> bool:
    return (
        _kind(one, asked) == _kind(other, asked)
        and set(one.plan_uids) == set(other.plan_uids)
        and set(one.fraction_groups) == set(other.fraction_groups)
        and set(one.beams) == set(other.beams)
        and len(_frames((one, other))) <= 1
        and one.grid is not None
        and other.grid is not None
        and same_geometry(one.grid, other.grid)
        and np.array_equal(one.grid.dose_gy, other.grid.dose_gy)
    )


def _frames(doses: Iterable[RtDose]) -> set[str]:
    """Return the frames of reference that doses name; one without any is left to the linkage."""
    return {dose.frame_of_reference_uid for dose in doses if dose.frame_of_reference_uid}


def _summed(doses: Sequence[RtDose]) -> tuple[DoseGrid, str]:
    """Return the sum and how it came about; raises `UndecidedError`."""
    kind = doses[0].summation_type
    own = [dose.grid for dose in doses if dose.grid is not None]  # all: `dose_refusal`
    grids = [_not_below_zero(grid) for grid in own]
    if len(grids) == 1:
        return grids[0], f"one {kind} dose as it is"
    if len(_frames(doses)) > 1:
        raise UndecidedError(INCOMPLETE, f"the {kind} doses have different frames of reference")
    try:
        total = sum_doses(grids)
    except NoCommonGridError as error:
        raise UndecidedError(INCOMPLETE, f"the grids of the {kind} doses do not fit together: {error}") from error
    for dose, share in zip(doses, total.lost_shares, strict=True):
        if share > MOST_LOST:
            raise UndecidedError(INCOMPLETE, f"{kind} dose {dose.sop_instance_uid} {lost_outside(share)}")
    said = f"sum of {len(grids)} {kind} doses"
    return total.grid, f"{said} on the region that all cover" if total.resampled else said


def _not_below_zero(grid: DoseGrid) -> DoseGrid:
    """Return the grid without the little below 0 Gy that `dose_refusal` lets pass."""
    return replace(grid, dose_gy=np.maximum(grid.dose_gy, 0)) if float(grid.dose_gy.min()) < 0 else grid


def _below_zero(doses: Iterable[RtDose]) -> list[Finding]:
    lowest = {each.sop_instance_uid: float(each.grid.dose_gy.min()) for each in doses if each.grid is not None}
    return [Finding("XXIV_NOTE_005", f"{uid}: down to {gy:.3g} Gy") for uid, gy in lowest.items() if gy < 0]


def _left_over(distinct: Sequence[RtDose], settled: set[str], reason: str) -> list[tuple[str, str]]:
    return [(dose.sop_instance_uid, reason) for dose in distinct if dose.sop_instance_uid not in settled]


def _weighted(asked: DoseQuestion) -> tuple[Finding, ...]:
    return (Finding("XXIV_NOTE_004"),) if asked.dose_type == "EFFECTIVE" else ()


def _notes_of(refused: Sequence[tuple[str, str]], copies: Sequence[tuple[str, str]]) -> list[Finding]:
    copied = {uid for uid, _ in copies}
    return [Finding("XXIV_NOTE_002", f"{uid}: {reason}") for uid, reason in refused if uid not in copied]


def _counted(refused: Sequence[tuple[str, str]]) -> str:
    if not refused:
        return "no dose"
    return "; ".join(sorted({reason for _, reason in refused}))
