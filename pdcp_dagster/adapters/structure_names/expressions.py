"""Regular expressions that people write, on names that anybody wrote.

What lives here: matching in time that grows with the length of the name and never beyond, whatever the expression. What
does not: what is matched against what (`domain.structure_names`).

The engine is RE2, which comes with Arrow: it does not try one way after another, so that no expression is catastrophic.
It has no look-around and no back references, and refuses an expression that needs too much memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WHOLE = "whole_name_"
"""A group around all, so that the engine, which wants one, has one."""


class ExpressionError(Exception):
    """A regular expression that cannot be used; one line."""


def group_names(expression: str) -> tuple[str, ...]:
    """Return the names of an expression's groups, in their order.

    Raises ExpressionError for what is no expression, and for groups without a name or with the name of another.
    """
    try:
        # By itself, lest a bracket too many closes what is put around it.
        pc.match_substring_regex(pa.array([""]), expression)
        groups = tuple(field.name for field in _matched(expression, [""]).type)[1:]
    except (pa.ArrowInvalid, UnicodeEncodeError) as error:
        raise ExpressionError(_in_words(str(error))) from None
    doubled = next((group for group in groups if groups.count(group) > 1), None)
    if doubled is not None or _WHOLE in groups:
        raise ExpressionError(f"two groups are called {doubled or _WHOLE}")
    return groups


def match_wholly(expression: str, names: Sequence[str]) -> list[Mapping[str, str] | None]:
    """Return for each name the groups of an expression that describes it wholly, case aside; None where it does not.

    A group that took no part is "". Raises ExpressionError.
    """
    if not names:
        return []
    try:
        found: list[Mapping[str, str] | None] = _matched(expression, names).to_pylist()
    except pa.ArrowInvalid as error:
        raise ExpressionError(_in_words(str(error))) from None
    return found


def _matched(expression: str, names: Sequence[str]) -> pa.StructArray:
    legible = [name.encode(errors="replace").decode() for name in names]
    return pc.extract_regex(pa.array(legible), rf"(?i)\A(?P<{_WHOLE}>{expression})\z")


def _in_words(error: str) -> str:
    if "unnamed groups" in error:
        return "a group without a name, (...): write (?:...), or name it, (?P<name>...)"
    told = " ".join(error.split()).removeprefix("Invalid regular expression: ")
    return f"no regular expression (RE2's): {told}"
