"""Cohort files: one YAML file per cohort in a folder, and the CSV of PatientIDs that one may name.

What lives here: reading, and saying in one line what is wrong where. What does not: which keys there are and what they
may be (`domain.cohort`).
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from pdcp_dagster.domain.cohort import Cohort

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path

DEFAULT_COHORTS = "cohorts"
_ID_COLUMNS = ("patient_id", "ids", "PatientID")
_SHOWN_CHARACTERS = 60


class CohortFileError(Exception):
    """A cohort file, or the list of patients that it names, cannot be used; one line: file, key, what was expected."""


def load_cohort(path: Path) -> Cohort:
    """Return the cohort of one file, whose name must be the cohort's.

    Raises CohortFileError.
    """
    content = _read_yaml(path)
    if not isinstance(content, dict):
        raise CohortFileError(f"{path}: expected keys and values, the first being 'name: {path.stem}'")
    try:
        cohort = Cohort.model_validate(content)
    except ValidationError as error:
        raise CohortFileError(f"{path}: {'; '.join(_in_words(error))}") from None
    if cohort.name != path.stem:
        raise CohortFileError(f"{path}: name: the file's name and the cohort's must be the same, not {cohort.name!r}")
    return cohort


def load_cohorts(folder: Path) -> tuple[dict[str, Cohort], list[CohortFileError]]:
    """Return the cohorts of a folder by name, and what is wrong with the files that give none.

    Only `<name>.yaml` is read, as in a run of the cohort; a `.yml` is an error, lest it be missed. A folder that does
    not exist is one such error; an empty one is no error.
    """
    if not folder.is_dir():
        return {}, [CohortFileError(f"{folder}: there is no such folder of cohort files")]
    cohorts: dict[str, Cohort] = {}
    errors: list[CohortFileError] = []
    for path in sorted((*folder.glob("*.yaml"), *folder.glob("*.yml"))):
        if path.suffix == ".yml":
            errors.append(CohortFileError(f"{path}: rename it to .yaml"))
            continue
        try:
            cohort = load_cohort(path)
        except CohortFileError as error:
            errors.append(error)
        else:
            cohorts[cohort.name] = cohort
    return cohorts, errors


def read_patient_list(path: Path) -> tuple[str, ...]:
    """Return the PatientIDs of a CSV's column `patient_id`, `ids` or `PatientID`, as text, each once, in its order.

    Raises CohortFileError where the file cannot be read or has no such column.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            column = next((name for name in _ID_COLUMNS if name in (table.fieldnames or ())), None)
            if column is None:
                raise CohortFileError(f"{path}: expected a column patient_id")
            ids = ((row[column] or "").strip() for row in table)
            return tuple(dict.fromkeys(patient_id for patient_id in ids if patient_id))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CohortFileError(f"{path}: the list of patients cannot be read: {_one_line(error)}") from None


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, which does not take the last of two equal keys in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 # PyYAML's signature
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        doubled = sorted({str(key) for key in keys if keys.count(key) > 1})
        if doubled:
            line = node.start_mark.line + 1
            raise yaml.MarkedYAMLError(problem=f"{', '.join(doubled)}: given twice in the section at line {line}")
        return super().construct_mapping(node, deep)


def _read_yaml(path: Path) -> object:
    try:
        content: object = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 # a SafeLoader
    except (OSError, UnicodeDecodeError) as error:
        raise CohortFileError(f"{path}: cannot be read: {_one_line(error)}") from None
    except yaml.YAMLError as error:
        raise CohortFileError(f"{path}: {_one_line(error)}") from None
    except RecursionError:
        raise CohortFileError(f"{path}: it is nested too deeply") from None
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        # PyYAML lets through whatever its constructors of dates and numbers raise.
        raise CohortFileError(f"{path}: a value in it cannot be: {_one_line(error)}") from None
    return content


def _in_words(error: ValidationError) -> list[str]:
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


def _given(value: object) -> str:
    try:
        return repr(value)[:_SHOWN_CHARACTERS]
    except ValueError:
        return "a number of thousands of digits"


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split())
