"""The failed patient's file is mended and that one patient run again: its failure clears, nobody else is touched."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.stages.current import standing_of

if TYPE_CHECKING:
    from pdcp_dagster_tests.conftest import Pdcp
    from pdcp_dagster_tests.end_to_end.conftest import Site

pytestmark = pytest.mark.xdist_group("demo")

PATIENT = "P14"


@dataclass(frozen=True, slots=True)
class Mended:
    """A demo whose damaged file was mended and whose patient was run again, and how it was before."""

    site: Site
    before: dict[str, tuple[int, str]]
    mending: subprocess.CompletedProcess[str]
    running: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def mended(site: Site, pdcp: Pdcp, tmp_path_factory: pytest.TempPathFactory) -> Mended:
    copy = replace(site, root=tmp_path_factory.mktemp("mended") / "root")
    shutil.copytree(site.root, copy.root)
    before = copy.traces()
    mending = pdcp("demo", "mend", "--root", copy.root)
    with PrivateOrthanc(copy.storage) as server:
        running = pdcp("run", "--cohort", "demo", "--patient", PATIENT, ORTHANC_URL=server.url, **copy.settings)
        server.kill()
    return Mended(copy, before, mending, running)


def test_mending_says_what_to_do_next_and_the_run_succeeds(mended: Mended) -> None:
    assert mended.mending.returncode == 0, mended.mending.stderr
    assert PATIENT in mended.mending.stdout
    assert mended.running.returncode == 0, mended.running.stderr
    assert mended.running.stderr == ""
    assert "1 passed" in mended.running.stdout


def test_the_patient_passes_and_its_failure_is_gone(mended: Mended) -> None:
    patient = mended.site.patient(PATIENT)
    assert standing_of(patient).status is Status.SUCCESS
    assert not (patient.path / "failure.json").exists()
    assert patient.file("dvh_table").exists()
    report = read_table(mended.site.store.file("cohort_report")).set_index("patient_id")
    assert report.loc[PATIENT, "status"] == "SUCCESS"
    assert PATIENT in set(read_table(mended.site.store.file("cohort_dvh"))["patient_id"])


def test_its_partitions_are_no_longer_failed(mended: Mended) -> None:
    with mended.site.instance() as instance:
        shown = mended.site.partitions(instance)
        assert mended.site.unfinished_runs(instance) == []
    assert set(map(frozenset, shown.values())) == {frozenset({"MATERIALIZED"})}


def test_no_other_patients_file_was_written(mended: Mended) -> None:
    def of_others(traces: dict[str, tuple[int, str]]) -> dict[str, tuple[int, str]]:
        own = mended.site.patient(PATIENT).path.name
        return {
            name: trace
            for name, trace in traces.items()
            if name.startswith("store/demo/patients/") and Path(name).parts[3] != own
        }

    others = of_others(mended.before)
    assert len(others) > 35 * 5
    assert of_others(mended.site.traces()) == others


def test_the_demo_after_that_finds_everything_as_it_should_be(mended: Mended, pdcp: Pdcp) -> None:
    again = pdcp("demo", "run", "--root", mended.site.root)
    assert again.returncode == 0, again.stderr
    assert "nothing was changed" in again.stdout
    assert "pdcp demo mend" not in again.stdout
