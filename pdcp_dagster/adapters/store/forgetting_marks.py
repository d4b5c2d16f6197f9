"""Whom a `pdcp forget` is at work on, so that one that was killed can be completed.

    <root>/<cohort>/.forgetting/<key>.json     the patient's names; the last thing that goes

What lives here: writing, reading and removing these marks. What does not: forgetting (`stages.forgetting`).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.store.errors import StoreError
from pdcp_dagster.adapters.store.json_file import read_object, write_object
from pdcp_dagster.domain.keys import folder_of

if TYPE_CHECKING:
    from pathlib import Path

    from pdcp_dagster.adapters.store.folders import CohortFolder

MARKS = ".forgetting"


@dataclass(frozen=True, slots=True)
class PatientNames:
    """What one patient is called; orthanc_id is "" where nobody knows it."""

    patient_id: str
    partition_key: str
    orthanc_id: str = ""


def mark_forgetting(cohort: CohortFolder, names: PatientNames) -> None:
    """Say that a patient is being forgotten."""
    write_object(_mark(cohort, names.partition_key), asdict(names))


def clear_forgetting(cohort: CohortFolder, names: PatientNames) -> None:
    """Say that nothing is left to do of a patient."""
    _mark(cohort, names.partition_key).unlink(missing_ok=True)
    with suppress(OSError):  # others are being forgotten, or nobody was
        (cohort.path / MARKS).rmdir()


def being_forgotten(cohort: CohortFolder) -> list[PatientNames]:
    """Return whom a killed `pdcp forget` left in between; a damaged mark names its patient by the key's folder."""
    return [_read(path) for path in sorted((cohort.path / MARKS).glob("*.json"))]


def _read(path: Path) -> PatientNames:
    try:
        return PatientNames(**{name: str(value) for name, value in (read_object(path) or {}).items()})
    except (StoreError, TypeError):
        return PatientNames(path.stem, path.stem)


def _mark(cohort: CohortFolder, key: str) -> Path:
    return cohort.path / MARKS / f"{folder_of(key)}.json"
