"""Configurations of the original PDCP as JSON, and cohort files with comments as YAML.

What lives here: reading the one and writing the other, and saying in one line what is wrong. What does not: what
becomes of which key (`domain.legacy_config`), or reading cohort files (`cohort_file`).
"""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from pdcp_dagster.adapters.atomic import write_bytes
from pdcp_dagster.domain.display import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pdcp_dagster.domain.legacy_config import ImportedCohort

_WIDTH = 118
_LONGEST_NAME = 120
_LONGEST_REMARK = 4000
_MOST_DIGITS = 300


class LegacyConfigError(Exception):
    """A configuration that is no JSON object, or a cohort file that cannot be written; one line, no value in it."""


@dataclass(frozen=True, slots=True)
class LegacyConfig:
    """What a configuration file holds; of a key that is there more than once (`doubled`) the last value."""

    content: dict[str, Any]
    doubled: tuple[str, ...] = ()


def read_legacy_config(path: Path) -> LegacyConfig:
    """Return a configuration of the original PDCP.

    Raises LegacyConfigError where the file cannot be read or is no JSON object.
    """
    doubled: list[str] = []

    def section(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        # Called for the outermost object last.
        counts = Counter(key for key, _ in pairs)
        doubled[:] = [key for key, count in counts.items() if count > 1]
        return dict(pairs)

    try:
        text = path.read_text(encoding="utf-8-sig")
        content: object = json.loads(text, object_pairs_hook=section, parse_int=_whole_number)
    except OSError as error:
        raise LegacyConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise LegacyConfigError(f"{path}: it is no UTF-8 text; save it as UTF-8") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise LegacyConfigError(f"{path}: it is no JSON: {error.msg}, {where}") from None
    except RecursionError:
        raise LegacyConfigError(f"{path}: it is nested too deeply") from None
    if not isinstance(content, dict):
        raise LegacyConfigError(f"{path}: expected a JSON object of PDCP's keys and values")
    return LegacyConfig(content, tuple(doubled))


def write_imported_cohort(path: Path, imported: ImportedCohort, source: str) -> None:
    """Write an imported cohort as a cohort file, whole or not at all; `source` is the configuration's name.

    Raises LegacyConfigError where it cannot be written.
    """
    try:
        write_bytes(path, cohort_yaml(imported, source).encode())
    except OSError as error:
        raise LegacyConfigError(f"{path}: cannot be written: {error.strerror}") from None


def cohort_yaml(imported: ImportedCohort, source: str) -> str:
    """Return the text of a cohort file: the remarks first, then each key under its comment."""
    return "".join(f"{line}\n" for line in (*_heading(imported, source), *_body(imported)))


def _heading(imported: ImportedCohort, source: str) -> Iterator[str]:
    yield from _comment(f"From {source}, a configuration of the original PDCP, by `pdcp import-config`.")
    yield from _comment("Whatever is not named here has its default; a misspelt key is refused.")
    if imported.remarks:
        yield "#"
        yield from _comment("What differs from PDCP, or could not be carried over:")
    for remark in imported.remarks:
        yield from _comment(str(remark), first="- ")


def _body(imported: ImportedCohort) -> Iterator[str]:
    for key, value in imported.content.items():
        yield ""
        if key in imported.comments:
            yield from _comment(imported.comments[key])
        yield from _yaml(key, value)
        if key in imported.alternatives:
            yield from _comment("Or, instead of the line above:")
            # Wrapping comes from YAML here, so that the lines stay YAML when the marks are taken away.
            yield from (f"# {line}" for line in _yaml(key, imported.alternatives[key]))


def _comment(text: str, first: str = "") -> list[str]:
    """Return one text as lines of comment; whatever the text holds, none of them can be anything else."""
    # Neither hyphens nor long words are broken, so that commands and addresses can be copied.
    return textwrap.wrap(
        one_line(text, _LONGEST_REMARK),
        width=_WIDTH,
        initial_indent=f"# {first}",
        subsequent_indent=f"# {' ' * len(first)}",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _yaml(key: str, value: object) -> list[str]:
    # Lists stay on a line; sections of lists take one line for each.
    flow = None if isinstance(value, dict | list) else False
    return yaml.safe_dump(
        {key: value}, sort_keys=False, allow_unicode=True, width=_WIDTH, default_flow_style=flow
    ).splitlines()


def _whole_number(digits: str) -> float:
    """Return an int; infinity for one of so many digits that Python would refuse it, and the whole file with it."""
    return int(digits) if len(digits) <= _MOST_DIGITS else float("inf")
