"""A run that is killed at any moment leaves nothing that looks finished and is not: run again, and all is as it were.

SIGKILL goes to the main process alone; what it started must end by itself.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc

if TYPE_CHECKING:
    from pdcp_dagster_tests.conftest import Pdcp
    from pdcp_dagster_tests.end_to_end.conftest import Site

pytestmark = pytest.mark.xdist_group("demo")

POLL_S = 0.001
LATEST_S = 60.0
CHILDREN_END_WITHIN_S = 5.0
MARK = "PDCP_TEST_RUN"
TEMPORARY = (".tmp", ".part")
SHARE_OF_A_RUN = random.Random(2022).uniform(0.2, 0.8)  # noqa: S311 - a moment nobody chose, the same every time

Moment = Callable[[Path], bool]


def appears(pattern: str) -> Moment:
    """A moment: when the first file of the cohort's folder matches."""
    return lambda cohort: any(True for _ in cohort.glob(pattern))


MOMENTS: dict[str, Moment] = {
    "when the patients are listed": appears("patient_ids.parquet"),
    "while files are retrieved": appears("patients/*/.new-retrieved_dicom/dicom/CT/*"),
    "while a volume is converted": appears("patients/*/.new-structure_masks/masks/*/*"),
    "while pictures are drawn": appears("patients/*/.new-central_slices/central_slices/*"),
    "while the report is written": appears("cohort_report.html"),
}


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[PrivateOrthanc]:
    """The finished demo's archive."""
    with PrivateOrthanc(site.storage) as server:
        yield server
        server.kill()


@pytest.fixture
def start(pdcp: Pdcp, server: PrivateOrthanc) -> Callable[[Site], tuple[subprocess.Popen[str], str]]:
    """Start `pdcp run` there; its environment carries a mark that all its children inherit."""

    def start(there: Site) -> tuple[subprocess.Popen[str], str]:
        mark = uuid.uuid4().hex
        settings = {**there.settings, MARK: mark, "ORTHANC_URL": server.url}
        return pdcp.start("run", "--cohort", "demo", **settings), mark

    return start


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_killed_at_a_moment_of_its_first_run_and_run_again(
    site: Site, moment: Moment, start: Callable[[Site], tuple[subprocess.Popen[str], str]], tmp_path: Path
) -> None:
    there = replace(site, root=tmp_path)
    process, mark = start(there)
    kill_when(process, lambda: moment(there.store.path))
    assert_nobody_is_left(mark)
    run_to_the_end(start, there)
    assert_as_undisturbed(there, site)


def test_killed_over_an_earlier_runs_results_and_run_again(
    site: Site, start: Callable[[Site], tuple[subprocess.Popen[str], str]], tmp_path: Path
) -> None:
    """The old results are replaced asset by asset; the kill falls among them."""
    there = replace(site, root=tmp_path)
    shutil.copytree(site.root / "store", tmp_path / "store")
    shutil.copytree(site.root / "dagster", tmp_path / "dagster")
    process, mark = start(there)
    begun = appears("patients/*/.new-dose_volume")
    kill_when(process, lambda: begun(there.store.path))
    assert_nobody_is_left(mark)
    run_to_the_end(start, there)
    assert_as_undisturbed(there, site)


def test_killed_at_a_moment_that_nobody_chose_and_run_again(
    site: Site, start: Callable[[Site], tuple[subprocess.Popen[str], str]], tmp_path: Path
) -> None:
    there = replace(site, root=tmp_path)
    process, mark = start(there)
    patients = len(site.expected)

    def so_many_are_done() -> bool:
        return len(list(there.store.path.glob("patients/*/notes.json"))) >= SHARE_OF_A_RUN * patients

    kill_when(process, so_many_are_done)
    assert_nobody_is_left(mark)
    run_to_the_end(start, there)
    assert_as_undisturbed(there, site)


def kill_when(process: subprocess.Popen[str], come: Callable[[], bool]) -> None:
    latest = time.monotonic() + LATEST_S
    with process:
        while not come():
            assert process.poll() is None, f"it ended before that: {process.communicate()}"
            assert time.monotonic() < latest, "that moment never came"
            time.sleep(POLL_S)
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


def assert_nobody_is_left(mark: str) -> None:
    """No process that inherited the mark is left, whoever its parent is now."""
    latest = time.monotonic() + CHILDREN_END_WITHIN_S
    while left := marked(mark):
        assert time.monotonic() < latest, [process.cmdline() for process in left]
        time.sleep(0.05)


def marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def run_to_the_end(start: Callable[[Site], tuple[subprocess.Popen[str], str]], there: Site) -> None:
    process, mark = start(there)
    with process:
        _, errors = process.communicate(timeout=LATEST_S)
    assert process.returncode == 1, errors
    assert errors.startswith("failed P14: ")
    assert_nobody_is_left(mark)


def assert_as_undisturbed(there: Site, undisturbed: Site) -> None:
    found, expected = there.files(), undisturbed.files()
    assert sorted(found) == sorted(expected)
    assert not [name for name in found if name.endswith(TEMPORARY) or "/.new-" in name]
    failures = [name for name in found if name.endswith("failure.json")]
    assert [Path(name).parts[1] for name in failures] == [undisturbed.patient("P14").path.name]
    for name in failures:
        assert lasting(found.pop(name)) == lasting(expected.pop(name))
    assert [name for name in found if found[name] != expected[name]] == []
    with there.instance() as instance:
        assert there.unfinished_runs(instance) == []
        shown = there.partitions(instance)
    assert shown.pop("P14") == {"MATERIALIZED", "FAILED"}
    assert set(map(frozenset, shown.values())) == {frozenset({"MATERIALIZED"})}


def lasting(failure: bytes) -> dict[str, str]:
    """Return a failure without the time and the run that it is told of."""
    document: dict[str, str] = json.loads(failure)
    return {key: value for key, value in document.items() if key not in {"time", "run_id"}}
