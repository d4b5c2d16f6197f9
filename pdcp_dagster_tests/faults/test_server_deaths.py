"""The real Orthanc is killed with SIGKILL while it answers: back soon, nobody notices; never back, all say so."""

from __future__ import annotations

import pytest

from pdcp_dagster.domain.codes import Status
from pdcp_dagster_tests.faults import wrongs
from pdcp_dagster_tests.faults.conftest import OTHER, VICTIM, Hospital, workers
from pdcp_dagster_tests.faults.proxy import Rule, Script


@pytest.mark.parametrize("moment", ["/instances-tags", "/file$"])
def test_a_server_that_is_killed_and_back_within_seconds_fails_nobody(hospital: Hospital, moment: str) -> None:
    """In worker processes and with the waits that users have."""
    hospital.proxy.plan = Script(Rule(moment, wrongs.crash(hospital.orthanc, down_s=1.0), range(3, 4)))
    store = f"killed-{moment.strip('/$')}"
    outcomes = hospital.run(store, jobs=2, timeout_s=5.0)
    assert hospital.proxy.done == {"crash": 1}
    assert [outcome.reason for outcome in outcomes.values() if outcome.failure] == []
    hospital.require_undisturbed(store, VICTIM, OTHER)
    hospital.require_nothing_half_done(store)
    assert workers() == []


@pytest.mark.usefixtures("impatient")
def test_a_server_that_never_comes_back_fails_everybody_from_there_on_and_the_next_run_makes_it_good(
    hospital: Hospital,
) -> None:
    hospital.proxy.plan = Script(Rule("/file$", wrongs.crash(hospital.orthanc, down_s=None), range(9, 10)))
    outcomes = hospital.run("dead")
    assert {outcome.status for outcome in outcomes.values()} == {Status.FAILED}
    for outcome in outcomes.values():
        assert outcome.failure is not None
        assert outcome.failure.error_type == "OrthancUnreachable"
        assert "Check that Orthanc runs and can be reached, then run this patient again." in outcome.reason
    hospital.require_nothing_half_done("dead")

    hospital.orthanc.start()
    hospital.proxy.up()
    hospital.run("dead")
    hospital.require_undisturbed("dead", VICTIM, OTHER)
