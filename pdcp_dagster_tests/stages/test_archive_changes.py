"""Who is new or changed in the archive, by fingerprint, and that one patient's trouble hides nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings, patience
from pdcp_dagster.adapters.orthanc.listing import fingerprint_of
from pdcp_dagster.adapters.store import CohortFolder, Origin
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.stages.archive_changes import differences_of
from pdcp_dagster_tests.adapters.orthanc_fakes import Answer, BrokenServer, as_json

COHORT = Cohort(name="ward")


def orthanc_id(digit: int) -> str:
    return "-".join([str(digit) * 8] * 5)


def instances(uuid: str) -> list[dict[str, object]]:
    return [{"ID": orthanc_id(9), "FileUuid": uuid, "FileSize": 12}]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[BrokenServer]:
    """Patients A (1), B (2) and C (3), each of one instance."""
    monkeypatch.setattr(patience, "QUICK_WAITS_S", ())
    broken = BrokenServer()
    for digit, name in ((1, "A"), (2, "B"), (3, "C")):
        record = {"ID": orthanc_id(digit), "MainDicomTags": {"PatientID": name}, "Studies": [], "IsStable": True}
        broken.tell(f"/patients/{orthanc_id(digit)}", as_json(record))
        broken.tell(f"/patients/{orthanc_id(digit)}/instances", as_json(instances(f"now-{name}")))
    yield broken
    broken.close()


@pytest.fixture
def archive(server: BrokenServer) -> Iterator[Orthanc]:
    with Orthanc(OrthancSettings(url=server.url)) as archive:
        yield archive


def run_before(folder: CohortFolder, key: str, uuid: str) -> None:
    """Leave the mark of an image summary that was made when the patient had this file."""
    patient = folder.patient(key)
    patient.begin("image_summary")
    patient.commit("image_summary", origin=Origin((), {"archive": fingerprint_of(instances(uuid))}))


def test_new_changed_and_unchanged_patients_are_told_apart_by_what_they_were_run_with(
    archive: Orthanc, tmp_path: Path
) -> None:
    folder = CohortFolder(tmp_path / "ward")
    run_before(folder, "B", "before-B")
    run_before(folder, "C", "now-C")
    found = differences_of(archive, COHORT, tmp_path, folder, [orthanc_id(each) for each in (1, 2, 3)])
    assert (found.new, found.changed, found.unchanged) == ({orthanc_id(1): "A"}, {orthanc_id(2): "B"}, 1)
    assert found.due == ["B", "A"]
    assert (found.gone, found.not_seen, found.of_others) == ([], {}, 0)


@pytest.mark.parametrize("end", ["", "/instances"])
def test_a_patient_whom_orthanc_cannot_tell_of_is_named_and_hides_nobody(
    server: BrokenServer, archive: Orthanc, tmp_path: Path, end: str
) -> None:
    server.tell(f"/patients/{orthanc_id(2)}{end}", Answer(b"{}", status=500))
    folder = CohortFolder(tmp_path / "ward")
    found = differences_of(archive, COHORT, tmp_path, folder, [orthanc_id(each) for each in (1, 2, 3)])
    assert sorted(found.new.values()) == ["A", "C"]
    assert list(found.not_seen) == [orthanc_id(2)]
    assert found.gone == []


def test_who_was_deleted_since_the_hint_is_gone_and_not_unseen(
    server: BrokenServer, archive: Orthanc, tmp_path: Path
) -> None:
    server.tell(f"/patients/{orthanc_id(1)}", Answer(b"{}", status=404))
    server.tell(f"/patients/{orthanc_id(2)}/instances", Answer(b"{}", status=404))
    found = differences_of(archive, COHORT, tmp_path, CohortFolder(tmp_path), [orthanc_id(1), orthanc_id(2)])
    assert (sorted(found.gone), found.due, found.not_seen) == ([orthanc_id(1), orthanc_id(2)], [], {})
