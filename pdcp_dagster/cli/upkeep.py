"""`pdcp commission`, `pdcp structure-names` and `pdcp forget`: trust in doses and names, and an end to both."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import click

from pdcp_dagster.cli.options import COHORT, FAILED, NAME
from pdcp_dagster.cli.root import main
from pdcp_dagster.commands.terminal import Terminal


@main.command()
@COHORT
@click.option("--patient", "patients", multiple=True, help=f"{NAME}; may be repeated. Default: all.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Where the day's folder is made. Default: commissioning/ in the cohort's folder of the store.",
)
@click.option("--dose-pct", type=float, default=None, help="Tolerance of doses, % of a ROI's highest dose.")
@click.option("--dose-gy", type=float, default=None, help="Tolerance of doses in Gy, where that is more.")
@click.option("--volume-pct", type=float, default=None, help="Tolerance of volumes, %.")
@click.option("--curve-pct", type=float, default=None, help="Tolerance of curves, % of the volume.")
@click.option("--smallest-cm3", type=float, default=None, help="Volumes of smaller ROIs are not judged.")
@click.option("--date", type=click.DateTime(["%Y-%m-%d"]), default=None, help="Date of the report. Default: today.")
def commission(
    cohort: str, patients: tuple[str, ...], output: Path | None, date: dt.datetime | None, **tolerances: float | None
) -> None:
    """Compare DVHs with the planning system's, and say which convention explains a difference.

    Exit code 0: all agree or are explained. 1: some differ or could not be read. 2: there is nothing to compare.
    """
    from pdcp_dagster.commands.commission import chosen_tolerances, commission_cohort  # noqa: PLC0415
    from pdcp_dagster.commands.deployment import Deployment  # noqa: PLC0415

    # The day of whoever asks, not that of Greenwich.
    day = date.date() if date is not None else dt.datetime.now().astimezone().date()
    deployment, within = Deployment.from_environment(os.environ), chosen_tolerances(tolerances)
    if not commission_cohort(deployment, cohort, patients, within, day, output=output, console=Terminal()):
        raise SystemExit(FAILED)


@main.command("structure-names")
@COHORT
@click.option("--yaml", "as_yaml", is_flag=True, help="Lines to paste into the cohort's map, instead of a table.")
def structure_names(cohort: str, *, as_yaml: bool) -> None:
    """Show what ROIs are called by the cohort's map of structure names, and propose names for the rest."""
    from pdcp_dagster.commands.deployment import Deployment  # noqa: PLC0415
    from pdcp_dagster.commands.structure_names import show_structure_names  # noqa: PLC0415

    show_structure_names(Deployment.from_environment(os.environ), cohort, Terminal(), as_yaml=as_yaml)


@main.command()
@COHORT
@click.option("--patient", "patients", multiple=True, required=True, help=f"{NAME}; may be repeated.")
@click.option("--delete-runs", is_flag=True, help="Delete runs that name the patient, with all they tell of others.")
@click.option("--force", is_flag=True, help="Also who is still in the archive, or where that cannot be asked.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(cohort: str, patients: tuple[str, ...], *, delete_runs: bool, force: bool, yes: bool) -> None:
    """Remove all that the store holds of patients, and say what that was.

    Exit code 0: nothing is left. 1: something is, and is told. 2: unknown, under work, or still in the archive.
    """
    from pdcp_dagster.commands.deployment import Deployment  # noqa: PLC0415

    deployment = Deployment.from_environment(os.environ)
    deployment.cohort(cohort)
    from pdcp_dagster.commands.dagster_instance import RunBroken  # noqa: PLC0415 - Dagster costs seconds to import
    from pdcp_dagster.commands.forget import Wish, confirmation, forget_patients  # noqa: PLC0415

    wish = Wish(patients, confirmation(yes=yes), delete_runs=delete_runs, force=force)
    try:
        nothing_left = forget_patients(deployment, cohort, wish, Terminal())
    except RunBroken as error:
        raise click.ClickException(f"{error}. The same command completes it") from error
    if not nothing_left:
        raise SystemExit(FAILED)
