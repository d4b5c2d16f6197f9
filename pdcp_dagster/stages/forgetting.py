"""One patient taken out of a cohort's folder of the store: files, rows of tables, the decision.

What lives here: what there is of a patient, and removing it. What does not: who is meant (`forgettable`), what may be
left (`left_behind`), Dagster's records (commands).

Killed in between, the mark in `.forgetting` still names the patient, and doing it again completes it.
"""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.atomic import TEMPORARY_SUFFIX
from pdcp_dagster.adapters.decisions_file import DecisionsFileError, read_decisions, withdraw_decision
from pdcp_dagster.adapters.store import COHORT_FILES, StoreError
from pdcp_dagster.adapters.store.forgetting_marks import PatientNames, mark_forgetting
from pdcp_dagster.adapters.table_rows import RowsError, count_rows_of, drop_rows_of
from pdcp_dagster.domain.keys import folder_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from pdcp_dagster.adapters.store import CohortFolder

OF_PATIENTS = ("patients", "quarantine")
"""The folders of a cohort in which each patient has one of its own."""
OWN_NAMES = {*OF_PATIENTS, "commissioning", "decisions.yaml", *chain.from_iterable(COHORT_FILES.values())}
"""Names that the store itself gives: a PatientID "patients" is not meant by the folder."""
_LOCK = ".lock"
_STALE_S = 3600.0
"""What a writer has not finished in this time was left by one that was killed."""
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
    own = {
        "the patient's folder": [folder.patient(names.partition_key).path],
        "candidates in quarantine": [folder.quarantine(names.partition_key)],
        "further files of that name": list(_named_so(folder, names)),
    }
    counted = {what: _size_of(there) for what, paths in own.items() if (there := [p for p in paths if p.exists()])}
    rows = {path: count_rows_of(path, _wanted(names)) for path in cohort_tables(folder)}
    told = {path: count for path, count in rows.items() if count}
    return Found(
        files=counted,
        rows={path.relative_to(folder.path).as_posix(): count for path, count in told.items()},
        pages=tuple(page.relative_to(folder.path).as_posix() for page in _pages_of(told)),
        decision=names.patient_id in read_decisions(folder.decisions),
    )


def require_free(folder: CohortFolder, names: PatientNames) -> None:
    """See that nobody works on the patient; PatientBusyError says who does."""
    patient = folder.patient(names.partition_key)
    if patient.path.exists():
        with patient.locked(_LOCK_WAIT_S):
            pass


def remove_from_store(folder: CohortFolder, names: PatientNames) -> list[str]:
    """Remove all that `look_for` finds of a patient; return what could not be removed, a line each.

    Raises PatientBusyError, with nothing changed, where somebody works on the patient.
    """
    troubles: list[str] = []
    patient = folder.patient(names.partition_key)
    with patient.locked(_LOCK_WAIT_S):
        mark_forgetting(folder, names)
        for step in (_withdraw, _drop_rows, _remove_named, _empty_quarantine, _empty_patient):
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


def _named_so(folder: CohortFolder, names: PatientNames) -> list[Path]:
    """Return files outside the patients' folders whose name is the patient's, but for the ending."""
    called = {names.patient_id, names.partition_key, folder_of(names.partition_key)}
    return [
        path
        for path in cohort_files(folder)
        if not {path.name, path.stem} & OWN_NAMES
        and not any(part.startswith(".") for part in path.relative_to(folder.path).parts)
        and {path.name, path.stem} & called
    ]


def _size_of(paths: Iterable[Path]) -> tuple[int, int]:
    files = [each for path in paths for each in (path, *path.rglob("*"))]
    sizes = [each.lstat().st_size for each in files if not each.is_dir()]
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


def _remove_named(folder: CohortFolder, names: PatientNames) -> None:
    """Remove files of the patient's name, and half-written tables, which nobody can look into."""
    before = time.time() - _STALE_S
    stale = (path for path in cohort_files(folder) if path.suffix == TEMPORARY_SUFFIX and path.stat().st_mtime < before)
    for path in (*_named_so(folder, names), *stale):
        path.unlink(missing_ok=True)


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
