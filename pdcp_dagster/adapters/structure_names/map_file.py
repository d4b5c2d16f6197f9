"""The file of a map from ROI names to AAPM TG-263.

What lives here: reading one, and saying in one line what is wrong where. What does not: which keys there are and what
they may be (`domain.structure_names`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from pdcp_dagster.adapters.strict_yaml import YamlFileError, in_words, read_yaml
from pdcp_dagster.adapters.structure_names.expressions import ExpressionError, group_names
from pdcp_dagster.domain.structure_names import StructureNameMap, require_template

if TYPE_CHECKING:
    from pathlib import Path


class StructureNamesError(Exception):
    """A map of structure names that cannot be used; one line: file, key, what was expected."""


def read_structure_names(path: Path) -> StructureNameMap:
    """Return the map of one file.

    Raises StructureNamesError.
    """
    try:
        content = read_yaml(path)
    except YamlFileError as error:
        raise StructureNamesError(f"{path}: {error}") from None
    if not isinstance(content, dict):
        raise StructureNamesError(f"{path}: expected keys and values, the first being 'version: ...'")
    try:
        structure_names = StructureNameMap.model_validate(content)
    except ValidationError as error:
        raise StructureNamesError(f"{path}: {'; '.join(in_words(error))}") from None
    wrong = _wrong_expressions(structure_names)
    if wrong:
        raise StructureNamesError(f"{path}: {'; '.join(wrong)}")
    return structure_names


def _wrong_expressions(structure_names: StructureNameMap) -> list[str]:
    wrong: list[str] = []
    for at, pattern in enumerate(structure_names.patterns):
        try:
            require_template(pattern.name, group_names(pattern.match))
        except ExpressionError as error:
            wrong.append(f"patterns.{at}.match: {error}")
        except ValueError as error:
            wrong.append(f"patterns.{at}.name: {error}")
    for at, expression in enumerate(structure_names.ignore):
        try:
            group_names(expression)
        except ExpressionError as error:
            wrong.append(f"ignore.{at}: {error}")
    return wrong
