"""What Dagster costs: `pdcp run` with stages that do nothing and tell what a real patient's tell.

What lives here: the run with its edges replaced, and its CPU seconds. What does not: what stages cost (`scale`,
`one_patient`).

Definitions, jobs, runs of 100 patients, events and the instance on SQLite are the real ones. Replaced are the listing
of the archive and the pool: every patient comes back at once with the outcome of one small phantom that was really
prepared, its largest picture as large as pictures may be.
"""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg
import pandas as pd
from rich.console import Console

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
from pdcp_dagster.adapters.store import Store
from pdcp_dagster.commands.deployment import Deployment
from pdcp_dagster.commands.progress import ProgressBar
from pdcp_dagster.commands.run import run_cohort
from pdcp_dagster.defs.partitions import patient_partitions
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.quality import PATIENT_CHECKS
from pdcp_dagster.phantom.anatomy import tiny_spec
from pdcp_dagster.phantom.archive import upload_folder
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.phantom.patient import write_phantom
from pdcp_dagster.stages.archive_list import PATIENT_ID_COLUMNS, PatientList, list_patients
from pdcp_dagster.stages.chain import PATIENT_ASSETS, run_patient
from pdcp_dagster.stages.outcome import AssetOutcome, Check, PatientOutcome, PatientTask, Picture
from pdcp_dagster.stages.patient import ChainSettings
from pdcp_dagster_tests.bench.tiny_patients import COHORT, COHORT_FILE

CHECKS = 8
"""As many as were there when the target was set; a cohort may have a few more."""
TARGETS = {0: 0.4, CHECKS: 0.55}
"""CPU seconds a patient at most, by the number of checks."""
PICTURE_BYTES = 15_000
_STEP = "pdcp_dagster.defs.per_patient"
_NOWHERE = "http://127.0.0.1:9"
_CHECKED = "dvh_table"


@dataclass(frozen=True, slots=True)
class Orchestration:
    """CPU and wall seconds of all patients together, and the size of Dagster's files in MB."""

    patients: int
    checks: int
    cpu_s: float
    wall_s: float
    instance_mb: float


def real_outcome() -> PatientOutcome:
    """Return what became of one small phantom that was really prepared."""
    with tempfile.TemporaryDirectory(prefix="pdcp-outcome-") as name, PrivateOrthanc(Path(name) / "orthanc") as server:
        cohort = Cohort.model_validate({"name": COHORT, "ct_instances": {"minimum": 4}})
        settings = ChainSettings(cohort, Store(Path(name) / "store"), OrthancSettings(url=server.url), "bench")
        write_phantom(tiny_spec("MODEL", 1), Path(name) / "phantom")
        with Orthanc(settings.orthanc) as archive:
            upload_folder(archive, Path(name) / "phantom")
            row = next(list_patients(archive, cohort, Path(name)).table.itertuples())
            task = PatientTask("MODEL", "MODEL", str(row.orthanc_id), frozenset(PATIENT_ASSETS), "bench")
            outcome = run_patient(task, settings, archive)
    if outcome.failure is not None:
        raise SystemExit(outcome.reason)
    return outcome


def measure_orchestration(patients: int, checks: int, outcome: PatientOutcome) -> Orchestration:
    """Run so many patients with so many checks each, in a store and an instance of their own."""
    told = _as_large_as_may_be(outcome, checks)
    with tempfile.TemporaryDirectory(prefix="pdcp-orchestration-") as name, mock.patch.dict(os.environ):
        root = Path(name)
        (root / "cohorts").mkdir()
        (root / "cohorts" / f"{COHORT}.yaml").write_text(COHORT_FILE)
        os.environ.update(ORTHANC_URL=_NOWHERE, PDCP_STORE=str(root / "store"), PDCP_COHORTS=str(root / "cohorts"))
        os.environ["DAGSTER_HOME"] = str(root / "dagster")
        deployment = Deployment.from_environment(os.environ)
        with (
            mock.patch("pdcp_dagster.defs.patients.list_patients", _listing(patients)),
            mock.patch("pdcp_dagster.defs.collecting.run_patients", _at_once(told)),
            mock.patch(f"{_STEP}.patient_check_specs", _check_specs(checks)),
        ):
            started, cpu_before = time.monotonic(), time.process_time()
            collected = run_cohort(
                deployment, deployment.cohort(COHORT), (), 1, ProgressBar(Console(file=StringIO(), quiet=True))
            )
            cpu_s, wall_s = time.process_time() - cpu_before, time.monotonic() - started
        if collected.worked_on != patients or collected.failed:
            raise SystemExit(f"{collected.worked_on} outcomes, {len(collected.failed)} of them failed")
        size_mb = sum(file.stat().st_size for file in (root / "dagster").rglob("*") if file.is_file()) / 1e6
    return Orchestration(patients, checks, cpu_s, wall_s, size_mb)


def _as_large_as_may_be(outcome: PatientOutcome, checks: int) -> PatientOutcome:
    """Return the outcome with its pictures at their limit and so many checks of one asset."""
    made = tuple(Check(check.name, passed=True, said="It agrees.") for check in PATIENT_CHECKS[:checks])
    assets = [
        replace(
            asset,
            shown={name: _padded(value) for name, value in asset.shown.items()},
            checks=made if asset.asset == _CHECKED else (),
        )
        for asset in outcome.assets
    ]
    return replace(outcome, assets=tuple(assets))


def _padded(value: Any) -> Any:
    return replace(value, content=os.urandom(PICTURE_BYTES)) if isinstance(value, Picture) else value


def _listing(patients: int) -> Callable[..., PatientList]:
    names = [f"TINY{number:06d}" for number in range(patients)]
    rows = [(name, f"orthanc-{name}", name, 1) for name in names]
    table = pd.DataFrame(rows, columns=list(PATIENT_ID_COLUMNS)).astype(
        {"patient_id": "string", "orthanc_id": "string", "partition_key": "string", "studies": "Int64"}
    )
    return lambda *_: PatientList(table, ())


def _at_once(told: PatientOutcome) -> Callable[..., Iterator[PatientOutcome]]:
    def run_patients(tasks: Sequence[PatientTask], *_: object, **__: object) -> Iterator[PatientOutcome]:
        for task in tasks:
            yield replace(told, partition_key=task.partition_key, assets=_of_run(told.assets, task))

    return run_patients


def _of_run(assets: tuple[AssetOutcome, ...], task: PatientTask) -> tuple[AssetOutcome, ...]:
    return tuple(asset for asset in assets if asset.asset in task.selected)


def _check_specs(checks: int) -> Callable[[Cohort], list[dg.AssetCheckSpec]]:
    def patient_check_specs(cohort: Cohort) -> list[dg.AssetCheckSpec]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # partitioned checks are new in Dagster, and it says so of each
            return [
                dg.AssetCheckSpec(
                    check.name,
                    asset=dg.AssetKey([cohort.name, _CHECKED]),
                    partitions_def=patient_partitions(cohort.name),
                )
                for check in PATIENT_CHECKS[:checks]
            ]

    return patient_check_specs
