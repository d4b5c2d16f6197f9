"""Which RTDOSE instances make the dose of a plan, and their sum.

What lives here: the rules of summation by DoseSummationType (PS3.3 C.8.8.3), the reasons for refusing a dose, and the
findings. What does not: reading RTDOSE, the arithmetic (`dose_sum`), what is believable (`dose_plausibility`).

A dose is never multiplied: a FRACTION dose is that of the whole delivery of its fraction group. Where the rules leave a
choice, nothing is chosen: there is no grid, and a person decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.dose_plausibility import check_maximum, compare_with_prescription
from pdcp_dagster.domain.dose_sum import NoCommonGridError, same_geometry, sum_doses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

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
    """

    grid: DoseGrid | None
    used_uids: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    summation: str = ""


class _UndecidedError(Exception):
    """The doses of one summation type do not make the dose of the plan; carries the finding that says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.finding = Finding(code, detail)


def combine_doses(
    doses: Sequence[RtDose], plan: RtPlan | None, frame_of_reference_uid: str | None = None
) -> DoseDecision:
    """Decide which doses make the plan's dose, and sum them.

    PLAN as it is, if it names no other plan; MULTI_PLAN only if it is of exactly this plan; FRACTION summed over all
    fraction groups of the plan; BEAM only if the beams are all the plan's treatment beams. Without a plan (linkage CRD)
    the plan is the one that the doses name; which parts it has, nobody can tell. Sessions, control points,
    records, relative units, types other than PHYSICAL, other plans' doses and (where one is given) other frames of
    reference are refused. Identical doses are kept once (XXIV_NOTE_001); doses of one plan that differ give
    XXIV_REV_001; incomplete ones XXIV_REV_002; none usable XXIV_EXEC_004; else XXIV_SUCC_001.
    """
    reasons = {dose.sop_instance_uid: _reason_against(dose, plan, frame_of_reference_uid) for dose in doses}
    refused = [(uid, reason) for uid, reason in reasons.items() if reason]
    usable = _once(dose for dose in doses if not reasons[dose.sop_instance_uid])
    distinct, copies = _distinct(usable)
    notes = [Finding("XXIV_NOTE_001", f"{uid} equals {kept}") for uid, kept in copies]
    refused += [(uid, f"identical to {kept}") for uid, kept in copies]
    undecided: list[Finding] = []
    for kind, rule in _RULES:
        candidates = [dose for dose in distinct if dose.summation_type == kind]
        if not candidates:
            continue
        try:
            rule(candidates, plan)
            grid, summation = _summed(candidates, kind)
        except _UndecidedError as error:
            undecided.append(error.finding)
            refused += [(dose.sop_instance_uid, str(error)) for dose in candidates]
            if error.finding.code == "XXIV_REV_001":
                break
            continue
        used = tuple(dose.sop_instance_uid for dose in candidates)
        refused += _left_over(distinct, {*used, *(uid for uid, _ in refused)}, kind)
        findings = (Finding("XXIV_SUCC_001", summation), *notes, *_notes_of(refused, copies))
        return DoseDecision(grid, used, tuple(refused), findings, summation)
    outcome = undecided[0] if undecided else Finding("XXIV_EXEC_004", _counted(refused))
    refused += _left_over(distinct, {uid for uid, _ in refused}, "")
    return DoseDecision(None, (), tuple(refused), (outcome, *notes, *_notes_of(refused, copies)))


def _reason_against(dose: RtDose, plan: RtPlan | None, frame_of_reference_uid: str | None) -> str:
    """Why a dose cannot be used at all, in words; empty if it can."""
    other_frame = frame_of_reference_uid and dose.frame_of_reference_uid not in (None, "", frame_of_reference_uid)
    checks = (
        (dose.units != "GY", f"its units are {dose.units or 'not given'}, not GY"),
        (dose.dose_type != "PHYSICAL", f"its dose type is {dose.dose_type or 'not given'}, not PHYSICAL"),
        (
            dose.summation_type not in dict(_RULES),
            f"its summation type {dose.summation_type or '(not given)'} is no part of a planned dose",
        ),
        (plan is not None and _of_other_plans(dose, plan), "it is the dose of another plan"),
        (bool(other_frame), "its frame of reference is not the image's"),
        (not np.isfinite(dose.grid.dose_gy).all(), "it holds values that are no numbers"),
    )
    return "; ".join(reason for applies, reason in checks if applies)


def _of_other_plans(dose: RtDose, plan: RtPlan) -> bool:
    return bool(dose.plan_uids) and plan.sop_instance_uid not in dose.plan_uids


def _once(doses: Iterable[RtDose]) -> list[RtDose]:
    return list({dose.sop_instance_uid: dose for dose in doses}.values())


def _distinct(doses: Sequence[RtDose]) -> tuple[list[RtDose], list[tuple[str, str]]]:
    """Doses that differ, and (copy, kept one) for those that do not."""
    kept: list[RtDose] = []
    copies: list[tuple[str, str]] = []
    for dose in doses:
        same = next((other for other in kept if _identical(dose, other)), None)
        if same is None:
            kept.append(dose)
        else:
            copies.append((dose.sop_instance_uid, same.sop_instance_uid))
    return kept, copies


def _identical(one: RtDose, other: RtDose) -> bool:
    return (
        one.summation_type == other.summation_type
        and set(one.plan_uids) == set(other.plan_uids)
        and set(one.fraction_groups) == set(other.fraction_groups)
        and set(one.beams) == set(other.beams)
        and one.frame_of_reference_uid == other.frame_of_reference_uid
        and same_geometry(one.grid, other.grid)
        and np.array_equal(one.grid.dose_gy, other.grid.dose_gy)
    )


def _require_one(doses: Sequence[RtDose], _: RtPlan | None) -> None:
    if len(doses) == 1:
        return
    uids = ", ".join(sorted(dose.sop_instance_uid for dose in doses))
    if len({frozenset(dose.plan_uids) for dose in doses}) > 1:
        raise _UndecidedError("XXIV_REV_002", f"{len(doses)} doses of different plans: {uids}")
    raise _UndecidedError("XXIV_REV_001", f"{len(doses)} doses that differ: {uids}")


def _require_one_of_one_plan(doses: Sequence[RtDose], plan: RtPlan | None) -> None:
    """A dose that names no plan is left to the linkage; one that names several is no single plan's dose."""
    for dose in doses:
        named = {*dose.plan_uids, *((plan.sop_instance_uid,) if plan else ())}
        if len(named) > 1:
            detail = f"PLAN dose {dose.sop_instance_uid} names {len(named)} plans, so it may be the dose of all"
            raise _UndecidedError("XXIV_REV_002", f"{detail}: {', '.join(sorted(named))}")
    _require_one(doses, plan)


