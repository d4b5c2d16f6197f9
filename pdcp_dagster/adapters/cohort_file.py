"""Cohort files: one YAML file per cohort in a folder, and the CSV of PatientIDs that one may name.

What lives here: reading, and saying in one line what is wrong where. What does not: which keys there are and what they
may be (`domain.cohort`).
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from pydantic import ValidationError

from pdcp_dagster.adapters.strict_yaml import YamlFileError, in_words, one_line, read_yaml
from pdcp_dagster.domain.cohort import Cohort

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_COHORTS = "cohorts"
_ID_COLUMNS = ("patient_id", "ids", "PatientID")


class CohortFileError(Exception):
    """A cohort file, or the list of patients that it names, cannot be used; one line: file, key, what was expected."""


def load_cohort(path: Path) -> Cohort:
    """Return the cohort of one file, whose name must be the cohort's.

    Raises CohortFileError.
    """
    try:
        content = read_yaml(path)
    except YamlFileError as error:
        raise CohortFileError(f"{path}: {error}") from None
    if not isinstance(content, dict):
        raise CohortFileError(f"{path}: expected keys and values, the first being 'name: {path.stem}'")
    try:
        cohort = Cohort.model_validate(content)
    except ValidationError as error:
        raise CohortFileError(f"{path}: {'; '.join(in_words(error))}") from None
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

    Raises CohortFileError where the file cannot be read has no such column, or names nobody.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, strict=True)
            column = next((name for name in _ID_COLUMNS if name in (table.fieldnames or ())), None)
            if column is None:
                raise CohortFileError(f"{path}: expected a column patient_id")
            ids = ((row[column] or "").strip() for row in table)
            found = tuple(dict.fromkeys(patient_id for patient_id in ids if patient_id))
    except (OSError, ValueError, csv.Error) as error:
        raise CohortFileError(f"{path}: the list of patients cannot be read: {one_line(error)}") from None
    if not found:
        raise CohortFileError(f"{path}: no PatientID in it")
    return found
