"""A ward: small patients in the real Orthanc, and the chain run on them without Dagster."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pydicom
import pytest

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
from pdcp_dagster.adapters.store import PatientFolder, Store
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.keys import partition_key
from pdcp_dagster.phantom.anatomy import tiny_rois, tiny_spec
from pdcp_dagster.phantom.archive import damage_stored_file, mend_storage, upload_folder
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.phantom.patient import write_phantom
from pdcp_dagster.stages.chain import PATIENT_ASSETS, run_patient
from pdcp_dagster.stages.outcome import PatientOutcome, PatientTask
from pdcp_dagster.stages.patient import ChainSettings

COHORT: dict[str, Any] = {
    "name": "ward",
    "version": "ward 1",
    "ct_instances": {"minimum": 4, "review_above": 30, "maximum": 60, "action": "exclude"},
}
SLICES = 12
SEED = 13


@dataclass(frozen=True, slots=True)
class Ward:
    """An archive, a store, and who lies here."""

    root: Path
    orthanc: PrivateOrthanc
    tasks: dict[str, PatientTask] = field(default_factory=dict)

    def admit(self, patient_id: str, **changes: Any) -> PatientTask:
        """Bring a small patient into the archive; `changes` are fields of its PhantomSpec."""
        spec = tiny_spec(patient_id, SEED, **{"slices": SLICES, "rois": tiny_rois(patient_id)[:4], **changes})
        write_phantom(spec, self.phantom(patient_id))
        with self.archive() as archive:
            upload_folder(archive, self.phantom(patient_id))
            (orthanc_id,) = [each.orthanc_id for each in archive.patients() if each.patient_id == patient_id]
        everything = frozenset(PATIENT_ASSETS)
        self.tasks[patient_id] = PatientTask(partition_key(patient_id), patient_id, orthanc_id, everything, "a run")
        return self.tasks[patient_id]

    def run(self, patient_id: str, *assets: str, store: str = "store", **keys: Any) -> PatientOutcome:
        """Run the chain in this process, for these assets or all; `keys` are keys of the cohort file."""
        return self._run(self.tasks[patient_id], assets, store, keys)

    def run_anyway(self, patient_id: str, store: str = "store") -> PatientOutcome:
        """Run all of the chain as `--force` does, also what is current."""
        return self._run(replace(self.tasks[patient_id], force=True), (), store, {})

    def _run(self, task: PatientTask, assets: tuple[str, ...], store: str, keys: dict[str, Any]) -> PatientOutcome:
        if assets:
            task = replace(task, selected=frozenset(assets))
        with self.archive() as archive:
            return run_patient(task, self.settings(store, **keys), archive)

    def settings(self, store: str = "store", **keys: Any) -> ChainSettings:
        cohort = Cohort.model_validate({**COHORT, **keys})
        return ChainSettings(cohort, Store(self.root / store), OrthancSettings(url=self.orthanc.url), "0.0.0")

    def folder(self, patient_id: str, store: str = "store") -> PatientFolder:
        return Store(self.root / store).cohort("ward").patient(partition_key(patient_id))

    def files(self, patient_id: str, store: str = "store") -> dict[str, bytes]:
        """Return the content of every file of a patient by its path in the patient's folder."""
        folder = self.folder(patient_id, store).path
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def phantom(self, patient_id: str) -> Path:
        """Return where a patient's DICOM files lie."""
        return self.root / "phantoms" / partition_key(patient_id)

    def archive(self) -> Orthanc:
        return Orthanc(OrthancSettings(url=self.orthanc.url))

    def damage(self, file: Path) -> None:
        """Damage the archive's copy of a phantom's file."""
        damage_stored_file(self.orthanc, pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID)

    def mend(self) -> None:
        """Undo all damage."""
        mend_storage(self.orthanc.storage)

    def take_out(self, file: Path) -> None:
        """Delete the archive's copy of a phantom's file."""
        uid = pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID
        for found in self.orthanc.post("/tools/lookup", uid):
            url = f"{self.orthanc.url}/instances/{found['ID']}"
            urllib.request.urlopen(urllib.request.Request(url, method="DELETE")).close()  # noqa: S310 - loopback

    def exchange(self, file: Path, change: Callable[[pydicom.Dataset], None]) -> None:
        """Put a changed object in the place of the archive's copy of a phantom's file."""
        data = pydicom.dcmread(file)
        self.take_out(file)
        change(data)
        changed = file.with_suffix(".changed")
        data.save_as(changed)
        with self.archive() as archive:
            archive.upload(changed)


@pytest.fixture(scope="module")
def ward(orthanc: PrivateOrthanc, tmp_path_factory: pytest.TempPathFactory) -> Ward:
    """A ward per test module; bring your own PatientIDs."""
    return Ward(tmp_path_factory.mktemp("ward"), orthanc)
