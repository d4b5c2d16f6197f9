"""`pdcp import-config`, `pdcp export-legacy` and `pdcp codes`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from pdcp_dagster.cli.options import FAILED
from pdcp_dagster.cli.root import main
from pdcp_dagster.commands.terminal import Terminal


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
