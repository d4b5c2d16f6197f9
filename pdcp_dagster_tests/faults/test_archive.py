"""What happens to the archive itself, for real: bytes rot on its disk, files are cut or gone, patients are deleted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pdcp_dagster.domain.codes import Status
from pdcp_dagster.phantom.archive import stored_file
from pdcp_dagster_tests.faults import wrongs
from pdcp_dagster_tests.faults.conftest import OTHER, VICTIM, Hospital
from pdcp_dagster_tests.faults.proxy import Rule, Script

pytestmark = pytest.mark.usefixtures("impatient")


def stored(hospital: Hospital, modality: str) -> Path:
    """Return where the archive keeps an object of the victim."""
    series = hospital.orthanc.get(f"/patients/{hospital.tasks[VICTIM].orthanc_id}/series")
    (found,) = [each for each in series if each["MainDicomTags"]["Modality"] == modality]
    return stored_file(hospital.orthanc, min(found["Instances"]))


@contextmanager
def other_content(file: Path, content: bytes | None) -> Iterator[None]:
    """The archive's file has other bytes for a while, or is not there."""
    sound = file.read_bytes()
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    try:
        yield
    finally:
        file.write_bytes(sound)


def require_failed_alone_and_mended(hospital: Hospital, store: str, file: Path, content: bytes | None) -> str:
    """The victim fails and the other does not; with the file restored all is as undisturbed. Returns the reason."""
    with other_content(file, content):
        outcomes = hospital.run(store)
    assert (outcomes[VICTIM].status, outcomes[OTHER].status) == (Status.FAILED, Status.SUCCESS)
    assert hospital.folder(VICTIM, store).manifest("retrieved_dicom") is None
    hospital.require_nothing_half_done(store)
    hospital.require_undisturbed(store, OTHER)
    hospital.run(store, VICTIM)
    hospital.require_undisturbed(store, VICTIM)
    return outcomes[VICTIM].reason


def test_a_bit_that_flipped_on_the_archives_disk_is_found_by_the_md5(hospital: Hospital) -> None:
    file = stored(hospital, "RTDOSE")
    sound = file.read_bytes()
    rotten = sound[:-100] + bytes([sound[-100] ^ 1]) + sound[-99:]
    reason = require_failed_alone_and_mended(hospital, "rotten", file, rotten)
    assert "is not what was stored: its MD5 differs" in reason
    assert "Have the stored file restored" in reason


def test_a_file_that_lost_its_end_on_the_archives_disk_is_found_by_its_length(hospital: Hospital) -> None:
    file = stored(hospital, "RTDOSE")
    reason = require_failed_alone_and_mended(hospital, "truncated", file, file.read_bytes()[:-64])
    assert "were stored" in reason


@pytest.mark.parametrize("modality", ["CT", "RTSTRUCT", "RTPLAN"])
def test_a_file_that_is_gone_from_the_archives_disk_is_a_failure_and_never_a_shorter_series(
    hospital: Hospital, modality: str
) -> None:
    reason = require_failed_alone_and_mended(hospital, f"gone-{modality}", stored(hospital, modality), None)
    assert "Failed at image_summary: Orthanc cannot read" in reason
    assert "(500)" in reason


@pytest.mark.parametrize("moment", [r"/studies\?expand", "/instances-tags", "/info$", "/file$"])
def test_a_patient_who_is_deleted_in_the_middle_fails_and_the_others_are_done(hospital: Hospital, moment: str) -> None:
    name = f"deleted-{len(hospital.tasks)}"
    hospital.admit(name)
    rule = Rule(f"({hospital.paths_of(name)}).*{moment}", wrongs.first(lambda: hospital.delete(name)), range(1, 2))
    hospital.proxy.plan = Script(rule)
    outcomes = hospital.run(name, name, OTHER)
    assert hospital.proxy.done == {"passed on": 1}
    failure = outcomes[name].failure
    assert failure is not None
    assert failure.error_type == "ObjectGone"
    assert "It was deleted or replaced meanwhile: list the patients again" in outcomes[name].reason
    assert hospital.folder(name, name).manifest("retrieved_dicom") is None
    hospital.require_nothing_half_done(name)
    hospital.require_undisturbed(name, OTHER)


def test_a_patient_who_is_deleted_after_the_list_was_made_fails_and_the_others_are_done(hospital: Hospital) -> None:
    hospital.admit("deleted-before")
    hospital.delete("deleted-before")
    outcomes = hospital.run("deleted-before", "deleted-before", OTHER)
    assert "Failed at image_summary" in outcomes["deleted-before"].reason
    assert "It was deleted or replaced meanwhile" in outcomes["deleted-before"].reason
    hospital.require_undisturbed("deleted-before", OTHER)
