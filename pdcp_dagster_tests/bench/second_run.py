"""What a `pdcp run` costs that has nothing to do: patients who are current, and no run made for them.

What lives here: two runs over the same archive, the second one measured. What does not: the meter (`end_to_end`).
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from pdcp_dagster.defs.jobs import collect_job_name
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster_tests.bench.end_to_end import measure
from pdcp_dagster_tests.bench.scale import cpu_s_of
from pdcp_dagster_tests.bench.tiny_patients import COHORT, COHORT_FILE, fill

TARGET_START_S, TARGET_PATIENT_S = 5.0, 0.1


@dataclass(frozen=True, slots=True)
class SecondRun:
    """CPU and wall seconds of both runs, Orthanc's CPU seconds of the second, and the runs that this one made."""

    patients: int
    first_cpu_s: float
    first_wall_s: float
    cpu_s: float
    server_cpu_s: float
    wall_s: float
    peak_mb: float
    runs_made: int

    @property
    def allowed_s(self) -> float:
        """Wall seconds that the second run may take."""
        return TARGET_START_S + TARGET_PATIENT_S * self.patients


def measure_second_run(patients: int) -> SecondRun:
    """Upload so many tiny patients, run them, and run them again."""
    with tempfile.TemporaryDirectory(prefix="pdcp-second-") as name, PrivateOrthanc(Path(name) / "orthanc") as server:
        root = Path(name)
        fill(server.url, range(patients))
        (root / "cohorts").mkdir()
        (root / "cohorts" / f"{COHORT}.yaml").write_text(COHORT_FILE)
        environ = {
            "ORTHANC_URL": server.url,
            "PDCP_COHORTS": str(root / "cohorts"),
            "PDCP_STORE": str(root / "store"),
            "DAGSTER_HOME": str(root / "dagster"),
        }
        command = ("run", "--cohort", COHORT)
        first_cpu_s, first_wall_s, _ = measure(environ, *command)
        runs_before, server_before = _collect_runs(root / "dagster"), cpu_s_of(server)
        cpu_s, wall_s, peak_mb = measure(environ, *command)
        return SecondRun(
            patients=patients,
            first_cpu_s=first_cpu_s,
            first_wall_s=first_wall_s,
            cpu_s=cpu_s,
            server_cpu_s=cpu_s_of(server) - server_before,
            wall_s=wall_s,
            peak_mb=peak_mb,
            runs_made=_collect_runs(root / "dagster") - runs_before,
        )


def _collect_runs(home: Path) -> int:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        return instance.get_runs_count(dg.RunsFilter(job_name=collect_job_name(COHORT)))
