"""One patient taken out of a cohort's folder of the store: files, rows of tables, the decision.

What lives here: what there is of a patient, and removing it. What does not: who is meant (`forgettable`), what may be
left (`left_behind`), Dagster's records (commands).

Killed in between, the mark in `.forgetting` still names the patient, and doing it again completes it.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.decisions_file import DecisionsFileError, read_decisions, withdraw_decision
from pdcp_dagster.adapters.store import StoreError
from pdcp_dagster.adapters.store.forgetting_marks import PatientNames, mark_forgetting
from pdcp_dagster.adapters.table_rows import RowsError, count_rows_of, drop_rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pdcp_dagster.adapters.store import CohortFolder

OF_PATIENTS = ("patients", "quarantine")
"""The folders of a cohort in which each patient has one of its own."""
_LOCK = ".lock"
_LOCK_WAIT_S = 5.0
_TROUBLE = (OSError, StoreError, RowsError, DecisionsFileError)


@dataclass(frozen=True, slots=True)
class Found:
    """What a cohort's folder holds of one patient.

    files: number and bytes of files by what they are. rows: number of rows by table. pages: pages that such a table
    was told on. Tables and pages are paths below the cohort's folder.
    """

    files: Mapping[str, tuple[int, int]]
    rows: Mapping[str, int]
    pages: tuple[str, ...]
    decision: bool

    @property
    def is_nothing(self) -> bool:
        """Whether the patient is not in the store."""
        return not (self.files or self.rows or self.decision)


def look_for(folder: CohortFolder, names: PatientNames) -> Found:
    """Return what there is of a patient, and touch nothing. Raises what cannot be read: RowsError and the like."""
    own = {"the patient's folder": folder.patient(names.partition_key).path}
    own["candidates in quarantine"] = folder.quarantine(names.partition_key)
    counted = {what: _size_of(path) for what, path in own.items() if path.exists()}
    rows = {path: count_rows_of(path, _wanted(names)) for path in cohort_tables(folder)}
    told = {path: count for path, count in rows.items() if count}
    return Found(
        files=counted,
        rows={path.relative_to(folder.path).as_posix(): count for path, count in told.items()},
        pages=tuple(page.relative_to(folder.path).as_posix() for page in _pages_of(told)),
        decision=names.patient_id in read_decisions(folder.decisions),
    )


def remove_from_store(folder: CohortFolder, names: PatientNames) -> list[str]:
    """Remove all that `look_for` finds of a patient; return what could not be removed, a line each.

    Raises PatientBusyError, with nothing changed, where somebody works on the patient.
    """
    troubles: list[str] = []
    patient = folder.patient(names.partition_key)
    with patient.locked(_LOCK_WAIT_S):
        mark_forgetting(folder, names)
        for step in (_withdraw, _drop_rows, _empty_quarantine, _empty_patient):
            try:
                step(folder, names)
            except _TROUBLE as error:
                troubles.append(" ".join(str(error).split()))
    with suppress(OSError):
        patient.path.rmdir()  # where letting go of the lock has left a folder
    return troubles


def cohort_tables(folder: CohortFolder) -> Iterator[Path]:
    """Yield the tables that are no patient's own."""
    for path in cohort_files(folder):
        if path.suffix == ".parquet":
            yield path


def cohort_files(folder: CohortFolder) -> Iterator[Path]:
    """Yield all files of a cohort that are in no patient's folder."""
    for top in sorted(folder.path.glob("*")) if folder.path.exists() else ():
        if top.name not in OF_PATIENTS:
            yield from (path for path in (top, *sorted(top.rglob("*"))) if path.is_file())


def _wanted(names: PatientNames) -> dict[str, str]:
    return {"patient_id": names.patient_id, "partition_key": names.partition_key}


def _pages_of(tables: Mapping[Path, int]) -> list[Path]:
    """Return the pages beside tables that tell of the patient: their counts would not fit any more."""
    return sorted({page for table in tables for page in table.parent.glob("*.html")})


def _size_of(path: Path) -> tuple[int, int]:
    sizes = [each.lstat().st_size for each in path.rglob("*") if not each.is_dir()]
    return len(sizes), sum(sizes)


def _withdraw(folder: CohortFolder, names: PatientNames) -> None:
    if folder.decisions.exists():
        withdraw_decision(folder.decisions, names.patient_id)


def _drop_rows(folder: CohortFolder, names: PatientNames) -> None:
    """Remove the pages first: killed in between, the rows still tell that there was something to remove."""
    with folder.list_held():
        tables = {path: count_rows_of(path, _wanted(names)) for path in cohort_tables(folder)}
        told = {path: count for path, count in tables.items() if count}
        for page in _pages_of(told):
            page.unlink(missing_ok=True)
        for table in told:
            drop_rows_of(table, _wanted(names))


def _empty_quarantine(folder: CohortFolder, names: PatientNames) -> None:
    path = folder.quarantine(names.partition_key)
    if path.exists():
        shutil.rmtree(path)
    with suppress(OSError):
        path.parent.rmdir()  # the last one's


def _empty_patient(folder: CohortFolder, names: PatientNames) -> None:
    """Remove the patient's folder, the lock last: whoever waits for it must not begin in between."""
    path = folder.patient(names.partition_key).path
    for each in sorted(path.iterdir()):
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        elif each.name != _LOCK:
            each.unlink(missing_ok=True)
    (path / _LOCK).unlink(missing_ok=True)
    path.rmdir()
