"""A month in the life of an archive: after every look the store is what a fresh run on the archive would give.

Patients arrive in batches, one gets a second study, one a late dose, one is overwritten, one deleted; Orthanc crashes
once and is reset once. Most patients are a bare plan, excluded from tags, so that there can be many of them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
import requests

from pdcp_dagster import __version__
from pdcp_dagster.adapters.cohort_file import load_cohort
from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.adapters.store import PatientFolder, Store
from pdcp_dagster.phantom.archive import upload_folder
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.phantom.patient import write_phantom
from pdcp_dagster.phantom.spec import PhantomSpec
from pdcp_dagster.stages.archive_list import list_patients
from pdcp_dagster.stages.chain import PATIENT_ASSETS, run_patient
from pdcp_dagster.stages.outcome import PatientTask
from pdcp_dagster.stages.patient import ChainSettings
from pdcp_dagster_tests.defs.keeper import Keeper
from pdcp_dagster_tests.faults.aftermath import differences

if TYPE_CHECKING:
    from pdcp_dagster_tests.defs.conftest import Site

pytestmark = pytest.mark.xdist_group("defs_month")

BARE: dict[str, Any] = {"modalities": ("RTPLAN",)}
COHORT = "name: month\nct_instances: {minimum: 4, review_above: 20, maximum: 60}\n"
BATCH = 80


@dataclass
class Month:
    """The archive, who looks after it, and a second store that only ever sees patients for the first time."""

    root: Path
    site: Site
    orthanc: PrivateOrthanc
    keeper: Keeper
    spec: Callable[..., PhantomSpec]
    arrived: dict[str, list[Path]] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)

    def admit(self, *specs: PhantomSpec) -> None:
        """Bring patients, or more of them, into the archive, and wait until it has come to rest."""
        self.send(*specs)
        self.keeper.rest()

    def send(self, *specs: PhantomSpec) -> None:
        """Bring patients into the archive without waiting."""
        for spec in specs:
            folder = self.root / "phantoms" / f"{spec.patient_id}-{len(self.arrived.get(spec.patient_id, []))}"
            write_phantom(spec, folder)
            self.arrived.setdefault(spec.patient_id, []).append(folder)
            self.upload([folder])

    def upload(self, folders: Iterable[Path]) -> None:
        with self.archive() as archive:
            for folder in folders:
                upload_folder(archive, folder)

    def archive(self) -> Orthanc:
        return Orthanc(OrthancSettings.from_environment(os.environ))

    def address(self, patient_id: str) -> str:
        """Return where Orthanc has a patient."""
        with self.archive() as archive:
            patient = next(each for each in archive.patients() if each.patient_id == patient_id)
        return f"{self.orthanc.url}/patients/{patient.orthanc_id}"

    def require_fresh(self) -> None:
        """Compare the store with one made from nothing, patient by patient; of unchanged patients that is made once."""
        cohort = load_cohort(self.site.root / "cohorts" / f"{self.site.cohort}.yaml")
        fresh = Store(self.root / "fresh")
        settings = ChainSettings(cohort, fresh, OrthancSettings.from_environment(os.environ), __version__)
        with self.archive() as archive:
            listed = list_patients(archive, cohort, self.site.root / "cohorts").table
            for row in listed.itertuples():
                key, now = str(row.partition_key), archive.fingerprint(str(row.orthanc_id))
                folder = fresh.cohort(cohort.name).patient(key)
                if self.fingerprints.get(key) != now:
                    shutil.rmtree(folder.path, ignore_errors=True)
                    task = PatientTask(key, str(row.patient_id), str(row.orthanc_id), frozenset(PATIENT_ASSETS), "")
                    run_patient(task, settings, archive)
                    self.fingerprints[key] = now
                assert list(differences(self.site.patient(key).path, folder.path)) == [], key
        assert read_table(self.site.store.file("patient_ids")).equals(listed)

    def runs(self) -> list[dg.DagsterRun]:
        return list(self.site.instance.get_runs())

    def written(self, partition: str) -> dict[str, int]:
        """Return when each file of a patient was written."""
        folder: PatientFolder = self.site.patient(partition)
        return {path.as_posix(): path.stat().st_mtime_ns for path in folder.path.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def month(
    tmp_path_factory: pytest.TempPathFactory, make_site: Callable[..., Site], spec: Callable[..., PhantomSpec]
) -> Iterator[Month]:
    """An archive of its own, which accepts that instances are overwritten."""
    root = tmp_path_factory.mktemp("month")
    with PrivateOrthanc(root / "orthanc", configuration={"OverwriteInstances": True}) as server:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ORTHANC_URL", server.url)
            site = make_site("month", [])
            (site.root / "cohorts" / "month.yaml").write_text(COHORT)
            yield Month(root, site, server, Keeper(site), spec)
        server.kill()


def test_a_month_of_arrivals_changes_losses_and_crashes_ends_each_day_as_a_fresh_run_would(month: Month) -> None:
    _the_sensor_is_switched_on(month)
    _nothing_happens(month)
    _a_batch_arrives(month)
    _three_patients_change(month)
    _we_write_back(month)
    _a_patient_is_deleted(month)
    _orthanc_crashes(month)
    _the_database_is_lost_and_filled_again(month)
    _the_deleted_patient_comes_back(month)
    patients = len(read_table(month.site.store.file("patient_ids")))
    assert len(month.runs()) < patients / 10, "reports included"


def _the_sensor_is_switched_on(month: Month) -> None:
    """Day 1: the sensor is switched on over an archive that is there already."""
    whole = [month.spec(name) for name in ("W1", "W2", "W3")]
    no_dose = month.spec("LATE", modalities=("CT", "RTSTRUCT", "RTPLAN"))
    first = [month.spec(f"A{number:02}", **BARE) for number in range(BATCH)]
    month.admit(*whole, no_dose, *first)
    (request,) = month.keeper.watch()
    assert request.job_name == "reconcile_month"
    everybody = {each.patient_id for each in (*whole, no_dose, *first)}
    assert month.keeper.touched() == everybody
    month.require_fresh()


def _nothing_happens(month: Month) -> None:
    """Day 2: nothing happens, and the tick says so."""
    assert month.keeper.watch() == []
    assert month.keeper.said == "Nothing has come to rest in the archive since the last look."


def _a_batch_arrives(month: Month) -> None:
    """Day 5: a batch, which is one run of a range."""
    second = [month.spec(f"B{number:02}", **BARE) for number in range(BATCH)]
    month.admit(month.spec("W4"), *second)
    (request,) = month.keeper.watch()
    assert request.job_name == "collect_month"
    assert "dagster/asset_partition_range_start" in request.tags
    assert month.keeper.touched() == {"W4", *(each.patient_id for each in second)}
    month.require_fresh()


def _three_patients_change(month: Month) -> None:
    """Day 9: a second study, a late dose, an overwritten object; one run, and only what follows from it is made."""
    before = {name: month.written(name) for name in ("W3", "W4", "A00")}
    another = replace(month.spec("W1"), seed=99)
    late = month.spec("LATE")
    repainted = replace(month.spec("W2"), noise_hu=3.0)
    month.admit(another, late, repainted)
    assert len(month.keeper.watch()) == 1
    assert month.keeper.touched() == {"W1", "W2", "LATE"}
    assert "retrieved_dicom" in month.keeper.worked_on()["W2"], "overwritten under the same UID"
    assert {"dose_volume", "dvh_table"} <= month.keeper.worked_on()["LATE"]
    assert before == {name: month.written(name) for name in before}
    month.require_fresh()


def _we_write_back(month: Month) -> None:
    """Day 11: we write back into Orthanc, which is no news."""
    assert requests.put(f"{month.address('W4')}/metadata/1024", data="seen", timeout=10).ok
    assert month.keeper.watch() == []


def _a_patient_is_deleted(month: Month) -> None:
    """Day 13: a patient is deleted, of which the feed says nothing; the night notices."""
    assert requests.delete(month.address("W4"), timeout=10).ok
    kept = month.written("W4")
    assert [each.job_name for each in month.keeper.watch()] in (
        [],
        ["reconcile_month"],
    )  # the newest entry may be gone, too
    month.keeper.night()
    assert month.keeper.touched() == set()
    assert kept.items() <= month.written("W4").items(), "files are removed by `pdcp forget` alone"
    row = read_table(month.site.store.file("cohort_report")).set_index("patient_id").loc["W4"]
    assert (row["status"], list(row["codes"])) == ("EXCLUDE", ["I_EXEC_012"])
    assert "W4" not in month.site.partitions()
    month.require_fresh()


def _orthanc_crashes(month: Month) -> None:
    """Day 17: Orthanc crashes before it calls the new ones stable: the feed has lost them, the night has not."""
    third = [month.spec(f"C{number:02}", **BARE) for number in range(4)]
    month.send(*third)
    month.orthanc.kill()
    month.orthanc.start()
    os.environ["ORTHANC_URL"] = month.orthanc.url
    month.keeper.rest()
    month.keeper.watch()
    seen = month.keeper.touched() if month.keeper.last_runs else set()
    month.keeper.night()
    assert seen | month.keeper.touched() >= {each.patient_id for each in third}
    month.require_fresh()


def _the_database_is_lost_and_filled_again(month: Month) -> None:
    """Day 24: the database is lost and filled again. Everything is stored anew, so everybody is looked at again."""
    month.orthanc.stop()
    shutil.rmtree(month.root / "orthanc")
    shutil.rmtree(month.root / "orthanc.index")
    month.orthanc.start()
    os.environ["ORTHANC_URL"] = month.orthanc.url
    month.upload(folder for name, folders in month.arrived.items() if name != "W4" for folder in folders)
    month.keeper.rest()
    month.keeper.watch()
    assert month.keeper.worked_on()["A00"] == {"image_summary", "verified_study"}
    month.require_fresh()


def _the_deleted_patient_comes_back(month: Month) -> None:
    """Day 28: the deleted patient is exported again."""
    month.admit(month.spec("W4"))
    month.keeper.watch()
    assert month.keeper.touched() == {"W4"}
    month.require_fresh()
    assert "I_EXEC_012" not in {
        code for codes in read_table(month.site.store.file("cohort_report"))["codes"] for code in codes
    }
