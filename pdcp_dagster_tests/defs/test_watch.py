"""The sensor on the change feed: whom it runs, in how few runs, whom it leaves for later, and what it says."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import dagster as dg
import pytest
import requests

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings, OrthancUnreachable
from pdcp_dagster.adapters.store import read_tombstone
from pdcp_dagster.defs import watch
from pdcp_dagster.defs.per_patient import PATIENTS_PER_RUN, step_of
from pdcp_dagster.phantom.archive import upload_folder
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.phantom.patient import write_phantom
from pdcp_dagster.phantom.spec import PhantomSpec
from pdcp_dagster_tests.defs.keeper import Keeper

if TYPE_CHECKING:
    from pdcp_dagster_tests.defs.conftest import Site

pytestmark = pytest.mark.xdist_group("defs_watch")

START, END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


class Ground:
    """An archive of its own, a site on it, and who looks after that."""

    def __init__(self, server: PrivateOrthanc, site: Site, spec: Callable[..., PhantomSpec]) -> None:
        self.server, self.site, self.keeper = server, site, Keeper(site)
        self._spec = spec

    def admit(self, *patient_ids: str, seed: int = 1) -> None:
        """Bring patients of one small CT, or one more with another seed, and wait until they have come to rest."""
        self.send(*patient_ids, seed=seed)
        self.keeper.rest()

    def delete(self, patient_id: str) -> None:
        """Delete a patient in the archive."""
        with Orthanc(OrthancSettings.from_environment({"ORTHANC_URL": self.server.url})) as archive:
            patient = next(each for each in archive.patients() if each.patient_id == patient_id)
        assert requests.delete(f"{self.server.url}/patients/{patient.orthanc_id}", timeout=10).ok

    def send(self, *patient_ids: str, seed: int = 1) -> None:
        """Bring patients without waiting."""
        with Orthanc(OrthancSettings.from_environment({"ORTHANC_URL": self.server.url})) as archive:
            for patient_id in patient_ids:
                folder = self.site.root / "phantoms" / patient_id / str(uuid.uuid4())
                write_phantom(replace(self._spec(patient_id, modalities=("CT",), slices=4), seed=seed), folder)
                upload_folder(archive, folder)

    def look(self) -> tuple[list[dg.RunRequest], str]:
        """Look once; what is asked for is not run."""
        return self.keeper.look(f"watch_{self.site.cohort}")

    def begin(self, job: str, *keys: str) -> dg.DagsterRun:
        """Record a run that has begun, and has these patients in hand."""
        config = {"ops": {step_of(self.site.cohort): {"config": {"patients": list(keys)}}}} if keys else {}
        run = self.site.instance.add_run(
            dg.DagsterRun(f"{job}_{self.site.cohort}", run_id=str(uuid.uuid4()), run_config=config)
        )
        self.site.instance.report_dagster_event(dg.DagsterEvent("PIPELINE_START", run.job_name), run.run_id)
        return run

    def end(self, run: dg.DagsterRun) -> None:
        self.site.instance.report_dagster_event(dg.DagsterEvent("PIPELINE_SUCCESS", run.job_name), run.run_id)


@pytest.fixture
def ground(
    tmp_path_factory: pytest.TempPathFactory,
    make_site: Callable[..., Site],
    spec: Callable[..., PhantomSpec],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[Ground]:
    """A site over an archive of its own; the first look, which compares everything, is over."""
    with PrivateOrthanc(tmp_path_factory.mktemp("watched") / "orthanc") as server:
        monkeypatch.setenv("ORTHANC_URL", server.url)
        cohort = f"w{uuid.uuid4().hex[:8]}"
        site = make_site(cohort, [])
        more = getattr(request, "param", "")
        small = "ct_instances: {minimum: 4, review_above: 20, maximum: 60}"
        (site.root / "cohorts" / f"{cohort}.yaml").write_text(f"name: {cohort}\n{small}\n{more}\n")
        ground = Ground(server, site, spec)
        (first,) = ground.keeper.watch()
        assert first.job_name == f"reconcile_{cohort}"
        yield ground
        server.kill()


def test_new_patients_are_one_run_of_a_range_and_partitions_before_it_starts(ground: Ground) -> None:
    ground.admit("N1", "N2", "N3")
    (request,), said = ground.look()
    assert set(ground.site.partitions()) == {"N1", "N2", "N3"}
    known = ground.site.partitions()
    assert (request.tags[START], request.tags[END]) == (known[0], known[-1])
    assert said == f"Patients: new: 3 ({', '.join(known)})."
    ground.keeper.run([request])
    assert ground.keeper.touched() == {"N1", "N2", "N3"}
    assert ground.look() == ([], "Nothing has come to rest in the archive since the last look.")


def test_scattered_patients_are_one_run_that_names_them_and_the_same_files_again_are_no_news(ground: Ground) -> None:
    ground.admit("S1", "S2", "S3")
    ground.keeper.watch()
    first, second, third = ground.site.partitions()
    ground.admit(second)
    assert ground.look()[0] == []
    ground.admit(first, third, seed=2)
    (request,), said = ground.look()
    assert said == f"Patients: changed: 2 ({first}, {third})."
    assert START not in request.tags
    assert request.run_config["ops"][step_of(ground.site.cohort)]["config"]["patients"] == [first, third]
    ground.keeper.run([request])
    assert ground.keeper.touched() == {first, third}


def test_no_run_has_more_patients_than_a_run_may_have(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    assert PATIENTS_PER_RUN == 100
    monkeypatch.setattr(watch, "PATIENTS_PER_RUN", 2)
    ground.admit("K1", "K2", "K3", "K4", "K5")
    asked, _ = ground.look()
    partitions = ground.site.partitions()
    ranges = [(each.tags[START], each.tags[END]) for each in asked]
    assert ranges == [(partitions[0], partitions[1]), (partitions[2], partitions[3]), (partitions[4], partitions[4])]
    assert len({each.run_key for each in asked}) == 3


def test_who_is_in_hand_of_a_run_is_left_for_the_next_look_and_not_forgotten(ground: Ground) -> None:
    ground.admit("H1", "H2")
    run = ground.begin("collect", "H1")
    (request,), said = ground.look()
    assert (request.tags[START], request.tags[END]) == ("H2", "H2")
    assert f"of these left for the next look: 1, in the hand of run {run.run_id}" in said
    assert ground.look()[0] == []
    ground.end(run)
    (request,), _ = ground.look()
    assert request.tags[START] == "H1"


def test_a_run_from_the_page_of_an_asset_has_its_patients_in_hand_too(ground: Ground) -> None:
    ground.admit("P1")
    ground.keeper.watch()
    ground.admit("P1", seed=2)
    run = ground.site.instance.add_run(
        dg.DagsterRun(
            "__ASSET_JOB",
            run_id=str(uuid.uuid4()),
            tags={"dagster/partition": "P1"},
            asset_selection=frozenset({ground.site.key("image_summary")}),
        )
    )
    ground.site.instance.report_dagster_event(dg.DagsterEvent("PIPELINE_START", run.job_name), run.run_id)
    assert ground.look()[0] == []
    ground.end(run)
    assert len(ground.look()[0]) == 1


def test_no_night_asks_for_a_second_run_beside_one_that_finds_its_patients_itself(ground: Ground) -> None:
    repository = ground.site.definitions().get_repository_def()
    schedule = repository.get_schedule_def(f"nightly_backfill_{ground.site.cohort}")
    run = ground.begin("reconcile")
    with dg.build_schedule_context(ground.site.instance) as context:
        told = schedule.evaluate_tick(context)
        assert run.run_id in str(told.skip_message)
        ground.end(run)
        assert len(schedule.evaluate_tick(context).run_requests or ()) == 1


def test_who_is_still_arriving_is_left_for_the_next_look(ground: Ground) -> None:
    ground.admit("Q1")
    ground.send("Q1", seed=2)
    asked, said = ground.look()
    assert asked == []
    assert "still arriving, left for the next look: 1" in said
    ground.keeper.rest()
    assert len(ground.look()[0]) == 1


def test_a_patient_whose_folder_cannot_be_read_is_run_and_stops_nobody(ground: Ground) -> None:
    ground.admit("U1", "U2")
    ground.keeper.watch()
    marks = ground.site.patient("U1").path / "manifests"
    shutil.rmtree(marks)
    marks.write_text("no folder")
    ground.admit("U1", "U2", seed=2)
    (request,), _ = ground.look()
    (run,) = [ground.site.run(str(request.job_name), dict(request.run_config), tags={**request.tags})]
    assert not run.success
    assert "image_summary" in {asset for asset, partition in ground.site.events(run) if partition == "U2"}


def test_who_was_deleted_between_the_look_and_the_run_stops_nobody_else_and_leaves_no_partition(
    ground: Ground,
) -> None:
    ground.admit("D1", "D2", "D3")
    ground.keeper.watch()
    first, second, third = ground.site.partitions()
    ground.admit(first, third, seed=2)
    ground.admit("D4")
    (request,), _ = ground.look()
    ground.delete(third)
    ground.delete("D4")
    assert ground.site.list_patients().success
    assert ground.site.partitions() == [first, second]
    ground.keeper.run([request])
    assert ground.keeper.touched() == {first}


def test_a_partition_that_ends_a_range_stays_until_the_run_over_the_range_has_ended(ground: Ground) -> None:
    ground.admit("E1", "E2")
    (request,), _ = ground.look()
    first, last = ground.site.partitions()
    run = ground.site.instance.add_run(
        dg.DagsterRun(str(request.job_name), run_id=str(uuid.uuid4()), tags={START: first, END: last})
    )
    ground.delete(last)
    assert ground.site.list_patients().success
    assert ground.site.partitions() == [first, last]
    ground.site.instance.report_dagster_event(dg.DagsterEvent("PIPELINE_START", run.job_name), run.run_id)
    ground.end(run)
    assert ground.site.list_patients().success
    assert ground.site.partitions() == [first]


def test_one_new_patient_does_not_make_the_loss_of_all_others_believed(ground: Ground) -> None:
    ground.admit("L1", "L2")
    ground.keeper.watch()
    ground.delete("L1")
    ground.delete("L2")
    ground.admit("L3")
    (request,), _ = ground.look()
    ground.keeper.run([request])
    assert not ground.keeper.last_runs[0].success
    assert "of 2 patients none of those known so far is in the archive" in ground.site.errors(
        ground.keeper.last_runs[0]
    )
    assert not ground.keeper.night("reconcile").success
    assert [read_tombstone(ground.site.patient(each)) for each in ("L1", "L2")] == [None, None]


def test_while_a_run_finds_its_patients_itself_the_feed_waits(ground: Ground) -> None:
    run = ground.begin("reconcile")
    ground.admit("R1")
    before = ground.keeper.cursors[f"watch_{ground.site.cohort}"]
    asked, said = ground.look()
    assert asked == []
    assert run.run_id in said
    assert ground.keeper.cursors[f"watch_{ground.site.cohort}"] == before
    ground.end(run)
    assert len(ground.look()[0]) == 1


def test_an_archive_that_is_down_is_an_error_and_the_cursor_stays(ground: Ground) -> None:
    before = ground.keeper.cursors[f"watch_{ground.site.cohort}"]
    ground.server.kill()
    with pytest.raises(OrthancUnreachable):
        ground.look()
    assert ground.keeper.cursors[f"watch_{ground.site.cohort}"] == before


@pytest.mark.parametrize("ground", ["partition_key: orthanc_id"], indirect=True)
def test_patient_ids_that_are_hidden_are_in_no_tag_cursor_or_word(ground: Ground) -> None:
    ground.admit("SECRET7")
    (request,), said = ground.look()
    cursor = ground.keeper.cursors[f"watch_{ground.site.cohort}"]
    assert "SECRET7" not in json.dumps([dict(request.tags), dict(request.run_config), said, cursor])


def test_only_the_cohorts_own_patients_are_run(ground: Ground) -> None:
    cohort = ground.site.root / "cohorts" / f"{ground.site.cohort}.yaml"
    (cohort.parent / "mine.csv").write_text("patient_id\nM1\n")
    cohort.write_text(cohort.read_text() + "patients: mine.csv\n")
    ground.admit("M1", "M2")
    (request,), said = ground.look()
    assert (request.tags[START], request.tags[END]) == ("M1", "M1")
    assert said == "Patients: new: 1 (M1); not of this cohort: 1."
