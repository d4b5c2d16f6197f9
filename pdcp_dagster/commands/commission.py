"""`pdcp commission`: the cohort's DVHs beside the planning system's, under each convention, as a dated report."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rich.progress import track
from rich.table import Table

from pdcp_dagster import __version__
from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
from pdcp_dagster.adapters.parquet import TableError, read_table
from pdcp_dagster.commands.deployment import WrongConfiguration
from pdcp_dagster.commands.tables import printable
from pdcp_dagster.domain.commissioning import AGREES, BY_CONVENTION, DIFFERS
from pdcp_dagster.domain.commissioning_tolerances import Tolerances
from pdcp_dagster.domain.display import one_line
from pdcp_dagster.domain.words import some
from pdcp_dagster.stages.commissioning import commission_patient, commissioning_table
from pdcp_dagster.stages.commissioning_report import PAGE, write_commissioning
from pdcp_dagster.stages.commissioning_result import Commissioned
from pdcp_dagster.stages.naming import keys_by_name
from pdcp_dagster.stages.outcome import PatientTask
from pdcp_dagster.stages.patient import ChainSettings

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from rich.console import Console

    from pdcp_dagster.commands.deployment import Deployment
    from pdcp_dagster.domain.cohort import Cohort

_RUN_ID = "pdcp commission"
_COLOURS = {AGREES: "green", BY_CONVENTION: "cyan", DIFFERS: "red"}
_REASONS_SHOWN = 10
_LONGEST = 1000


def chosen_tolerances(given: Mapping[str, float | None]) -> Tolerances:
    """Return the tolerances with those that were given, or end with one line where one of them means nothing."""
    try:
        return Tolerances(**{name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        raise WrongConfiguration(str(error)) from error


def commission_cohort(
    deployment: Deployment,
    cohort: str,
    patients: Sequence[str],
    tolerances: Tolerances,
    day: dt.date,
    *,
    output: Path | None,
    console: Console,
) -> bool:
    """Compare, write the report and print it; return whether all that was compared agrees or is explained.

    output: where the day's folder is made; None: `commissioning` in the cohort's folder of the store. Ends with one
    line where there is nothing to compare, and then writes no report.
    """
    chosen = deployment.cohort(cohort)
    if "RTDOSE" not in chosen.required_modalities:
        raise WrongConfiguration(f"cohort {cohort!r} has linkage {chosen.linkage}, without doses: nothing to compare")
    tasks = _tasks(deployment, chosen, patients)
    settings = ChainSettings(
        chosen, deployment.store, OrthancSettings.from_environment(os.environ), __version__, deployment.tables(chosen)
    )
    with Orthanc(settings.orthanc) as archive:
        rows = [
            row
            for task in track(tasks, description="patients", console=console)
            for row in commission_patient(task, settings, archive, tolerances)
        ]
    commissioned = Commissioned(settings, tolerances, day, commissioning_table(rows))
    if not commissioned.rois and not commissioned.failed:
        reasons = [f"{whats}: {reason.rstrip('.')}" for whats, reason in commissioned.reasons()]
        told = some(reasons) or "the cohort has no patients"
        raise WrongConfiguration(f"nothing to compare. {one_line(told, _LONGEST)}")
    root = output if output is not None else deployment.store.cohort(cohort).path / "commissioning"
    try:
        folder = write_commissioning(commissioned, root)
    except OSError as error:
        raise WrongConfiguration(f"{root} cannot be used: {error.strerror or error}") from error
    _show(commissioned, folder, console)
    return commissioned.is_explained


def _tasks(deployment: Deployment, cohort: Cohort, patients: Sequence[str]) -> list[PatientTask]:
    """Return the named patients, or all, in the order of the patient list; refuse a name that it does not have."""
    listed = _listed(deployment, cohort)
    names = keys_by_name(cohort, listed)
    unknown = sorted(set(patients) - set(names))
    if unknown:
        raise WrongConfiguration(f"not in the cohort's patient list: {', '.join(map(repr, unknown))}")
    wanted = {names[name] for name in patients} if patients else set(names.values())
    return [
        PatientTask(str(row.partition_key), str(row.patient_id), str(row.orthanc_id), frozenset(), _RUN_ID)
        for row in listed.itertuples()
        if str(row.partition_key) in wanted
    ]


def _listed(deployment: Deployment, cohort: Cohort) -> pd.DataFrame:
    try:
        return read_table(deployment.store.cohort(cohort.name).file("patient_ids"))
    except FileNotFoundError:
        raise WrongConfiguration(
            f"nothing of cohort {cohort.name!r} in {deployment.store.root} yet: `pdcp run --cohort {cohort.name}`"
        ) from None
    except (TableError, OSError) as error:
        raise WrongConfiguration(str(error)) from error


def _show(commissioned: Commissioned, folder: Path, console: Console) -> None:
    table = Table(title=f"Commissioning of cohort {commissioned.settings.cohort.name}", title_justify="left")
    for heading in ("Patient", "ROI"):
        table.add_column(heading, overflow="fold")
    for heading in ("Volume %", "Mean Gy", "D95 Gy", "D50 Gy", "D2 Gy", "Curves %"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Verdict", overflow="fold")
    for row in commissioned.shown:
        verdict = f"[{_COLOURS[row['verdict']]}]{row['verdict']}[/]"
        reason = f": {printable(row['reason'])}" if row["reason"] else ""
        figures = [_signed(row[name], row[tolerance]) for name, tolerance in _FIGURES.items()]
        table.add_row(printable(row["patient"]), printable(row["roi_name"]), *figures, verdict + reason)
    console.print(table)
    console.print("Differences from the planning system with the cohort's own convention.", soft_wrap=True)
    reasons = commissioned.reasons()
    for whats, reason in reasons[:_REASONS_SHOWN]:
        console.print(f"[yellow]not compared[/] {printable(whats)}: {printable(reason)}", soft_wrap=True)
    if len(reasons) > _REASONS_SHOWN:
        console.print(f"and for {len(reasons) - _REASONS_SHOWN} more reasons, all in the report", soft_wrap=True)
    console.print(f"[bold]{printable(commissioned.verdict)}[/]", soft_wrap=True)
    if commissioned.advice:
        console.print(printable(commissioned.advice), soft_wrap=True)
    console.print(f"Report: {printable(folder / PAGE)}", soft_wrap=True)


_FIGURES = {
    "volume_difference_pct": "volume_tolerance_pct",
    **{f"{name}_difference_gy": "dose_tolerance_gy" for name in ("dmean", "d95", "d50", "d2")},
    "gap_beyond_tolerance_pct": "gap_tolerance_pct",
}
"""What is shown of a ROI, and its tolerance, null where it is not judged."""


def _signed(value: float | None, tolerance: float | None) -> str:
    if value is None:
        return "-"
    out = tolerance is not None and abs(value) > tolerance
    return f"[bold red]! {value:+.2f}[/]" if out else f"{value:+.2f}"
