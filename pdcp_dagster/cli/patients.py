"""`pdcp run` and `pdcp status`."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

import click

from pdcp_dagster.cli.options import COHORT, FAILED, INTERRUPTED, NAME
from pdcp_dagster.cli.root import main
from pdcp_dagster.commands.terminal import Terminal

if TYPE_CHECKING:
    from rich.console import Console

    from pdcp_dagster.commands.signals import Stopped


@main.command()
@COHORT
@click.option("--patient", "patients", multiple=True, help=f"{NAME}; may be repeated. Default: all.")
@click.option("--jobs", type=click.IntRange(min=1), default=None, help="Patients at a time. Default: one per core.")
@click.option("--force", is_flag=True, help="Make everything again, also for patients of whom nothing has changed.")
@click.option("--accept-losses", is_flag=True, help="Believe it where the archive has none of the patients it had.")
def run(cohort: str, patients: tuple[str, ...], jobs: int | None, *, force: bool, accept_losses: bool) -> None:
    """Verify, retrieve and convert patients, and report on the cohort."""
    from pdcp_dagster.commands.signals import Stopped, stoppable  # noqa: PLC0415

    console, errors = Terminal(), Terminal(stderr=True)

    def first_interrupt() -> None:
        if errors.is_terminal:
            errors.print("Patients under work are finished first; Ctrl-C again stops at once.")

    try:
        failed = stoppable(
            lambda: _run(cohort, patients, jobs, (console, errors), force=force, accept_losses=accept_losses),
            first_interrupt,
        )
    except Stopped as stopped:
        _end_stopped(stopped, console, errors)
    except KeyboardInterrupt:  # before signals are listened to, or after
        raise SystemExit(INTERRUPTED) from None
    if failed:
        raise SystemExit(FAILED)


def _end_stopped(stopped: Stopped, console: Console, errors: Console) -> NoReturn:
    """Say that a signal ended the work, and end with its exit code."""
    word = "Interrupted" if stopped.exit_code == INTERRUPTED else f"Stopped by {stopped}"
    with suppress(OSError):  # a terminal that is closed shows nothing more
        console.show_cursor()
        errors.print(f"{word}. What was finished is kept; run the command again for the rest.", soft_wrap=True)
        console.file.flush()
    if stopped.abandoned:
        os._exit(stopped.exit_code)
    raise SystemExit(stopped.exit_code)


def _run(
    cohort: str,
    patients: tuple[str, ...],
    jobs: int | None,
    consoles: tuple[Console, Console],
    *,
    force: bool,
    accept_losses: bool,
) -> bool:
    """Do what `pdcp run` does and print what came of it; return whether patients failed."""
    console, errors = consoles
    from pdcp_dagster.commands.deployment import Deployment, require_orthanc  # noqa: PLC0415
    from pdcp_dagster.commands.progress import ProgressBar  # noqa: PLC0415
    from pdcp_dagster.commands.tables import printable  # noqa: PLC0415

    deployment = Deployment.from_environment(os.environ)
    chosen = deployment.cohort(cohort)
    require_orthanc()
    from pdcp_dagster.commands.dagster_instance import RunBroken  # noqa: PLC0415 - Dagster costs seconds to import
    from pdcp_dagster.commands.run import run_cohort  # noqa: PLC0415

    progress = ProgressBar(console)
    try:
        collected = run_cohort(
            deployment,
            chosen,
            patients,
            jobs or os.cpu_count() or 1,
            progress,
            force=force,
            accept_losses=accept_losses,
        )
    except RunBroken as error:
        raise click.ClickException(str(error)) from error
    console.print(f"{collected.worked_on + collected.current} patients: {progress.counts()}")
    if collected.current:
        console.print(f"{collected.current} of them left as they are: nothing has changed (--force makes them again)")
    report = deployment.store.cohort(cohort).path / "cohort_report.html"
    console.print(f"Report: {printable(report)}", soft_wrap=True)
    if collected.not_in_archive and not patients:
        listed = ", ".join(map(printable, collected.not_in_archive))
        errors.print(f"[yellow]not in the archive[/] {listed}", soft_wrap=True)
    for outcome in collected.failed:
        name = collected.names[outcome.partition_key]
        errors.print(f"[red]failed[/] {printable(name)}: {printable(outcome.reason)}", soft_wrap=True)
    return bool(collected.failed)


@main.command()
@COHORT
@click.option("--patient", "patients", multiple=True, help=f"Show only this one: {NAME}; may be repeated.")
def status(cohort: str, patients: tuple[str, ...]) -> None:
    """Show where each patient stands, from the store's files alone."""
    from pdcp_dagster.commands.deployment import Deployment  # noqa: PLC0415
    from pdcp_dagster.commands.status import show_status  # noqa: PLC0415

    show_status(Deployment.from_environment(os.environ), cohort, patients, Terminal())
