"""A cohort, patient by patient, into the legacy folder.

What lives here: the order of things, and that one patient's trouble stays that patient's. What does not: one patient
(`patient`), or the folder (`target`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.atomic import write_bytes
from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.stages.legacy_export.csv_text import csv_bytes
from pdcp_dagster.stages.legacy_export.names import file_names
from pdcp_dagster.stages.legacy_export.patient import ListedPatient, write_patient
from pdcp_dagster.stages.legacy_export.readme import README
from pdcp_dagster.stages.legacy_export.target import open_target

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from pdcp_dagster.adapters.store import CohortFolder
    from pdcp_dagster.domain.codes import Status
    from pdcp_dagster.stages.legacy_export.target import Target


@dataclass
class Exported:
    """What came of an export: the patients by the status that PDCP would give, and who could not be exported."""

    counts: Counter[Status] = field(default_factory=Counter)
    troubles: list[tuple[str, str]] = field(default_factory=list)
    """PatientID and reason, of patients of whom now nothing is in the folder."""


def export_cohort(
    cohort: CohortFolder, root: Path, *, name: str, version: str, patients: Sequence[str] = ()
) -> Exported:
    """Export the patients with these PatientIDs, or all of the cohort's list, into the folder `root`.

    name, version: the cohort's. Patients who are no longer listed are removed from an earlier export.

    Raises
    ------
    TargetError
        Where the folder is not empty and no earlier export of this cohort, or cannot be used.
    FileNotFoundError, TableError
        Where the cohort has no patient list, or it cannot be read.

    """
    table = read_table(cohort.file("patient_ids"))
    listed = _listed(table)
    wanted = set(patients)
    chosen = [patient for patient in listed if not wanted or patient.patient_id in wanted]
    exported = Exported()
    with open_target(root.resolve(), name) as target:
        names = {patient.name for patient in listed}
        target.remember(target.exported | names)
        for gone in target.exported - names:
            target.remove(gone)
        target.remember(names)
        _write_ids(target, table)
        write_bytes(target.root / "README.txt", README.encode())
        for patient in chosen:
            _export(patient, cohort, target, exported, version=version)
    return exported


def _listed(table: pd.DataFrame) -> list[ListedPatient]:
    keys = {
        str(patient_id): str(key) for patient_id, key in zip(table["patient_id"], table["partition_key"], strict=True)
    }
    names = file_names(keys)
    return [ListedPatient(patient_id, key, names[patient_id]) for patient_id, key in keys.items()]


def _write_ids(target: Target, table: pd.DataFrame) -> None:
    rows = zip(table["patient_id"].astype(str), table["orthanc_id"].astype(str), strict=True)
    write_bytes(target.root / "ids" / "ids.csv", csv_bytes(("ids", "orthanc_ids"), list(rows)))


def _export(patient: ListedPatient, cohort: CohortFolder, target: Target, exported: Exported, *, version: str) -> None:
    try:
        status = write_patient(patient, cohort, target.begin(patient.name), target.root, version=version)
        target.replace(patient.name)
        exported.counts[status] += 1
    except Exception as error:  # noqa: BLE001 - one patient's trouble, whatever it is, must not touch another's
        exported.troubles.append((patient.patient_id, _reason(error) + _withdrawn(patient, target)))


def _withdrawn(patient: ListedPatient, target: Target) -> str:
    """Take back what an earlier export has of a patient, which would pass for the current state."""
    try:
        target.begin(patient.name).rmdir()
        target.remove(patient.name)
    except OSError as error:
        return f" What an earlier export left of this patient could not be removed: {error}."
    return ""


def _reason(error: Exception) -> str:
    reason = str(error).strip() or type(error).__name__
    return f"{reason.rstrip('.')}."
