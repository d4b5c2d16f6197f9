"""A worker's death is its patient's alone: nobody else is done twice, waits for ever, or is forgotten."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from pdcp_dagster.domain.codes import Status
from pdcp_dagster.stages import stopping
from pdcp_dagster.stages.outcome import PatientOutcome
from pdcp_dagster.stages.pool import run_patients
from pdcp_dagster.stages.stopping import Stop
from pdcp_dagster.stages.worker_memory import VARIABLE, WorkerMemoryError, _wanted, machine_memory
from pdcp_dagster_tests.stages import pool_rules
from pdcp_dagster_tests.stages.test_pool import workers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pdcp_dagster_tests.stages.conftest import Ward

OTHERS = ("pool-k", "pool-l", "pool-m")
HALF_MADE = (".tmp", ".part")


@pytest.fixture(scope="module", autouse=True)
def admitted(ward: Ward) -> None:
    for name in (pool_rules.VICTIM, *OTHERS):
        ward.admit(name)


@pytest.fixture(autouse=True)
def nothing_asked() -> Iterator[None]:
    yield
    stopping.forget()
    assert workers() == []


def outcomes_under(ward: Ward, rule: str, jobs: int) -> dict[str, PatientOutcome]:
    tasks = [ward.tasks[name] for name in (pool_rules.VICTIM, *OTHERS)]
    settings = ward.settings(rule, eligibility={"rules": [f"{pool_rules.__name__}:{rule}"]})
    outcomes = list(run_patients(tasks, settings, jobs))
    assert len(outcomes) == len(tasks)
    return {outcome.partition_key: outcome for outcome in outcomes}


def test_a_rule_that_ends_its_process_fails_its_own_patient_with_the_exit_code(ward: Ward) -> None:
    outcomes = outcomes_under(ward, "ends_the_process", jobs=2)
    victim = outcomes.pop(pool_rules.VICTIM)
    assert victim.status is Status.FAILED
    assert victim.failure is not None
    assert victim.failure.error_type == "WorkerDied"
    assert "it ended by itself with exit code 3" in victim.reason
    assert {outcome.status for outcome in outcomes.values()} == {Status.SUCCESS}
    files = ward.files(pool_rules.VICTIM, "ends_the_process")
    assert not [name for name in files if ".new-" in name or name.endswith(HALF_MADE)]


def test_a_patient_that_asks_for_more_memory_than_a_worker_may_have_fails_and_no_worker_dies(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "2")
    outcomes = outcomes_under(ward, "asks_for_too_much", jobs=1)
    victim = outcomes.pop(pool_rules.VICTIM)
    assert victim.failure is not None
    assert victim.failure.error_type != "WorkerDied"
    assert "Unable to allocate 32.0 GiB" in victim.reason
    assert {outcome.status for outcome in outcomes.values()} == {Status.SUCCESS}


def test_a_worker_that_is_stopped_holds_up_nobody_for_ever(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pdcp_dagster.stages.pool._SILENCE_S", 0.4)
    outcomes = outcomes_under(ward, "stops_the_process", jobs=1)
    victim = outcomes.pop(pool_rules.VICTIM)
    assert victim.failure is not None
    assert victim.failure.error_type == "WorkerDied"
    assert {outcome.status for outcome in outcomes.values()} == {Status.SUCCESS}


def test_a_machine_has_some_memory() -> None:
    assert machine_memory() > 1 << 28


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "-1", "1e999", "two", "4 GB"])
def test_a_memory_that_cannot_be_meant_is_refused_before_anybody_is_begun(
    ward: Ward, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(WorkerMemoryError, match=VARIABLE):
        list(run_patients([ward.tasks[OTHERS[0]]], ward.settings("refused"), 1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", None), ("0.5", 1 << 29), ("1e300", 1 << 36), ("", 1 << 34), ("64", 1 << 36), ("65", 1 << 36)],
)
def test_a_worker_may_take_what_was_asked_for_and_never_more_than_the_machine_has(
    monkeypatch: pytest.MonkeyPatch, text: str, expected: int | None
) -> None:
    """Of 64 GB each of 4 workers has 16 by itself."""
    monkeypatch.setattr("pdcp_dagster.stages.worker_memory.machine_memory", lambda: 1 << 36)
    assert _wanted(text, 4) == expected


def test_asked_to_stop_after_the_current_nobody_new_is_begun_and_those_begun_are_finished(ward: Ward) -> None:
    tasks = [ward.tasks[name] for name in OTHERS]
    outcomes = run_patients(tasks, ward.settings("gently"), 1)
    first = next(outcomes)
    # Two were begun, one that converted and one ahead of it; the third is handed out by the next `next`.
    stopping.ask(Stop.AFTER_CURRENT)
    rest: list[PatientOutcome] = []
    with pytest.raises(KeyboardInterrupt):
        rest.extend(outcomes)
    assert first.status is Status.SUCCESS
    assert not [name for name in OTHERS for file in ward.files(name, "gently") if ".new-" in file]
    assert len([name for name in OTHERS if "notes.json" in ward.files(name, "gently")]) == 2


def test_asked_to_stop_at_once_workers_are_ended_and_their_half_made_files_swept(ward: Ward) -> None:
    tasks = [ward.tasks[name] for name in OTHERS]
    begun = threading.Event()

    def stop() -> None:
        while not begun.is_set():
            if any(ward.folder(name, "at-once").path.glob(".new-*") for name in OTHERS):
                stopping.ask(Stop.AT_ONCE)
                return
            time.sleep(0.001)

    with ThreadPoolExecutor(1) as watcher:
        watcher.submit(stop)
        try:
            with pytest.raises(KeyboardInterrupt):
                list(run_patients(tasks, ward.settings("at-once"), 1))
        finally:
            begun.set()
    for name in OTHERS:
        files = ward.files(name, "at-once") if ward.folder(name, "at-once").path.exists() else {}
        assert not [file for file in files if ".new-" in file or file.endswith(HALF_MADE)]
