"""The `pdcp` command line: what can be asked for, and what each exit code means.

0: no patient failed (excluded is no failure). 1: some patients failed, their reasons last. 2: wrong configuration, or
Orthanc cannot be reached. 130, 143, 129: stopped by SIGINT (Ctrl-C), SIGTERM, SIGHUP.
"""

from __future__ import annotations

import datetime as dt
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from pdcp_dagster import __version__
from pdcp_dagster.commands.terminal import Terminal, require_streams

if TYPE_CHECKING:
    from rich.console import Console

    from pdcp_dagster.commands.signals import Stopped

_NAME = "A PatientID, or a partition key where the cohort hides PatientIDs"
FAILED, INTERRUPTED = 1, 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Turn an Orthanc PACS into analysis-ready radiotherapy data."""
    require_streams()


@main.command()
@click.option("--cohort", required=True, help="Name of a cohort file in $PDCP_COHORTS, without .yaml.")
@click.option("--patient", "patients", multiple=True, help=f"{_NAME}; may be repeated. Default: all.")
@click.option("--jobs", type=click.IntRange(min=1), default=None, help="Patients at a time. Default: one per core.")
@click.option("--force", is_flag=True, help="Make everything again, also for patients of whom nothing has changed.")
def run(cohort: str, patients: tuple[str, ...], jobs: int | None, *, force: bool) -> None:
    """Verify, retrieve and convert patients, and report on the cohort."""
    from pdcp_dagster.commands.signals import Stopped, stoppable  # noqa: PLC0415

    console, errors = Terminal(), Terminal(stderr=True)

    def first_interrupt() -> None:
        if errors.is_terminal:
            errors.print("Patients under work are finished first; Ctrl-C again stops at once.")

    try:
        failed = stoppable(
            lambda: _run(cohort, patients, jobs, console=console, errors=errors, force=force), first_interrupt
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
    cohort: str, patients: tuple[str, ...], jobs: int | None, *, console: Console, errors: Console, force: bool
) -> bool:
    """Do what `pdcp run` does and print what came of it; return whether patients failed."""
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
        collected = run_cohort(deployment, chosen, patients, jobs or os.cpu_count() or 1, progress, force=force)
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
@click.option("--cohort", required=True, help="Name of a cohort file in $PDCP_COHORTS, without .yaml.")
@click.option("--patient", "patients", multiple=True, help=f"Show only this one: {_NAME}; may be repeated.")
def status(cohort: str, patients: tuple[str, ...]) -> None:
    """Show where each patient stands, from the store's files alone."""
    from pdcp_dagster.commands.deployment import Deployment  # noqa: PLC0415
    from pdcp_dagster.commands.status import show_status  # noqa: PLC0415

    show_status(Deployment.from_environment(os.environ), cohort, patients, Terminal())


@main.group()
def review() -> None:
    """Decide about patients who need a person."""


_COHORT = click.option("--cohort", required=True, help="Name of a cohort file in $PDCP_COHORTS, without .yaml.")
_PATIENT = click.option("--patient", required=True, help=f"{_NAME}.")


@review.command("list")
@_COHORT
def review_list(cohort: str) -> None:
    """List the patients to review: why, how many candidates, and whether somebody decided."""
    from pdcp_dagster.commands.deployment import Deployment  # noqa: PLC0415
    from pdcp_dagster.commands.review import list_reviews  # noqa: PLC0415

    list_reviews(Deployment.from_environment(os.environ), cohort, Terminal())


@review.command("show")
@_COHORT
@_PATIENT
def review_show(cohort: str, patient: str) -> None:
    """Show a patient's candidates side by side, what is to review, and the decision there is."""
    from pdcp_dagster.commands.deployment import Deployment  # noqa: PLC0415
    from pdcp_dagster.commands.review import show_review  # noqa: PLC0415

    show_review(Deployment.from_environment(os.environ), cohort, patient, Terminal())


@review.command("decide")
@_COHORT
@_PATIENT
@click.option("--candidate", type=int, default=None, help="Prepare this candidate (`pdcp review show` numbers them).")
@click.option("--dose", "doses", multiple=True, help="Of the candidate's doses only this UID; may be repeated.")
@click.option("--study", default=None, help="Choose the study with this UID; the cohort's rules choose within it.")
@click.option("--exclude", is_flag=True, help="Exclude the patient.")
@click.option("--accept", "accepted", multiple=True, help="A code to review that was looked at and is right.")
@click.option("--reviewer", required=True, help="Who decides.")
@click.option("--reason", required=True, help="Why.")
@click.option("--date", type=click.DateTime(["%Y-%m-%d"]), default=None, help="When. Default: today.")
def review_decide(
    cohort: str,
    patient: str,
    *,
    candidate: int | None,
    doses: tuple[str, ...],
    study: str | None,
    exclude: bool,
    accepted: tuple[str, ...],
    reviewer: str,
    reason: str,
    date: dt.datetime | None,
) -> None:
    """Write a decision into the store's decisions.yaml; every run replays it while the evidence stays the same."""
    from pdcp_dagster.commands.deployment import Deployment  # noqa: PLC0415
    from pdcp_dagster.commands.review import decide_review  # noqa: PLC0415
    from pdcp_dagster.stages.review import Wish  # noqa: PLC0415

    # The day of whoever decides, not that of Greenwich.
    day = date.date() if date is not None else dt.datetime.now().astimezone().date()
    wish = Wish(reviewer, day, reason, candidate, doses, study, exclude=exclude, accepted=accepted)
    decide_review(Deployment.from_environment(os.environ), cohort, patient, wish, Terminal())


