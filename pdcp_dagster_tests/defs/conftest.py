"""A deployment of the tests' own: a cohort file, phantoms in the real Orthanc, a store and a real Dagster instance.

What lives here: setting it up, running jobs in it, asking Dagster and the store what came of it. What does not: laws.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
from pdcp_dagster.adapters.store import CohortFolder, PatientFolder, Store
from pdcp_dagster.definitions import build_definitions
from pdcp_dagster.defs.jobs import collect_job_name, list_job_name, patient_asset_keys, report_job_name
from pdcp_dagster.defs.partitions import patient_partitions
from pdcp_dagster.defs.per_patient import STEP
from pdcp_dagster.phantom.anatomy import tiny_rois, tiny_spec
from pdcp_dagster.phantom.archive import upload_folder
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.phantom.patient import chains, write_phantom
from pdcp_dagster.phantom.spec import PhantomSpec

SEED = 7
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
_AT_ONCE = {"run_coordinator": {"module": "dagster._core.run_coordinator", "class": "DefaultRunCoordinator"}}
"""A backfill's runs start without the daemon that works off a queue."""
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class Site:
    """A deployment: one cohort (more can be written), its patients in the archive, its store and Dagster instance."""

    root: Path
    cohort: str
    instance: dg.DagsterInstance
    linkage: str = "CRDP"

    @property
    def environ(self) -> dict[str, str]:
        return {"PDCP_COHORTS": str(self.root / "cohorts"), "PDCP_STORE": str(self.root / "store")}

    @property
    def store(self) -> CohortFolder:
        return Store(self.root / "store").cohort(self.cohort)

    def definitions(self, *more: Any) -> dg.Definitions:
        """The deployment's definitions, with a user's own assets beside them."""
        return dg.Definitions.merge(build_definitions(self.environ), dg.Definitions(assets=more))

    def write_cohort(self, patients: Sequence[str], **changes: Any) -> None:
        """Write the cohort file; `changes` are further keys of it."""
        folder = self.root / "cohorts"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.cohort}.csv").write_text(
            "patient_id\n" + "".join(f'"{patient}"\n' for patient in patients or ["nobody"]), encoding="utf-8"
        )
        content = {
            "name": self.cohort,
            "ct_instances": {"minimum": 4, "review_above": 20, "maximum": 60, "action": "exclude"},
            "dose_max_gy": {"minimum": None, "maximum": 120, "action": "exclude"},
            "patients": f"{self.cohort}.csv",
            **changes,
        }
        (folder / f"{self.cohort}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")

    def run(self, job: str, config: Mapping[str, Any] | None = None, **how: Any) -> dg.ExecuteInProcessResult:
        """Run a job of the deployment in this process, recorded in its instance."""
        return (
            self.definitions()
            .resolve_job_def(job)
            .execute_in_process(
                run_config={**_QUIET, **(config or {})}, instance=self.instance, raise_on_error=False, **how
            )
        )

    def list_patients(self) -> dg.ExecuteInProcessResult:
        """Run `list_<cohort>`."""
        return self.run(list_job_name(self.cohort))

    def report(self) -> dg.ExecuteInProcessResult:
        """Run `report_<cohort>`."""
        return self.run(report_job_name(self.cohort))

    def collect(
        self, *patients: str, assets: Sequence[str] = (), force: bool = False, **how: Any
    ) -> dg.ExecuteInProcessResult:
        """Run `collect_<cohort>` for scattered patients (none: the run's own partitions) and all or some assets."""
        chosen = {"patients": list(patients), "jobs": 1, "force": force}
        config = {"ops": {f"{self.cohort}_{STEP}": {"config": chosen}}}
        selection = [self.key(asset) for asset in assets] or None
        return self.run(collect_job_name(self.cohort), config, asset_selection=selection, **how)

    def collect_range(self, first: str, last: str, **how: Any) -> dg.ExecuteInProcessResult:
        """Run `collect_<cohort>` as a backfill does: for the contiguous partitions `first` to `last`."""
        return self.collect(tags={RANGE_START: first, RANGE_END: last}, **how)

    def key(self, asset: str) -> dg.AssetKey:
        """Return the key of one of the cohort's assets."""
        return dg.AssetKey([self.cohort, asset])

    def patient(self, partition: str) -> PatientFolder:
        """Return a patient's folder in the store."""
        return self.store.patient(partition)

    def partitions(self) -> list[str]:
        """Return the partitions that Dagster knows, in its order."""
        return list(self.instance.get_dynamic_partitions(f"{self.cohort}_patients"))

    def statuses(self, partition: str) -> dict[str, str]:
        """Return what the UI shows for one patient: per asset MATERIALIZED, FAILED, IN_PROGRESS or MISSING."""
        shown = {}
        definition = patient_partitions(self.cohort)
        for key in patient_asset_keys(self.cohort, self.linkage):
            found = self.instance.get_status_by_partition(key, [partition], definition) or {}
            status = found.get(partition)
            shown[key.path[-1]] = "MISSING" if status is None else status.value
        return shown

    def events(self, result: dg.ExecuteInProcessResult) -> dict[tuple[str, str], dg.AssetMaterialization]:
        """Return a run's materialisations by asset and partition."""
        return {
            (str(event.asset_key.path[-1]), str(event.partition)): event.step_materialization_data.materialization
            for event in result.all_events
            if event.is_step_materialization and event.asset_key is not None
        }

    def errors(self, result: dg.ExecuteInProcessResult) -> str:
        """Return why a run failed, causes included."""
        failures = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
        return "\n".join(error.to_string() for error in failures if error is not None)


def small_spec(patient_id: str, **changes: Any) -> PhantomSpec:
    """Return a patient as small as the chain takes: 12 slices, four ROIs."""
    return tiny_spec(patient_id, SEED, **{"slices": 12, "rois": tiny_rois(patient_id)[:4], **changes})


@pytest.fixture(scope="session")
def spec() -> Callable[..., PhantomSpec]:
    """A small patient: `spec("A", modalities=...)`."""
    return small_spec


@pytest.fixture(scope="session")
def a_slice() -> Callable[[PhantomSpec], str]:
    """The SOPInstanceUID of a CT slice of a patient, to be damaged in the archive."""
    return lambda spec: str(chains(spec)[0].ct_uid(spec.size[2] // 2))


@pytest.fixture(scope="module")
def make_site(orthanc: PrivateOrthanc, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Site]]:
    """Set up deployments: `make_site("cohort", specs, **keys of the cohort file)`.

    The patients go into the archive that the environment names: the tests' own, unless a module sets another.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in ("USERNAME", "PASSWORD", "CA_BUNDLE", "VERIFY_TLS", "CONNECTIONS", "TIMEOUT"):
            patch.delenv(f"ORTHANC_{name}", raising=False)
        patch.setenv("ORTHANC_URL", orthanc.url)
        root = tmp_path_factory.mktemp("site")
        with dg.instance_for_test(_AT_ONCE, temp_dir=str(tmp_path_factory.mktemp("dagster"))) as instance:

            def build(cohort: str, specs: Sequence[PhantomSpec], **changes: Any) -> Site:
                site = Site(root, cohort, instance, str(changes.get("linkage", "CRDP")))
                site.write_cohort([each.patient_id for each in specs], **changes)
                for number, each in enumerate(specs):
                    write_phantom(each, root / "phantoms" / cohort / str(number))
                with Orthanc(OrthancSettings.from_environment(os.environ)) as archive:
                    upload_folder(archive, root / "phantoms" / cohort)
                return site

            yield build
