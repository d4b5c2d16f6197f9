"""`pdcp quarantine`: each candidate of a patient prepared as if there were no other, so that a person can compare."""

from __future__ import annotations

import os
import shlex
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.table import Table

from pdcp_dagster import __version__
from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
from pdcp_dagster.adapters.store import StoreError
from pdcp_dagster.commands.deployment import WrongConfiguration
from pdcp_dagster.commands.review import one_line_errors
from pdcp_dagster.commands.tables import COLOURS, printable
from pdcp_dagster.stages.chain import PATIENT_ASSETS, run_patient
from pdcp_dagster.stages.outcome import PatientTask
from pdcp_dagster.stages.patient import ChainSettings
from pdcp_dagster.stages.review import open_case

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from pdcp_dagster.adapters.store import PatientFolder
    from pdcp_dagster.commands.deployment import Deployment
    from pdcp_dagster.stages.outcome import PatientOutcome
    from pdcp_dagster.stages.review import Case

_RUN_ID = "pdcp quarantine"
_LOCK_WAIT_S = 60.0


def prepare_candidates(deployment: Deployment, cohort: str, patient_id: str, console: Console) -> bool:
    """Prepare each candidate in a folder of its own and print what came of it; return whether none failed.

    The patient's own files stay as they are, and nothing of the quarantine counts in any table. That Orthanc answers is
    for the caller to have seen (`deployment.require_orthanc`).
    """
    chosen = deployment.cohort(cohort)
    folder = deployment.store.cohort(cohort)
    tables = deployment.tables(chosen)
    with one_line_errors():
        case = open_case(folder, chosen, tables, patient_id)
        count = len(case.verification.chains)
    settings = ChainSettings(
        chosen, deployment.store, OrthancSettings.from_environment(os.environ), __version__, tables
    )
    outcomes = _prepare_anew(case, settings, count)
    if not outcomes:
        reason = printable(case.standing.reason)
        console.print(f"{printable(case.name)} has no candidate to prepare. {reason}", soft_wrap=True)
        return True
    console.print(_table(case, settings, outcomes))
    changed = any(_is_other_evidence(case, folder.candidate(case.partition_key, number)) for number in outcomes)
    if changed:
        command = f"pdcp run --cohort {cohort} --patient {shlex.quote(case.name)}"
        console.print(
            f"[red]The archive has changed since the patient was run, and the candidates with it.[/] "
            f"First {printable(command)}, then this again.",
            soft_wrap=True,
        )
    return not changed and all(outcome.failure is None for outcome in outcomes.values())


def _prepare_anew(case: Case, settings: ChainSettings, count: int) -> dict[int, PatientOutcome]:
    """Remove what an earlier quarantine left and prepare all candidates; return the outcomes by number."""
    task = PatientTask(case.partition_key, case.patient_id, case.orthanc_id, frozenset(PATIENT_ASSETS), _RUN_ID)
    earlier = settings.store.cohort(settings.cohort.name).quarantine(case.partition_key)
    try:
        # Held for all candidates: two of these commands at once would remove each other's files.
        with case.folder.locked(_LOCK_WAIT_S), Orthanc(settings.orthanc) as archive:
            if earlier.exists():
                shutil.rmtree(earlier)
            return {number: run_patient(task, settings, archive, candidate=number) for number in range(1, count + 1)}
    except (StoreError, OSError) as error:
        raise WrongConfiguration(str(error)) from error


def _is_other_evidence(case: Case, prepared: PatientFolder) -> bool:
    """Whether a candidate was prepared from other evidence than a decision will be tied to."""
    if prepared.manifest("image_summary") is None:
        return False
    with one_line_errors():
        return replace(case, folder=prepared).verification.evidence != case.verification.evidence


def _table(case: Case, settings: ChainSettings, outcomes: Mapping[int, PatientOutcome]) -> Table:
    table = Table(title=f"Candidates of {printable(case.name)}", title_justify="left")
    table.add_column("Candidate", justify="right")
    table.add_column("Status", no_wrap=True)
    table.add_column("Reason", overflow="fold")
    table.add_column("Folder", overflow="fold")
    folder = settings.store.cohort(settings.cohort.name)
    for number, outcome in outcomes.items():
        status = f"[{COLOURS[outcome.status]}]{outcome.status}[/]"
        path = folder.candidate(case.partition_key, number).path
        table.add_row(str(number), status, printable(outcome.reason), printable(path))
    return table
