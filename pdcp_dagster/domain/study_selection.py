"""The choice of one study among several that are eligible, by the cohort's ordered rules.

What lives here: what each rule keeps, and when none decides. What does not: the form of the rules
(`study_selection_rules`), a person's decision (`decisions`).

A rule keeps those studies that fulfil it, or all where none does; the first that leaves one decides. A rule on dates
that lacks a date can neither be passed nor skipped: a person decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdcp_dagster.domain.dates import is_real
from pdcp_dagster.domain.words import substring_in, word_in

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping, Sequence

    from pdcp_dagster.domain.cohort import Cohort
    from pdcp_dagster.domain.linkage import Chain
    from pdcp_dagster.domain.study_selection_rules import SelectionRule


@dataclass(frozen=True, slots=True)
class EligibleStudy:
    """A study whose CT is linked, with what rules ask about it.

    chains: its complete chains. whole: whether one of them lies in this study as a whole.
    date: None, too, where its CTs differ. dates_shifted: whether dates were modified in anonymising.
    approved, prescribed: whether the plan of one of the chains is approved, or states a prescription.
    """

    uid: str
    chains: tuple[Chain, ...]
    date: dt.date | None
    dates_shifted: bool
    description: str | None
    whole: bool
    approved: bool
    prescribed: bool


@dataclass(frozen=True, slots=True)
class StudyChoice:
    """What the rules left.

    rule: the one that decided; None where several studies are left. why: why no rule decided, in words.
    """

    studies: tuple[EligibleStudy, ...]
    rule: str | None = None
    why: str = ""


CODE_OF_RULE = {
    "all_modalities": "I_SUCC_003",
    "description_prefers": "I_SUCC_004",
    "approved_plan": "I_SUCC_005",
    "has_prescription": "I_SUCC_006",
    "latest": "I_SUCC_007",
    "earliest": "I_SUCC_008",
    "closest_to": "I_SUCC_009",
}
_ON_DATES = frozenset({"latest", "earliest", "closest_to"})


def choose_study(studies: Sequence[EligibleStudy], cohort: Cohort, index_date: dt.date | None = None) -> StudyChoice:
    """Apply the cohort's rules in order to at least two studies.

    index_date: the patient's date in the table of `closest_to`.
    """
    left = tuple(studies)
    for rule in cohort.study_selection:
        if rule.name == "review":
            break
        if rule.name in _ON_DATES:
            lacking = _lacking(left, rule, index_date)
            if lacking:
                return StudyChoice(left, why=f"{rule.name} cannot be decided: {lacking}")
        kept = _KEEPERS[rule.name](left, rule, cohort, index_date)
        left = kept or left
        if len(left) == 1:
            return StudyChoice(left, rule.name)
    return StudyChoice(left)


def _lacking(studies: Sequence[EligibleStudy], rule: SelectionRule, index_date: dt.date | None) -> str:
    """Return which date is missing or a dummy, "" where all are there."""
    if rule.name == "closest_to" and any(study.dates_shifted for study in studies):
        return "dates were modified in anonymising"
    undated = [study.uid for study in studies if not is_real(study.date)]
    if undated:
        return f"no date of study {', '.join(undated)}"
    return "the patient has no date in the table" if rule.name == "closest_to" and not is_real(index_date) else ""


Kept = tuple[EligibleStudy, ...]


def _with_preferred_word(studies: Kept, rule: SelectionRule, cohort: Cohort, _: dt.date | None) -> Kept:
    contains = word_in if cohort.study_description.match == "word" else substring_in
    for word in rule.words:
        found = tuple(study for study in studies if contains([word], study.description))
        if found:
            return found
    return ()


def _nearest(studies: Kept, _: SelectionRule, __: Cohort, index_date: dt.date | None) -> Kept:
    assert index_date is not None, "a lacking date decides nothing"  # noqa: S101
    days = {study.uid: abs(((study.date or index_date) - index_date).days) for study in studies}
    return tuple(study for study in studies if days[study.uid] == min(days.values()))


def _at(extreme: Callable[[list[dt.date]], dt.date]) -> Callable[[Kept, SelectionRule, Cohort, dt.date | None], Kept]:
    def keep(studies: Kept, _: SelectionRule, __: Cohort, ___: dt.date | None) -> Kept:
        wanted = extreme([study.date for study in studies if study.date is not None])
        return tuple(study for study in studies if study.date == wanted)

    return keep


_KEEPERS: Mapping[str, Callable[[Kept, SelectionRule, Cohort, dt.date | None], Kept]] = {
    "all_modalities": lambda studies, *_: tuple(study for study in studies if study.whole),
    "description_prefers": _with_preferred_word,
    "approved_plan": lambda studies, *_: tuple(study for study in studies if study.approved),
    "has_prescription": lambda studies, *_: tuple(study for study in studies if study.prescribed),
    "latest": _at(max),
    "earliest": _at(min),
    "closest_to": _nearest,
}
