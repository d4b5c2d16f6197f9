"""The proxy itself: on a good day nobody can tell it from the server, and each fault is what its name says."""

from __future__ import annotations

import gzip
import http.client
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest

from pdcp_dagster_tests.faults import wrongs
from pdcp_dagster_tests.faults.conftest import VICTIM, Hospital
from pdcp_dagster_tests.faults.proxy import Fault, Rule, Script

SYSTEM = "/system"


def get(archive: Hospital, path: str = SYSTEM) -> bytes:
    with urllib.request.urlopen(archive.proxy.url + path, timeout=5) as answer:  # noqa: S310 - loopback
        body: bytes = answer.read()
    return body


def test_on_a_good_day_every_byte_is_the_servers(archive: Hospital) -> None:
    orthanc_id = archive.tasks[VICTIM].orthanc_id
    instance = archive.orthanc.get(f"/patients/{orthanc_id}/instances")[0]["ID"]
    for path in (SYSTEM, f"/patients/{orthanc_id}/instances?expand", f"/instances/{instance}/file"):
        with urllib.request.urlopen(archive.orthanc.url + path) as answer:  # noqa: S310 - loopback
            assert get(archive, path) == answer.read()
    assert len(archive.proxy.requests) == 3
    assert archive.proxy.done == {}


def test_what_is_not_there_is_not_there_behind_the_proxy_either(archive: Hospital) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(archive, "/patients/nobody")
    assert refused.value.code == 404
    refused.value.close()


def test_a_connection_is_used_for_several_requests(archive: Hospital) -> None:
    connection = http.client.HTTPConnection(str(urlsplit(archive.proxy.url).netloc), timeout=5)
    for _ in range(2):
        connection.request("GET", SYSTEM)
        assert connection.getresponse().read()
        assert connection.sock is not None
    connection.close()


def test_a_rule_counts_only_what_matches_it(archive: Hospital) -> None:
    archive.proxy.plan = Script(Rule("^/system$", wrongs.EMPTY, range(2, 3)))
    assert [len(get(archive, path)) > 0 for path in (SYSTEM, "/patients", SYSTEM, SYSTEM)] == [True, True, False, True]
    assert archive.proxy.done == {"empty": 1}


def answered(archive: Hospital, fault: Fault) -> tuple[int, dict[str, str], bytes | type[Exception]]:
    """Return status, headers and body (or the error while it was read) of an answer with this fault."""
    archive.proxy.plan = Script(Rule(SYSTEM, fault))
    connection = http.client.HTTPConnection(str(urlsplit(archive.proxy.url).netloc), timeout=0.3)
    try:
        connection.request("GET", SYSTEM)
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        try:
            return answer.status, headers, answer.read()
        except (OSError, http.client.HTTPException) as error:
            return answer.status, headers, type(error)
    finally:
        connection.close()


def test_each_fault_is_what_its_name_says(archive: Hospital) -> None:
    right = get(archive)
    half = right[: len(right) // 2]
    assert answered(archive, wrongs.status(503, retry_after="1"))[::2] == (503, b"")
    assert answered(archive, wrongs.status(503, retry_after="1"))[1]["retry-after"] == "1"
    assert answered(archive, wrongs.SHORT)[::2] == (200, half)
    assert answered(archive, wrongs.SHORT)[1]["content-length"] == str(len(half))
    assert answered(archive, wrongs.EMPTY)[::2] == (200, b"")
    assert answered(archive, wrongs.CUT)[::2] == (200, http.client.IncompleteRead)
    assert answered(archive, wrongs.CUT_CHUNKS)[::2] == (200, http.client.IncompleteRead)
    assert answered(archive, wrongs.stall(5))[::2] == (200, TimeoutError)
    assert answered(archive, wrongs.trickle(0.2))[::2] == (200, right)
    assert answered(archive, wrongs.HUNG_UP)[::2] == (200, right)
    flipped = answered(archive, wrongs.FLIPPED)[2]
    assert isinstance(flipped, bytes)
    assert [right[n] ^ flipped[n] for n in range(len(right)) if right[n] != flipped[n]] == [1]
    _, headers, packed = answered(archive, wrongs.COMPRESSED)
    assert (headers["content-encoding"], gzip.decompress(packed)) == ("gzip", right)  # type: ignore[arg-type]


def test_a_refused_or_silent_request_has_no_answer(archive: Hospital) -> None:
    with pytest.raises(ConnectionError):
        answered(archive, wrongs.REFUSED)
    with pytest.raises(TimeoutError):
        answered(archive, wrongs.silence(5))


def test_down_is_a_refused_connection_and_up_is_as_before(archive: Hospital) -> None:
    archive.proxy.down()
    try:
        with pytest.raises(urllib.error.URLError, match="Connection refused"):
            get(archive)
    finally:
        archive.proxy.up()
    assert get(archive)
