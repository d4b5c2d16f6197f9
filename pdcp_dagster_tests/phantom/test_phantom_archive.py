"""Synthetic patients in a real Orthanc: accepted, found to the letter, damaged and mended."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from pdcp_dagster.adapters.orthanc import ArchivedInstance, ObjectDamaged, Orthanc, OrthancSettings
from pdcp_dagster.phantom.anatomy import full_size_spec, tiny_spec
from pdcp_dagster.phantom.archive import damage_stored_file, mend_storage, mend_stored_file, stored_file, upload_folder
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.phantom.patient import write_phantom
from pdcp_dagster.phantom.spec import MODALITIES
from pdcp_dagster.phantom.study_spec import PlanSpec, StudySpec


@pytest.fixture
def client(orthanc: PrivateOrthanc) -> Iterator[Orthanc]:
    with Orthanc(OrthancSettings(url=orthanc.url)) as client:
        yield client


def slices_of(client: Orthanc, patient_id: str) -> list[ArchivedInstance]:
    (patient,) = [each for each in client.patients() if each.patient_id == patient_id]
    rows = client.instance_tags(patient.orthanc_id, ["CT"])
    return [
        ArchivedInstance(
            orthanc_id=row["instance_identifier"],
            sop_instance_uid=row["SOPInstanceUID"],
            series_instance_uid=row["SeriesInstanceUID"],
            modality="CT",
            file_size=row["file_size"],
        )
        for row in rows
    ]


def test_orthanc_accepts_every_file_once(client: Orthanc, tmp_path: Path) -> None:
    write_phantom(tiny_spec("archive-tiny", 7, spare_structure_set=True), tmp_path / "tiny")
    write_phantom(full_size_spec("archive-full", 7, slices=4), tmp_path / "full")
    assert upload_folder(client, tmp_path) == {"Success": 28 + 7}
    assert upload_folder(client, tmp_path) == {"AlreadyStored": 28 + 7}


def test_what_is_absent_or_empty_arrives_as_that(client: Orthanc, tmp_path: Path) -> None:
    study = StudySpec(plans=(PlanSpec(names_structure_set=False),), absent_tags=("StudyDate",), description="")
    write_phantom(tiny_spec("archive-lacking", 7, slices=9, modalities=(*MODALITIES, "PT"), studies=(study,)), tmp_path)
    assert upload_folder(client, tmp_path) == {"Success": 9 + 3 + 3}
    (patient,) = [each for each in client.patients() if each.patient_id == "archive-lacking"]
    rows = client.instance_tags(patient.orthanc_id, (*MODALITIES, "PT"))
    assert len(rows) == 9 + 3 + 3
    assert not any(row.get("StudyDate") or row.get("StudyDescription") for row in rows)
    (plan,) = [row for row in rows if row["Modality"] == "RTPLAN"]
    assert not plan.get("ReferencedStructureSetSequence")


def test_an_awkward_patient_id_arrives_to_the_letter(client: Orthanc, tmp_path: Path) -> None:
    awkward = "../Archive B/ü"
    write_phantom(tiny_spec(awkward, 7, slices=9), tmp_path)
    upload_folder(client, tmp_path)
    (patient,) = [each for each in client.patients() if each.patient_id == awkward]
    rows = client.instance_tags(patient.orthanc_id, MODALITIES)
    assert {row["PatientID"] for row in rows} == {awkward}
    assert len(rows) == 9 + 3


def test_damage_hides_from_the_tags_shows_in_the_download_and_is_mended(
    orthanc: PrivateOrthanc, client: Orthanc, tmp_path: Path
) -> None:
    write_phantom(tiny_spec("archive-damaged", 7), tmp_path / "files")
    upload_folder(client, tmp_path / "files")
    victim = slices_of(client, "archive-damaged")[10]
    sound = stored_file(orthanc, victim.orthanc_id).read_bytes()

    path = damage_stored_file(orthanc, victim.sop_instance_uid)
    broken = path.read_bytes()
    assert sound.startswith(broken)
    assert len(broken) < len(sound)
    damage_stored_file(orthanc, victim.orthanc_id)
    assert path.read_bytes() == broken
    assert orthanc.storage in path.parents

    assert len(slices_of(client, "archive-damaged")) == 24
    with urllib.request.urlopen(f"{orthanc.url}/instances/{victim.orthanc_id}/file") as answer:  # noqa: S310 - loopback
        assert len(answer.read()) == len(broken)

    mend_stored_file(orthanc, victim.sop_instance_uid)
    mend_stored_file(orthanc, victim.sop_instance_uid)
    assert path.read_bytes() == sound
    assert client.download(victim, tmp_path / "mended.dcm").size == len(sound)


def test_a_storage_is_mended_while_its_server_runs(tmp_path: Path) -> None:
    write_phantom(tiny_spec("archive-mended", 7), tmp_path / "files")
    with PrivateOrthanc(tmp_path / "storage") as server, Orthanc(OrthancSettings(url=server.url)) as client:
        upload_folder(client, tmp_path / "files")
        victims = slices_of(client, "archive-mended")[:2]
        paths = {damage_stored_file(server, victim.orthanc_id) for victim in victims}
        assert set(mend_storage(server.storage)) == paths
        assert mend_storage(server.storage) == []
        for victim in victims:
            client.download(victim, tmp_path / "mended.dcm")
        server.kill()


def test_the_adapter_refuses_a_damaged_file(
    orthanc: PrivateOrthanc, client: Orthanc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pdcp_dagster.adapters.orthanc.patience.QUICK_WAITS_S", (0.0,))
    write_phantom(tiny_spec("archive-refused", 7, slices=9), tmp_path / "files")
    upload_folder(client, tmp_path / "files")
    victim = slices_of(client, "archive-refused")[0]
    damage_stored_file(orthanc, victim.sop_instance_uid)
    with pytest.raises(ObjectDamaged):
        client.download(victim, tmp_path / "damaged.dcm")


def test_an_instance_that_the_server_does_not_have_cannot_be_damaged(orthanc: PrivateOrthanc) -> None:
    with pytest.raises(LookupError, match="0 instances"):
        damage_stored_file(orthanc, "1.2.3.4.5")
