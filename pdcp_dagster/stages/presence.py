"""Who is no longer in the archive, and who is there again.

What lives here: comparing the patient list of today with the last one, and the tombstones that follow. What does not:
listing (`archive_list`), removing anybody's files (`forgetting`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.adapters.store import Tombstone, clear_tombstone, tombstones, write_tombstone

if TYPE_CHECKING:
    from collections.abc import Collection

    from pdcp_dagster.adapters.store import CohortFolder
    from pdcp_dagster.stages.archive_list import PatientList

NONE_LEFT = "none of those known so far is in the archive"
_ONE_MAY_GO = 1


class ArchiveEmptiedError(Exception):
    """None of the patients known so far is in the archive, which may be the wrong one."""


@dataclass(frozen=True, slots=True)
class Presence:
    """What a listing changed, by partition key."""

    deleted: tuple[str, ...]
    returned: tuple[str, ...]


def note_presence(folder: CohortFolder, found: PatientList, *, accept_losses: bool = False) -> Presence:
    """Put up a tombstone for each patient of the last list who was deleted, take down those of patients who are back.

    Patients who are still in the archive and no longer on the cohort's own list were not deleted.
    accept_losses: also where nobody whom the last list had is left.

    Raises
    ------
    ArchiveEmptiedError
        Where all patients of the last list (more than one) are gone, which a wrong ORTHANC_URL or an emptied database
        looks like, too. Nothing was changed.

    """
    known = _known(folder)
    deleted = {key: row for key, row in known.items() if row.orthanc_id not in found.archived}
    if not accept_losses:
        require_somebody_left([row.orthanc_id for row in known.values()], found.archived)
    for key, row in deleted.items():
        write_tombstone(folder.patient(key), row)
    listed = {str(key) for key in found.table["partition_key"]}
    returned = [
        each.partition_key
        for each in tombstones(folder)
        if each.partition_key in listed or each.orthanc_id in found.archived
    ]
    for key in returned:
        clear_tombstone(folder.patient(key))
    return Presence(tuple(deleted), tuple(returned))


def require_somebody_left(known: Collection[str], archived: frozenset[str]) -> None:
    """Raise ArchiveEmptiedError where of several patients known so far (Orthanc's IDs) none is in the archive."""
    if len(known) > _ONE_MAY_GO and archived.isdisjoint(known):
        raise ArchiveEmptiedError(
            f"of {len(known)} patients {NONE_LEFT}. Check ORTHANC_URL, and that Orthanc has its database. "
            "If they were really deleted, list them again with accept_losses (--accept-losses)"
        )


def _known(folder: CohortFolder) -> dict[str, Tombstone]:
    """Return the patients of the last list by partition key, each as the tombstone that may be needed."""
    if not folder.file("patient_ids").exists():
        return {}
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    table = read_table(folder.file("patient_ids"))
    return {
        str(row.partition_key): Tombstone(str(row.patient_id), str(row.orthanc_id), str(row.partition_key), now)
        for row in table.itertuples()
    }
