"""A patient's folder as it was at one moment: its commit marks read once, for whoever asks for them again and again.

What lives here: the snapshot. What does not: what follows from it (`current`, `report`), and anything that writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.store import PATIENT_FILES, PatientFolder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pdcp_dagster.adapters.store import Manifest


@dataclass(frozen=True, slots=True)
class PatientSnapshot(PatientFolder):
    """A patient's folder to look at; `marks` are the commit marks that there were, by asset."""

    marks: Mapping[str, Manifest]

    def mark(self, asset: str) -> Manifest | None:
        """Return the commit mark of an asset as it was when the snapshot was taken; see `PatientFolder.mark`."""
        return self.marks.get(asset)


def snapshot_of(folder: PatientFolder) -> PatientSnapshot:
    """Read all commit marks of a patient, each once; of a patient who was never run that is one question to the disk.

    What the disk does not give is an OSError, and never the same as what is not there.
    """
    try:
        names = {path.name for path in (folder.path / "manifests").iterdir()}
    except FileNotFoundError:
        names = set()
    marks = ((asset, folder.mark(asset)) for asset in PATIENT_FILES if f"{asset}.json" in names)
    return PatientSnapshot(folder.path, {asset: mark for asset, mark in marks if mark is not None})
