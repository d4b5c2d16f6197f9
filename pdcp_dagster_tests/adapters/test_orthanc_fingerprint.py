"""The fingerprint of a patient in a real Orthanc, and listings that do not fit together."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import generate_uid

from pdcp_dagster.adapters.orthanc import (
    ObjectGone,
    Orthanc,
    OrthancAnswerError,
    OrthancError,
    OrthancSettings,
    OrthancUnreachable,
    PatientListing,
)
from pdcp_dagster.adapters.orthanc.listing import fingerprint_of
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster_tests.adapters.orthanc_fakes import ID, Answer, BrokenServer, as_json
from pdcp_dagster_tests.adapters.test_orthanc import an_object

NOBODY = "-".join(["0" * 8] * 5)


@pytest.fixture(scope="module")
def overwriting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateOrthanc]:
    folder = tmp_path_factory.mktemp("overwriting") / "storage"
    with PrivateOrthanc(folder, configuration={"OverwriteInstances": True}) as server:
        yield server
        server.kill()


@pytest.fixture
def client(overwriting: PrivateOrthanc) -> Iterator[Orthanc]:
    with Orthanc(OrthancSettings(url=overwriting.url, connections=3)) as opened:
        yield opened


@pytest.fixture
def server() -> Iterator[BrokenServer]:
    broken = BrokenServer()
    yield broken
    broken.close()


@pytest.fixture
def hasty(server: BrokenServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Orthanc]:
    for name in ("WAITS_S", "QUICK_WAITS_S"):
        monkeypatch.setattr(f"pdcp_dagster.adapters.orthanc.patience.{name}", (0.0, 0.0, 0.0))
    with Orthanc(OrthancSettings(url=server.url)) as opened:
        yield opened


def _delete(url: str) -> None:
    urllib.request.urlopen(urllib.request.Request(url, method="DELETE")).close()  # noqa: S310 - loopback


def record(number: int, uuid: str = "u", size: int = 1, series: str = ID) -> dict[str, Any]:
    return {"ID": f"{number:08x}{ID[8:]}", "FileUuid": uuid, "FileSize": size, "ParentSeries": series}


def records(instances: list[dict[str, Any]], named: int) -> dict[str, dict[str, dict[str, Any]]]:
    """A study of one series that names so many instances, and those that are listed."""
    study = {"ID": ID, "MainDicomTags": {}}
    series = {"ID": ID, "MainDicomTags": {"Modality": "CT"}, "ParentStudy": ID, "Instances": ["x"] * named}
    return {"studies": {ID: study}, "series": {ID: series}, "instances": {each["ID"]: each for each in instances}}


def test_the_fingerprint_changes_when_an_instance_comes_is_stored_anew_or_goes_and_not_otherwise(
    client: Orthanc, overwriting: PrivateOrthanc, tmp_path: Path
) -> None:
    first = an_object(tmp_path, "CT", "printed", generate_uid(), generate_uid())
    stored = client.upload(first)
    patient = stored["ParentPatient"]
    seen = [client.fingerprint(patient)]
    assert client.fingerprint(patient) == client.listing(patient).fingerprint == seen[0]
    client.upload(an_object(tmp_path, "CT", "somebody else", generate_uid(), generate_uid()))
    assert client.fingerprint(patient) == seen[0]
    more = client.upload(an_object(tmp_path, "RTDOSE", "printed", generate_uid(), generate_uid()))
    seen.append(client.fingerprint(patient))
    client.upload(first)  # the same bytes, and another file in Orthanc's storage
    seen.append(client.fingerprint(patient))
    _delete(f"{overwriting.url}/instances/{more['ID']}")
    seen.append(client.fingerprint(patient))
    assert len(set(seen)) == 4
    assert all(len(each) == 32 and set(each) <= set("0123456789abcdef") for each in seen)


def test_the_order_of_the_records_does_not_matter_and_each_of_the_three_facts_does() -> None:
    one, two = record(1), record(2)
    plain = fingerprint_of([one, two])
    assert fingerprint_of([two, one]) == plain
    others = [[one], [one, record(3)], [one, record(2, uuid="v")], [one, record(2, size=2)], []]
    assert len({plain, *map(fingerprint_of, others)}) == 6


@pytest.mark.parametrize("lost", ["ID", "FileUuid", "FileSize"])
def test_a_record_without_one_of_them_has_no_fingerprint(lost: str) -> None:
    with pytest.raises(OrthancAnswerError):
        fingerprint_of([{key: value for key, value in record(1).items() if key != lost}])


def test_of_many_patients_each_has_its_fingerprint_or_its_error_in_the_order_asked(
    client: Orthanc, tmp_path: Path
) -> None:
    patients = [
        client.upload(an_object(tmp_path, "CT", f"many {n}", generate_uid(), generate_uid()))["ParentPatient"]
        for n in range(5)
    ]
    asked = [*patients[:3], NOBODY, *patients[3:], "../system", *patients * 4]
    answers = list(client.fingerprints(asked))
    assert [orthanc_id for orthanc_id, _ in answers] == asked
    for orthanc_id, answer in answers:
        if orthanc_id in patients:
            assert answer == client.fingerprint(orthanc_id)
        else:
            assert type(answer) is (ObjectGone if orthanc_id == NOBODY else OrthancAnswerError)


def test_a_dead_server_is_waited_for_once_and_not_for_each_of_many_patients(
    hasty: Orthanc, server: BrokenServer
) -> None:
    path = f"/patients/{ID}/instances"
    server.tell(path, Answer(status=503))
    answers = [answer for _, answer in hasty.fingerprints([ID])]
    assert server.asked(path) == 4
    answers += [answer for _, answer in hasty.fingerprints([ID] * 100)]
    assert {type(answer) for answer in answers} == {OrthancUnreachable}
    # 4 for each of the 8 that are under way when the first gives up, 3 for any other.
    assert server.asked(path) - 4 <= 8 * 4 + 92 * 3


def test_tags_of_a_listing_that_is_given_are_read_without_listing_again(client: Orthanc, tmp_path: Path) -> None:
    patient = client.upload(an_object(tmp_path, "CT", "given", generate_uid(), generate_uid()))["ParentPatient"]
    listing = client.listing(patient)
    client.upload(an_object(tmp_path, "CT", "given", generate_uid(), generate_uid()))
    assert len(client.instance_tags(patient, ["CT"], listing)) == 1
    (row,) = client.instance_tags(patient, ["CT"], listing=listing)
    (instance,) = listing.instances.values()
    assert (row["file_uuid"], row["file_size"]) == (instance["FileUuid"], instance["FileSize"])
    assert len(client.instance_tags(patient, ["CT"])) == 2


@pytest.mark.parametrize("named", [1, 3])
def test_a_series_with_more_or_fewer_instances_than_are_listed_is_refused(named: int) -> None:
    with pytest.raises(OrthancAnswerError, match=f"has {named} instances, but 2 are listed"):
        PatientListing(ID, **records([record(1), record(2)], named))


def test_an_instance_of_a_series_that_is_not_listed_is_refused() -> None:
    with pytest.raises(OrthancAnswerError, match="not listed"):
        PatientListing(ID, **records([record(1), record(2, series=NOBODY)], 1))


def test_a_patient_who_changes_between_two_answers_is_listed_again(hasty: Orthanc, server: BrokenServer) -> None:
    for kind, found in records([record(1), record(2)], 2).items():
        server.tell(f"/patients/{ID}/{kind}", as_json(list(found.values())))
    late = [record(1)], [record(1), record(2)]
    server.tell(f"/patients/{ID}/instances", *map(as_json, late))
    assert len(hasty.listing(ID).instances) == 2
    server.tell(f"/patients/{ID}/instances", as_json([record(1)]))
    with pytest.raises(OrthancError, match="changing") as caught:
        hasty.listing(ID)
    assert type(caught.value) is OrthancAnswerError
