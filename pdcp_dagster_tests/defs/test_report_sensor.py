"""The sensor that makes the cohort's report after runs over patients: each is told of once, and none is missed."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator

import dagster as dg
import pytest

from pdcp_dagster.defs import sensors
from pdcp_dagster.defs.sensors import CLI_TAG, report_sensor

pytestmark = pytest.mark.xdist_group("defs_report_sensor")

COLLECT = "collect_breast"


@pytest.fixture(scope="module")
def kept_instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test(temp_dir=str(tmp_path_factory.mktemp("dagster"))) as instance:
        yield instance


@pytest.fixture
def instance(kept_instance: dg.DagsterInstance) -> dg.DagsterInstance:
    """A Dagster instance without a history."""
    kept_instance.wipe()
    return kept_instance


class Looker:
    """The sensor as the daemon calls it: with the cursor that it left behind."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.cursor: str | None = None
        self.run_keys: list[str | None] = []

    def look(self) -> int:
        """Return how many reports are requested."""
        with dg.build_sensor_context(instance=self.instance, cursor=self.cursor) as context:
            answer = report_sensor("breast")(context)
            if isinstance(answer, dg.SkipReason):
                self.cursor = context.cursor
                return 0
            assert isinstance(answer, dg.SensorResult)
            self.cursor = answer.cursor
            requests = answer.run_requests or []
            self.run_keys += [request.run_key for request in requests]
            return len(requests)


@pytest.fixture
def looker(instance: dg.DagsterInstance) -> Looker:
    return Looker(instance)


def begin(
    instance: dg.DagsterInstance,
    job: str = COLLECT,
    *,
    tags: dict[str, str] | None = None,
    asset: dg.AssetKey | None = None,
    parent: str | None = None,
) -> dg.DagsterRun:
    """Record a run that has begun."""
    run = instance.add_run(
        dg.DagsterRun(
            job,
            run_id=str(uuid.uuid4()),
            tags=tags,
            asset_selection=None if asset is None else frozenset({asset}),
            root_run_id=parent,
            parent_run_id=parent,
        )
    )
    instance.report_dagster_event(dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, job), run.run_id)
    return run


def end(instance: dg.DagsterInstance, run: dg.DagsterRun, how: str = "SUCCESS", at: float | None = None) -> None:
    """Record that a run has ended: SUCCESS, FAILURE or CANCELED; at a time in seconds, if it matters."""
    event = dg.DagsterEvent(getattr(dg.DagsterEventType, f"RUN_{how}").value, run.job_name)
    instance.report_dagster_event(event, run.run_id, timestamp=at)


@pytest.mark.parametrize("how", ["SUCCESS", "FAILURE", "CANCELED"])
def test_a_finished_run_over_patients_gets_a_report_once_however_it_ended(
    instance: dg.DagsterInstance, looker: Looker, how: str
) -> None:
    end(instance, begin(instance), how)
    assert [looker.look(), looker.look(), looker.look()] == [1, 0, 0]


def test_nothing_new_is_nothing_to_do(looker: Looker) -> None:
    assert [looker.look(), looker.look()] == [0, 0]


def test_a_run_that_goes_on_gets_none_until_it_has_ended(instance: dg.DagsterInstance, looker: Looker) -> None:
    run = begin(instance)
    assert looker.look() == 0
    end(instance, run)
    assert looker.look() == 1


def test_many_runs_get_one_report(instance: dg.DagsterInstance, looker: Looker) -> None:
    for how in ("SUCCESS", "FAILURE", "SUCCESS"):
        end(instance, begin(instance), how)
    assert [looker.look(), looker.look()] == [1, 0]


def test_a_run_that_began_first_and_ends_last_is_not_missed(instance: dg.DagsterInstance, looker: Looker) -> None:
    slow, quick = begin(instance), begin(instance)
    end(instance, quick)
    assert looker.look() == 1
    end(instance, slow, "FAILURE")
    assert [looker.look(), looker.look()] == [1, 0]


def test_each_report_has_a_run_key_of_its_own(instance: dg.DagsterInstance, looker: Looker) -> None:
    for how in ("SUCCESS", "FAILURE", "FAILURE"):
        end(instance, begin(instance), how)
        assert looker.look() == 1
    assert len(set(looker.run_keys)) == 3


