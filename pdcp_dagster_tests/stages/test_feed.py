"""The change feed, as a real Orthanc keeps it: who came to rest since, and whether it is the same feed at all."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
from pdcp_dagster.phantom.anatomy import tiny_rois, tiny_spec
from pdcp_dagster.phantom.archive import upload_folder
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.phantom.patient import write_phantom
from pdcp_dagster.stages import feed
from pdcp_dagster.stages.feed import FeedPosition, feed_end, read_feed

pytestmark = pytest.mark.xdist_group("stages_feed")
REST_S = 20.0


@dataclass
class Archive:
    """An Orthanc of its own, with patients of one CT each."""

    root: Path
    server: PrivateOrthanc

    def open(self) -> Orthanc:
        return Orthanc(OrthancSettings.from_environment({"ORTHANC_URL": self.server.url}))

    def admit(self, *patient_ids: str, rest: bool = True) -> list[str]:
        """Bring patients and return Orthanc's IDs of them."""
        for patient_id in patient_ids:
            spec = tiny_spec(patient_id, 3, slices=4, rois=tiny_rois(patient_id)[:4], modalities=("CT",))
            write_phantom(spec, self.root / patient_id)
            with self.open() as archive:
                upload_folder(archive, self.root / patient_id)
        if rest:
            self.rest()
        with self.open() as archive:
            ids = {each.patient_id: each.orthanc_id for each in archive.patients()}
        return [ids[each] for each in patient_ids]

    def rest(self) -> None:
        latest = time.monotonic() + REST_S
        while time.monotonic() < latest:
            with self.open() as archive:
                if all(each.is_stable for each in archive.patients()):
                    return
            time.sleep(0.1)
        pytest.fail("Orthanc did not come to rest")

    def end(self) -> FeedPosition:
        with self.open() as archive:
            return feed_end(archive)

    def read(self, position: FeedPosition) -> feed.FeedNews:
        with self.open() as archive:
            return read_feed(archive, position)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    root = tmp_path_factory.mktemp("feed")
    with PrivateOrthanc(root / "orthanc") as server:
        yield Archive(root, server)
        server.kill()


def test_an_empty_archive_has_a_feed_with_nothing_in_it(archive: Archive) -> None:
    start = archive.end()
    assert start == FeedPosition(0, "")
    assert archive.read(start) == feed.FeedNews((), start)


def test_each_patient_who_came_to_rest_is_told_of_once_and_the_next_look_begins_behind(archive: Archive) -> None:
    start = archive.end()
    ids = archive.admit("F1", "F2")
    news = archive.read(start)
    assert (set(news.patients), news.is_reset, news.is_done) == (set(ids), False, True)
    assert news.position == archive.end()
    assert archive.read(news.position).patients == ()


def test_what_still_arrives_is_told_of_when_it_is_whole(archive: Archive) -> None:
    start = archive.end()
    ids = archive.admit("F3", rest=False)
    early = archive.read(start)
    archive.rest()
    late = archive.read(early.position)
    assert [*early.patients, *late.patients] == ids


def test_what_is_written_back_is_no_news(archive: Archive) -> None:
    (patient,) = archive.admit("F4")
    position = archive.end()
    put = requests.put(f"{archive.server.url}/patients/{patient}/metadata/1024", data="seen", timeout=10)
    assert put.ok
    news = archive.read(position)
    assert news.patients == ()
    assert news.position.since > position.since, "it was read, and passed over"


def test_a_feed_is_read_in_pages_and_more_than_a_look_can_hold_is_left_for_the_next(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_PAGE", 3)
    monkeypatch.setattr(feed, "_MOST_PATIENTS", 1)
    start = archive.end()
    ids = archive.admit("F5", "F6", "F7")
    seen: list[str] = []
    position, looks = start, 0
    while True:
        news = archive.read(position)
        seen += news.patients
        position, looks = news.position, looks + 1
        if news.is_done:
            break
    assert sorted(seen) == sorted(ids)
    assert looks > 1


def test_a_look_ends_within_a_page_where_that_holds_more_patients_than_a_look_may(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_MOST_PATIENTS", 2)
    start = archive.end()
    ids = archive.admit("G1", "G2", "G3")
    first = archive.read(start)
    assert (len(first.patients), first.is_done) == (2, False)
    second = archive.read(first.position)
    assert sorted([*first.patients, *second.patients]) == sorted(ids)
    assert second.is_done


def test_a_crash_before_a_patient_came_to_rest_loses_the_patient_from_the_feed(archive: Archive) -> None:
    """Why the nightly comparison is needed; should a later Orthanc tell of it, the better."""
    start = archive.end()
    archive.admit("F8", rest=False)
    archive.server.kill()
    archive.server.start()
    archive.rest()
    assert not archive.read(start).is_reset


def test_a_database_that_was_emptied_or_filled_anew_is_another_feed(archive: Archive) -> None:
    archive.admit("F9")
    position = archive.end()
    archive.server.kill()
    shutil.rmtree(archive.root / "orthanc")
    shutil.rmtree(archive.root / "orthanc.index")
    archive.server.start()
    emptied = archive.read(position)
    assert (emptied.is_reset, emptied.patients, emptied.position) == (True, (), FeedPosition(0, ""))
    assert archive.read(FeedPosition(1, "NewInstance a 20200101T000000")).is_reset
    archive.admit("F1", "F2")
    short = FeedPosition(2, "StablePatient another 20200101T000000")
    assert archive.read(short).is_reset, "the same number, and another entry"
