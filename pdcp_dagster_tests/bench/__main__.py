"""What a patient costs: verdicts from tags, and full-size phantom patients through a private Orthanc and `pdcp run`.

    python -m pdcp_dagster_tests.bench [--patients 4] [--summaries 10000]

Prints CPU seconds, wall seconds and peak memory a patient; figures of one run on one machine, to be compared with one
another and never asserted.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
from pdcp_dagster.phantom.anatomy import full_size_spec
from pdcp_dagster.phantom.archive import upload_folder
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.phantom.patient import write_phantom
from pdcp_dagster_tests.bench.verification import ROWS, measure_verification

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


def main() -> None:
    """Generate, upload, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=4)
    parser.add_argument("--summaries", type=int, default=10_000)
    arguments = parser.parse_args()
    console = Console()
    _verification(console, arguments.summaries)
    if arguments.patients:
        _end_to_end(console, arguments.patients)


def _verification(console: Console, count: int) -> None:
    cpu_s = measure_verification(count)
    table = Table(f"verification of summaries of {ROWS} rows", "all", "per summary")
    table.add_row("CPU s", f"{cpu_s:.1f} ({count})", f"{cpu_s / max(count, 1):.4f}")
    console.print(table)


def _end_to_end(console: Console, patients: int) -> None:
    with tempfile.TemporaryDirectory(prefix="pdcp-bench-") as name, PrivateOrthanc(Path(name) / "orthanc") as server:
        folder = Path(name)
        console.print(f"{patients} patients of 512 x 512 x 150, 30 ROIs, noise of 15 HU ...")
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
        cpu_s, wall_s, peak_mb = measure(environ, "run", "--cohort", "bench")
        size_mb = sum(file.stat().st_size for file in (folder / "store").rglob("*") if file.is_file()) / 1e6
    table = Table("pdcp run, cold store", "all", "per patient")
    table.add_row("CPU s (the program, Orthanc aside)", f"{cpu_s:.1f}", f"{cpu_s / patients:.2f}")
    table.add_row("wall s", f"{wall_s:.1f}", f"{wall_s / patients:.2f}")
    table.add_row("largest process, MB", f"{peak_mb:.0f}", "")
    table.add_row("store, MB", f"{size_mb:.0f}", f"{size_mb / patients:.0f}")
    console.print(table)


if __name__ == "__main__":
    main()
