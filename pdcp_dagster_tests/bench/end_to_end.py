"""What patients cost from upload to report: a private Orthanc and `pdcp run`, over all its processes.

What lives here: the run and its meter. What does not: one patient's conversion in one process (`one_patient`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
from pdcp_dagster.phantom.anatomy import full_size_spec
from pdcp_dagster.phantom.archive import upload_folder
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.phantom.patient import write_phantom
from pdcp_dagster_tests.bench.scale import cpu_s_of

_COHORT = "name: bench\nct_instances: {minimum: 10}\n"
_LOOK_EVERY_S = 0.1


class Meter:
    """CPU and memory of a process and all that it starts, by looking at them again and again."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._cpu_s: dict[int, float] = {}
        self.peak_mb = 0.0

    def look(self) -> None:
        """Take one look."""
        try:
            family = [self._root, *self._root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        for process in family:
            try:
                times = process.cpu_times()
                self._cpu_s[process.pid] = times.user + times.system
                self.peak_mb = max(self.peak_mb, process.memory_info().rss / 1e6)
            except psutil.NoSuchProcess:
                continue

    @property
    def cpu_s(self) -> float:
        """CPU seconds of the whole family so far."""
        return sum(self._cpu_s.values())


def measure(environ: dict[str, str], *arguments: str) -> tuple[float, float, float]:
    """Run `pdcp` and return its CPU seconds, wall seconds and the largest process's memory in MB."""
    started = time.monotonic()
    program = Path(sys.executable).with_name("pdcp")
    with subprocess.Popen([str(program), *arguments], env={**os.environ, **environ}, stdout=subprocess.DEVNULL) as run:
        meter = Meter(run.pid)
        while run.poll() is None:
            meter.look()
            time.sleep(_LOOK_EVERY_S)
    if run.returncode:
        raise SystemExit(f"pdcp {' '.join(arguments)} ended with {run.returncode}")
    return meter.cpu_s, time.monotonic() - started, meter.peak_mb


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds of the program and of Orthanc; wall seconds; the largest process and the store in MB."""

    cpu_s: float
    server_cpu_s: float
    wall_s: float
    peak_mb: float
    store_mb: float


def run_patients(patients: int) -> Cost:
    """Generate, upload and run so many full-size patients into an empty store."""
    with tempfile.TemporaryDirectory(prefix="pdcp-bench-") as name, PrivateOrthanc(Path(name) / "orthanc") as server:
        folder = Path(name)
        with Orthanc(OrthancSettings(url=server.url)) as orthanc:
            for number in range(patients):
                write_phantom(full_size_spec(f"BENCH{number}", seed=number), folder / "phantom")
                upload_folder(orthanc, folder / "phantom")
        (folder / "cohorts").mkdir()
        (folder / "cohorts" / "bench.yaml").write_text(_COHORT)
        environ = {
            "ORTHANC_URL": server.url,
            "PDCP_COHORTS": str(folder / "cohorts"),
            "PDCP_STORE": str(folder / "store"),
            "DAGSTER_HOME": str(folder / "dagster"),
        }
        before_s = cpu_s_of(server)
        cpu_s, wall_s, peak_mb = measure(environ, "run", "--cohort", "bench")
        server_cpu_s = cpu_s_of(server) - before_s
        size_mb = sum(file.stat().st_size for file in (folder / "store").rglob("*") if file.is_file()) / 1e6
    return Cost(cpu_s, server_cpu_s, wall_s, peak_mb, size_mb)
