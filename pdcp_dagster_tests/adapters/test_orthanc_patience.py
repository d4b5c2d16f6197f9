"""What is waited out, for how long, and what is not: by every question alike."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from pydicom.uid import generate_uid

from pdcp_dagster.adapters.orthanc import (
    ObjectGone,
    ObjectUnreadable,
    Orthanc,
    OrthancAnswerError,
    OrthancDenied,
    OrthancError,
    OrthancSettings,
    OrthancUnreachable,
)
from pdcp_dagster.adapters.orthanc.patience import LONGEST_RETRY_AFTER_S, QUICK_WAITS_S, WAITS_S, Passing, persist
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
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
from pdcp_dagster_tests.adapters.test_orthanc import a_structure_set, an_object, archived

PATIENT = f"/patients/{ID}"


class Clock(threading.Event):
    """Remembers what was waited and waits for nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.waited_s: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waited_s.append(timeout or 0.0)
        return self.is_set()


@pytest.fixture
def server() -> Iterator[BrokenServer]:
    broken = BrokenServer()
    yield broken
    broken.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(server: BrokenServer, clock: Clock) -> Iterator[Orthanc]:
    with Orthanc(OrthancSettings(url=server.url, timeout_s=0.2)) as opened:
        opened._connection.closing = clock
        yield opened


def failing(error: OrthancError, waits_s: Sequence[float], times: int) -> Callable[[], str]:
    left = iter(range(times))

    def attempt() -> str:
        if next(left, None) is not None:
            raise Passing(error, waits_s)
        return "done"

    return attempt


def test_a_server_that_is_away_is_waited_for_between_twenty_and_thirty_seconds() -> None:
    assert 20 <= sum(WAITS_S) <= 30
    assert list(WAITS_S) == sorted(WAITS_S)
    assert len(QUICK_WAITS_S) == 2


@pytest.mark.parametrize("times", range(4))
def test_what_passes_in_time_is_no_error_and_what_does_not_is_its_own(times: int, clock: Clock) -> None:
    error = OrthancUnreachable("away")
    attempt = failing(error, (1.0, 2.0), times)
    if times <= 2:
        assert persist(attempt, clock) == "done"
    else:
        with pytest.raises(OrthancUnreachable) as caught:
            persist(attempt, clock)
        assert caught.value is error
    assert clock.waited_s == [1.0, 2.0][:times]


def test_who_is_closing_waits_no_longer(clock: Clock) -> None:
    clock.set()
    with pytest.raises(OrthancUnreachable):
        persist(failing(OrthancUnreachable("away"), WAITS_S, 100), clock)
    assert len(clock.waited_s) == 1


@pytest.mark.parametrize(
    ("answer", "fate"),
    [
        (Answer(status=429), (OrthancUnreachable, WAITS_S)),
        (Answer(status=502), (OrthancUnreachable, WAITS_S)),
        (Answer(status=503), (OrthancUnreachable, WAITS_S)),
        (Answer(status=504), (OrthancUnreachable, WAITS_S)),
        (Answer(b"{}", length=9), (OrthancUnreachable, WAITS_S)),
        (Answer(b"{}", stall_s=0.5), (OrthancUnreachable, WAITS_S[:2])),
        (Answer(status=500), (ObjectUnreadable, QUICK_WAITS_S)),
        (Answer(status=501), (ObjectUnreadable, QUICK_WAITS_S)),
        (Answer(status=401), (OrthancDenied, ())),
        (Answer(status=403), (OrthancDenied, ())),
        (Answer(status=404), (ObjectGone, ())),
        (Answer(status=400), (OrthancAnswerError, ())),
        (Answer(status=302, headers={"Location": "/patients"}), (OrthancAnswerError, ())),
        (Answer(b"<html>"), (OrthancAnswerError, ())),
    ],
)
def test_each_fault_is_waited_out_as_long_as_it_deserves(
    client: Orthanc, server: BrokenServer, clock: Clock, answer: Answer, fate: tuple[type, Sequence[float]]
) -> None:
    error, waits_s = fate
    server.tell(PATIENT, answer)
    with pytest.raises(OrthancError) as caught:
        client.patient(ID)
    assert type(caught.value) is error
    assert clock.waited_s == list(waits_s)
    assert server.asked(PATIENT) == 1 + len(waits_s)


