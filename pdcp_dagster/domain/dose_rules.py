"""What doses of one DoseSummationType must fulfil to make the dose of a plan (PS3.3 C.8.8.3).

What lives here: one rule per summation type, and the finding where it is broken. What does not: doses that can be no
part of any sum (`dose_refusal`), the choice among types (`dose`), the arithmetic (`dose_sum`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.domain.codes import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pdcp_dagster.domain.dose_grid import RtDose
    from pdcp_dagster.domain.dose_refusal import DoseQuestion

DIFFERENT, INCOMPLETE = "XXIV_REV_001", "XXIV_REV_002"


class UndecidedError(Exception):
    """The doses of one summation type do not make the dose of the plan; carries the finding that says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.finding = Finding(code, detail)


def is_whole_dose_of_plan(dose: RtDose, asked: DoseQuestion) -> bool:
    """Whether it is the dose of one whole plan: PLAN, or MULTI_PLAN that names no more than the one selected plan.

    Without a plan (CRD) a MULTI_PLAN dose that names one plan is that plan's.
    """
    if dose.summation_type != "MULTI_PLAN":
        return dose.summation_type == "PLAN"
    named = frozenset(dose.plan_uids)
    return len(named) == 1 and named == (asked.plan_uids or named)


def _require_one(doses: Sequence[RtDose], _: DoseQuestion) -> None:
    if len(doses) == 1:
        return
    uids = ", ".join(sorted(dose.sop_instance_uid for dose in doses))
    if len({frozenset(dose.plan_uids) for dose in doses}) > 1:
        raise UndecidedError(INCOMPLETE, f"{len(doses)} doses of different plans: {uids}")
    raise UndecidedError(DIFFERENT, f"{len(doses)} doses that differ: {uids}")


def _require_one_of_one_plan(doses: Sequence[RtDose], asked: DoseQuestion) -> None:
    """A dose that names no plan is left to the linkage; one that names several is no single plan's dose."""
    for dose in doses:
        named = {*dose.plan_uids, *((asked.plan.sop_instance_uid,) if asked.plan else ())}
        if len(named) > 1:
            detail = f"PLAN dose {dose.sop_instance_uid} names {len(named)} plans, so it may be the dose of all"
            raise UndecidedError(INCOMPLETE, f"{detail}: {', '.join(sorted(named))}")
    _require_one(doses, asked)


def _require_selected_plans(doses: Sequence[RtDose], asked: DoseQuestion) -> None:
    for dose in doses:
        named = frozenset(dose.plan_uids)
        if not asked.plan_uids:
            raise UndecidedError(INCOMPLETE, f"a MULTI_PLAN dose names {len(named)} plans")
        if not named:
            raise UndecidedError(INCOMPLETE, "a MULTI_PLAN dose does not name its plans")
        if named != asked.plan_uids:
            selected = "selected one" if len(asked.plan_uids) == 1 else f"{len(asked.plan_uids)} selected ones"
            raise UndecidedError(INCOMPLETE, f"a MULTI_PLAN dose sums other plans than the {selected}")
    _require_one(doses, asked)


def _require_all_fraction_groups(doses: Sequence[RtDose], asked: DoseQuestion) -> None:
    planned = {group.number for group in asked.plan.fraction_groups} if asked.plan else set()
    _require_parts("fraction group", [dose.fraction_groups for dose in doses], planned)


def _require_all_treatment_beams(doses: Sequence[RtDose], asked: DoseQuestion) -> None:
    """A beam without TreatmentDeliveryType (type 3) is a treatment beam, the meaning that PS3.3 C.8.8.14 gives it."""
    beams = asked.plan.beams if asked.plan else ()
    planned = {beam.number for beam in beams if beam.delivery_type in (None, "", "TREATMENT")}
    _require_parts("treatment beam", [dose.beams for dose in doses], planned)


def _require_parts(part: str, named: Sequence[tuple[int, ...]], planned: set[int]) -> None:
    """Every planned part named by exactly one dose, and nothing else."""
    if not planned:
        raise UndecidedError(INCOMPLETE, f"no plan says which {part}s there are")
    if not all(named):
        raise UndecidedError(INCOMPLETE, f"a dose does not say of which {part} it is")
    given = [number for numbers in named for number in set(numbers)]
    if len(given) > len(set(given)):
        twice = sorted({number for number in given if given.count(number) > 1})
        raise UndecidedError(DIFFERENT, f"doses that differ for {part} {_listed(twice)}")
    if set(given) != planned:
        missing, unknown = sorted(planned - set(given)), sorted(set(given) - planned)
        parts = [f"no dose of {part} {_listed(missing)}"] if missing else []
        parts += [f"{part} {_listed(unknown)} is not in the plan"] if unknown else []
        raise UndecidedError(INCOMPLETE, "; ".join(parts))


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(str(number) for number in numbers)


RULES: Mapping[str, Callable[[Sequence[RtDose], DoseQuestion], None]] = {
    "PLAN": _require_one_of_one_plan,
    "MULTI_PLAN": _require_selected_plans,
    "FRACTION": _require_all_fraction_groups,
    "BEAM": _require_all_treatment_beams,
}
"""What the doses of a summation type must fulfil, else `UndecidedError`; the most direct first."""
