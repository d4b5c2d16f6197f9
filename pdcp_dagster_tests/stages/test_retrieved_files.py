"""What a patient remembers of files does not outlive them: they are retrieved again, and everything is read again."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, cast

from pdcp_dagster.adapters.orthanc import ArchivedInstance, Downloaded, Orthanc, OrthancSettings
from pdcp_dagster.adapters.store import Store
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.selection import SelectedObject, Selection
from pdcp_dagster.stages.archive_stages import READ_FROM_FILES, retrieve_dicom
from pdcp_dagster.stages.outcome import PatientTask
from pdcp_dagster.stages.patient import ChainSettings, Patient

KNOWN_WITHOUT_FILES = {"fingerprint", "summary", "verification", "verified", "selection", "config_hash"}
"""From the archive's tags, from the tables of them, and from the cohort file."""


class FullArchive:
    """Has everything, and gives it as empty files."""

    def download_all(self, pairs: list[tuple[ArchivedInstance, Path]]) -> list[Downloaded]:
        for _, path in pairs:
            path.touch()
        return [Downloaded(0, None)] * len(pairs)


def a_patient(folder: Path) -> Patient:
    settings = ChainSettings(Cohort(name="ward"), Store(folder), OrthancSettings(url="http://localhost"), "0.0.0")
    task = PatientTask("A", "A", "an-orthanc-id", frozenset(), "a run")
    archive = cast("Orthanc", FullArchive())
    patient = Patient(task, settings, archive, settings.store.cohort("ward").patient("A"))
    objects = [SelectedObject(f"1.2.{n}", "1.2", f"id-{n}", 0) for n in range(5)]
    patient.selection = Selection(
        "1", "1.2", None, (objects[0],), (objects[1],), (objects[2], objects[3]), (objects[4],)
    )
    return patient


def test_whatever_was_read_from_files_is_forgotten_when_they_are_retrieved(tmp_path: Path) -> None:
    patient = a_patient(tmp_path)
    kept: dict[str, Any] = dict.fromkeys(_remembered() - {"selection"}, "of the files before")
    patient.__dict__.update(kept)
    shown, findings = retrieve_dicom(patient, tmp_path / "target")
    assert _remembered() & set(patient.__dict__) == KNOWN_WITHOUT_FILES
    assert shown.shown["files"] == 5
    assert [finding.code for finding in findings] == ["XI_SUCC_001", "XIII_SUCC_001", "XV_SUCC_001", "XVI_SUCC_001"]


def test_everything_that_a_patient_remembers_is_of_files_or_known_without_them() -> None:
    """A new one must be put with either."""
    assert set(READ_FROM_FILES) == _remembered() - KNOWN_WITHOUT_FILES


def _remembered() -> set[str]:
    return {name for name, value in vars(Patient).items() if isinstance(value, cached_property)}
