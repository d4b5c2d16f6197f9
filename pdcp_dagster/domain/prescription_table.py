"""Prescriptions by patient and ROI.

What lives here: what a cohort's table means for one patient. What does not: reading it (`adapters.cohort_tables`), or
whether a plan's own word comes first (`prescription`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.domain.prescription import FROM_PLAN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pdcp_dagster.domain.prescription import Rule

_TABLE = ".csv"


def is_prescription_table(rule: object) -> bool:
    """Whether a cohort's `prescription_gy` is the path of a table."""
    return isinstance(rule, str) and rule != FROM_PLAN and rule.casefold().endswith(_TABLE)


def prescription_rule(rule: Rule, tables: Mapping[str, Mapping[str, float]], patient_id: str) -> Rule:
    """Return the rule for one patient: of a table, the patient's Gy by ROI name.

    A patient or ROI that is not in the table has an empty entry, not none: the plan's own prescription counts then.
    """
    return tables.get(patient_id, {}) if is_prescription_table(rule) else rule
