"""What the tables of a large cohort cost: the jobs that list and report, over tens of thousands of patients.

What lives here: a store full of one prepared patient's copies, an archive that only lists, and the jobs measured, each
in a process of its own. What does not: preparing patients (`one_patient`, `end_to_end`).

    python -m pdcp_dagster_tests.bench.many_files list_many report_many:cohort_report     prints what they cost, as JSON
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlparse

import dagster as dg
import pandas as pd
import pyarrow.parquet as pq

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
from pdcp_dagster.adapters.parquet import write_table
from pdcp_dagster.adapters.store import CohortFolder, Manifest, PatientFolder, Store
from pdcp_dagster.adapters.store.marks import sealed
from pdcp_dagster.definitions import build_definitions
from pdcp_dagster.defs.jobs import list_job_name, report_job_name
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.phantom.anatomy import full_size_spec
from pdcp_dagster.phantom.archive import upload_folder
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.phantom.patient import write_phantom
from pdcp_dagster.stages.archive_list import PATIENT_ID_COLUMNS, list_patients
from pdcp_dagster.stages.chain import PATIENT_ASSETS, run_patient
from pdcp_dagster.stages.outcome import PatientTask
from pdcp_dagster.stages.patient import ChainSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COHORT = "many"
_COHORT_FILE = {"name": COHORT, "ct_instances": {"minimum": 10}}
_MODEL = "many999999"
"""As long as every other PatientID, so that one can be put in the place of the other in any file."""
TARGET_WALL_S = 60.0
TARGET_PEAK_MB = 1000.0
_FAILED_EVERY, _PENDING_EVERY = 20, 25
_FAILURE = {
    "stage": "ct_volume",
    "error_type": "OSError",
    "reason": "no space left on device",
    "time": "",
    "run_id": "",
}
_NOWHERE = "http://127.0.0.1:9"
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True, slots=True)
class JobCost:
    """Wall and CPU seconds of a job, start-up of its process aside, and that process's highest memory in MB."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def measure_tables(patients: int) -> dict[str, JobCost]:
    """Return what each cohort-level table costs over so many patients' files."""
    with _deployment(_NOWHERE) as environ:
        folder = Store(Path(environ["PDCP_STORE"])).cohort(COHORT)
        fill_store(folder, patients)
        job = report_job_name(COHORT)
        found = {table: _measure(environ, f"{job}:{table}") for table in ("cohort_report", "cohort_dvh")}
        rows = pq.read_metadata(folder.file("cohort_dvh")).num_rows
        if rows < patients:  # of 30 ROIs each
            raise SystemExit(f"cohort_dvh has {rows} rows only: the copies do not count")
        return found


def measure_listing(patients: int) -> JobCost:
    """Return what it costs to list so many patients of an archive, make them partitions and report on them."""
    with _listing_archive(patients) as url, _deployment(url) as environ:
        return _measure(environ, list_job_name(COHORT), report_job_name(COHORT))