def test_a_tag_set_after_the_end_is_no_second_end(instance: dg.DagsterInstance, looker: Looker) -> None:
    # Dagster itself tags a failed run (why it failed, whether it is retried), which renews the run's update time.
    run = begin(instance)
    end(instance, run, "FAILURE")
    assert looker.look() == 1
    instance.add_run_tags(run.run_id, {"dagster/failure_reason": "STEP_FAILURE"})
    assert looker.look() == 0


def test_runs_of_the_command_line_make_their_own_report(instance: dg.DagsterInstance, looker: Looker) -> None:
    end(instance, begin(instance, tags={CLI_TAG: "run"}))
    assert looker.look() == 0


def test_a_run_of_the_command_line_done_again_from_the_ui_gets_one(
    instance: dg.DagsterInstance, looker: Looker
) -> None:
    first = begin(instance, tags={CLI_TAG: "run"})
    end(instance, first, "FAILURE")
    assert looker.look() == 0
    end(instance, begin(instance, tags={CLI_TAG: "run"}, parent=first.run_id))
    assert looker.look() == 1


@pytest.mark.parametrize(("cohort", "reports"), [("breast", 1), ("lung", 0)])
def test_a_run_of_assets_chosen_in_the_ui_counts_where_one_is_of_this_cohorts_patients(
    instance: dg.DagsterInstance, looker: Looker, cohort: str, reports: int
) -> None:
    end(instance, begin(instance, "__ASSET_JOB", asset=dg.AssetKey([cohort, "dvh_table"])))
    assert looker.look() == reports


@pytest.mark.parametrize("job", ["list_breast", "report_breast", "collect_lung", "collect_breast_and_more"])
def test_other_runs_do_not_count(instance: dg.DagsterInstance, looker: Looker, job: str) -> None:
    end(instance, begin(instance, job))
    assert looker.look() == 0


def test_a_run_between_others_is_seen(instance: dg.DagsterInstance, looker: Looker) -> None:
    end(instance, begin(instance, "list_breast"))
    assert looker.look() == 0
    end(instance, begin(instance, "report_lung"))
    end(instance, begin(instance))
    end(instance, begin(instance, "report_lung"), "FAILURE")
    assert [looker.look(), looker.look()] == [1, 0]


def test_more_runs_than_a_page_are_all_looked_at(
    instance: dg.DagsterInstance, looker: Looker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "_PAGE", 2)
    end(instance, begin(instance, "list_breast"))
    assert looker.look() == 0
    for job in ("list_breast", "list_breast", "list_breast", COLLECT, "list_breast"):
        end(instance, begin(instance, job))
    assert [looker.look(), looker.look()] == [1, 0]


def test_an_end_that_is_stored_late_is_seen_all_the_same(instance: dg.DagsterInstance, looker: Looker) -> None:
    now = time.time()
    late, prompt = begin(instance), begin(instance, "list_breast")
    end(instance, prompt, at=now)
    assert looker.look() == 0
    end(instance, late, at=now - 60)
    assert [looker.look(), looker.look()] == [1, 0]


def test_what_the_sensor_remembers_does_not_grow_with_the_history(instance: dg.DagsterInstance, looker: Looker) -> None:
    now = time.time()
    for minutes in range(30, 0, -3):
        end(instance, begin(instance), at=now - 60 * minutes)
        assert looker.look() == 1
    assert looker.cursor is not None
    assert len(json.loads(looker.cursor)) == 1
    assert looker.look() == 0


@pytest.mark.parametrize("looks", [0, 1])
def test_a_run_deleted_by_somebody_hides_no_later_one(instance: dg.DagsterInstance, looker: Looker, looks: int) -> None:
    run = begin(instance)
    end(instance, run)
    assert [looker.look() for _ in range(looks)] == [1] * looks
    instance.delete_run(run.run_id)
    assert looker.look() == 0
    end(instance, begin(instance))
    assert looker.look() == 1


def test_the_sensor_is_on_from_the_start_and_runs_the_report() -> None:
    sensor = report_sensor("breast")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.job_name == "report_breast"
