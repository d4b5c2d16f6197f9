"""Which patients the archive holds: the table behind `patient_ids`.

What lives here: listing and matching, exactly and in Python (Orthanc's own look-up ignores case and reads wildcards).
What does not: partitions (defs).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from pdcp_dagster.adapters.cohort_file import read_patient_list
from pdcp_dagster.domain.keys import partition_key

if TYPE_CHECKING:
    from pathlib import Path

    from pdcp_dagster.adapters.orthanc import Orthanc
    from pdcp_dagster.domain.cohort import Cohort

PATIENT_ID_COLUMNS = ("patient_id", "orthanc_id", "partition_key", "studies")


@dataclass(frozen=True, slots=True)
class PatientList:
    """The table of patients, and the PatientIDs that the cohort names and the archive does not have."""

    table: pd.DataFrame
    not_in_archive: tuple[str, ...]


def list_patients(archive: Orthanc, cohort: Cohort, cohort_folder: Path) -> PatientList:
    """Return a row per patient of the cohort that the archive holds, sorted by PatientID.

    cohort_folder: where a relative path of the cohort file's `patients` starts.
    """
    wanted = None if cohort.patients == "all" else set(read_patient_list(cohort_folder / cohort.patients))
    rows = [
        (
            patient.patient_id,
            patient.orthanc_id,
            partition_key(patient.patient_id if cohort.partition_key == "patient_id" else patient.orthanc_id),
            len(patient.studies),
        )
        for patient in archive.patients()
        if wanted is None or patient.patient_id in wanted
    ]
    table = pd.DataFrame(sorted(rows), columns=list(PATIENT_ID_COLUMNS)).astype(
        {"patient_id": "string", "orthanc_id": "string", "partition_key": "string", "studies": "Int64"}
    )
    missing = () if wanted is None else tuple(sorted(wanted - set(table["patient_id"])))
    return PatientList(table, missing)
