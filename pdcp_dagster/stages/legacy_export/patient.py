"""One patient, or one candidate in quarantine: summary, notes and data in PDCP's form.

What lives here: who gets which of them, by the current status. What does not: the form of each (the modules beside),
or putting them in the place of an earlier export's (`target`).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.atomic import write_bytes
from pdcp_dagster.adapters.store import PATIENT_FILES, PatientFolder
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.legacy_notes import legacy_notes, legacy_status, unread_notes
from pdcp_dagster.stages.current import standing_of
from pdcp_dagster.stages.legacy_export.data_tree import directories_of, write_data
from pdcp_dagster.stages.legacy_export.kept import NotExportableError
from pdcp_dagster.stages.legacy_export.summaries import write_summary, write_unread_summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from pdcp_dagster.adapters.store import CohortFolder
    from pdcp_dagster.stages.current import Standing

_SUMMARY = "image_summary"
_NUMBER = re.compile(r"[1-9][0-9]*")
_WITH_DATA = frozenset({Status.SUCCESS, Status.REVIEW})


@dataclass(frozen=True, slots=True)
class ListedPatient:
    """A patient of the cohort's list; `name` is what files are called by."""

    patient_id: str
    partition_key: str
    name: str


@dataclass(frozen=True, slots=True)
class Places:
    """Where the three parts of an export go, as paths below the export's folder."""

    summaries: str
    notes: str
    data: str

    @classmethod
    def of_patient(cls, name: str) -> Places:
        """The places of a patient."""
        return cls("imagesummaries", f"patientnotes/{name}.json", f"data/{name}")

    @classmethod
    def of_candidate(cls, name: str, index: int) -> Places:
        """The places of a candidate in quarantine; PDCP counts from 0."""
        folder = f"quarantine/{name}_{index}"
        return cls(folder, f"{folder}/{name}.json", f"{folder}/{name}")


def write_patient(patient: ListedPatient, cohort: CohortFolder, fresh: Path, final: Path, *, version: str) -> Status:
    """Write the patient and what lies in quarantine of them below `fresh`; return the status that PDCP would give.

    final: the folder in which what is written will lie in the end.
    """
    folder = cohort.patient(patient.partition_key)
    status = _write(patient, folder, Places.of_patient(patient.name), fresh, final, version=version)
    for index, candidate in _candidates(cohort, folder):
        _write(patient, candidate, Places.of_candidate(patient.name, index), fresh, final, version=version)
    return status


def _candidates(cohort: CohortFolder, folder: PatientFolder) -> Iterator[tuple[int, PatientFolder]]:
    """Yield the candidates in quarantine that were finished, and made from what the candidates are now."""
    quarantine = cohort.path / "quarantine" / folder.path.name
    evidence = _evidence(folder)
    for path in sorted(quarantine.glob("*")):
        candidate = PatientFolder(path)
        finished = path.is_dir() and candidate.manifest("patient_notes") is not None
        if finished and _NUMBER.fullmatch(path.name) and _evidence(candidate) == evidence:
            yield int(path.name) - 1, candidate


def _evidence(folder: PatientFolder) -> object:
    manifest = folder.manifest("verified_study")
    return manifest.details.get("evidence") if manifest is not None else None


def _write(
    patient: ListedPatient, folder: PatientFolder, places: Places, fresh: Path, final: Path, *, version: str
) -> Status:
    before = _state(folder)
    standing = standing_of(folder)
    failure = folder.read_failure()
    notes = folder.read_notes()
    if standing.status is Status.FAILED and failure is None:
        raise NotExportableError(standing.reason)
    if failure is not None and (failure["stage"] == _SUMMARY or folder.manifest(_SUMMARY) is None):
        write_unread_summary(fresh / places.summaries, patient.name)
        _write_json(fresh / places.notes, unread_notes(patient.patient_id, version, str(failure["reason"])))
        return Status.EXCLUDE
    status = legacy_status(standing.status, standing.findings)
    write_summary(folder, fresh / places.summaries, patient.name)
    if status in _WITH_DATA:
        write_data(folder, fresh / places.data, patient.name)
    if notes is not None:
        _write_json(fresh / places.notes, _notes(notes, standing, fresh, final, places))
    if _state(folder) != before:
        raise NotExportableError("the patient was run while being exported. Export again.")
    return status


def _notes(notes: Mapping[str, Any], standing: Standing, fresh: Path, final: Path, places: Places) -> dict[str, Any]:
    directories = directories_of(fresh / places.data, final / places.data)
    return legacy_notes(notes, standing.status, standing.findings, directories)


def _state(folder: PatientFolder) -> tuple[object, ...]:
    """Return what a run of the patient would change."""
    return folder.read_notes(), folder.read_failure(), *(folder.manifest(asset) for asset in PATIENT_FILES)


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write JSON in ASCII: PDCP's scripts open it in whatever encoding the machine has."""
    write_bytes(path, json.dumps(document, indent=1, allow_nan=False).encode() + b"\n")
