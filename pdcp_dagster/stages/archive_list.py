"""Which patients the archive holds: the table behind `patient_ids`.

What lives here: listing and matching, exactly and in Python (Orthanc's own look-up ignores case and reads wildcards),
and adding to an earlier list. What does not: who is no longer there (`presence`), partitions (defs).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from pdcp_dagster.adapters.cohort_file import read_patient_list
from pdcp_dagster.adapters.parquet import read_table, write_table
from pdcp_dagster.adapters.store import clear_tombstone
from pdcp_dagster.domain.keys import partition_key
from pdcp_dagster.stages.presence import require_somebody_left

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from pdcp_dagster.adapters.orthanc import ArchivedPatient, Orthanc
    from pdcp_dagster.adapters.store import CohortFolder
    from pdcp_dagster.domain.cohort import Cohort

PATIENT_ID_COLUMNS = ("patient_id", "orthanc_id", "partition_key", "studies")


@dataclass(frozen=True, slots=True)
class PatientList:
    """The table of patients, and what else the listing told.

    not_in_archive: the PatientIDs that the cohort names and the archive does not have.
    archived, archived_keys: Orthanc's IDs of all patients of the archive, of the cohort or not, and the partition keys
        that they have or would have.
    arriving: partition keys of patients of whom something came just now (Orthanc's StableAge).
    """

    table: pd.DataFrame
    not_in_archive: tuple[str, ...]
    archived: frozenset[str] = frozenset()
    archived_keys: frozenset[str] = frozenset()
    arriving: frozenset[str] = frozenset()


def wanted_ids(cohort: Cohort, cohort_folder: Path) -> frozenset[str] | None:
    """Return the PatientIDs that the cohort names, None where it takes everybody.

    cohort_folder: where a relative path of the cohort file's `patients` starts.
    """
    return None if cohort.patients == "all" else frozenset(read_patient_list(cohort_folder / cohort.patients))


def key_of(cohort: Cohort, patient: ArchivedPatient) -> str:
    """Return the partition key that a patient of the archive has in this cohort."""
    return partition_key(patient.orthanc_id if cohort.partition_key == "orthanc_id" else patient.patient_id)


def list_patients(archive: Orthanc, cohort: Cohort, cohort_folder: Path) -> PatientList:
    """Return a row per patient of the cohort that the archive holds, sorted by PatientID.

    cohort_folder: where a relative path of the cohort file's `patients` starts.
    """
    wanted = wanted_ids(cohort, cohort_folder)
    archived = list(archive.patients())
    listed = [patient for patient in archived if wanted is None or patient.patient_id in wanted]
    table = _table(cohort, listed)
    return PatientList(
        table=table,
        not_in_archive=() if wanted is None else tuple(sorted(wanted - set(table["patient_id"]))),
        archived=frozenset(patient.orthanc_id for patient in archived),
        archived_keys=frozenset(key_of(cohort, patient) for patient in archived),
        arriving=frozenset(key_of(cohort, patient) for patient in listed if not patient.is_stable),
    )


def add_to_list(
    folder: CohortFolder, archive: Orthanc, cohort: Cohort, cohort_folder: Path, keys: Collection[str]
) -> int:
    """Add the patients with these partition keys to the list of an earlier day, and return how many the archive has.

    For patients who came since; who is on the list already is told of as the archive has the patient today.
    """
    with folder.list_held():
        listing = list_patients(archive, cohort, cohort_folder)
        found = listing.table
        added = found[found["partition_key"].isin(list(keys))]
        if len(added):
            earlier = read_table(folder.file("patient_ids")) if folder.file("patient_ids").exists() else found[:0]
            # Whoever is added would make a list that has somebody left, and the next listing believe the loss.
            require_somebody_left(list(earlier["orthanc_id"]), listing.archived)
            kept = earlier[~earlier["partition_key"].isin(added["partition_key"])]
            both = pd.concat([kept, added]).sort_values(["patient_id", "orthanc_id"], kind="stable", ignore_index=True)
            write_table(both, folder.file("patient_ids"))
        for key in added["partition_key"]:
            clear_tombstone(folder.patient(str(key)))
    return len(added)


def _table(cohort: Cohort, patients: Iterable[ArchivedPatient]) -> pd.DataFrame:
    rows = [(each.patient_id, each.orthanc_id, key_of(cohort, each), len(each.studies)) for each in patients]
    return pd.DataFrame(sorted(rows), columns=list(PATIENT_ID_COLUMNS)).astype(
        {"patient_id": "string", "orthanc_id": "string", "partition_key": "string", "studies": "Int64"}
    )
