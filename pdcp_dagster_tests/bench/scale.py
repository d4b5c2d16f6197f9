"""What summaries and verification of thousands of patients cost: the stages on a real Orthanc, Dagster apart.

What lives here: CPU seconds of client and server, and memory as it grows. What does not: a cohort's tables
(`many_files`), Dagster (`orchestration`).
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
from pdcp_dagster.adapters.store import Store
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.stages.archive_list import list_patients
from pdcp_dagster.stages.outcome import PatientTask
from pdcp_dagster.stages.patient import ChainSettings
from pdcp_dagster.stages.pool import run_patients
from pdcp_dagster_tests.bench.tiny_patients import COHORT, fill

if TYPE_CHECKING:
    from collections.abc import Sequence

FROM_TAGS = frozenset({"image_summary", "verified_study"})
TARGET_CPU_S = 0.25
FLAT_MB = 50.0
"""What the process may grow by from the first look at its memory to the last."""
_LOOKS = (0.1, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class FromTags:
    """CPU seconds of all patients together, wall seconds, and the process's memory in MB by patients done."""

    patients: int
    client_cpu_s: float
    server_cpu_s: float
    wall_s: float
    memory_mb: dict[int, float]


def measure_from_tags(patients: int) -> FromTags:
    """Upload so many tiny patients, then summarise and verify each, all in this process."""
    with tempfile.TemporaryDirectory(prefix="pdcp-scale-") as name, PrivateOrthanc(Path(name) / "orthanc") as server:
        fill(server.url, range(patients))
        cohort = Cohort.model_validate({"name": COHORT, "ct_instances": {"minimum": 4}})
        settings = ChainSettings(cohort, Store(Path(name) / "store"), OrthancSettings(url=server.url), "bench")
        with Orthanc(settings.orthanc) as archive:
            listed = list_patients(archive, cohort, Path(name)).table
        tasks = [
            PatientTask(str(row.partition_key), str(row.patient_id), str(row.orthanc_id), FROM_TAGS, "bench")
            for row in listed.itertuples()
        ]
        return _measure(tasks, settings, server)


def _measure(tasks: Sequence[PatientTask], settings: ChainSettings, server: PrivateOrthanc) -> FromTags:
    looks = {max(1, round(share * len(tasks))) for share in _LOOKS}
    memory_mb: dict[int, float] = {}
    server_before, client_before, started = cpu_s_of(server), time.process_time(), time.monotonic()
    for done, outcome in enumerate(run_patients(tasks, settings, 0), start=1):
        if outcome.status is not Status.SUCCESS:
            raise SystemExit(f"{outcome.partition_key}: {outcome.reason}")
        if done in looks:
            memory_mb[done] = psutil.Process().memory_info().rss / 1e6
    return FromTags(
        patients=len(tasks),
        client_cpu_s=time.process_time() - client_before,
        server_cpu_s=cpu_s_of(server) - server_before,
        wall_s=time.monotonic() - started,
        memory_mb=memory_mb,
    )


def cpu_s_of(server: PrivateOrthanc) -> float:
    """Return the CPU seconds that the server has used so far."""
    if server.pid is None:
        raise SystemExit("the archive has ended")
    keeper = psutil.Process(server.pid)
    times = [process.cpu_times() for process in (keeper, *keeper.children(recursive=True))]
    return sum(each.user + each.system for each in times)
