"""What a server does that is broken, slow or no Orthanc at all: each is told apart."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pdcp_dagster.adapters.orthanc import (
    ObjectDamaged,
    ObjectUnreadable,
    Orthanc,
    OrthancAnswerError,
    OrthancDenied,
    OrthancSettings,
    OrthancUnreachable,
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


def test_patients_come_page_by_page_and_once_though_pages_move(
    client: Orthanc, server: BrokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pdcp_dagster.adapters.orthanc.client._PAGE", 2)

    def patient(n: int) -> dict[str, Any]:
        return {"ID": f"{n:08x}{ID[8:]}", "MainDicomTags": {"PatientID": str(n)}, "Studies": []}

    for since, page in {0: [patient(1), patient(2)], 2: [patient(2), patient(3)], 4: []}.items():
        server.tell(f"/patients?expand=&since={since}&limit=2", as_json(page))
    assert [found.patient_id for found in client.patients()] == ["1", "2", "3"]


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
