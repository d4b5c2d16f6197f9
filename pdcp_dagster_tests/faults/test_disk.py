"""The store's disk is full at different moments, or read-only: a real disk of a few MB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pdcp_dagster.adapters.store import PATIENT_FILES
from pdcp_dagster.domain.codes import Status
from pdcp_dagster_tests.conftest import Pdcp
from pdcp_dagster_tests.faults.conftest import OTHER, UNDISTURBED, VICTIM, Hospital
from pdcp_dagster_tests.faults.small_disk import DiskRefused, SmallDisk

DISK_KB = 20_000
PAGE_KB = 4


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    try:
        with SmallDisk(tmp_path, DISK_KB) as small:
            yield small
    except DiskRefused as refused:
        pytest.skip(f"no disk of our own can be had here: {refused}")


def needed_kb(hospital: Hospital) -> int:
    """Return what the victim's files take on the disk, in kB."""
    sizes = [len(content) for content in hospital.files(VICTIM, UNDISTURBED).values()]
    return sum(-(-size // (1024 * PAGE_KB)) * PAGE_KB for size in sizes)


@pytest.mark.parametrize("share", [0.0, 0.15, 0.4, 0.65, 0.95])
def test_a_disk_that_fills_up_at_any_moment_fails_the_patient_and_with_room_again_all_is_as_undisturbed(
    hospital: Hospital, disk: SmallDisk, share: float
) -> None:
    store = str(disk.path)
    disk.leave_free(int(needed_kb(hospital) * share))
    victim = hospital.run(store, VICTIM)[VICTIM]
    assert victim.status is Status.FAILED
    assert "No space left on device" in victim.reason
    assert "Check that the store's disk has space and can be written to" in victim.reason
    hospital.require_nothing_half_done(store)
    require_finished_is_right(hospital, store)

    disk.free_all()
    hospital.run(store)
    hospital.require_undisturbed(store, VICTIM, OTHER)


def require_finished_is_right(hospital: Hospital, store: str) -> None:
    """What has its commit mark has the bytes that it should have."""
    found, right = hospital.files(VICTIM, store), hospital.files(VICTIM, UNDISTURBED)
    for asset in PATIENT_FILES:
        manifest = hospital.folder(VICTIM, store).manifest(asset)
        if manifest is not None and asset != "patient_notes":
            assert {name: found[name] for name in manifest.files} == {name: right[name] for name in manifest.files}


def test_a_store_that_becomes_read_only_fails_every_patient_with_the_reason(
    hospital: Hospital, disk: SmallDisk
) -> None:
    disk.make_read_only()
    for outcome in hospital.run(str(disk.path)).values():
        assert outcome.status is Status.FAILED
        assert "Read-only file system" in outcome.reason
        assert "Check that the store's disk has space and can be written to" in outcome.reason


def test_a_run_into_a_read_only_store_ends_at_once_with_one_line(
    hospital: Hospital, disk: SmallDisk, pdcp: Pdcp, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("readonly")
    disk.make_read_only()
    answer = pdcp("run", "--cohort", "hospital", **{**hospital.of_a_run(root), "PDCP_STORE": disk.path})
    assert answer.returncode == 2, answer.stderr
    (line,) = answer.stderr.splitlines()
    assert "cannot be used" in line


@pytest.mark.parametrize("full", ["PDCP_STORE", "DAGSTER_HOME"])
def test_a_run_onto_a_full_disk_says_so_without_a_traceback(
    hospital: Hospital, disk: SmallDisk, pdcp: Pdcp, tmp_path_factory: pytest.TempPathFactory, full: str
) -> None:
    root = tmp_path_factory.mktemp("full")
    disk.leave_free(64)
    where = {**hospital.of_a_run(root), "PDCP_STORE": root / "store", full: disk.path}
    answer = pdcp("run", "--cohort", "hospital", "--jobs", "1", **where)
    assert answer.returncode in {1, 2}, answer.stderr
    assert "Traceback" not in answer.stderr
    assert "space" in answer.stderr or "full" in answer.stderr
    assert not list((root / "store").rglob("*.part"))
