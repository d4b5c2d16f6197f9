"""The adapter against a real Orthanc: what is asked, what comes back, and what damage is told apart."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

from pdcp_dagster.adapters.orthanc import (
    ArchivedInstance,
    ArchivedPatient,
    Downloaded,
    ObjectDamaged,
    ObjectGone,
    ObjectUnreadable,
    Orthanc,
    OrthancAnswerError,
    OrthancDenied,
    OrthancSettings,
    OrthancUnreachable,
)
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc

SOP_CLASSES = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "RTSTRUCT": "1.2.840.10008.5.1.4.1.1.481.3",
    "RTDOSE": "1.2.840.10008.5.1.4.1.1.481.2",
}
numbers = itertools.count()


def an_object(folder: Path, modality: str, patient_id: str, study_uid: str, series_uid: str, **tags: object) -> Path:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = SOP_CLASSES[modality]
    dataset.SOPInstanceUID = generate_uid()
    dataset.PatientID = patient_id
    dataset.PatientName = "Doe^Jane"
    dataset.StudyInstanceUID = study_uid
    dataset.SeriesInstanceUID = series_uid
    dataset.StudyDescription = "Brust links"
    dataset.SeriesDescription = "a series"
    dataset.Modality = modality
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path = folder / f"{next(numbers)}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


def an_item(**tags: object) -> Dataset:
    item = Dataset()
    for keyword, value in tags.items():
        setattr(item, keyword, value)
    return item


def a_structure_set(folder: Path, patient_id: str, study_uid: str, contours: int = 400, **tags: object) -> Path:
    """Contours of 600 points, so that they are most of the file: 400 of them are about 4 MB."""
    images = Sequence([an_item(ReferencedSOPInstanceUID=f"1.2.3.{n}") for n in range(3)])
    series = an_item(SeriesInstanceUID="1.2.3", ContourImageSequence=images)
    study = an_item(RTReferencedSeriesSequence=Sequence([series]))
    frame = an_item(FrameOfReferenceUID="1.2.9", RTReferencedStudySequence=Sequence([study]))
    contour = an_item(ContourGeometricType="CLOSED_PLANAR", ContourData=["-123.45"] * 1800)
    return an_object(
        folder,
        "RTSTRUCT",
        patient_id,
        study_uid,
        generate_uid(),
        StructureSetROISequence=Sequence([an_item(ROINumber=7, ROIName="Brüst/links", ROIVolume="12.5")]),
        ReferencedFrameOfReferenceSequence=Sequence([frame]),
        ROIContourSequence=Sequence([an_item(ReferencedROINumber=7, ContourSequence=Sequence([contour] * contours))]),
        **tags,
    )


class ForgetfulOrthanc(PrivateOrthanc):
    """An Orthanc that reads each file from its storage, as after a restart, so that damage shows at once."""

    def _configuration(self) -> dict[str, object]:
        return {**super()._configuration(), "MaximumStorageCacheSize": 0}


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForgetfulOrthanc]:
    with ForgetfulOrthanc(tmp_path_factory.mktemp("forgetful") / "storage") as server:
        yield server
        server.kill()


@pytest.fixture
def reader(forgetful: ForgetfulOrthanc, monkeypatch: pytest.MonkeyPatch) -> Iterator[Orthanc]:
    monkeypatch.setattr("pdcp_dagster.adapters.orthanc.patience.QUICK_WAITS_S", (0.0, 0.0))
    with Orthanc(OrthancSettings(url=forgetful.url, connections=4)) as opened:
        yield opened


@pytest.fixture
def client(orthanc: PrivateOrthanc) -> Iterator[Orthanc]:
    with Orthanc(OrthancSettings(url=orthanc.url, connections=4)) as opened:
        yield opened


def uploaded(client: Orthanc, path: Path) -> tuple[str, str]:
    """Return the Orthanc IDs of the instance and its patient."""
    answer = client.upload(path)
    return answer["ID"], answer["ParentPatient"]


def archived(orthanc_id: str, path: Path) -> ArchivedInstance:
    return ArchivedInstance(orthanc_id, "1.2", "1.2", "CT", path.stat().st_size)


def stored_file(orthanc: PrivateOrthanc, orthanc_id: str) -> Path:
    uuid = str(orthanc.get(f"/instances/{orthanc_id}")["FileUuid"])
    return orthanc.storage / uuid[0:2] / uuid[2:4] / uuid


def test_every_patient_is_listed_once_and_its_id_is_kept_to_the_letter(client: Orthanc, tmp_path: Path) -> None:
    ids = ["0098", "../A Q/ü"]
    for patient_id in ids:
        client.upload(an_object(tmp_path, "CT", patient_id, generate_uid(), generate_uid()))
    listed = [patient for patient in client.patients() if patient.patient_id in ids]
    assert sorted(patient.patient_id for patient in listed) == sorted(ids)
    assert client.patient(listed[0].orthanc_id) == listed[0]
    assert isinstance(listed[0], ArchivedPatient)
    assert len(listed[0].studies) == 1


def test_a_row_per_instance_with_its_tags_and_where_orthanc_keeps_it(client: Orthanc, tmp_path: Path) -> None:
    study, series = generate_uid(), generate_uid()
    paths = [an_object(tmp_path, "CT", "rows", study, series, SliceThickness=2.5) for _ in range(3)]
    paths.append(an_object(tmp_path, "RTDOSE", "rows", study, generate_uid(), GridFrameOffsetVector=[1.25] * 200))
    answers = [client.upload(path) for path in paths]
    rows = client.instance_tags(answers[0]["ParentPatient"], {"CT", "RTDOSE"})
    assert {row["instance_identifier"] for row in rows} == {answer["ID"] for answer in answers}
    sizes = {answer["ID"]: path.stat().st_size for answer, path in zip(answers, paths, strict=True)}
    assert {row["instance_identifier"]: row["file_size"] for row in rows} == sizes
    first = next(row for row in rows if row["instance_identifier"] == answers[0]["ID"])
    assert first["SliceThickness"] == "2.5"
    assert first["orthanc_id"] == answers[0]["ParentPatient"]
    assert first["series_identifier"] == answers[0]["ParentSeries"]
    assert first["study_tags"]["StudyDescription"] == "Brust links"
    assert first["series_tags"]["SeriesDescription"] == "a series"
    dose = next(row for row in rows if row["Modality"] == "RTDOSE")
    assert dose["GridFrameOffsetVector"] == "\\".join(["1.25"] * 200)


def test_modalities_that_are_not_asked_for_are_left_out(client: Orthanc, tmp_path: Path) -> None:
    study = generate_uid()
    _, patient = uploaded(client, an_object(tmp_path, "CT", "only", study, generate_uid()))
    client.upload(an_object(tmp_path, "RTDOSE", "only", study, generate_uid()))
    client.upload(a_structure_set(tmp_path, "only", study, contours=1))
    assert [row["Modality"] for row in client.instance_tags(patient, ["CT"])] == ["CT"]
    assert client.instance_tags(patient, ["PT"]) == []


def test_what_does_not_say_its_modality_is_never_left_out(client: Orthanc, tmp_path: Path) -> None:
    study = generate_uid()
    _, patient = uploaded(client, an_object(tmp_path, "CT", "nameless", study, generate_uid()))
    client.upload(an_object(tmp_path, "RTDOSE", "nameless", study, generate_uid(), Modality=""))
    rows = client.instance_tags(patient, ["CT", "RTDOSE"])
    assert sorted(row["Modality"] for row in rows) == ["", "CT"]


@pytest.mark.parametrize("contours", [0, 400])
def test_a_structure_set_gives_names_references_and_approval_but_no_contours(
    client: Orthanc, tmp_path: Path, contours: int
) -> None:
    approval = {"ApprovalStatus": "APPROVED", "ReviewDate": "20200102", "ReviewerName": "Müller^Ö"}
    path = a_structure_set(tmp_path, f"struct {contours}", generate_uid(), contours, **approval)
    _, patient = uploaded(client, path)
    (row,) = client.instance_tags(patient, ["RTSTRUCT"])
    (roi,) = row["StructureSetROISequence"]
    assert (roi["ROINumber"], roi["ROIName"], roi["ROIVolume"]) == ("7", "Brüst/links", "12.5")
    (frame,) = row["ReferencedFrameOfReferenceSequence"]
    (series,) = frame["RTReferencedStudySequence"][0]["RTReferencedSeriesSequence"]
    assert series["SeriesInstanceUID"] == "1.2.3"
    assert [image["ReferencedSOPInstanceUID"] for image in series["ContourImageSequence"]] == [
        "1.2.3.0",
        "1.2.3.1",
        "1.2.3.2",
    ]
    assert {keyword: row[keyword] for keyword in approval} == approval
    assert "ROIContourSequence" not in row
    assert row["file_size"] == path.stat().st_size


def test_every_row_of_a_patient_has_the_patient_id_that_the_list_has(client: Orthanc, tmp_path: Path) -> None:
    study = generate_uid()
    _, patient = uploaded(client, an_object(tmp_path, "CT", " padded/é ", study, generate_uid()))
    uploaded(client, a_structure_set(tmp_path, " padded/é ", study, contours=1))
    rows = client.instance_tags(patient, ["CT", "RTSTRUCT"])
    assert {row["PatientID"] for row in rows} == {client.patient(patient).patient_id}
    assert len(rows) == 2


def test_a_structure_set_without_approval_has_none(client: Orthanc, tmp_path: Path) -> None:
    _, patient = uploaded(client, a_structure_set(tmp_path, "unapproved", generate_uid(), contours=2))
    (row,) = client.instance_tags(patient, ["RTSTRUCT"])
    assert "ApprovalStatus" not in row


def test_an_implicit_structure_set_with_undefined_lengths_reads_the_same(client: Orthanc, tmp_path: Path) -> None:
    from pydicom import dcmread

    path = a_structure_set(tmp_path, "implicit", generate_uid(), contours=5)
    dataset = dcmread(path)
    for keyword in ("StructureSetROISequence", "ReferencedFrameOfReferenceSequence", "ROIContourSequence"):
        dataset[keyword].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True, implicit_vr=True, little_endian=True)
    _, patient = uploaded(client, path)
    (row,) = client.instance_tags(patient, ["RTSTRUCT"])
    assert row["StructureSetROISequence"][0]["ROIName"] == "Brüst/links"


def test_a_missing_stored_file_is_unreadable_and_never_an_empty_list(
    reader: Orthanc, forgetful: ForgetfulOrthanc, tmp_path: Path
) -> None:
    ct, patient = uploaded(reader, an_object(tmp_path, "CT", "lost ct", generate_uid(), generate_uid()))
    stored_file(forgetful, ct).unlink()
    with pytest.raises(ObjectUnreadable):
        reader.instance_tags(patient, ["CT"])
    struct, patient = uploaded(reader, a_structure_set(tmp_path, "lost struct", generate_uid(), contours=1))
    stored_file(forgetful, struct).unlink()
    with pytest.raises(ObjectUnreadable):
        reader.instance_tags(patient, ["RTSTRUCT"])


def test_a_structure_set_cut_short_in_the_storage_is_damaged(
    reader: Orthanc, forgetful: ForgetfulOrthanc, tmp_path: Path
) -> None:
    instance, patient = uploaded(reader, a_structure_set(tmp_path, "cut struct", generate_uid()))
    stored = stored_file(forgetful, instance)
    stored.write_bytes(stored.read_bytes()[:-1000])
    with pytest.raises(ObjectDamaged):
        reader.instance_tags(patient, ["RTSTRUCT"])


def test_a_download_is_the_file_that_was_uploaded(client: Orthanc, tmp_path: Path) -> None:
    path = an_object(tmp_path, "CT", "down", generate_uid(), generate_uid(), EncapsulatedDocument=b"\1\2" * 1_000_000)
    instance, _ = uploaded(client, path)
    destination = tmp_path / "copy.dcm"
    assert client.download(archived(instance, path), destination) == Downloaded(
        path.stat().st_size, hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    )
    assert hashlib.sha256(destination.read_bytes()).digest() == hashlib.sha256(path.read_bytes()).digest()
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_file_is_told_and_leaves_nothing_behind(
    reader: Orthanc, forgetful: ForgetfulOrthanc, tmp_path: Path, damage: str
) -> None:
    path = an_object(tmp_path, "CT", damage, generate_uid(), generate_uid(), EncapsulatedDocument=b"\1\2" * 1000)
    instance, _ = uploaded(reader, path)
    stored = stored_file(forgetful, instance)
    content = stored.read_bytes()
    stored.write_bytes(content[:-100] if damage == "cut" else content[:-1] + b"\x7f")
    with pytest.raises(ObjectDamaged):
        reader.download(archived(instance, path), tmp_path / "copy.dcm")
    assert not (tmp_path / "copy.dcm").exists()
    assert not list(tmp_path.glob("*.part"))


def test_without_md5_check_a_flipped_bit_passes(reader: Orthanc, forgetful: ForgetfulOrthanc, tmp_path: Path) -> None:
    path = an_object(tmp_path, "CT", "unchecked", generate_uid(), generate_uid(), EncapsulatedDocument=b"\1\2" * 1000)
    instance, _ = uploaded(reader, path)
    stored = stored_file(forgetful, instance)
    stored.write_bytes(stored.read_bytes()[:-1] + b"\x7f")
    assert reader.download(archived(instance, path), tmp_path / "copy.dcm", check_md5=False) == Downloaded(
        path.stat().st_size, None
    )


def test_download_all_brings_everything(client: Orthanc, tmp_path: Path) -> None:
    series = generate_uid()
    study = generate_uid()
    paths = [an_object(tmp_path, "CT", "all", study, series) for _ in range(6)]
    pairs = [(archived(uploaded(client, path)[0], path), tmp_path / f"copy{n}.dcm") for n, path in enumerate(paths)]
    assert [arrived.size for arrived in client.download_all(pairs)] == [path.stat().st_size for path in paths]
    assert [pair[1].read_bytes() for pair in pairs] == [path.read_bytes() for path in paths]


def test_download_all_names_the_object_that_is_gone_and_leaves_no_partial_file(client: Orthanc, tmp_path: Path) -> None:
    path = an_object(tmp_path, "CT", "some", generate_uid(), generate_uid())
    good = archived(uploaded(client, path)[0], path)
    gone = archived("-".join(["0" * 8] * 5), path)
    with pytest.raises(ObjectGone, match="0000"):
        client.download_all([(good, tmp_path / "a.dcm"), (gone, tmp_path / "b.dcm")])
    assert not list(tmp_path.glob("*.part"))


def test_what_is_gone_denied_unreachable_or_no_identifier_are_four_things(client: Orthanc, tmp_path: Path) -> None:
    with pytest.raises(ObjectGone):
        client.patient("-".join(["0" * 8] * 5))
    with pytest.raises(OrthancAnswerError):
        client.patient("../system")
    with (
        Orthanc(OrthancSettings(url="http://127.0.0.1:9")) as nowhere,
        pytest.raises(OrthancUnreachable, match="refused"),
    ):
        nowhere.system()
    with PrivateOrthanc(tmp_path / "storage", username="anna", password="right horse") as locked:
        wrong = OrthancSettings(url=locked.url, username="anna", password="wrong horse")
        with Orthanc(wrong) as refused, pytest.raises(OrthancDenied) as caught:
            refused.system()
        assert "horse" not in str(caught.value)
        allowed = OrthancSettings(url=locked.url, username="anna", password="right horse")
        with Orthanc(allowed) as opened:
            assert "Version" in opened.system()
        locked.kill()


def test_what_is_no_dicom_is_not_uploaded(client: Orthanc, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no DICOM")
    with pytest.raises(OrthancAnswerError):
        client.upload(path)
