"""`pdcp status`: where each patient stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.commands.deployment import WrongConfiguration
from pdcp_dagster.commands.structure_names import tell_of_another_map
from pdcp_dagster.commands.tables import patient_table
from pdcp_dagster.stages.naming import as_told
from pdcp_dagster.stages.report import cohort_report_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from pdcp_dagster.commands.deployment import Deployment


def show_status(deployment: Deployment, cohort: str, patients: Sequence[str], console: Console) -> None:
    """Print the patients' table and the counts; needs neither Orthanc nor a Dagster instance."""
    settings = deployment.cohort(cohort)
    folder = deployment.store.cohort(cohort)
    if not folder.file("patient_ids").exists():
        raise WrongConfiguration(
            f"nothing of cohort {cohort!r} in {deployment.store.root} yet: `pdcp run --cohort {cohort}`"
        )
    table = cohort_report_table(folder, deployment.listed_patients(settings), settings)
    told = as_told(settings, table)
    unknown = sorted(set(patients) - set(table["patient_id"]) - set(told["patient_id"]))
    if unknown:
        raise WrongConfiguration(f"not in the cohort's patient list: {', '.join(map(repr, unknown))}")
    named = table["patient_id"].isin(patients) | told["patient_id"].isin(patients)
    shown = told[named] if patients else told
    console.print(patient_table(f"Cohort {cohort}", shown.to_dict("records")))
    counts = shown["status"].value_counts()
    console.print("  ".join(f"{count} {status}" for status, count in counts.items()))
    tell_of_another_map(folder, deployment.tables(settings).structure_names, cohort, console)