@contextmanager
def _deployment(orthanc_url: str) -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory(prefix="pdcp-many-") as name:
        root = Path(name)
        for folder in ("cohorts", "store", "dagster"):
            (root / folder).mkdir()
        (root / "cohorts" / f"{COHORT}.yaml").write_text(json.dumps(_COHORT_FILE))
        (root / "dagster" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        yield {
            "ORTHANC_URL": orthanc_url,
            "PDCP_COHORTS": str(root / "cohorts"),
            "PDCP_STORE": str(root / "store"),
            "DAGSTER_HOME": str(root / "dagster"),
        }


def _measure(environ: dict[str, str], *jobs: str) -> JobCost:
    program = [sys.executable, "-m", __name__ if __name__ != "__main__" else "pdcp_dagster_tests.bench.many_files"]
    done = subprocess.run([*program, *jobs], env={**os.environ, **environ}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(jobs)}: {done.stderr[-2000:]}")
    return JobCost(**json.loads(done.stdout.splitlines()[-1]))


def _run_here(jobs: Sequence[str]) -> None:
    """Run jobs, or one asset of a job (`job:asset`), in this process, and print what they cost."""
    definitions = build_definitions(os.environ)
    with dg.DagsterInstance.get() as instance:
        started, cpu_before = time.monotonic(), time.process_time()
        for job in jobs:
            name, _, asset = job.partition(":")
            chosen = [dg.AssetKey([COHORT, asset])] if asset else None
            definitions.resolve_job_def(name).execute_in_process(
                run_config=_QUIET, instance=instance, asset_selection=chosen
            )
        cpu_s, wall_s = time.process_time() - cpu_before, time.monotonic() - started
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    sys.stdout.write(json.dumps({"wall_s": wall_s, "cpu_s": cpu_s, "peak_mb": peak_mb}) + "\n")


def fill_store(folder: CohortFolder, patients: int) -> None:
    """Fill a cohort's folder with copies of one patient of 30 ROIs, its images left out.

    Every twentieth failed since, every twenty-fifth was never run.
    """
    keys = [f"many{number:06d}" for number in range(patients)]
    _write_list(folder, keys)
    with tempfile.TemporaryDirectory(prefix="pdcp-model-") as name:
        model = _small_files(_prepared(Path(name)))
        for number, key in enumerate(keys):
            if number % _PENDING_EVERY:
                _copy(model, folder.patient(key).path, key)
            if number % _FAILED_EVERY == 1:
                folder.patient(key).write_failure(_FAILURE)


def _prepared(root: Path) -> PatientFolder:
    """Prepare the model patient and return its folder."""
    with PrivateOrthanc(root / "orthanc") as server:
        cohort = Cohort.model_validate(_COHORT_FILE)
        settings = ChainSettings(cohort, Store(root / "store"), OrthancSettings(url=server.url), "bench")
        write_phantom(full_size_spec(_MODEL, 1, slices=30, size=(96, 96, 30), pixel_mm=5.2), root / "phantom")
        with Orthanc(settings.orthanc) as archive:
            upload_folder(archive, root / "phantom")
            (orthanc_id,) = list_patients(archive, cohort, root).table["orthanc_id"]
            everything = frozenset(PATIENT_ASSETS)
            outcome = run_patient(PatientTask(_MODEL, _MODEL, str(orthanc_id), everything, "bench"), settings, archive)
    if outcome.failure is not None:
        raise SystemExit(outcome.reason)
    return settings.store.cohort(COHORT).patient(_MODEL)


def _small_files(model: PatientFolder) -> dict[str, bytes]:
    """Return what reports read, notes, commit marks and DVHs, by path below the patient's folder."""
    dvhs = pq.read_table(model.file("dvh_table"))
    codecs = {name: "none" if name == "patient_id" else "snappy" for name in dvhs.column_names}
    pq.write_table(dvhs, model.file("dvh_table"), compression=codecs)
    paths = [model.file("patient_notes"), model.file("dvh_table"), *(model.path / "manifests").iterdir()]
    return {path.relative_to(model.path).as_posix(): path.read_bytes() for path in paths}


def _copy(model: dict[str, bytes], target: Path, patient_id: str) -> None:
    """Write the model's files as another patient's."""
    (target / "manifests").mkdir(parents=True)
    for name, content in model.items():
        other = content.replace(_MODEL.encode(), patient_id.encode())
        (target / name).write_bytes(_resealed(other) if name.startswith("manifests/") else other)


def _resealed(mark: bytes) -> bytes:
    content = json.loads(mark)
    del content["seal"]
    return json.dumps(sealed(Manifest(**content)), indent=1).encode()


def _write_list(folder: CohortFolder, keys: Sequence[str]) -> None:
    rows = [(key, f"orthanc-{key}", key, 1) for key in keys]
    write_table(pd.DataFrame(rows, columns=list(PATIENT_ID_COLUMNS)), folder.file("patient_ids"))


@contextmanager
def _listing_archive(patients: int) -> Iterator[str]:
    """Yield the URL of a server that lists so many patients as Orthanc does, and knows nothing else."""
    records = [
        {
            "ID": "-".join(f"{number:040x}"[start : start + 8] for start in range(0, 40, 8)),
            "IsStable": True,
            "LastUpdate": "20260101T000000",
            "MainDicomTags": {"PatientID": f"many{number:06d}", "PatientName": "Many^Max"},
            "Studies": ["-".join(f"{number + patients:040x}"[start : start + 8] for start in range(0, 40, 8))],
            "Type": "Patient",
        }
        for number in range(patients)
    ]

    class Listing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = urlparse(self.path)
            page = {name: int(values[0]) for name, values in parse_qs(asked.query).items() if name != "expand"}
            since, limit = page.get("since", 0), page.get("limit", patients)
            found = records[since : since + limit] if asked.path == "/patients" else {"Version": "1.12.1", "Name": ""}
            body = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Listing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


if __name__ == "__main__":
    _run_here(sys.argv[1:])
