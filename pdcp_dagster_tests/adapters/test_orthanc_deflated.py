"""Archives that keep their files deflated: half the bytes on the way, the same file, and no harm from bad ones."""

from __future__ import annotations

import gzip
import hashlib
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.uid import generate_uid

from pdcp_dagster.adapters.orthanc import (
    ArchivedInstance,
    Downloaded,
    ObjectDamaged,
    ObjectGone,
    Orthanc,
    OrthancAnswerError,
    OrthancSettings,
)
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster_tests.adapters.orthanc_fakes import (
    CONTENT,
    FILE,
    INFO,
    Answer,
    BrokenServer,
    as_json,
    info,
    instance,
)
from pdcp_dagster_tests.adapters.test_orthanc import an_object

DEFLATED = zlib.compress(CONTENT)
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


def deflated(body: bytes, encoding: str = "deflate") -> Answer:
    return Answer(body, headers={"Content-Encoding": encoding})


@pytest.fixture
def server() -> Iterator[BrokenServer]:
    broken = BrokenServer()
    broken.tell("/system", as_json({"Version": "1.10.1"}))
    broken.tell(INFO, info(stored=DEFLATED))
    yield broken
    broken.close()


@pytest.fixture
def client(server: BrokenServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Orthanc]:
    monkeypatch.setattr("pdcp_dagster.adapters.orthanc.patience.QUICK_WAITS_S", (0.0, 0.0))
    with Orthanc(OrthancSettings(url=server.url, timeout_s=5)) as opened:
        yield opened


def accepted(server: BrokenServer) -> list[str]:
    return [headers["Accept-Encoding"] for path, headers in server.requests if path == FILE]


@pytest.mark.parametrize("check_md5", [True, False])
def test_of_a_mixed_archive_every_file_arrives_as_it_was_uploaded(tmp_path: Path, check_md5: bool) -> None:
    study, series = generate_uid(), generate_uid()
    files = [
        an_object(tmp_path, "CT", "mixed", study, series, EncapsulatedDocument=bytes([n]) * 3_000_000) for n in range(4)
    ]
    instances: list[ArchivedInstance] = []
    for deflates, some in ((False, files[:2]), (True, files[2:])):
        with (
            PrivateOrthanc(tmp_path / "storage", configuration={"StorageCompression": deflates}) as server,
            Orthanc(OrthancSettings(url=server.url)) as client,
        ):
            for file in some:
                stored = client.upload(file)["ID"]
                instances.append(ArchivedInstance(stored, "1", series, "CT", file.stat().st_size))
            if deflates:
                # Whichever comes first, what is guessed from it is wrong for half of them.
                for order in (instances, instances[::-1]):
                    copies = [tmp_path / f"copy {each.orthanc_id}" for each in order]
                    client.download_all(zip(order, copies, strict=True), check_md5=check_md5)
                    assert {copy.read_bytes() for copy in copies} == {file.read_bytes() for file in files}
            server.kill()


def test_deflate_is_asked_for_where_the_file_is_kept_so_and_only_there(
    client: Orthanc, server: BrokenServer, tmp_path: Path
) -> None:
    server.tell(FILE, deflated(DEFLATED), Answer(CONTENT))
    assert client.download(instance(), tmp_path / "a") == Downloaded(len(CONTENT), MD5)
    server.tell(INFO, info())
    assert client.download(instance(), tmp_path / "b") == Downloaded(len(CONTENT), MD5)
    assert accepted(server) == ["deflate", "identity"]
    assert {file.read_bytes() for file in tmp_path.iterdir()} == {CONTENT}
    assert server.asked("/system") == 0


def test_without_md5_the_first_file_of_a_series_speaks_for_all(
    client: Orthanc, server: BrokenServer, tmp_path: Path
) -> None:
    server.tell(FILE, deflated(DEFLATED), Answer(CONTENT), deflated(DEFLATED))
    for n in range(3):
        assert client.download(instance(), tmp_path / f"{n}", check_md5=False) == Downloaded(len(CONTENT), None)
    assert (server.asked(INFO), server.asked("/system"), server.asked(FILE)) == (1, 1, 3)
    assert accepted(server) == ["deflate"] * 3