@pytest.mark.parametrize("path", [INFO, FILE])
@pytest.mark.parametrize("fault", [Answer(status=503), Answer(CONTENT[:9], length=10), Answer(CONTENT, stall_s=0.5)])
def test_a_download_waits_out_what_other_questions_wait_out(
    client: Orthanc, server: BrokenServer, tmp_path: Path, path: str, fault: Answer
) -> None:
    server.tell(INFO, info())
    server.tell(FILE, Answer(CONTENT))
    server.tell(path, fault, fault, *server.answers[path])
    assert client.download(instance(), tmp_path / "a").size == len(CONTENT)
    assert server.asked(path) == 3
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a", CONTENT)]


@pytest.mark.parametrize("cut", [True, False])
def test_a_structure_set_that_was_cut_is_read_again(
    client: Orthanc, server: BrokenServer, tmp_path: Path, cut: bool
) -> None:
    content = a_structure_set(tmp_path, "cut", "1.2", contours=0).read_bytes()
    study = {"ID": ID, "MainDicomTags": {}}
    series = {"ID": ID, "MainDicomTags": {"Modality": "RTSTRUCT"}, "ParentStudy": ID}
    listed = {"ID": ID, "ParentSeries": ID, "FileSize": len(content), "FileUuid": "u"}
    for kind, record in {"studies": study, "series": series, "instances": listed}.items():
        server.tell(f"{PATIENT}/{kind}", as_json([record]))
    fault = Answer(content[:200], length=len(content)) if cut else Answer(status=503)
    server.tell(FILE, fault, fault, Answer(content))
    (row,) = client.instance_tags(ID, ["RTSTRUCT"])
    assert row["StructureSetROISequence"][0]["ROIName"] == "Brüst/links"
    assert server.asked(FILE) == 3


@pytest.mark.parametrize(
    ("asked", "waited_s"),
    [("7", 7.0), ("0", WAITS_S[0]), ("86400", LONGEST_RETRY_AFTER_S), ("Sun, 22 Nov 2026", WAITS_S[0]), ("-5", 0.25)],
)
def test_what_a_busy_server_asks_for_is_granted_up_to_a_bound(
    client: Orthanc, server: BrokenServer, clock: Clock, asked: str, waited_s: float
) -> None:
    patient = b'{"ID": "%s", "MainDicomTags": {}, "Studies": []}' % ID.encode()
    server.tell(PATIENT, Answer(status=503, headers={"Retry-After": asked}), Answer(patient))
    assert client.patient(ID).orthanc_id == ID
    assert clock.waited_s == [waited_s]


def test_whether_there_is_a_server_at_all_is_answered_fast(clock: Clock) -> None:
    with Orthanc(OrthancSettings(url="http://127.0.0.1:9")) as nowhere:
        nowhere._connection.closing = clock
        with pytest.raises(OrthancUnreachable, match="refused"):
            nowhere.system()
    assert sum(clock.waited_s) < 1


def test_a_server_that_was_waited_for_in_vain_is_not_waited_for_again_until_it_answers(
    client: Orthanc, server: BrokenServer, clock: Clock
) -> None:
    away, there = Answer(status=503), as_json([])
    waits: list[list[float]] = []
    for answer in (away, away, there, away):
        clock.waited_s.clear()
        server.tell(f"{PATIENT}/instances", answer)
        if answer is there:
            assert client.fingerprint(ID)
        else:
            with pytest.raises(OrthancUnreachable):
                client.fingerprint(ID)
        waits.append(list(clock.waited_s))
    assert waits == [list(WAITS_S), list(WAITS_S[:2]), [], list(WAITS_S)]


def test_closing_breaks_off_a_wait_for_a_server_that_is_away() -> None:
    nowhere = Orthanc(OrthancSettings(url="http://127.0.0.1:9"))
    met: list[BaseException] = []

    def ask() -> None:
        try:
            nowhere.patient(ID)
        except OrthancError as error:
            met.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    nowhere.close()
    asking.join(sum(WAITS_S) / 2)
    assert not asking.is_alive()
    assert [type(error) for error in met] == [OrthancUnreachable]


@pytest.mark.parametrize("body", [CONTENT, b""])
def test_closing_breaks_off_an_answer_that_does_not_come(server: BrokenServer, tmp_path: Path, body: bytes) -> None:
    stall_s = 60.0
    server.tell(INFO, info())
    server.tell(FILE, Answer(body, length=len(CONTENT), stall_s=stall_s))
    silent = Orthanc(OrthancSettings(url=server.url, timeout_s=2 * stall_s))
    met: list[BaseException] = []

    def download() -> None:
        try:
            silent.download(instance(), tmp_path / "a")
        except OrthancError as error:
            met.append(error)

    downloading = threading.Thread(target=download)
    downloading.start()
    while not server.asked(FILE):
        time.sleep(0.01)
    silent.close()
    downloading.join(stall_s / 2)
    assert not downloading.is_alive()
    assert [type(error) for error in met] == [OrthancUnreachable]
    assert list(tmp_path.iterdir()) == []


