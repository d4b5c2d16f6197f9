"""What one CT series of 150 slices costs to retrieve: plainly, by ours without and with MD5, and as copies of files.

What lives here: the four ways and their interleaved rounds, in one run against one private Orthanc. What does not: the
whole way of a patient (`end_to_end`).

Plainly means one `requests.get` for each instance with default headers and no session. That is so slow that each round
brings a fifth of the series in this way, another fifth each time, so that all rounds together bring it once; the other
ways bring the whole series in each round, and their median counts. Everything comes from the page cache.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import psutil
import requests

from pdcp_dagster.adapters.orthanc import ArchivedInstance, Orthanc, OrthancSettings
from pdcp_dagster.phantom.anatomy import full_size_spec
from pdcp_dagster.phantom.archive import upload_folder
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.phantom.patient import write_phantom

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENT = "RETRIEVAL"
_ROUNDS = 5
PLAIN = "requests.get for each instance, default headers"
OURS = "ours, length checked"
OURS_MD5 = "ours, length and MD5 checked"
COPY = "shutil.copyfile from Orthanc's storage"
FASTER_THAN_PLAIN = 15.0
SLOWER_THAN_COPY = 5.0


@dataclass(frozen=True, slots=True)
class Spent:
    """Wall seconds, and CPU seconds of this process and of Orthanc."""

    wall_s: float
    client_s: float
    server_s: float


@dataclass(slots=True)
class Retrieval:
    """A series of so many MB, and what it cost each way: the whole series for each entry, but for PLAIN a part."""

    size_mb: float
    spent: dict[str, list[Spent]] = field(default_factory=dict)

    def cost(self, way: str) -> Spent:
        """Return what the whole series costs."""
        total = sum if way == PLAIN else median
        spent = self.spent[way]
        return Spent(
            wall_s=total([each.wall_s for each in spent]),
            client_s=total([each.client_s for each in spent]),
            server_s=total([each.server_s for each in spent]),
        )


def measure_retrieval() -> Retrieval:
    """Upload one full-size patient and bring the CT series each way."""
    with tempfile.TemporaryDirectory(prefix="pdcp-retrieval-") as name:
        folder = Path(name)
        write_phantom(full_size_spec(_PATIENT, 5), folder / "phantom")
        with PrivateOrthanc(folder / "orthanc") as server:
            with Orthanc(OrthancSettings(url=server.url)) as archive:
                upload_folder(archive, folder / "phantom")
                instances = _ct_instances(archive)
            found = Retrieval(sum(each.file_size for each in instances) / 1e6)
            for number in range(_ROUNDS):
                _round(server, instances, number, folder / "out", found)
            server.kill()
        return found


def _round(
    server: PrivateOrthanc, instances: list[ArchivedInstance], number: int, target: Path, found: Retrieval
) -> None:
    pairs = [(each, target / f"{each.orthanc_id}.dcm") for each in instances]
    with _measured(found, COPY, server, target):
        for each, path in pairs:
            shutil.copyfile(server.storage / each.file_uuid[:2] / each.file_uuid[2:4] / each.file_uuid, path)
    for way, check_md5 in ((OURS, False), (OURS_MD5, True)):
        with _measured(found, way, server, target), Orthanc(OrthancSettings(url=server.url)) as archive:
            archive.download_all(pairs, check_md5=check_md5)
    with _measured(found, PLAIN, server, target):
        for each, path in pairs[number::_ROUNDS]:
            path.write_bytes(requests.get(f"{server.url}/instances/{each.orthanc_id}/file", timeout=60).content)


@contextmanager
def _measured(found: Retrieval, way: str, server: PrivateOrthanc, target: Path) -> Iterator[None]:
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    before = time.perf_counter(), time.process_time(), _server_s(server)
    yield
    after = time.perf_counter(), time.process_time(), _server_s(server)
    found.spent.setdefault(way, []).append(Spent(*(now - then for now, then in zip(after, before, strict=True))))


def _server_s(server: PrivateOrthanc) -> float:
    """Return the CPU seconds of Orthanc so far, its keeper's among them."""
    keeper = psutil.Process(server.pid or os.getpid())
    times = [process.cpu_times() for process in (keeper, *keeper.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def _ct_instances(archive: Orthanc) -> list[ArchivedInstance]:
    (patient,) = archive.patients()
    return [
        ArchivedInstance(
            orthanc_id=row["instance_identifier"],
            sop_instance_uid=row["SOPInstanceUID"],
            series_instance_uid=row["SeriesInstanceUID"],
            modality="CT",
            file_size=row["file_size"],
            file_uuid=row["file_uuid"],
        )
        for row in archive.instance_tags(patient.orthanc_id, ["CT"])
    ]