@pytest.mark.parametrize("version", ["1.12.2", "1.12.10", "1.13", "2.0.0", "mainline"])
def test_a_server_that_never_deflates_on_the_fly_is_asked_nothing_about_it(
    client: Orthanc, server: BrokenServer, tmp_path: Path, version: str
) -> None:
    server.tell("/system", as_json({"Version": version}))
    server.tell(FILE, deflated(DEFLATED), Answer(CONTENT))
    for n in range(2):
        client.download(instance(), tmp_path / f"{n}", check_md5=False)
    assert (server.asked(INFO), server.asked("/system")) == (0, 1)
    assert accepted(server) == ["deflate"] * 2


def test_gzip_from_a_gateway_is_undone_too(client: Orthanc, server: BrokenServer, tmp_path: Path) -> None:
    server.tell(FILE, deflated(gzip.compress(CONTENT), "gzip"))
    assert client.download(instance(), tmp_path / "a") == Downloaded(len(CONTENT), MD5)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (DEFLATED[:-5], "ends too early"),
        (b"", "ends too early"),
        (b"no zlib at all", "cannot be inflated"),
        (DEFLATED[:-4] + b"\0\0\0\0", "cannot be inflated"),
        (DEFLATED + b"more", "goes on after its end"),
        (zlib.compress(CONTENT[:-1]), f"{len(CONTENT) - 1} of {len(CONTENT)} bytes"),
        (zlib.compress(CONTENT + b"m"), "more than"),
        (zlib.compress(CONTENT[:-1] + b"m"), "MD5"),
    ],
)
def test_a_wrong_deflate_stream_is_damage_and_leaves_nothing(
    client: Orthanc, server: BrokenServer, tmp_path: Path, body: bytes, said: str
) -> None:
    server.tell(FILE, deflated(body))
    with pytest.raises(ObjectDamaged, match=said):
        client.download(instance(), tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_a_decompression_bomb_is_inflated_no_further_than_the_file_is_long(
    client: Orthanc, server: BrokenServer, tmp_path: Path
) -> None:
    bomb = zlib.compress(bytes(100_000_000))
    server.tell(FILE, deflated(bomb))
    tracemalloc.start()
    with pytest.raises(ObjectDamaged, match="more than"):
        client.download(instance(), tmp_path / "a")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000
    assert list(tmp_path.iterdir()) == []


def test_a_body_without_a_length_is_read_no_further_than_the_file_is_long(
    client: Orthanc, server: BrokenServer, tmp_path: Path
) -> None:
    body = b"%x\r\n%s\r\n" % (5_000, b"D" * 5_000)
    endless = Answer(body * 1000, headers={"Transfer-Encoding": "chunked"})
    server.tell(FILE, endless)
    with pytest.raises(ObjectDamaged, match="more than"):
        client.download(instance(), tmp_path / "a")


def test_an_encoding_that_nobody_asked_for_is_told(client: Orthanc, server: BrokenServer, tmp_path: Path) -> None:
    server.tell(FILE, deflated(CONTENT, "br"))
    with pytest.raises(OrthancAnswerError, match="'br'"):
        client.download(instance(), tmp_path / "a")


def test_a_file_that_was_stored_anew_since_it_was_listed_is_gone_and_not_mistaken(
    client: Orthanc, server: BrokenServer, tmp_path: Path
) -> None:
    server.tell(FILE, Answer(CONTENT))
    with pytest.raises(ObjectGone, match="stored anew"):
        client.download(instance(file_uuid="another"), tmp_path / "a")
    assert client.download(instance(file_uuid="u"), tmp_path / "a").md5 == MD5


@pytest.mark.parametrize("lost", ["UncompressedMD5", "CompressedSize", "Uuid"])
def test_an_archive_that_does_not_say_what_it_keeps_is_told(
    client: Orthanc, server: BrokenServer, tmp_path: Path, lost: str
) -> None:
    said = {"UncompressedMD5": MD5, "UncompressedSize": 1, "CompressedSize": 1, "Uuid": "u"}
    server.tell(INFO, as_json({key: value for key, value in said.items() if key != lost}))
    server.tell(FILE, Answer(CONTENT))
    with pytest.raises(OrthancAnswerError):
        client.download(instance(), tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_the_settings_say_whether_md5_is_checked_and_a_call_may_say_otherwise(
    server: BrokenServer, tmp_path: Path
) -> None:
    server.tell(FILE, Answer(CONTENT))
    with Orthanc(OrthancSettings(url=server.url, check_md5=False)) as client:
        pairs = [(instance(), tmp_path / "a")]
        assert [each.md5 for each in client.download_all(pairs)] == [None]
        assert [each.md5 for each in client.download_all(pairs, check_md5=True)] == [MD5]
        assert client.download(*pairs[0]).md5 is None
