"""`pdcp export-legacy`: the store in the folders and files of PDCP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.adapters.parquet import TableError, read_table
from pdcp_dagster.commands.deployment import WrongConfiguration
from pdcp_dagster.commands.tables import printable
from pdcp_dagster.stages.legacy_export import TargetError, export_cohort

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from pdcp_dagster.adapters.store import CohortFolder
    from pdcp_dagster.commands.deployment import Deployment


def export_legacy(
    deployment: Deployment, cohort: str, root: Path, patients: Sequence[str], *, console: Console, errors: Console
) -> bool:
    """Export the named patients, or all, into the folder `root`; return whether all of them could be exported.

    Needs neither Orthanc nor a Dagster instance.
    """
    chosen = deployment.cohort(cohort)
    folder = deployment.store.cohort(cohort)
    if root.resolve().is_relative_to(deployment.store.root.resolve()):
        raise WrongConfiguration(f"{root} lies in the store: name a folder outside {deployment.store.root}")
    _require_known(folder, cohort, patients)
    try:
        exported = export_cohort(folder, root, name=chosen.name, version=chosen.version, patients=patients)
    except (TargetError, OSError) as error:
        raise WrongConfiguration(str(error)) from error
    counts = "  ".join(f"{count} {status}" for status, count in sorted(exported.counts.items()))
    console.print(f"{exported.counts.total()} patients in {printable(root)}: {counts or 'none'}", soft_wrap=True)
    for patient_id, reason in exported.troubles:
        errors.print(f"[red]not exported[/] {printable(patient_id)}: {printable(reason)}", soft_wrap=True)
    return not exported.troubles


def _require_known(folder: CohortFolder, cohort: str, patients: Sequence[str]) -> None:
    """Refuse a cohort that was never run and a patient whom its list does not have, before anything is written."""
    try:
        listed = set(read_table(folder.file("patient_ids"))["patient_id"])
    except FileNotFoundError:
        raise WrongConfiguration(
            f"nothing of cohort {cohort!r} in {folder.path.parent} yet: `pdcp run --cohort {cohort}`"
        ) from None
    except (TableError, OSError) as error:
        raise WrongConfiguration(str(error)) from error
    unknown = sorted(set(patients) - listed)
    if unknown:
        raise WrongConfiguration(f"not in the cohort's patient list: {', '.join(map(repr, unknown))}")
