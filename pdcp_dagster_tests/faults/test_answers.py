"""Each way in which an answer can be wrong: once, it is asked again and nobody notices; again and again, one patient
fails with the reason, the others are as ever, and the next run makes it good.

Waits between retries are taken out (`impatient`); how long they really are, test_orthanc_faults.py asks.
"""

from __future__ import annotations

import pytest

from pdcp_dagster.domain.codes import Status
from pdcp_dagster_tests.faults import wrongs
from pdcp_dagster_tests.faults.conftest import OTHER, TIMEOUT_S, VICTIM, Hospital
from pdcp_dagster_tests.faults.proxy import Fault, Rule, Script

pytestmark = pytest.mark.usefixtures("impatient")

LISTING, TAGS, INFO, FILE = r"/instances\?expand", "/instances-tags", "/info$", "/file$"
PASSING = range(1, 2)
LONG_S = 6 * TIMEOUT_S


def named(fault: Fault) -> str:
    return fault.name.replace(" ", "-")


@pytest.mark.parametrize(
    "fault",
    [
        *(wrongs.status(code) for code in (429, 500, 502, 503, 504)),
        wrongs.REFUSED,
        wrongs.silence(LONG_S),
        wrongs.stall(LONG_S),
        wrongs.CUT,
        wrongs.CUT_CHUNKS,
        wrongs.HUNG_UP,
        wrongs.COMPRESSED,
        wrongs.trickle(TIMEOUT_S),
    ],
    ids=named,
)
def test_what_goes_wrong_once_at_each_kind_of_request_is_noticed_by_nobody(hospital: Hospital, fault: Fault) -> None:
    hospital.proxy.plan = Script(*(Rule(path, fault, PASSING) for path in (LISTING, TAGS, INFO, FILE)))
    store = f"once-{named(fault)}"
    outcomes = hospital.run(store)
    assert [outcome.reason for outcome in outcomes.values() if outcome.failure] == []
    assert hospital.proxy.done == {fault.name: 4}
    hospital.require_undisturbed(store, VICTIM, OTHER)


@pytest.mark.parametrize("fault", [wrongs.SHORT, wrongs.FLIPPED, wrongs.EMPTY, wrongs.LOGIN_PAGE], ids=named)
def test_a_file_that_comes_wrong_once_is_fetched_again(hospital: Hospital, fault: Fault) -> None:
    hospital.proxy.plan = Script(Rule(FILE, fault, PASSING))
    store = f"file-{named(fault)}"
    hospital.run(store)
    assert hospital.proxy.done == {fault.name: 1}
    hospital.require_undisturbed(store, VICTIM, OTHER)


@pytest.mark.parametrize(
    ("place", "fault", "error", "words"),
    [
        (LISTING, wrongs.status(401), "OrthancDenied", "refuses user name or password (401)"),
        (FILE, wrongs.status(403), "OrthancDenied", "Check ORTHANC_USERNAME and ORTHANC_PASSWORD"),
        (TAGS, wrongs.status(404), "ObjectGone", "deleted or replaced meanwhile"),
        (FILE, wrongs.status(404), "ObjectGone", "list the patients again"),
        (FILE, wrongs.status(429, retry_after="0"), "OrthancUnreachable", "at present (429)"),
        (TAGS, wrongs.status(500), "ObjectUnreadable", "cannot read"),
        (FILE, wrongs.status(500), "ObjectUnreadable", "exported again"),
        (LISTING, wrongs.status(503), "OrthancUnreachable", "at present (503)"),
        (FILE, wrongs.status(504), "OrthancUnreachable", "Check that Orthanc runs"),
        (LISTING, wrongs.REFUSED, "OrthancUnreachable", "was cut"),
        (FILE, wrongs.silence(LONG_S), "OrthancUnreachable", "did not answer"),
        (TAGS, wrongs.stall(LONG_S), "OrthancUnreachable", "did not answer"),
        (LISTING, wrongs.CUT, "OrthancUnreachable", "was cut"),
        (FILE, wrongs.CUT_CHUNKS, "OrthancUnreachable", "was cut"),
        (FILE, wrongs.SHORT, "ObjectDamaged", "were stored"),
        (TAGS, wrongs.SHORT, "OrthancAnswerError", "not JSON"),
        (FILE, wrongs.FLIPPED, "ObjectDamaged", "MD5"),
        (LISTING, wrongs.LOGIN_PAGE, "OrthancAnswerError", "is this URL an Orthanc?"),
        (FILE, wrongs.LOGIN_PAGE, "ObjectDamaged", "were stored"),
        (TAGS, wrongs.EMPTY, "OrthancAnswerError", "not JSON"),
        (FILE, wrongs.EMPTY, "ObjectDamaged", "were stored"),
        (INFO, wrongs.EMPTY, "OrthancAnswerError", "not JSON"),
    ],
)
def test_what_goes_wrong_for_ever_fails_its_patient_alone_and_is_made_good_by_the_next_run(
    hospital: Hospital, place: str, fault: Fault, error: str, words: str
) -> None:
    hospital.proxy.plan = Script(Rule(f"({hospital.paths_of(VICTIM)}).*{place}", fault))
    store = f"ever-{named(fault)}-{place.strip('/$')}"
    outcomes = hospital.run(store)
    victim = outcomes[VICTIM]
    assert (victim.status, outcomes[OTHER].status) == (Status.FAILED, Status.SUCCESS)
    assert victim.failure is not None
    assert victim.failure.error_type == error
    assert words in victim.reason
    assert "\n" not in victim.reason
    assert hospital.folder(VICTIM, store).read_failure()["reason"] == victim.failure.reason  # type: ignore[index]
    hospital.require_nothing_half_done(store)
    hospital.require_undisturbed(store, OTHER)

    hospital.proxy.forget()
    hospital.run(store, VICTIM)
    hospital.require_undisturbed(store, VICTIM)