@review.command("withdraw")
@_COHORT
@_PATIENT
def review_withdraw(cohort: str, patient: str) -> None:
    """Take a decision back."""
    from pdcp_dagster.commands.deployment import Deployment  # noqa: PLC0415
    from pdcp_dagster.commands.review import withdraw_review  # noqa: PLC0415

    withdraw_review(Deployment.from_environment(os.environ), cohort, patient, Terminal())


@main.command()
@_COHORT
@_PATIENT
def quarantine(cohort: str, patient: str) -> None:
    """Prepare each candidate of a patient in a folder of its own, as if there were no other."""
    from pdcp_dagster.commands.deployment import Deployment, require_orthanc  # noqa: PLC0415
    from pdcp_dagster.commands.quarantine import prepare_candidates  # noqa: PLC0415

    deployment = Deployment.from_environment(os.environ)
    deployment.cohort(cohort)
    require_orthanc()
    if not prepare_candidates(deployment, cohort, patient, Terminal()):
        raise SystemExit(FAILED)


@main.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", type=int, default=2022, show_default=True, help="The same seed gives the same files.")
@click.option(
    "--full-size", is_flag=True, help="One patient of 512 x 512 x 150 with 30 ROIs instead of the demo cohort."
)
def phantom(folder: Path, seed: int, *, full_size: bool) -> None:
    """Write phantom patients with exact answers as DICOM files and JSON into FOLDER."""
    from pdcp_dagster.commands.phantoms import write_phantoms  # noqa: PLC0415

    write_phantoms(folder, seed, Terminal(), full_size=full_size)


@main.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def upload(folders: tuple[Path, ...]) -> None:
    """Send the DICOM files below FOLDERS to the Orthanc at $ORTHANC_URL."""
    from pdcp_dagster.commands.phantoms import upload_folders  # noqa: PLC0415

    if not upload_folders(folders, Terminal(), Terminal(stderr=True)):
        raise SystemExit(FAILED)


@main.command("import-config")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--name", default=None, help="Name of the cohort. Default: from --output, else from CONFIG's name.")
@click.option("--output", type=click.Path(path_type=Path), default=None, help="Default: NAME.yaml in $PDCP_COHORTS.")
@click.option(
    "--linkage",
    type=click.Choice(["CRDP", "CRD", "CR"]),
    default=None,
    help="Default: the one that CONFIG's required modalities give.",
)
@click.option("--force", is_flag=True, help="Replace a cohort file that is there already.")
def import_config(config: Path, name: str | None, output: Path | None, linkage: str | None, *, force: bool) -> None:
    """Write a cohort file from CONFIG, the JSON configuration of the original PDCP."""
    from pdcp_dagster.commands.deployment import Deployment  # noqa: PLC0415
    from pdcp_dagster.commands.import_config import import_legacy_config  # noqa: PLC0415

    deployment = Deployment.from_environment(os.environ)
    import_legacy_config(config, deployment, Terminal(), name=name, output=output, linkage=linkage, force=force)


@main.command("export-legacy")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--cohort", required=True, help="Name of a cohort file in $PDCP_COHORTS, without .yaml.")
@click.option("--patient", "patients", multiple=True, help="Only this PatientID; may be repeated.")
def export_legacy(folder: Path, cohort: str, patients: tuple[str, ...]) -> None:
    """Write the store into FOLDER as PDCP's folders and files, for scripts that still expect them."""
    from pdcp_dagster.commands import export_legacy as command  # noqa: PLC0415
    from pdcp_dagster.commands.deployment import Deployment  # noqa: PLC0415

    deployment = Deployment.from_environment(os.environ)
    console, errors = Terminal(), Terminal(stderr=True)
    if not command.export_legacy(deployment, cohort, folder, patients, console=console, errors=errors):
        raise SystemExit(FAILED)


@main.command()
@click.argument("codes", nargs=-1)
def codes(codes: tuple[str, ...]) -> None:
    """Say what CODES mean and what can be done about them; all codes where none is named."""
    from pdcp_dagster.commands.codes import show_codes  # noqa: PLC0415

    show_codes(codes, Terminal())


@main.group()
def demo() -> None:
    """Try everything on phantom patients in a private Orthanc."""


_ROOT = click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".demo"),
    show_default=True,
    help="Folder of the demo's archive, store and Dagster instance.",
)


@demo.command("run")
@_ROOT
def demo_run(root: Path) -> None:
    """Fill a private Orthanc with phantom patients, run them all, show what came of it."""
    from pdcp_dagster.commands.demo import run_demo  # noqa: PLC0415

    if not run_demo(root.absolute(), Terminal()):
        raise SystemExit(FAILED)


@demo.command("ui")
@_ROOT
@click.option("--port", type=int, default=3000, show_default=True, help="Port of the Dagster UI.")
def demo_ui(root: Path, port: int) -> None:
    """Open the Dagster UI on the demo, its Orthanc running beside it, until interrupted."""
    from pdcp_dagster.commands.demo import serve_demo  # noqa: PLC0415

    raise SystemExit(serve_demo(root.absolute(), port, Terminal()))


@demo.command("mend")
@_ROOT
def demo_mend(root: Path) -> None:
    """Repair the demo's damaged file, so that its patient can be run again."""
    from pdcp_dagster.commands.demo import mend_demo  # noqa: PLC0415

    mend_demo(root.absolute(), Terminal())


if __name__ == "__main__":
    main()
