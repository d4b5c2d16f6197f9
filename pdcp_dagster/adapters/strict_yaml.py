"""YAML that people write: read strictly, and what is wrong with it in one line.

What lives here: the loader, and the words for what pydantic refuses. What does not: which keys there are (domain), or
which file is meant (`cohort_file`, `decisions_file`).
"""

from __future__ import annotations

import reprlib
from collections import Counter
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable
    from pathlib import Path

    from pydantic import ValidationError

_SHOWN_CHARACTERS = 60
_SHOWN_ERRORS = 20
_LARGEST_BYTES = 16 << 20
"""Decisions on 30 000 patients; reading takes minutes then."""
_Brief = reprlib.Repr()
"""A few parts of a few levels: aliases of aliases make ten lines stand for 10^9 values."""
_Brief.maxstring = _Brief.maxother = _Brief.maxlong = _SHOWN_CHARACTERS


class YamlFileError(Exception):
    """A YAML file that cannot be read, or is none; one line, without the file's name."""


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, which does not take the last of two equal keys in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 # PyYAML's signature
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        doubled = sorted(str(key) for key, count in _counts(keys).items() if count > 1)
        if doubled:
            line = node.start_mark.line + 1
            raise yaml.MarkedYAMLError(problem=f"{', '.join(doubled)}: given twice in the section at line {line}")
        return super().construct_mapping(node, deep)


def _counts(keys: list[Hashable]) -> Counter[Hashable]:
    try:
        return Counter(keys)
    except TypeError:  # a list or a section as key, which the loader refuses in its own words
        return Counter()


def read_yaml(path: Path) -> object:
    """Return what a YAML file holds, whatever that is; no more than 16 MB.

    Raises YamlFileError.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise YamlFileError(f"it has more than {_LARGEST_BYTES >> 20} MB")
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


def in_words(error: ValidationError, untold: Collection[str] = ()) -> list[str]:
    """Return what pydantic refused, a text for each key: the key and what was expected.

    untold: keys whose values are not repeated, for they must not come into logs.
    """
    lines = []
    errors = error.errors(include_url=False)
    for each in errors[:_SHOWN_ERRORS]:
        key = ".".join(str(part)[:_SHOWN_CHARACTERS] for part in each["loc"])
        if each["type"] == "extra_forbidden":
            text = "there is no such key"
        elif each["type"] == "missing":
            text = "is required"
        elif each["type"] == "value_error":
            text = str(each["ctx"]["error"])
        else:
            given = f"of type {type(each['input']).__name__}" if key in untold else _given(each["input"])
            expected = each["msg"].replace("tuple", "list")
            text = f"{expected[0].lower()}{expected[1:]}, not {given}"
        lines.append(f"{key}: {text}" if key else text)
    if len(errors) > _SHOWN_ERRORS:
        lines.append(f"and {len(errors) - _SHOWN_ERRORS} more of the kind")
    return lines


def one_line(error: Exception) -> str:
    """Return an error's message without line breaks; of the operating system's errors the reason alone."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split())


def _given(value: object) -> str:
    try:
        return _Brief.repr(value)[:_SHOWN_CHARACTERS]
    except ValueError:
        return "a number of thousands of digits"
