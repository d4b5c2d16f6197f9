"""What a server does that is broken, slow or no Orthanc at all: each is told apart."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pdcp_dagster.adapters.orthanc import (
    ObjectDamaged,
    ObjectGone,
    ObjectUnreadable,
    Orthanc,
    OrthancAnswerError,
    OrthancDenied,
    OrthancSettings,
    OrthancUnreachable,
    PatientListing,
)
from pdcp_dagster_tests.adapters.orthanc_fakes import (
    CONTENT,
    FILE,
    ID,
    INFO,
    Answer,
    BrokenServer,
    as_json,
    info,
    instance,
)

OTHER = b"DICN" * 500


@pytest.fixture
def server() -> Iterator[BrokenServer]:
    broken = BrokenServer()
    yield broken
    broken.close()


@pytest.fixture
def client(server: BrokenServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Orthanc]:
    for name in ("WAITS_S", "QUICK_WAITS_S"):
        monkeypatch.setattr(f"pdcp_dagster.adapters.orthanc.patience.{name}", (0.0, 0.0))
    with Orthanc(OrthancSettings(url=server.url, timeout_s=0.3)) as orthanc:
        yield orthanc


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(b"<html>login</html>"), OrthancAnswerError),
        (Answer(b"[]"), OrthancAnswerError),
        (Answer(b'{"Name": "something else"}'), OrthancAnswerError),
        (Answer(status=302, headers={"Location": "/login"}), OrthancAnswerError),
        (Answer(status=400), OrthancAnswerError),
        (Answer(status=401), OrthancDenied),
        (Answer(status=403), OrthancDenied),
        (Answer(status=500), ObjectUnreadable),
        (Answer(status=503), OrthancUnreachable),
        (Answer(b'{"Version": "1', length=500), OrthancUnreachable),
        (Answer(b'{"Version": "1"}', stall_s=0.6), OrthancUnreachable),
    ],
)
def test_every_wrong_answer_is_an_error_of_its_own(
    client: Orthanc, server: BrokenServer, answer: Answer, error: type[Exception]
) -> None:
    server.tell("/system", answer)
    with pytest.raises(error) as caught:
        client.system()
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)


def test_a_server_that_is_busy_for_a_moment_is_asked_again(client: Orthanc, server: BrokenServer) -> None:
    server.tell("/system", Answer(status=503), Answer(status=503), as_json({"Version": "1.10.1"}))
    assert client.system() == {"Version": "1.10.1"}


def test_nothing_is_asked_for_in_gzip_and_no_redirect_is_followed(client: Orthanc, server: BrokenServer) -> None:
    server.tell("/system", as_json({"Version": "1.10.1"}))
    client.system()
    assert server.requests[0][1]["Accept-Encoding"] == "identity"


def test_what_a_redirect_says_at_length_is_not_read(client: Orthanc, server: BrokenServer) -> None:
    without_end = Answer(b"said", length=1 << 40, status=302, headers={"Location": "/login"}, stall_s=0.6)
    server.tell("/system", without_end)
    with pytest.raises(OrthancAnswerError, match="302"):
        client.system()


def test_no_cookie_is_kept(client: Orthanc, server: BrokenServer) -> None:
    server.tell("/system", Answer(b'{"Version": "1.10.1"}', headers={"Set-Cookie": "ward=7; Path=/"}))
    client.system()
    client.system()
    assert ["Cookie" in headers for _, headers in server.requests] == [False, False]


def test_who_was_closed_asks_nothing_more(server: BrokenServer) -> None:
    closed = Orthanc(OrthancSettings(url=server.url))
    closed.close()
    with pytest.raises(OrthancUnreachable):
        closed.system()
    assert server.requests == []


def test_proxies_and_certificates_of_the_environment_do_not_override_the_settings(
    client: Orthanc, server: BrokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such.pem")
    server.tell("/system", as_json({"Version": "1.10.1"}))
    assert client.system()


def test_tls_with_a_server_that_has_none_is_told(server: BrokenServer) -> None:
    settings = OrthancSettings(url=server.url.replace("http:", "https:"), timeout_s=0.5)
    with pytest.raises(OrthancUnreachable, match="TLS"):
        Orthanc(settings).system()


def tell_patients(server: BrokenServer, pages: dict[int, list[list[int]]]) -> None:
    """Have each page, by `since`, hold these patients, several answers in turn."""
    for since, turns in pages.items():
        answers = [
            as_json([{"ID": f"{n:08x}{ID[8:]}", "MainDicomTags": {"PatientID": str(n)}, "Studies": []} for n in page])
            for page in turns
        ]
        server.tell(f"/patients?expand=&since={since}&limit=3", *answers)


@pytest.fixture
def pages_of_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pdcp_dagster.adapters.orthanc.client._PAGE", 3)


@pytest.mark.parametrize(
    "pages",
    [
        {0: [[]]},
        {0: [[1], [1]]},
        {0: [[1, 2, 3]], 2: [[3]]},
        {0: [[1, 2, 3]], 2: [[3, 4]], 3: [[4]]},
    ],
    ids=["nobody", "one", "a full page", "more than a page"],
)
@pytest.mark.usefixtures("pages_of_3")
def test_patients_come_page_by_page_and_once(
    client: Orthanc, server: BrokenServer, pages: dict[int, list[list[int]]]
) -> None:
    tell_patients(server, pages)
    expected = sorted({str(n) for turns in pages.values() for page in turns for n in page})
    assert [found.patient_id for found in client.patients()] == expected


@pytest.mark.usefixtures("pages_of_3")
def test_a_deletion_while_pages_are_read_hides_nobody(client: Orthanc, server: BrokenServer) -> None:
    """1 is deleted after the first page: 4 has moved to where 3 was."""
    tell_patients(server, {0: [[1, 2, 3], [2, 3, 4]], 2: [[4, 5], [4, 5]], 3: [[5]]})
    assert [found.patient_id for found in client.patients()] == ["1", "2", "3", "4", "5"]


@pytest.mark.usefixtures("pages_of_3")
@pytest.mark.parametrize("page", [[1, 2, 3], [1, 2, 1]])
def test_a_gateway_that_drops_since_is_told_and_not_asked_for_ever(
    client: Orthanc, server: BrokenServer, page: list[int]
) -> None:
    tell_patients(server, {0: [page], 2: [page]})
    with pytest.raises(OrthancAnswerError, match="since"):
        list(client.patients())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(b"[" * 200_000), OrthancAnswerError),
        (Answer(b"xx", status=404, headers={"Content-Length": "\xb2"}), ObjectGone),
        (Answer(b"xx", status=404, headers={"Content-Length": "1" * 5000}), ObjectGone),
        (Answer(b"-5\r\n{}\r\n0\r\n\r\n", headers={"Transfer-Encoding": "chunked"}), OrthancUnreachable),
        (Answer(gzip.compress(b'{"Version": "1.10.1"}'), headers={"Content-Encoding": "gzip"}), OrthancAnswerError),
        (Answer(b'{"Version": "1.10.1"}', headers={"Content-Encoding": "br"}), OrthancAnswerError),
    ],
    ids=["deep", "no number", "a long number", "a negative chunk", "gzip", "br"],
)
def test_an_absurd_answer_is_one_of_our_errors(
    client: Orthanc, server: BrokenServer, answer: Answer, error: type[Exception]
) -> None:
    server.tell("/system", answer)
    with pytest.raises(error) as caught:
        client.system()
    assert type(caught.value) is error


def test_a_size_without_end_is_no_size(client: Orthanc, server: BrokenServer, tmp_path: Path) -> None:
    file = b'{"ID": "%s", "FileUuid": "u", "FileSize": Infinity}' % ID.encode()
    server.tell(f"/patients/{ID}/instances", Answer(b"[" + file + b"]"))
    with pytest.raises(OrthancAnswerError, match="incomplete"):
        client.fingerprint(ID)
    sizes = b'{"UncompressedMD5": "x", "CompressedSize": Infinity, "UncompressedSize": 1, "Uuid": "u"}'
    server.tell(INFO, Answer(sizes))
    with pytest.raises(OrthancAnswerError, match="incomplete"):
        client.download(instance(), tmp_path / "a.dcm")
    record = {"ID": ID, "MainDicomTags": {}, "ParentSeries": ID, "ParentStudy": ID, "FileUuid": "u"}
    listing = PatientListing(ID, {ID: record}, {ID: record}, {ID: {**record, "FileSize": float("inf")}})
    with pytest.raises(OrthancAnswerError, match="incomplete"):
        listing.origin(ID)


def test_an_answer_without_a_length_that_was_cut_is_asked_for_again(client: Orthanc, server: BrokenServer) -> None:
    """What is sent until the connection closes looks whole wherever it ends."""
    until_closed = {"Transfer-Encoding": "identity", "Connection": "close"}
    server.tell("/system", Answer(b'{"Version": "1.1', headers=until_closed), Answer(b'{"Version": "1.10.1"}'))
    assert client.system() == {"Version": "1.10.1"}


@pytest.mark.parametrize(
    "record",
    [
        {"ID": "../../etc", "MainDicomTags": {}, "Studies": []},
        {"ID": ID, "Studies": []},
        {"ID": ID, "MainDicomTags": {}},
        {"ID": ID, "MainDicomTags": {}, "Studies": ["x"]},
    ],
)
def test_a_record_that_is_no_patients_is_refused(client: Orthanc, server: BrokenServer, record: object) -> None:
    server.tell("/patients", as_json([record]))
    with pytest.raises(OrthancAnswerError):
        list(client.patients())


def test_a_series_that_changes_while_it_is_read_is_no_shorter_list(client: Orthanc, server: BrokenServer) -> None:
    study = {"ID": ID, "MainDicomTags": {}}
    series = {"ID": ID, "MainDicomTags": {"Modality": "CT"}, "ParentStudy": ID}
    listed = {"ID": ID, "ParentSeries": ID, "FileSize": 1, "FileUuid": "u"}
    for kind, record in {"studies": study, "series": series, "instances": listed}.items():
        server.tell(f"/patients/{ID}/{kind}", as_json([record]))
    server.tell(f"/series/{ID}/instances-tags", as_json({}))
    with pytest.raises(OrthancAnswerError, match="changed"):
        client.instance_tags(ID, ["CT"])
    server.tell(f"/series/{ID}/instances-tags", as_json({ID: {"Modality": "CT"}}))
    assert client.instance_tags(ID, ["CT"])[0]["file_size"] == 1


def test_a_download_cut_once_is_tried_again(client: Orthanc, server: BrokenServer, tmp_path: Path) -> None:
    server.tell(FILE, Answer(CONTENT[:100], length=len(CONTENT)), Answer(CONTENT))
    server.tell(INFO, info())
    assert client.download(instance(), tmp_path / "a.dcm").size == len(CONTENT)
    assert [path.name for path in tmp_path.iterdir()] == ["a.dcm"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(CONTENT[:100], length=len(CONTENT)), OrthancUnreachable),
        (Answer(CONTENT[:100]), ObjectDamaged),
        (Answer(CONTENT, stall_s=0.6), OrthancUnreachable),
        (Answer(status=500), ObjectUnreadable),
        (Answer(OTHER), ObjectDamaged),
        (Answer(CONTENT + b"more"), ObjectDamaged),
    ],
)
def test_a_download_that_stays_broken_leaves_the_older_file_and_nothing_else(
    client: Orthanc, server: BrokenServer, tmp_path: Path, answer: Answer, error: type[Exception]
) -> None:
    (tmp_path / "a.dcm").write_bytes(b"older")
    server.tell(FILE, answer)
    server.tell(INFO, info())
    with pytest.raises(error) as caught:
        client.download(instance(), tmp_path / "a.dcm")
    assert type(caught.value) is error
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.dcm", b"older")]


def test_a_disk_that_cannot_be_written_is_the_systems_own_error(
    client: Orthanc, server: BrokenServer, tmp_path: Path
) -> None:
    server.tell(FILE, Answer(CONTENT))
    server.tell(INFO, info())
    with pytest.raises(FileNotFoundError):
        client.download(instance(), tmp_path / "no folder" / "a.dcm")


@pytest.mark.parametrize("content", [b"", b"no DICOM at all, but long enough to look like some" * 10, b"\0" * 4000])
def test_a_structure_set_that_is_no_dicom_is_damaged(client: Orthanc, server: BrokenServer, content: bytes) -> None:
    study = {"ID": ID, "MainDicomTags": {}}
    series = {"ID": ID, "MainDicomTags": {"Modality": "RTSTRUCT"}, "ParentStudy": ID}
    listed = {"ID": ID, "ParentSeries": ID, "FileSize": len(content), "FileUuid": "u"}
    for kind, record in {"studies": study, "series": series, "instances": listed}.items():
        server.tell(f"/patients/{ID}/{kind}", as_json([record]))
    server.tell(FILE, Answer(content))
    with pytest.raises(ObjectDamaged):
        client.instance_tags(ID, ["RTSTRUCT"])


def test_closing_ends_every_thread(server: BrokenServer) -> None:
    before = set(threading.enumerate())
    with Orthanc(OrthancSettings(url=server.url)) as orthanc:
        assert orthanc.download_all([]) == []
        with pytest.raises(OrthancAnswerError):
            orthanc.instance_tags("../system", ["CT"])
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("orthanc")]
