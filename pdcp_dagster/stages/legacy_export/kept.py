"""What of a patient's files may be exported, and how a file gets a second place.

What lives here: the check of an asset's files against its commit mark, and copying. What does not: which files
make up the legacy tree (`data_tree`).
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from pdcp_dagster.stages.current import outdated_assets

if TYPE_CHECKING:
    from pathlib import Path

    from pdcp_dagster.adapters.store import PatientFolder


class NotExportableError(Exception):
    """A patient's files are not what they should be; one sentence for a person."""


def kept_files(patient: PatientFolder, asset: str) -> list[Path]:
    """Return the files of a finished asset, none where it was never finished, or is out of date.

    Raises `NotExportableError` where a file is gone, or has another size than when it was written.
    """
    manifest = patient.manifest(asset)
    if manifest is None or asset in outdated_assets(patient):
        return []
    for name, size in manifest.files.items():
        file = patient.path / name
        if not file.is_file() or file.stat().st_size != size:
            raise NotExportableError(f"{name} is not as {asset} left it. Run this patient again.")
    return [patient.path / name for name in manifest.files]


def place(source: Path, destination: Path) -> None:
    """Copy a file of the store: scripts may change what they are given, and must not change the store with it.

    Raises `NotExportableError` where the second place is taken.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    if destination.exists():
        raise NotExportableError(f"two files would be called {destination.name}")
    shutil.copyfile(source, destination)
