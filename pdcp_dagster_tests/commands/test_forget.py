"""`pdcp forget` leaves nothing of a patient in the store and in Dagster's records, and touches nobody else."""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.scheduler.instigation import TickData, TickStatus
from rich.console import Console

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
from pdcp_dagster.adapters.store import PatientFolder
from pdcp_dagster.commands import forget
from pdcp_dagster.commands.dagster_instance import opened_dagster
from pdcp_dagster.commands.deployment import Deployment, WrongConfiguration
from pdcp_dagster.commands.forget import Wish, confirmation, forget_patients
from pdcp_dagster.commands.progress import ProgressBar
from pdcp_dagster.commands.run import run_cohort
from pdcp_dagster.defs.jobs import patient_asset_keys
from pdcp_dagster.defs.partitions import patient_partitions
from pdcp_dagster.domain.keys import partition_key

if TYPE_CHECKING:
    from pdcp_dagster_tests.commands.conftest import Clinic

COHORT, GONE, STAYS, HOSTILE = "leave", "QXZ5512FORGET", "STAYS-2", "../C D/ü5512"


class Killed(BaseException):
    """The process is no more."""


@dataclass
class Place:
    """A copy of the clinic's store, and what `pdcp forget` says there."""

    root: Path
    said: io.StringIO = field(default_factory=io.StringIO)

    @property
    def deployment(self) -> Deployment:
        environ = {"PDCP_COHORTS": str(self.root / "cohorts"), "PDCP_STORE": str(self.root / "store")}
        return Deployment.from_environment(environ)

    def forget(self, *patients: str, confirmed: bool = True, **how: Any) -> bool:
        wish = Wish(patients, lambda: confirmed, **how)
        return forget_patients(self.deployment, COHORT, wish, Console(file=self.said, width=160))

    def folder(self, patient: str) -> PatientFolder:
        return self.deployment.store.cohort(COHORT).patient(partition_key(patient))

    def files(self, patient: str) -> dict[str, bytes]:
        folder = self.folder(patient).path
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def bytes_with(self, *texts: str) -> list[str]:
        """Return the files of the whole store, Dagster's too, whose name or raw bytes have one of the texts."""
        wanted = [text.encode() for text in texts]
        store = self.root / "store"
        return sorted(
            str(path.relative_to(store))
            for path in store.rglob("*")
            if any(text in str(path.relative_to(store)) for text in texts)
            or (path.is_file() and any(text in path.read_bytes() for text in wanted))
        )

    def lists(self) -> list[Path]:
        return sorted((self.root / "cohorts").iterdir())

    def list_only(self, patients: Sequence[str]) -> None:
        lines = "".join(f'"{line}"\n' for line in ("patient_id", *patients))
        (self.root / "cohorts" / f"{COHORT}.csv").write_text(lines)

    @contextmanager
    def dagster(self) -> Iterator[dg.DagsterInstance]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DAGSTER_HOME", str(self.deployment.dagster_home))
            with opened_dagster(self.deployment.dagster_home) as instance:
                yield instance

    def shown(self, patient: str) -> dict[str, str]:
        """Return the status that Dagster shows of each asset of a patient that it knows of."""
        key = partition_key(patient)
        with self.dagster() as instance:
            found = {
                asset.path[-1]: (instance.get_status_by_partition(asset, [key], patient_partitions(COHORT)) or {}).get(
                    key
                )
                for asset in patient_asset_keys(COHORT, "CRDP")
            }
        return {asset: status.value for asset, status in found.items() if status is not None}

    def is_partition(self, patient: str) -> bool:
        with self.dagster() as instance:
            return partition_key(patient) in instance.get_dynamic_partitions(f"{COHORT}_patients")


@pytest.fixture(scope="module")
def lived(clinic: Clinic) -> Iterator[Path]:
    """A store in which patients were run, one of them on its own; two are in the archive no longer."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in clinic.settings.items():
            patch.setenv(name, str(value))
        patch.delenv("DAGSTER_HOME", raising=False)
        clinic.cohort(COHORT, [GONE, STAYS, HOSTILE])
        for patient in (STAYS, HOSTILE, GONE):
            clinic.admit(patient)
        deployment = Deployment.from_environment(os.environ)
        for patients in ([STAYS, HOSTILE], [GONE]):
            run_cohort(deployment, deployment.cohort(COHORT), patients, 1, ProgressBar(Console(file=io.StringIO())))
        delete_from_archive(clinic.orthanc.url, GONE, HOSTILE)
        yield clinic.root


@pytest.fixture
def place(lived: Path, clinic: Clinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A copy of that deployment, with only the patient who stays on the cohort's list."""
    for name in ("cohorts", "store"):
        shutil.copytree(lived / name, tmp_path / name)
    monkeypatch.setenv("ORTHANC_URL", clinic.orthanc.url)
    _point_to(tmp_path, monkeypatch)
    place = Place(tmp_path)
    place.list_only([STAYS])
    return place


