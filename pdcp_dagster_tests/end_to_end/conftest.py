"""One finished demo, made by the command itself, for all tests that look at what came of it."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from pdcp_dagster.adapters.store import CohortFolder, PatientFolder, Store
from pdcp_dagster.defs.jobs import patient_asset_keys
from pdcp_dagster.defs.partitions import patient_partitions
from pdcp_dagster.domain.keys import partition_key, safe_name
from pdcp_dagster.phantom.cohort import CohortEntry, read_cohort
from pdcp_dagster.phantom.patient import PhantomTruth, read_truth

if TYPE_CHECKING:
    from pdcp_dagster_tests.conftest import Pdcp

COHORT = "demo"
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True, slots=True)
class Site:
    """A folder laid out as a demo's: archive, store, Dagster instance."""

    root: Path

    @property
    def storage(self) -> Path:
        return self.root / "orthanc"

    @property
    def store(self) -> CohortFolder:
        return Store(self.root / "store").cohort(COHORT)

    @property
    def settings(self) -> dict[str, Path]:
        """Environment variables that point `pdcp` here."""
        return {"PDCP_STORE": self.root / "store", "DAGSTER_HOME": self.root / "dagster"}

    @property
    def expected(self) -> tuple[CohortEntry, ...]:
        """What cohort.json says must come of each patient."""
        return read_cohort(self.root / "phantoms")

    def phantom(self, patient_id: str) -> Path:
        """Return the folder of the patient's DICOM files as they were made."""
        return self.root / "phantoms" / safe_name(patient_id)

    def truth(self, patient_id: str) -> PhantomTruth:
        return read_truth(self.phantom(patient_id))

    def patient(self, patient_id: str) -> PatientFolder:
        return self.store.patient(partition_key(patient_id))

    def instance(self) -> dg.DagsterInstance:
        """The Dagster instance; a context manager."""
        return dg.DagsterInstance.from_config(str(self.root / "dagster"))

    def partitions(self, instance: dg.DagsterInstance) -> dict[str, set[str]]:
        """Return what the UI shows of each patient: the statuses of its partitions over all assets."""
        definition = patient_partitions(COHORT)
        keys = instance.get_dynamic_partitions(f"{COHORT}_patients")
        shown: dict[str, set[str]] = {key: set() for key in keys}
        for asset in patient_asset_keys(COHORT, "CRDP"):
            found = instance.get_status_by_partition(asset, keys, definition) or {}
            for key in keys:
                status = found.get(key)
                shown[key].add("MISSING" if status is None else status.value)
        return shown

    def unfinished_runs(self, instance: dg.DagsterInstance) -> list[str]:
        """Return the runs that Dagster believes to be under way or to come."""
        return [run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))]

    def files(self) -> dict[str, bytes]:
        """Return the content of every file of the cohort by its path in the store."""
        return {path.relative_to(self.store.path).as_posix(): path.read_bytes() for path in _files(self.store.path)}

    def traces(self) -> dict[str, tuple[int, str]]:
        """Return of every file of the demo when it was written last, and a hash of what."""
        return {
            path.relative_to(self.root).as_posix(): (path.stat().st_mtime_ns, _hash(path)) for path in _files(self.root)
        }


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _files(folder: Path) -> list[Path]:
    return [Path(root) / name for root, _, names in os.walk(folder) for name in names]


@dataclass(frozen=True, slots=True)
class FinishedDemo:
    """A demo after its first run, what it printed, and how long it took."""

    site: Site
    output: str
    seconds: float


@pytest.fixture(scope="session")
def finished_demo(pdcp: Pdcp, tmp_path_factory: pytest.TempPathFactory) -> FinishedDemo:
    """`pdcp demo run` from scratch; not to be changed by any test."""
    root = tmp_path_factory.mktemp("demo") / "root"
    started = time.monotonic()
    answer = pdcp("demo", "run", "--root", root)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stderr == ""
    return FinishedDemo(Site(root), answer.stdout, time.monotonic() - started)


@pytest.fixture(scope="session")
def site(finished_demo: FinishedDemo) -> Site:
    """The finished demo's folders."""
    return finished_demo.site
