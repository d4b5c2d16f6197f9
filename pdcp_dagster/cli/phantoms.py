"""`pdcp phantom`, `pdcp upload` and `pdcp demo`."""

from __future__ import annotations

from pathlib import Path

import click

from pdcp_dagster.cli.options import FAILED
from pdcp_dagster.cli.root import main
from pdcp_dagster.commands.terminal import Terminal


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
