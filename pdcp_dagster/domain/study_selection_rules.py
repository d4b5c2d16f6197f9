"""Rules that choose one of several eligible studies, as a cohort file names them.

What lives here: the form of `study_selection`. What does not: applying the rules (`study_selection`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from pdcp_dagster.domain.eligibility import Section, Word

PLAIN_RULES = ("all_modalities", "approved_plan", "has_prescription", "latest", "earliest", "review")
_FORMS = f"expected {', '.join(PLAIN_RULES)}, description_prefers: [words], or closest_to: a CSV of patient_id and date"

RuleName = Literal[
    "all_modalities",
    "description_prefers",
    "approved_plan",
    "has_prescription",
    "latest",
    "earliest",
    "closest_to",
    "review",
]


class SelectionRule(Section):
    """One rule.

    words: of `description_prefers`, the most wanted first. table: of `closest_to`, a CSV of patient_id and date.
    """

    name: RuleName
    words: Annotated[tuple[Word, ...], Field(strict=False)] = ()
    table: Word | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.name == "description_prefers") != bool(self.words) or (self.name == "closest_to") != bool(self.table):
            raise ValueError(_FORMS)
        return self


def _rule(value: object) -> object:
    if isinstance(value, SelectionRule):
        return value
    if isinstance(value, str) and value in PLAIN_RULES:
        return {"name": value}
    if isinstance(value, Mapping) and len(value) == 1:
        (name, argument), *_ = value.items()
        if name == "description_prefers" and _are_words(argument):
            return {"name": name, "words": tuple(argument)}
        if name == "closest_to" and isinstance(argument, str) and argument:
            return {"name": name, "table": argument}
    if isinstance(value, Mapping) and set(value) == set(SelectionRule.model_fields):  # as model_dump writes it
        return value
    raise ValueError(f"{value!r}: {_FORMS}")


def _are_words(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(each, str) and each for each in value)


def _rules(value: object) -> object:
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"a list of rules; {_FORMS}")
    rules = tuple(SelectionRule.model_validate(_rule(each)) for each in value)
    names = [rule.name for rule in rules]
    if len(set(names)) < len(names):
        raise ValueError("a rule is given twice")
    if "review" in names[:-1]:
        raise ValueError("nothing comes after review, which leaves the choice to a person")
    return rules


SelectionRules = Annotated[tuple[SelectionRule, ...], Field(strict=False), BeforeValidator(_rules)]
"""Ordered rules; after the last of them the choice is a person's."""