def test_an_upload_that_was_cut_is_sent_again_from_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(CONTENT)
    said = b'{"ID": "%s"}' % ID.encode()
    got: list[bytes] = []

    def serve(listening: socket.socket) -> None:
        for answer in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said)):
            asking, _ = listening.accept()
            with asking, asking.makefile("rb") as lines:
                while lines.readline().strip():
                    continue
                got.append(lines.read(len(CONTENT)))
                asking.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = threading.Thread(target=serve, args=(listening,))
        serving.start()
        with Orthanc(OrthancSettings(url=f"http://127.0.0.1:{listening.getsockname()[1]}")) as client:
            assert client.upload(tmp_path / "a.dcm") == {"ID": ID}
        serving.join()
    assert got == [CONTENT, CONTENT]


def test_never_more_connections_than_the_settings_say(server: BrokenServer, tmp_path: Path) -> None:
    server.tell(INFO, info())
    server.tell(FILE, Answer(CONTENT, stall_s=0.01))
    with Orthanc(OrthancSettings(url=server.url, connections=2)) as opened:
        crowd = [
            threading.Thread(target=opened.download, args=(instance(), tmp_path / f"crowd {n}")) for n in range(10)
        ]
        for one in crowd:
            one.start()
        opened.download_all([(instance(), tmp_path / f"{n}") for n in range(10)])
        for one in crowd:
            one.join()
    assert len(list(tmp_path.iterdir())) == 20
    assert server.connections == 2


def test_an_answer_that_is_refused_or_broken_off_does_not_use_up_a_connection(
    server: BrokenServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.tell(INFO, info())
    server.tell(FILE, Answer(CONTENT + b"more"))
    server.tell(PATIENT, Answer(b"gone", status=404))
    with Orthanc(OrthancSettings(url=server.url, connections=1, timeout_s=5)) as single:
        monkeypatch.setattr(single._connection, "closing", Clock())
        for _ in range(3):
            with pytest.raises(OrthancError):
                single.download(instance(), tmp_path / "a")
            with pytest.raises(ObjectGone):
                single.patient(ID)
    assert (server.asked(FILE), server.asked(PATIENT)) == (9, 3)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_was_away_may_still_have_its_bad_moment(
    client: Orthanc, server: BrokenServer, clock: Clock
) -> None:
    patient = b'{"ID": "%s", "MainDicomTags": {}, "Studies": []}' % ID.encode()
    away, wrong = Answer(status=503), Answer(status=500)
    server.tell(PATIENT, away, away, away, wrong, wrong, Answer(patient))
    assert client.patient(ID).orthanc_id == ID
    assert clock.waited_s == [*WAITS_S[:3], *QUICK_WAITS_S]


def test_an_orthanc_that_restarts_in_the_middle_fails_nothing(tmp_path: Path) -> None:
    study, series = generate_uid(), generate_uid()
    files = [
        an_object(tmp_path, "CT", "restart", study, series, EncapsulatedDocument=bytes([n]) * 1_000_000)
        for n in range(24)
    ]
    first = PrivateOrthanc(tmp_path / "storage").start()
    again = PrivateOrthanc(first.storage, port=int(first.url.rsplit(":", 1)[1]))
    with Orthanc(OrthancSettings(url=first.url, connections=4)) as client:
        stored = [client.upload(file) for file in files]
        client.upload(a_structure_set(tmp_path, "restart", study, contours=1))
        pairs = [
            (archived(each["ID"], file), tmp_path / f"{n} copy")
            for n, (each, file) in enumerate(zip(stored, files, strict=True))
        ]
        arriving = threading.Thread(target=client.download_all, args=(pairs,))
        arriving.start()
        while arriving.is_alive() and not pairs[0][1].exists():
            time.sleep(0.001)
        first.kill()
        starting = threading.Thread(target=again.start)
        starting.start()
        # Nobody answers yet, or for the first time.
        rows = client.instance_tags(stored[0]["ParentPatient"], ["CT", "RTSTRUCT"])
        arriving.join()
        starting.join()
        again.kill()
    assert len(rows) == 25
    assert [copy.read_bytes() for _, copy in pairs] == [file.read_bytes() for file in files]
    assert not list(tmp_path.glob("*.part"))
