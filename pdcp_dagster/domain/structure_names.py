"""A cohort's map from the names of ROIs to those of AAPM TG-263.

What lives here: the keys of a map, and what a ROI is called by it. What does not: reading the file and matching regular
expressions (`adapters.structure_names`), the grammar of standard names (`tg263`), sides (`name_sides`).

Names of ROIs are untrusted text of any length, and so is what a map makes of them: a standard name that breaks a rule,
or would lose or turn the side, is none, and says so.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, field_validator

from pdcp_dagster.domain.eligibility import Section, Word, Words
from pdcp_dagster.domain.name_sides import LETTER_OF, side_lost, side_meant
from pdcp_dagster.domain.tg263 import broken_rule
from pdcp_dagster.domain.tg263_names import unknown_base

State = Literal["mapped", "ignored", "unmapped", "conflict"]
STATES: tuple[State, ...] = ("conflict", "unmapped", "mapped", "ignored")
Match = Callable[[str, Sequence[str]], Sequence[Mapping[str, str] | None]]
"""Which of many names a regular expression describes wholly, case aside: its named groups, None where it does not."""
SIDE = "side"
"""The group whose words become L or R."""
LONGEST_MATCHED = 64
"""Characters of a ROI's name (VR LO, PS3.5 6.2); longer ones are looked up among the exact names only."""
_SAMPLES = ("1", "A", "PTV")
"""What a group may have matched, to see whether a pattern can come to a name at all."""
_SHOWN = 60

NameOfPattern = Annotated[str, Field(min_length=1, max_length=100)]
Expression = Annotated[str, Field(min_length=1, max_length=300)]


class NamePattern(Section):
    """Names that a regular expression describes wholly, case aside, and the standard name with groups in braces."""

    match: Expression
    name: NameOfPattern


class StructureNameMap(Section):
    """What ROIs are called by a cohort; exact names go before what is ignored, and that before patterns.

    version: kept beside every name that the map gives.
    exact: standard name by ROI name, case aside, white space collapsed.
    patterns: in their order; the first that fits counts.
    ignore: regular expressions of names that need no standard name.
    """

    version: Word
    exact: dict[str, str] = Field(default_factory=dict)
    patterns: Annotated[tuple[NamePattern, ...], Field(strict=False)] = ()
    ignore: Words = ()

    @field_validator("exact")
    @classmethod
    def _written_by_the_rules(cls, value: dict[str, str]) -> dict[str, str]:
        doubled = [key for key, count in Counter(map(name_key, value)).items() if count > 1]
        if doubled:
            raise ValueError(f"{doubled[0]!r:.{_SHOWN}} is there twice, case and white space aside")
        for name, standard_name in value.items():
            broken = broken_rule(standard_name)
            if broken:
                raise ValueError(f"{name!r:.{_SHOWN}}: {standard_name!r:.{_SHOWN}} is no name by TG-263: {broken}")
        return {name_key(name): standard_name for name, standard_name in value.items()}


@dataclass(frozen=True, slots=True)
class NamedRoi:
    """What a ROI's name comes to by a map.

    standard_name: None but where it is mapped. reason: in words, of a conflict.
    """

    state: State
    standard_name: str | None = None
    reason: str = ""


UNMAPPED = NamedRoi("unmapped")
IGNORED = NamedRoi("ignored")


def name_key(name: str) -> str:
    """Return a ROI's name case aside, its white space collapsed: names of one key are one name."""
    return _collapsed(name).casefold()


def require_template(name: str, groups: Sequence[str]) -> None:
    """Raise ValueError, in words, where a pattern's standard name can come to nothing by TG-263.

    name: with the groups of the regular expression in braces; `groups`: which there are.
    """
    asked = _groups_in(name)
    unknown = [group for group in asked if group not in groups]
    if unknown:
        raise ValueError(f"there is no group (?P<{unknown[0]}>...) in the expression for {{{unknown[0]}}}")
    if SIDE in groups and SIDE not in asked:
        raise ValueError(f"the expression reads a side, which {name!r:.{_SHOWN}} would lose: write {{{SIDE}}} in it")
    lettered = (_filled(name, {**dict.fromkeys(asked, sample), SIDE: "L"}) for sample in _SAMPLES)
    broken = [broken_rule(filled) for filled in lettered]
    if all(broken):
        raise ValueError(f"{name!r:.{_SHOWN}} makes no name by TG-263: {broken[0]}")


def standard_names(names: Sequence[str], structure_names: StructureNameMap, match: Match) -> list[NamedRoi]:
    """Return what each ROI's name comes to, in the order of the names."""
    collapsed = [_collapsed(name) for name in names]
    found: dict[str, NamedRoi] = {}
    for name in collapsed:
        exact = structure_names.exact.get(name.casefold())
        if exact is not None:
            found[name] = _judged(name, exact)
    waiting = list(dict.fromkeys(name for name in collapsed if name not in found and len(name) <= LONGEST_MATCHED))
    for expression in structure_names.ignore:
        fitting = zip(waiting, match(expression, waiting), strict=True)
        found |= {name: IGNORED for name, groups in fitting if groups is not None}
        waiting = [name for name in waiting if name not in found]
    for pattern in structure_names.patterns:
        fitting = zip(waiting, match(pattern.match, waiting), strict=True)
        found |= {name: _from_groups(name, pattern.name, groups) for name, groups in fitting if groups is not None}
        waiting = [name for name in waiting if name not in found]
    return [found.get(name, UNMAPPED) for name in collapsed]


def doubts_of(structure_names: StructureNameMap) -> tuple[str, ...]:
    """Return what a person should look at in a map that keeps the rules: organs we do not know, sides that are lost."""
    lost = (side_lost(name, standard_name) for name, standard_name in structure_names.exact.items())
    sides = [
        f"exact: {name!r:.{_SHOWN}}: {said}" for name, said in zip(structure_names.exact, lost, strict=True) if said
    ]
    plain = [pattern.name for pattern in structure_names.patterns if set(_groups_in(pattern.name)) <= {SIDE}]
    given = dict.fromkeys((*structure_names.exact.values(), *(_filled(name, {SIDE: "L"}) for name in plain)))
    bases = dict.fromkeys(base for name in given if (base := unknown_base(name)))
    return (*sides, *(f"{base} is not in our list of TG-263 names" for base in bases))


def _from_groups(name: str, template: str, groups: Mapping[str, str]) -> NamedRoi:
    values = {group: text.upper() for group, text in groups.items()}
    if SIDE in _groups_in(template):
        side = side_meant(groups[SIDE])
        if side is None:
            return NamedRoi("conflict", reason=f"{groups[SIDE]!r} says no side for {template}")
        values[SIDE] = LETTER_OF[side]
    return _judged(name, _filled(template, values))


def _judged(name: str, standard_name: str) -> NamedRoi:
    """A standard name, unless it breaks a rule or the side."""
    broken = broken_rule(standard_name)
    if broken:
        return NamedRoi("conflict", reason=f"{standard_name!r:.{_SHOWN}} would be no name by TG-263: {broken}")
    lost = side_lost(name, standard_name)
    return NamedRoi("conflict", reason=lost) if lost else NamedRoi("mapped", standard_name)


def _collapsed(name: str) -> str:
    return " ".join(name.split())


_BRACES = re.compile(r"\{(\w+)\}")


def _groups_in(template: str) -> tuple[str, ...]:
    return tuple(_BRACES.findall(template))


def _filled(template: str, values: Mapping[str, str]) -> str:
    """Put the values for the braces; not `str.format`, which would read more than names in them."""
    return _BRACES.sub(lambda found: values[found[1]], template)