def _point_to(root: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("PDCP_COHORTS", str(root / "cohorts"))
    patch.setenv("PDCP_STORE", str(root / "store"))
    patch.setenv("DAGSTER_HOME", str(root / "store" / ".dagster"))


def delete_from_archive(url: str, *patients: str) -> None:
    with Orthanc(OrthancSettings(url=url)) as archive:
        ids = [each.orthanc_id for each in archive.patients() if each.patient_id in patients]
    for orthanc_id in ids:
        request = urllib.request.Request(f"{url}/patients/{orthanc_id}", method="DELETE")  # noqa: S310 - loopback
        urllib.request.urlopen(request).close()  # noqa: S310 - loopback


@pytest.fixture(scope="module")
def without_runs(lived: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A copy in which a patient was forgotten, but for whole runs; to look at."""
    root = tmp_path_factory.mktemp("without_runs")
    for name in ("cohorts", "store"):
        shutil.copytree(lived / name, root / name)
    with pytest.MonkeyPatch.context() as patch:
        _point_to(root, patch)
        place = Place(root)
        place.list_only([STAYS])
        assert not place.forget(GONE)
        yield place


def test_without_deleting_runs_only_those_still_name_the_patient_and_are_told(without_runs: Place) -> None:
    assert without_runs.shown(GONE) == {}
    assert not without_runs.is_partition(GONE)
    assert set(without_runs.shown(STAYS).values()) == {"MATERIALIZED"}
    assert all(path.startswith(".dagster/") for path in without_runs.bytes_with(GONE))
    assert "--delete-runs" in without_runs.said.getvalue()


def test_the_events_of_others_stay_and_the_latest_of_an_asset_becomes_one_of_theirs(without_runs: Place) -> None:
    """Pins what of Dagster's tables is written to directly."""
    others = {partition_key(STAYS), partition_key(HOSTILE)}
    with without_runs.dagster() as instance:
        for asset in patient_asset_keys(COHORT, "CRDP"):
            latest = instance.get_latest_materialization_event(asset)
            assert latest is not None
            assert latest.asset_materialization is not None
            assert latest.asset_materialization.partition in others
            records = instance.fetch_materializations(asset, limit=100).records
            assert {record.partition_key for record in records} == others
            assert instance.get_materialized_partitions(asset) == others
        check = dg.AssetCheckKey(dg.AssetKey([COHORT, "verified_study"]), "linkage_unambiguous")
        history = instance.event_log_storage.get_asset_check_execution_history(check, limit=10)
        # What is planned has no partition.
        assert {each.partition for each in history} - {None} == others


def test_with_the_runs_deleted_nothing_is_left_and_whoever_stays_is_shown_as_before(place: Place) -> None:
    stays, shown = place.files(STAYS), place.shown(STAYS)
    assert set(shown.values()) == {"MATERIALIZED"}
    assert place.shown(GONE) == shown
    with place.dagster() as instance:
        _record_tick_and_backfill(instance)

    assert place.forget(GONE, delete_runs=True)

    assert place.bytes_with(GONE) == []
    assert place.shown(STAYS) == shown
    assert place.is_partition(STAYS)
    assert place.files(STAYS) == stays
    assert STAYS in (place.deployment.store.cohort(COHORT).path / "cohort_report.html").read_text()
    with pytest.raises(WrongConfiguration, match="nothing of patient"):
        place.forget(GONE)


def test_what_somebody_reads_from_is_not_written_anew_and_the_next_completes_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader, such as the Dagster UI, keeps SQLite from overwriting what was deleted."""
    monkeypatch.setattr("dagster._core.storage.event_log.sqlite.sqlite_event_log.SQLITE_BUSY_TIMEOUT_SECONDS", 0.1)
    index = place.deployment.dagster_home / "history" / "runs" / "index.db"
    place.list_only([STAYS, GONE])  # without a report, which is another test's
    with closing(sqlite3.connect(index)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM event_logs").fetchone() != (0,)
        assert not place.forget(GONE, delete_runs=True)
    assert "free pages of index.db" in place.said.getvalue()

    assert place.forget(GONE, delete_runs=True)

    assert place.bytes_with(GONE) == []


def _record_tick_and_backfill(instance: dg.DagsterInstance) -> None:
    """Have a tick of the sensor and a finished backfill name the patient."""
    instance.create_tick(
        TickData("origin", "watch", InstigatorType.SENSOR, TickStatus.SKIPPED, 1.0, skip_reason=f"no longer: {GONE}")
    )
    backfill = PartitionBackfill(
        "abcdefgh",
        BulkActionStatus.COMPLETED_SUCCESS,
        from_failure=False,
        tags={"why": GONE},
        backfill_timestamp=1.0,
        asset_selection=patient_asset_keys(COHORT, "CRDP"),
        partition_names=[GONE],
    )
    instance.add_backfill(backfill)


def test_killed_anywhere_it_is_completed_by_the_next(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a PatientID that would lead out of the store, were it a path."""
    others = {each: place.files(each) for each in (STAYS, GONE)}
    steps = ("remove_history", "report_cohort", "delete_naming", "overwrite_deleted")
    for step in steps:
        with monkeypatch.context() as patch:
            patch.setattr(forget, step, _killed)
            with pytest.raises(Killed):
                place.forget(HOSTILE, delete_runs=True)

    assert place.forget(HOSTILE, delete_runs=True)

    assert place.bytes_with(HOSTILE, partition_key(HOSTILE), "\\u00fc5512") == []
    assert {each: place.files(each) for each in others} == others


def _killed(*_: Any, **__: Any) -> None:
    raise Killed


def test_who_is_still_in_the_archive_is_not_forgotten(place: Place) -> None:
    before = place.files(STAYS)

    with pytest.raises(WrongConfiguration, match="still in the archive"):
        place.forget(GONE, STAYS)

    assert place.files(STAYS) == before
    assert place.files(GONE)


def test_without_the_archive_nobody_is_forgotten_unasked(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORTHANC_URL", "http://127.0.0.1:9")

    with pytest.raises(WrongConfiguration, match="--force"):
        place.forget(GONE)

    assert place.files(GONE)


def test_nothing_goes_before_it_was_told_and_agreed_to(place: Place) -> None:
    before = place.files(GONE)

    assert not place.forget(GONE, confirmed=False)

    assert place.files(GONE) == before
    assert f"{len(before)} files" in place.said.getvalue()
    assert "cohort_dvh.parquet: 4 rows" in place.said.getvalue()
    assert "Nothing was removed" in place.said.getvalue()


def test_without_a_terminal_nothing_is_agreed_to_unless_it_was_said_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))

    assert confirmation(yes=True)()
    with pytest.raises(WrongConfiguration, match="--yes"):
        confirmation(yes=False)


def test_the_users_own_list_and_other_cohorts_are_told_and_left_alone(place: Place) -> None:
    """No report is made then: it would have the patient come back as not in the archive."""
    place.list_only([STAYS, GONE])
    other = place.deployment.store.root / "other"
    shutil.copytree(place.deployment.store.cohort(COHORT).path, other)
    before = {path: path.read_bytes() for path in (*other.rglob("*"), *place.lists()) if path.is_file()}

    place.forget(GONE)

    assert {path: path.read_bytes() for path in before} == before
    assert not [path for path in place.bytes_with(GONE) if not path.startswith((".dagster/", "other/"))]
    assert f"{COHORT}.csv" in place.said.getvalue()
    assert "in other cohorts, too: other" in place.said.getvalue()
    assert "No report is made" in place.said.getvalue()


def test_an_unknown_patient_is_refused_and_changes_nothing(place: Place) -> None:
    with pytest.raises(WrongConfiguration, match="nothing of patient 'ZQX'"):
        place.forget("ZQX")
    with pytest.raises(WrongConfiguration, match="is no text"):
        place.forget("\udcff")

    assert place.files(GONE)


@pytest.mark.parametrize("word", [COHORT, "dagster", "patient_notes", "materialization"])
def test_a_word_that_stands_in_every_run_is_no_patient_and_costs_nobody_a_run(place: Place, word: str) -> None:
    with place.dagster() as instance:
        before = {run.run_id for run in instance.get_runs()}
    with pytest.raises(WrongConfiguration, match=f"nothing of patient '{word}'"):
        place.forget(word, delete_runs=True)
    with place.dagster() as instance:
        assert {run.run_id for run in instance.get_runs()} == before


def test_a_patient_whom_a_run_has_before_it_is_not_forgotten_yet(place: Place) -> None:
    with place.dagster() as instance:
        run = instance.add_run(dg.DagsterRun(f"backfill_{COHORT}", run_id=str(uuid.uuid4())))
        instance.report_dagster_event(dg.DagsterEvent("PIPELINE_START", run.job_name), run.run_id)
    with pytest.raises(WrongConfiguration, match=f"run {run.run_id} of cohort '{COHORT}' has not ended"):
        place.forget(GONE)
    assert place.files(GONE)
