"""A run that is killed at any moment leaves nothing that looks finished and is not; run again, all is as it should be.

SIGKILL goes to the main process alone: what it started must end by itself.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.stages.chain import PATIENT_ASSETS
from pdcp_dagster_tests.processes import MARK, assert_nobody_is_left

if TYPE_CHECKING:
    from pdcp_dagster_tests.conftest import Pdcp
    from pdcp_dagster_tests.end_to_end.conftest import Site

pytestmark = pytest.mark.xdist_group("demo")

POLL_S = 0.001
LATEST_S = 240.0
TEMPORARY = (".tmp", ".part")

FIRST_RUN = (
    "patient_ids.parquet",
    "patients/*/.new-retrieved_dicom/dicom/CT/*",
    "patients/*/.new-structure_masks/masks/*/*",
    "patients/*/.new-central_slices/central_slices/*",
    "cohort_report.html",
)
"""Moments: when the first file of the cohort's folder appears that matches."""

Start = Callable[..., tuple[subprocess.Popen[str], str]]
"""Takes a site, and further options of `pdcp run`."""


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[PrivateOrthanc]:
    """The finished demo's archive."""
    with PrivateOrthanc(site.storage) as server:
        yield server
        server.kill()


@pytest.fixture
def start(pdcp: Pdcp, server: PrivateOrthanc) -> Start:
    """Start `pdcp run` on a site; its environment carries a mark that all its children inherit."""

    def start(there: Site, *options: str) -> tuple[subprocess.Popen[str], str]:
        mark = uuid.uuid4().hex
        settings: dict[str, str | Path] = {**there.settings, MARK: mark, "ORTHANC_URL": server.url}
        return pdcp.start("run", "--cohort", "demo", *options, **settings), mark

    return start


def test_a_first_run_that_is_killed_again_and_again_comes_to_the_same_in_the_end(
    site: Site, start: Start, tmp_path: Path
) -> None:
    there = replace(site, root=tmp_path)
    for moment in FIRST_RUN:
        kill_run_when(moment, start, there)
        assert_what_looks_finished_is(there, site)
    run_to_the_end(start, there)
    assert_as_undisturbed(there, site)


def test_a_run_that_is_killed_over_earlier_results_comes_to_the_same_in_the_end(
    site: Site, start: Start, tmp_path: Path
) -> None:
    there = replace(site, root=tmp_path)
    shutil.copytree(site.root / "store", tmp_path / "store")
    shutil.copytree(site.root / "dagster", tmp_path / "dagster")
    kill_run_when("patients/*/.new-dose_volume/doses/*", start, there, "--force")
    assert_what_looks_finished_is(there, site)
    run_to_the_end(start, there)
    assert_as_undisturbed(there, site)


def test_an_interrupted_run_ends_its_run_in_dagster_and_leaves_nothing_half_done(
    site: Site, start: Start, tmp_path: Path
) -> None:
    """Ctrl-C reaches the whole process group; patients under work are finished, nobody new is begun."""
    there = replace(site, root=tmp_path)
    process, mark = start(there)
    with process:
        wait_for("patients/*/.new-retrieved_dicom", process, there, since=0.0)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=LATEST_S)
    assert process.returncode == 130, errors
    assert errors.rstrip().endswith("run the command again for the rest.")
    assert_nobody_is_left(mark)
    assert_what_looks_finished_is(there, site)
    assert not [name for name in there.files() if name.endswith(TEMPORARY) or "/.new-" in name]
    assert 0 < len(list(there.store.path.glob("patients/*/notes.json"))) < len(site.expected)
    with there.instance() as instance:
        assert there.unfinished_runs(instance) == []


def kill_run_when(pattern: str, start: Start, there: Site, *options: str) -> None:
    since = time.time()
    process, mark = start(there, *options)
    with process:
        wait_for(pattern, process, there, since)
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert_nobody_is_left(mark)


def wait_for(pattern: str, process: subprocess.Popen[str], there: Site, since: float) -> None:
    latest = time.monotonic() + LATEST_S
    while not any(written_since(since, path) for path in there.store.path.glob(pattern)):
        assert process.poll() is None, f"it ended before {pattern}: {process.communicate()}"
        assert time.monotonic() < latest, f"{pattern} never came"
        time.sleep(POLL_S)


def written_since(moment: float, path: Path) -> bool:
    try:
        return path.stat().st_mtime >= moment
    except FileNotFoundError:
        return False


def run_to_the_end(start: Start, there: Site) -> None:
    process, mark = start(there)
    with process:
        _, errors = process.communicate(timeout=LATEST_S)
    assert process.returncode == 1, errors
    assert errors.startswith("failed P14: ")
    assert_nobody_is_left(mark)


def assert_what_looks_finished_is(there: Site, undisturbed: Site) -> None:
    """Every asset with a commit mark has exactly the bytes that it should have."""
    for entry in undisturbed.expected:
        patient, right = there.patient(entry.patient_id), undisturbed.patient(entry.patient_id)
        for asset in PATIENT_ASSETS:
            manifest = patient.manifest(asset)
            if manifest is None:
                continue
            expected = right.manifest(asset)
            assert expected is not None
            changed = {name: (size, expected.files.get(name)) for name, size in manifest.files.items()}
            assert {name: sizes for name, sizes in changed.items() if sizes[0] != sizes[1]} == {}, entry.patient_id
            assert manifest == expected
            for name in manifest.files:
                assert (patient.path / name).read_bytes() == (right.path / name).read_bytes(), (entry.patient_id, name)


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
