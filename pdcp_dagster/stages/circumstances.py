"""What is known of a patient beside the archive: the cohort's tables, its own rules, and people's decisions.

What lives here: gathering it for one patient. What does not: reading files (adapters), what follows from it (domain).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.decisions_file import read_decisions
from pdcp_dagster.adapters.own_rules import load_rule
from pdcp_dagster.domain.circumstances import Circumstances

if TYPE_CHECKING:
    from pdcp_dagster.domain.circumstances import CohortTables
    from pdcp_dagster.domain.cohort import Cohort
    from pdcp_dagster.stages.patient import Patient


def known_of(cohort: Cohort, tables: CohortTables, patient_id: str) -> Circumstances:
    """Return what is known of a patient but for a person's decision."""
    return Circumstances(
        approvals=tables.approvals,
        index_date=tables.index_dates.get(patient_id),
        rules=tuple((path, load_rule(path)) for path in cohort.eligibility.rules),
    )


def circumstances_of(patient: Patient) -> Circumstances:
    """Return what a verdict on the patient takes into account; in quarantine a decision does not count."""
    settings, patient_id = patient.settings, patient.task.patient_id
    known = known_of(settings.cohort, settings.tables, patient_id)
    if patient.candidate is not None:
        return replace(known, only_candidate=patient.candidate)
    decisions = read_decisions(settings.store.cohort(settings.cohort.name).decisions)
    return replace(known, decision=decisions.get(patient_id))
