"""Whom a name means that is to be forgotten: also patients whom no list names any more.

What lives here: looking a patient up wherever the store may still know of one. What does not: removing (`forgetting`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.adapters.decisions_file import read_decisions
from pdcp_dagster.adapters.parquet import TableError, read_columns
from pdcp_dagster.adapters.store import tombstones
from pdcp_dagster.adapters.store.forgetting_marks import PatientNames, being_forgotten
from pdcp_dagster.domain.keys import partition_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pdcp_dagster.adapters.store import CohortFolder
    from pdcp_dagster.domain.cohort import Cohort

_COLUMNS = ("patient_id", "partition_key", "orthanc_id")


def patients_called(folder: CohortFolder, cohort: Cohort, name: str) -> list[PatientNames]:
    """Return whom a PatientID means, or a partition key where the cohort hides PatientIDs; nobody where unknown.

    One PatientID has two entries where the cohort's `partition_key` was changed. Raises TableError and
    DecisionsFileError: what cannot be read may name the patient.
    """
    recorded = list(_recorded(folder))
    by_key = [each for each in recorded if cohort.hides_patient_ids and each.partition_key == name]
    found = by_key or [each for each in recorded if each.patient_id == name]
    found = found or list(_in_folders(folder, name)) or list(_decided(folder, name))
    return list({each.partition_key: each for each in sorted(found, key=lambda each: each.orthanc_id)}.values())


def called_only(name: str) -> PatientNames:
    """Return what a patient is called of whom the store knows no more than a name that somebody typed."""
    return PatientNames(name, partition_key(name))


def _recorded(folder: CohortFolder) -> Iterator[PatientNames]:
    for asset in ("patient_ids", "cohort_report"):
        yield from _of_table(folder.file(asset))
    yield from (PatientNames(each.patient_id, each.partition_key, each.orthanc_id) for each in tombstones(folder))
    yield from being_forgotten(folder)


def _of_table(path: Path) -> Iterator[PatientNames]:
    if not path.exists():
        return
    columns = read_columns(path, _COLUMNS)
    keys = columns.get("partition_key", [])
    ids = columns.get("patient_id", [None] * len(keys))
    orthanc_ids = columns.get("orthanc_id", [None] * len(keys))
    for patient_id, key, orthanc_id in zip(ids, keys, orthanc_ids, strict=True):
        if patient_id is not None and key is not None:
            yield PatientNames(str(patient_id), str(key), str(orthanc_id or ""))


def _in_folders(folder: CohortFolder, name: str) -> Iterator[PatientNames]:
    """Yield patients whom only their own files name: of the key that the name has, or else of that PatientID."""
    for key in dict.fromkeys((name, partition_key(name))):
        for path in (folder.patient(key).path, folder.quarantine(key)):
            if path.exists():
                yield PatientNames(_id_in(path) or name, key)
                return
    for path in sorted((folder.path / "patients").glob("*")):
        if _id_in(path) == name:
            yield PatientNames(name, path.name)


def _id_in(path: Path) -> str | None:
    """Return the PatientID that a patient's summary tells; None where there is none, or none that can be read."""
    try:
        ids = read_columns(path / "image_summary.parquet", ["patient_id"]).get("patient_id", [])
    except (FileNotFoundError, NotADirectoryError, TableError):
        return None
    return next((str(each) for each in ids if each), None)


def _decided(folder: CohortFolder, name: str) -> Iterator[PatientNames]:
    if name in read_decisions(folder.decisions):
        yield called_only(name)
