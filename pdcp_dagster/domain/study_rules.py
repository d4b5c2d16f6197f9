"""The cohort's rules of eligibility, on the studies that hold a CT; RT objects of other studies go with their CT.

What lives here: dates, modalities that a study must hold, the cohort's own rules, and their codes. What does not: the
form of the rules (`eligibility`), approvals (`approvals`), importing own rules (stages).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import pandas as pd

from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.dates import is_real
from pdcp_dagster.domain.eligibility import Exclude, Review
from pdcp_dagster.domain.words import some

if TYPE_CHECKING:
    from pdcp_dagster.domain.cohort import Cohort
    from pdcp_dagster.domain.linkage import LinkageRecipe
    from pdcp_dagster.domain.studies import InitialVerification

Answer = Exclude | Review | Iterable[Exclude | Review] | None
OwnRule = Callable[[pd.DataFrame], Answer]
"""A pure function on the image summary: None has no objection."""


class OwnRuleError(Exception):
    """A cohort's own rule broke, or answered what no rule may; a failure, never a verdict."""


def apply_study_rules(
    state: InitialVerification,
    cohort: Cohort,
    recipe: LinkageRecipe,
    summary: pd.DataFrame,
    rules: Iterable[tuple[str, OwnRule]],
) -> None:
    """Set studies aside, or exclude the patient, by `eligibility` of the cohort file; nothing where it has none.

    Raises OwnRuleError.
    """
    if not state.remaining:
        return
    _by_date(state, cohort, recipe)
    if state.remaining:
        _by_modalities(state, cohort, recipe)
    for name, rule in rules:
        if state.remaining:
            _by_own_rule(state, recipe, summary, name, rule)


def _by_date(state: InitialVerification, cohort: Cohort, recipe: LinkageRecipe) -> None:
    after = cohort.eligibility.study_date_after
    if after is None:
        return
    too_old = []
    for study_uid in _anchored(state, recipe):
        dates = {each.study_date for each in state.of_study(study_uid) if each.node.role == recipe.anchor}
        if not all(map(is_real, dates)) or any(each.dates_shifted for each in state.of_study(study_uid)):
            state.undated.add(study_uid)
        elif all(date is not None and date <= after for date in dates):
            shown = ", ".join(sorted(str(date) for date in dates))
            too_old.append(shown)
            state.set_aside(state.of_study(study_uid), f"study date {shown} is not after {after}")
            state.findings.append(Finding("I_NOTE_006", f"{shown} is not after {after} ({study_uid})"))
    if too_old and not _anchored(state, recipe):
        detail = f"{some(too_old)}, not after {after}"
        state.exclude(Finding("I_EXEC_008", detail), f"no study after {after}")


def _by_modalities(state: InitialVerification, cohort: Cohort, recipe: LinkageRecipe) -> None:
    lacking = []
    for study_uid in _anchored(state, recipe):
        members = state.of_study(study_uid)
        there = {each.node.role for each in members}
        missing = [modality for modality in cohort.eligibility.study_must_contain if modality not in there]
        if missing:
            lacking.append(f"no {' and no '.join(missing)} in study {study_uid}")
            state.set_aside(members, f"its study has no {', '.join(missing)}")
            state.findings.append(Finding("I_NOTE_007", lacking[-1]))
    if lacking and not _anchored(state, recipe):
        state.exclude(Finding("I_EXEC_009", some(lacking)), "no study has all that it must contain")


def _by_own_rule(
    state: InitialVerification, recipe: LinkageRecipe, summary: pd.DataFrame, name: str, rule: OwnRule
) -> None:
    for answer in _answers(name, rule, summary):
        detail = f"{name} says '{answer.reason}'"
        if isinstance(answer, Review):
            state.findings.append(Finding("I_REV_007", detail))
        elif answer.study_instance_uid is None:
            state.exclude(Finding("I_EXEC_010", detail), detail)
        elif members := state.of_study(answer.study_instance_uid):
            state.set_aside(members, detail)
            state.findings.append(Finding("I_NOTE_008", f"{detail} ({answer.study_instance_uid})"))
            if not _anchored(state, recipe):
                state.exclude(Finding("I_EXEC_010", detail), detail)
        if not state.remaining:
            return


def _answers(name: str, rule: OwnRule, summary: pd.DataFrame) -> list[Exclude | Review]:
    try:
        answer = rule(_own_copy(summary))
        answers = [] if answer is None else [answer] if isinstance(answer, Exclude | Review) else [*answer]
    except (Exception, SystemExit) as error:
        raise OwnRuleError(f"the cohort's rule {name} broke: {type(error).__name__}: {error}") from error
    if isinstance(answer, str | Mapping):
        raise OwnRuleError(f"the cohort's rule {name} must answer None, Exclude or Review, not {answer!r:.60}")
    studies = {None, *summary["study_instance_uid"].dropna()}
    for each in answers:
        if not isinstance(each, Exclude | Review) or not isinstance(each.reason, str):
            raise OwnRuleError(f"the cohort's rule {name} must answer None, Exclude or Review, not {each!r:.60}")
        if isinstance(each, Exclude) and each.study_instance_uid not in studies:
            unknown = f"{each.study_instance_uid!r:.70}"
            raise OwnRuleError(f"the cohort's rule {name} excludes study {unknown}, which the patient does not have")
    return answers


def _own_copy(summary: pd.DataFrame) -> pd.DataFrame:
    """Return a copy that shares no list with the summary."""
    columns = {
        name: column.map(copy.copy) if column.dtype == object else column.copy() for name, column in summary.items()
    }
    return pd.DataFrame(columns)


def _anchored(state: InitialVerification, recipe: LinkageRecipe) -> list[str]:
    """Return the studies that hold an anchor."""
    return sorted({each.node.study_uid for each in state.remaining if each.node.role == recipe.anchor})
