"""What doses of one DoseSummationType must fulfil to make the dose of a plan (PS3.3 C.8.8.3).

What lives here: one rule per summation type, and the finding where it is broken. What does not: doses that can be no
part of any sum (`dose_refusal`), the choice among types (`dose`), the arithmetic (`dose_sum`).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from pdcp_dagster.domain.codes import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pdcp_dagster.domain.dose_grid import RtDose
    from pdcp_dagster.domain.dose_refusal import DoseQuestion
    from pdcp_dagster.domain.plan import FractionGroup, RtPlan

DIFFERENT, INCOMPLETE = "XXIV_REV_001", "XXIV_REV_002"

Part = tuple[int | None, int | None]
"""(fraction group, beam): None where the group is not numbered, or where the part is a whole group."""


class PartWords(NamedTuple):
    """What the parts of a plan are called, and what is said of one that is not among them."""

    name: str
    of_any_kind: str
    unknown: str


_GROUP = PartWords("fraction group", "fraction group", "not in the plan")
_BEAM = PartWords("treatment beam", "beam", "no treatment beam of the plan")


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
    planned: set[Part] = {(group.number, None) for group in _groups_of(asked.plan)}
    _require_parts(_GROUP, [{(group, None) for group in dose.fraction_groups} for dose in doses], planned)


def _require_all_treatment_beams(doses: Sequence[RtDose], asked: DoseQuestion) -> None:
    """One beam in two fraction groups is two parts: each dose is that of the whole delivery of one group."""
    given: list[set[Part]] = [set(dose.beams) for dose in doses]
    groups = {group for parts in given for group, _ in parts}
    planned, in_no_group = _treatment_beams(asked.plan)
    if groups <= {None} and len(_groups_of(asked.plan)) <= 1:
        planned = {(None, beam) for _, beam in planned}
    elif not _groups_of(asked.plan):
        raise UndecidedError(INCOMPLETE, "no plan says which fraction groups there are")
    elif None in groups:
        raise UndecidedError(INCOMPLETE, "a dose does not say of which fraction group its beams are")
    if in_no_group:
        raise UndecidedError(INCOMPLETE, f"no fraction group of the plan has {_told(_BEAM.name, in_no_group)}")
    _require_parts(_BEAM, given, planned)


def _treatment_beams(plan: RtPlan | None) -> tuple[set[Part], set[Part]]:
    """Return the treatment beams of each fraction group, and those that are in none.

    Where one group, or none, names no beams, they are all its own. A beam that the plan does not describe might treat.
    """
    beams = plan.beams if plan else ()
    treating, others = ({beam.number for beam in beams if beam.treats is wanted} for wanted in (True, False))
    groups = _groups_of(plan)
    if len(groups) <= 1 and not any(group.beams for group in groups):
        only = groups[0].number if groups else None
        return {(only, beam) for beam in treating}, set()
    planned: set[Part] = {(group.number, beam) for group in groups for beam in group.beams if beam not in others}
    return planned, {(None, beam) for beam in treating - {beam for _, beam in planned}}


def _groups_of(plan: RtPlan | None) -> tuple[FractionGroup, ...]:
    return plan.fraction_groups if plan else ()


def _require_parts(what: PartWords, named: Sequence[set[Part]], planned: set[Part]) -> None:
    """Every planned part named by exactly one dose, and nothing else."""
    if not planned:
        raise UndecidedError(INCOMPLETE, f"no plan says which {what.name}s there are")
    if not all(named):
        raise UndecidedError(INCOMPLETE, f"a dose does not say of which {what.name} it is")
    times = Counter(part for parts in named for part in parts)
    twice = {part for part, count in times.items() if count > 1}
    if twice:
        raise UndecidedError(DIFFERENT, f"doses that differ for {_told(what.name, twice)}")
    missing, unknown = planned - times.keys(), times.keys() - planned
    if missing or unknown:
        said = [f"no dose of {_told(what.name, missing)}"] if missing else []
        said += [f"{_told(what.of_any_kind, unknown)} is {what.unknown}"] if unknown else []
        raise UndecidedError(INCOMPLETE, "; ".join(said))


def _told(name: str, parts: Iterable[Part]) -> str:
    """Name parts of a plan in words, such as `treatment beam 1, 2 of fraction group 1`."""
    of_groups: dict[int | None, list[str]] = {}
    for group, beam in sorted(parts, key=lambda part: (part[0] or 0, part[1] or 0)):
        of_groups.setdefault(None if beam is None else group, []).append(str(group if beam is None else beam))
    return " and ".join(
        f"{name} {', '.join(numbers)}" + ("" if group is None else f" of fraction group {group}")
        for group, numbers in of_groups.items()
    )


RULES: Mapping[str, Callable[[Sequence[RtDose], DoseQuestion], None]] = {
    "PLAN": _require_one_of_one_plan,
    "MULTI_PLAN": _require_selected_plans,
    "FRACTION": _require_all_fraction_groups,
    "BEAM": _require_all_treatment_beams,
}
"""What the doses of a summation type must fulfil, else `UndecidedError`; the most direct first."""
