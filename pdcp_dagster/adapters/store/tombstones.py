"""Patients whom the archive does not have any more: what is left of them is kept, and counts no longer.

    <root>/<cohort>/patients/<key>/deleted.json     who that was, and when it was noticed

What lives here: reading and writing that mark. What does not: finding out who is gone (`stages.presence`), removing
files (`stages.forgetting`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.store.errors import StoreError
from pdcp_dagster.adapters.store.json_file import read_object, write_object

if TYPE_CHECKING:
    from pathlib import Path

    from pdcp_dagster.adapters.store.folders import CohortFolder, PatientFolder

_NAME = "deleted.json"


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Who was deleted from the archive.

    noticed: when that was noticed, ISO 8601; "" where the mark is damaged, which does not bring anybody back.
    """

    patient_id: str
    orthanc_id: str
    partition_key: str
    noticed: str


def read_tombstone(folder: PatientFolder) -> Tombstone | None:
    """Return a patient's tombstone, None where the archive had the patient when it was last listed."""
    return _read(folder.path / _NAME)


def write_tombstone(folder: PatientFolder, tombstone: Tombstone) -> None:
    """Say that the archive does not have the patient any more; the patient's files are left as they are."""
    write_object(folder.path / _NAME, asdict(tombstone))


def clear_tombstone(folder: PatientFolder) -> bool:
    """Forget a tombstone: the patient is in the archive again. Return whether there was one."""
    there = (folder.path / _NAME).exists()
    (folder.path / _NAME).unlink(missing_ok=True)
    return there


def tombstones(cohort: CohortFolder) -> list[Tombstone]:
    """Return the tombstones of a cohort, in the order of the patients' folders."""
    found = (_read(path) for path in sorted(cohort.path.glob(f"patients/*/{_NAME}")))
    return [tombstone for tombstone in found if tombstone is not None]


def _read(path: Path) -> Tombstone | None:
    try:
        document = read_object(path)
        return None if document is None else Tombstone(**{name: str(value) for name, value in document.items()})
    except (StoreError, TypeError):
        return Tombstone(path.parent.name, "", path.parent.name, "")
