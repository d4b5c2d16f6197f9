"""Partitions: one per patient, one definition per cohort."""

import dagster as dg


def patient_partitions(cohort: str) -> dg.DynamicPartitionsDefinition:
    """Return the partitions of a cohort's patients; `patient_ids` adds their keys."""
    return dg.DynamicPartitionsDefinition(name=f"{cohort}_patients")
