"""A hospital: small patients in a real Orthanc of its own, the fault proxy before it, and how all looks undisturbed."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from pdcp_dagster import __version__
from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings, patience
from pdcp_dagster.adapters.store import PatientFolder, Store
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.keys import partition_key
from pdcp_dagster.phantom.anatomy import tiny_rois, tiny_spec
from pdcp_dagster.phantom.archive import upload_folder
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.phantom.patient import write_phantom
from pdcp_dagster.phantom.spec import PhantomSpec
from pdcp_dagster.stages.chain import PATIENT_ASSETS
from pdcp_dagster.stages.outcome import PatientOutcome, PatientTask
from pdcp_dagster.stages.patient import ChainSettings
from pdcp_dagster.stages.pool import run_patients
from pdcp_dagster_tests.faults.proxy import FaultProxy

COHORT: dict[str, Any] = {
    "name": "hospital",
    "ct_instances": {"minimum": 4, "review_above": 30, "maximum": 60, "action": "exclude"},
}
SEED = 17
SLICES = 12
TIMEOUT_S = 0.5
"""How long a test waits for a silent server; a user's default is two minutes."""
UNDISTURBED = "undisturbed"
VICTIM, OTHER = "victim", "other"
HALF_DONE = (".tmp", ".part")


@dataclass(frozen=True, slots=True)
class Hospital:
    """An archive behind a proxy, stores by name, and who lies here."""

    root: Path
    orthanc: PrivateOrthanc
    proxy: FaultProxy
    tasks: dict[str, PatientTask] = field(default_factory=dict)

    def admit(self, patient_id: str, **changes: Any) -> PatientTask:
        """Bring a small patient into the archive; `changes` are fields of its PhantomSpec."""
        return self.admit_spec(
            tiny_spec(patient_id, SEED, **{"slices": SLICES, "rois": tiny_rois(patient_id)[:4], **changes})
        )

    def admit_spec(self, spec: PhantomSpec) -> PatientTask:
        """Bring a patient into the archive."""
        name = spec.patient_id
        write_phantom(spec, self.phantom(name))
        with Orthanc(OrthancSettings(url=self.orthanc.url)) as archive:
            upload_folder(archive, self.phantom(name))
            (orthanc_id,) = [each.orthanc_id for each in archive.patients() if each.patient_id == name]
        self.tasks[name] = PatientTask(partition_key(name), name, orthanc_id, frozenset(PATIENT_ASSETS), "a run")
        return self.tasks[name]

    def run(self, store: str, *patients: str, jobs: int = 0, **orthanc: Any) -> dict[str, PatientOutcome]:
        """Run the chain through the proxy, for these patients or the two who are always here."""
        tasks = [self.tasks[name] for name in patients or (VICTIM, OTHER)]
        outcomes = {
            outcome.partition_key: outcome for outcome in run_patients(tasks, self.settings(store, **orthanc), jobs)
        }
        return {task.patient_id: outcomes[task.partition_key] for task in tasks}

    def settings(self, store: str, *, cohort: dict[str, Any] | None = None, **orthanc: Any) -> ChainSettings:
        archive = OrthancSettings(**{"url": self.proxy.url, "timeout_s": TIMEOUT_S, **orthanc})
        return ChainSettings(
            Cohort.model_validate({**COHORT, **(cohort or {})}), Store(self.root / store), archive, __version__
        )

    def of_a_run(self, root: Path) -> dict[str, str | Path]:
        """Return the settings of a `pdcp run` for the two who are always here; it writes into `root`."""
        cohorts = root / "cohorts"
        cohorts.mkdir()
        (cohorts / "hospital.csv").write_text(f"patient_id\n{VICTIM}\n{OTHER}\n")
        (cohorts / "hospital.yaml").write_text(yaml.safe_dump({**COHORT, "patients": "hospital.csv"}))
        return {
            "PDCP_COHORTS": cohorts,
            "PDCP_STORE": root / "store",
            "DAGSTER_HOME": root / "dagster",
            "ORTHANC_URL": self.proxy.url,
        }

    def folder(self, patient_id: str, store: str) -> PatientFolder:
        return Store(self.root / store).cohort("hospital").patient(partition_key(patient_id))

    def files(self, patient_id: str, store: str) -> dict[str, bytes]:
        """Return the content of every file of a patient, but of its lock, by its path in the patient's folder."""
        folder = self.folder(patient_id, store).path
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and path.name != ".lock"
        }

    def phantom(self, patient_id: str) -> Path:
        """Return where a patient's DICOM files lie."""
        return self.root / "phantoms" / partition_key(patient_id)

    def paths_of(self, patient_id: str) -> str:
        """Return a regular expression for the paths of the archive that concern this patient alone."""
        orthanc_id = self.tasks[patient_id].orthanc_id
        below = [self.orthanc.get(f"/patients/{orthanc_id}/{kind}") for kind in ("studies", "series", "instances")]
        return "|".join([orthanc_id, *(each["ID"] for records in below for each in records)])

    def delete(self, patient_id: str) -> None:
        """Delete a patient from the archive, for real."""
        url = f"{self.orthanc.url}/patients/{self.tasks[patient_id].orthanc_id}"
        urllib.request.urlopen(urllib.request.Request(url, method="DELETE")).close()  # noqa: S310 - loopback

    def require_undisturbed(self, store: str, *patients: str) -> None:
        """Each of these patients has exactly the files of a run without faults, to the byte."""
        for name in patients:
            found, right = self.files(name, store), self.files(name, UNDISTURBED)
            assert sorted(found) == sorted(right), name
            assert [path for path in found if found[path] != right[path]] == [], name

    def require_nothing_half_done(self, store: str) -> None:
        """No file or folder of the store is one that a writer had not finished."""
        names = [path.as_posix() for path in (self.root / store).rglob("*")]
        assert [name for name in names if name.endswith(HALF_DONE) or "/.new-" in name] == []


@pytest.fixture(scope="session")
def _archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    root = tmp_path_factory.mktemp("hospital")
    with PrivateOrthanc(root / "storage") as server, FaultProxy(lambda: server.url) as proxy:
        hospital = Hospital(root, server, proxy)
        for name in (VICTIM, OTHER):
            hospital.admit(name)
        yield hospital
        server.kill()


@pytest.fixture(scope="session")
def _undisturbed(_archive: Hospital) -> None:
    """Run the two who are always here on a good day."""
    _archive.proxy.forget()
    outcomes = _archive.run(UNDISTURBED)
    assert not [outcome.reason for outcome in outcomes.values() if outcome.failure]


@pytest.fixture
def archive(_archive: Hospital) -> Iterator[Hospital]:
    """The archive behind its proxy on a good day; whatever goes wrong in a test is over at its end."""
    _archive.proxy.forget()
    yield _archive
    _archive.proxy.forget()


@pytest.fixture
def hospital(archive: Hospital, _undisturbed: None) -> Hospital:
    """The archive, and beside it what a run without faults makes of its patients."""
    archive.proxy.forget()
    return archive


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry at once: as often as ever, but without waiting in between."""
    for name in ("WAITS_S", "QUICK_WAITS_S"):
        waits = getattr(patience, name)
        monkeypatch.setattr(patience, name, (0.0,) * len(waits))


def workers() -> list[psutil.Process]:
    """Return the worker processes of this one: what its fork server has made. Orthanc and its keeper are none."""
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if process.ppid() != os.getpid() and "forkserver" in " ".join(process.cmdline())
    ]
