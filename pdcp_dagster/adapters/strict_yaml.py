"""YAML that people write: read strictly, and what is wrong with it in one line.

What lives here: the loader, and the words for what pydantic refuses. What does not: which keys there are (domain), or
which file is meant (`cohort_file`, `decisions_file`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path

    from pydantic import ValidationError

_SHOWN_CHARACTERS = 60


class YamlFileError(Exception):
    """A YAML file that cannot be read, or is none; one line, without the file's name."""


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, which does not take the last of two equal keys in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 # PyYAML's signature
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        doubled = sorted({str(key) for key in keys if keys.count(key) > 1})
        if doubled:
            line = node.start_mark.line + 1
            raise yaml.MarkedYAMLError(problem=f"{', '.join(doubled)}: given twice in the section at line {line}")
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> object:
    """Return what a YAML file holds, whatever that is.

    Raises YamlFileError.
    """
    try:
        content: object = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 # a SafeLoader
    except (OSError, UnicodeDecodeError) as error:
        raise YamlFileError(f"cannot be read: {one_line(error)}") from None
    except yaml.YAMLError as error:
        raise YamlFileError(one_line(error)) from None
    except RecursionError:
        raise YamlFileError("it is nested too deeply") from None
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        # PyYAML lets through whatever its constructors of dates and numbers raise.
        raise YamlFileError(f"a value in it cannot be: {one_line(error)}") from None
    return content


def in_words(error: ValidationError) -> list[str]:
    """Return what pydantic refused, a text for each key: the key and what was expected."""
    lines = []
    for each in error.errors(include_url=False):
        key = ".".join(str(part) for part in each["loc"])
        if each["type"] == "extra_forbidden":
            text = "there is no such key"
        elif each["type"] == "missing":
            text = "is required"
        elif each["type"] == "value_error":
            text = str(each["ctx"]["error"])
        else:
            given = _given(each["input"])
            expected = each["msg"].replace("tuple", "list")
            text = f"{expected[0].lower()}{expected[1:]}, not {given}"
        lines.append(f"{key}: {text}" if key else text)
    return lines


def one_line(error: Exception) -> str:
    """Return an error's message without line breaks; of the operating system's errors the reason alone."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split())


def _given(value: object) -> str:
    try:
        return repr(value)[:_SHOWN_CHARACTERS]
    except ValueError:
        return "a number of thousands of digits"
