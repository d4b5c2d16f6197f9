"""`pdcp phantom` and `pdcp upload`: phantom patients as files, and files into an Orthanc."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancError, OrthancSettings
from pdcp_dagster.commands.deployment import WrongConfiguration, require_folder
from pdcp_dagster.commands.tables import printable
from pdcp_dagster.phantom.anatomy import full_size_spec
from pdcp_dagster.phantom.cohort import write_cohort
from pdcp_dagster.phantom.patient import write_phantom

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console


def write_phantoms(folder: Path, seed: int, console: Console, *, full_size: bool) -> None:
    """Write the demo cohort, or one full-size patient, and say where."""
    require_folder(folder)
    if full_size:
        place = folder / "FULL1"
        write_phantom(full_size_spec("FULL1", seed), place)
        text = f"1 patient of full size in {printable(place)}; its exact answers are in truth.json"
    else:
        count = len(write_cohort(folder, seed))
        text = (
            f"{count} patients in {printable(folder)}; what must come of each is in cohort.json, "
            "the exact answers in truth.json"
        )
    console.print(text, soft_wrap=True)


def upload_folders(folders: Sequence[Path], console: Console, errors: Console) -> bool:
    """Send every DICOM file below the folders; return whether all were accepted. A refused file stops nothing."""
    files = sorted(file for folder in folders for file in ([folder] if folder.is_file() else folder.rglob("*.dcm")))
    if not files:
        raise WrongConfiguration("no .dcm file there")
    sent, refused = 0, 0
    try:
        with Orthanc(OrthancSettings.from_environment(os.environ)) as archive:
            archive.system()
            for file in files:
                try:
                    archive.upload(file)
                    sent += 1
                except OrthancError as error:
                    refused += 1
                    errors.print(f"[red]refused[/] {printable(file)}: {printable(error)}", soft_wrap=True)
    except OrthancError as error:
        raise WrongConfiguration(str(error)) from error
    console.print(f"{sent} files are in Orthanc" + (f", {refused} were refused" if refused else ""))
    return not refused
