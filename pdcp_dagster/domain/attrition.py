"""How many patients of a cohort remain after each step, and what became of the others: the counts of a CONSORT diagram.

What lives here: sorting patients into groups of which each patient is in exactly one. What does not: gathering their
status and codes (`stages.report`), the drawing (`adapters.report_page`).

Source: Schulz KF, Altman DG, Moher D. CONSORT 2010 statement. BMJ 2010;340:c332 (the flow of participants).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdcp_dagster.domain.codes import CODES, STEPS, Effect, Finding, Status, deciding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_SPLIT = {Status.EXCLUDE: Effect.EXCLUDE, Status.REVIEW: Effect.REVIEW}
"""The statuses that are told apart by their code, and the effect which that code has."""

_IN_ORDER = {code: number for number, code in enumerate(CODES)}


@dataclass(frozen=True, slots=True)
class Group:
    """Patients of one status, whom the same code decided.

    code: None for statuses that are not told apart by codes, and where no registered code says why.
    patients: positions in the list of patients, ascending; never empty where the status is told apart by codes.
    """

    status: Status
    code: str | None
    patients: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AttritionStep:
    """One step of the way with those whom it excludes.

    step: a key of `STEPS`, "" for exclusions that no registered code explains.
    excluded: a group per code, in the order of the registry.
    left: the number of patients whom neither this step nor one before it excludes, finished or not.
    """

    step: str
    excluded: tuple[Group, ...]
    left: int


@dataclass(frozen=True, slots=True)
class Attrition:
    """The cohort's patients, each in exactly one group.

    steps: those that exclude anybody, in their order. review: a group per code. The others may be empty groups.
    """

    total: int
    steps: tuple[AttritionStep, ...]
    review: tuple[Group, ...]
    failed: Group
    pending: Group
    success: Group

    def groups(self) -> Iterator[Group]:
        """Yield all groups, those excluded first; their sizes add up to `total`."""
        for step in self.steps:
            yield from step.excluded
        yield from self.review
        yield from (self.failed, self.pending, self.success)


def attrition_of(patients: Iterable[tuple[str, Sequence[str]]]) -> Attrition:
    """Return what became of patients, each given as status and codes in the order in which they were met.

    What decides is the first code that excludes, or the first to review (`codes.deciding`). Codes that are not
    registered decide nothing. A status that is no `Status`, such as none at all, counts as PENDING.
    """
    members: dict[tuple[Status, str | None], list[int]] = {}
    total = 0
    for status, codes in patients:
        members.setdefault(_group_of(status, codes), []).append(total)
        total += 1
    groups = [Group(status, code, tuple(found)) for (status, code), found in members.items()]
    groups.sort(key=lambda group: _IN_ORDER.get(group.code or "", len(_IN_ORDER)))
    return Attrition(
        total=total,
        steps=tuple(_steps(total, [group for group in groups if group.status is Status.EXCLUDE])),
        review=tuple(group for group in groups if group.status is Status.REVIEW),
        failed=_only(groups, Status.FAILED),
        pending=_only(groups, Status.PENDING),
        success=_only(groups, Status.SUCCESS),
    )


def _group_of(status: str, codes: Sequence[str]) -> tuple[Status, str | None]:
    known = Status(status) if status in set(Status) else Status.PENDING
    if known not in _SPLIT:
        return known, None
    decisive = deciding(Finding(code) for code in codes if code in CODES)
    fits = decisive is not None and decisive.effect is _SPLIT[known]
    return known, decisive.code if decisive is not None and fits else None


def _steps(total: int, excluded: Sequence[Group]) -> Iterator[AttritionStep]:
    left = total
    for step in (*STEPS, ""):
        here = tuple(group for group in excluded if _step_of(group) == step)
        if here:
            left -= sum(len(group.patients) for group in here)
            yield AttritionStep(step, here, left)


def _step_of(group: Group) -> str:
    return CODES[group.code].step if group.code else ""


def _only(groups: Iterable[Group], status: Status) -> Group:
    return next((group for group in groups if group.status is status), Group(status, None, ()))
