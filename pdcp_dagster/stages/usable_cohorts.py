"""Cohort files together with what they name: tables and maps that can be read, rules of their own that can be imported.

What lives here: finding out before any patient is touched. What does not: reading (adapters).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.cohort_file import CohortFileError, load_cohorts
from pdcp_dagster.adapters.cohort_tables import CohortTableError, load_tables
from pdcp_dagster.adapters.own_rules import OwnRuleNotFound, load_rule
from pdcp_dagster.adapters.structure_names import StructureNamesError, read_structure_names

if TYPE_CHECKING:
    from pathlib import Path

    from pdcp_dagster.domain.circumstances import CohortTables
    from pdcp_dagster.domain.cohort import Cohort


class CohortUnusableError(Exception):
    """What a cohort file names cannot be used; one line: file, key, why."""


def require_usable(cohort: Cohort, folder: Path) -> CohortTables:
    """Return the cohort's tables, its own rules being there; `folder` is that of the cohort files.

    Raises CohortUnusableError.
    """
    file = folder / f"{cohort.name}.yaml"
    try:
        for rule in cohort.eligibility.rules:
            load_rule(rule)
    except OwnRuleNotFound as error:
        raise CohortUnusableError(f"{file}: eligibility.rules: {error}") from None
    try:
        tables = load_tables(cohort, folder)
        if cohort.structure_names is None:
            return tables
        return replace(tables, structure_names=read_structure_names(folder / cohort.structure_names))
    except CohortTableError as error:
        raise CohortUnusableError(f"{file}: {error}") from None
    except StructureNamesError as error:
        raise CohortUnusableError(f"{file}: structure_names: {error}") from None


def usable_cohorts(folder: Path) -> tuple[dict[str, Cohort], list[CohortFileError | CohortUnusableError]]:
    """Return the cohorts of a folder by name that can be run, and what is wrong with the other files."""
    cohorts, not_loaded = load_cohorts(folder)
    errors: list[CohortFileError | CohortUnusableError] = [*not_loaded]
    for name, cohort in list(cohorts.items()):
        try:
            require_usable(cohort, folder)
        except CohortUnusableError as error:
            del cohorts[name]
            errors.append(error)
    return cohorts, errors