def _require_own_plan_only(doses: Sequence[RtDose], plan: RtPlan | None) -> None:
    for dose in doses:
        named = set(dose.plan_uids)
        if plan is None and len(named) != 1:
            raise _UndecidedError("XXIV_REV_002", f"a MULTI_PLAN dose names {len(named)} plans")
        if plan is not None and named != {plan.sop_instance_uid}:
            raise _UndecidedError("XXIV_REV_002", "a MULTI_PLAN dose sums other plans than the selected one")
    _require_one(doses, plan)


def _require_all_fraction_groups(doses: Sequence[RtDose], plan: RtPlan | None) -> None:
    planned = {group.number for group in plan.fraction_groups} if plan else set()
    _require_parts("fraction group", [dose.fraction_groups for dose in doses], planned)


def _require_all_treatment_beams(doses: Sequence[RtDose], plan: RtPlan | None) -> None:
    """A beam without TreatmentDeliveryType (type 3) is a treatment beam, the meaning that PS3.3 C.8.8.14 gives it."""
    beams = plan.beams if plan else ()
    planned = {beam.number for beam in beams if beam.delivery_type in (None, "", "TREATMENT")}
    _require_parts("treatment beam", [dose.beams for dose in doses], planned)


def _require_parts(part: str, named: Sequence[tuple[int, ...]], planned: set[int]) -> None:
    """Every planned part named by exactly one dose, and nothing else."""
    if not planned:
        raise _UndecidedError("XXIV_REV_002", f"no plan says which {part}s there are")
    if not all(named):
        raise _UndecidedError("XXIV_REV_002", f"a dose does not say of which {part} it is")
    given = [number for numbers in named for number in set(numbers)]
    if len(given) > len(set(given)):
        twice = sorted({number for number in given if given.count(number) > 1})
        raise _UndecidedError("XXIV_REV_001", f"doses that differ for {part} {_listed(twice)}")
    if set(given) != planned:
        missing, unknown = sorted(planned - set(given)), sorted(set(given) - planned)
        parts = [f"no dose of {part} {_listed(missing)}"] if missing else []
        parts += [f"{part} {_listed(unknown)} is not in the plan"] if unknown else []
        raise _UndecidedError("XXIV_REV_002", "; ".join(parts))


_RULES: tuple[tuple[str, Callable[[Sequence[RtDose], RtPlan | None], None]], ...] = (
    ("PLAN", _require_one_of_one_plan),
    ("MULTI_PLAN", _require_own_plan_only),
    ("FRACTION", _require_all_fraction_groups),
    ("BEAM", _require_all_treatment_beams),
)
"""Summation types that can make a plan's dose, most direct first, and what each must fulfil."""


def _summed(doses: Sequence[RtDose], kind: str) -> tuple[DoseGrid, str]:
    if len(doses) == 1:
        return doses[0].grid, f"one {kind} dose as it is"
    if len({dose.frame_of_reference_uid for dose in doses}) > 1:
        raise _UndecidedError("XXIV_REV_002", f"the {kind} doses have different frames of reference")
    try:
        total = sum_doses([dose.grid for dose in doses])
    except NoCommonGridError as error:
        raise _UndecidedError("XXIV_REV_002", f"the grids of the {kind} doses do not fit together: {error}") from error
    said = f"sum of {len(doses)} {kind} doses"
    return total.grid, f"{said} on the region that all cover" if total.resampled else said


def _left_over(distinct: Sequence[RtDose], settled: set[str], kind: str) -> list[tuple[str, str]]:
    reason = f"the plan's dose is complete with summation type {kind}" if kind else "doses of the plan differ"
    return [(dose.sop_instance_uid, reason) for dose in distinct if dose.sop_instance_uid not in settled]


def _notes_of(refused: Sequence[tuple[str, str]], copies: Sequence[tuple[str, str]]) -> list[Finding]:
    copied = {uid for uid, _ in copies}
    return [Finding("XXIV_NOTE_002", f"{uid}: {reason}") for uid, reason in refused if uid not in copied]


def _counted(refused: Sequence[tuple[str, str]]) -> str:
    if not refused:
        return "no dose"
    return "; ".join(sorted({reason for _, reason in refused}))


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(str(number) for number in numbers)
