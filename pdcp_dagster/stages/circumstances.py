"""What is known of a patient beside the archive: the cohort's tables, its own rules, and people's decisions.

What lives here: gathering it for one patient. What does not: reading files (adapters), what follows from it (domain).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.adapters.decisions_file import read_decisions
from pdcp_dagster.adapters.own_rules import load_rule
from pdcp_dagster.domain.circumstances import Circumstances

if TYPE_CHECKING:
    from pdcp_dagster.stages.patient import Patient


def circumstances_of(patient: Patient) -> Circumstances:
    """Return what a verdict on the patient takes into account; in quarantine a decision does not count."""
    settings = patient.settings
    patient_id = patient.task.patient_id
    decisions = read_decisions(settings.store.cohort(settings.cohort.name).decisions)
    return Circumstances(
        approvals=settings.tables.approvals,
        index_date=settings.tables.index_dates.get(patient_id),
        rules=tuple((path, load_rule(path)) for path in settings.cohort.eligibility.rules),
        decision=decisions.get(patient_id) if patient.candidate is None else None,
        only_candidate=patient.candidate,
    )
