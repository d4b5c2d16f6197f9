"""Whatever an archive holds of a patient, the chain comes to a result or fails with a reason that was foreseen."""

from __future__ import annotations

import os
import random
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from pdcp_dagster.adapters.orthanc import OrthancError
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.phantom.anatomy import tiny_rois
from pdcp_dagster.stages.outcome import PatientOutcome, PatientTask
from pdcp_dagster_tests.fuzz.dicom_mutations import Change, damaged, nests
from pdcp_dagster_tests.stages.conftest import Ward

ROUNDS = int(os.environ.get("PDCP_FUZZ_ROUNDS", "3"))
SEED = int(os.environ.get("PDCP_FUZZ_SEED", "0"))
SMALL = {"slices": 6, "size": (32, 32, 6), "pixel_mm": 6.0}
"""Half the pixels of a tiny patient."""
RESULTS = {Status.SUCCESS, Status.REVIEW, Status.EXCLUDE, Status.FAILED}


@pytest.mark.parametrize("modality", ["CT", "RTSTRUCT", "RTPLAN", "RTDOSE"])
def test_a_damaged_object_never_makes_an_unforeseen_failure(ward: Ward, modality: str) -> None:
    patient_id = f"FUZZ-{modality}"
    task = ward.admit(patient_id, rois=tiny_rois(patient_id)[:2], **SMALL)
    files = sorted(ward.phantom(patient_id).glob("*.dcm"))
    target = next(file for file in files if file.name.startswith(f"{modality}_"))
    draw = random.Random(f"{modality} {SEED}")  # noqa: S311 - to draw damage, nobody's secret
    kept = 0
    for n in range(ROUNDS):
        changes = [change for _ in range(draw.choice((1, 1, 2, 3))) if not nests(change := _drawn(draw))]
        found = _archived(ward, task, files, target, damaged(target.read_bytes(), changes))
        if found is None:
            continue
        kept += 1
        ward.tasks[patient_id] = found
        outcome = ward.run(patient_id, store=f"{modality}-{n}")
        assert outcome.status in RESULTS, changes
        assert "unforeseen" not in outcome.reason, (changes, outcome.reason)
        _note(modality, outcome)
    assert kept > 0


def _drawn(draw: random.Random) -> Change:
    # Changes of elements: damage that hits bytes mostly makes a file that an archive refuses.
    kind = draw.randrange(1 << 16)
    return kind if kind % 3 or draw.random() < 0.2 else kind + 1, draw.randrange(1 << 32), draw.randrange(1 << 32)


def _note(modality: str, outcome: PatientOutcome) -> None:
    if os.environ.get("PDCP_FUZZ_LOG"):
        with Path(os.environ["PDCP_FUZZ_LOG"]).open("a") as log:
            log.write(f"{modality} {outcome.seconds:.2f} {outcome.status} {outcome.code} {outcome.reason[:260]}\n")


def _archived(ward: Ward, task: PatientTask, files: list[Path], target: Path, raw: bytes) -> PatientTask | None:
    """Put a patient into the archive anew, with one object damaged; None where the archive has none of it then."""
    changed = target.with_suffix(".damaged")
    changed.write_bytes(raw)
    with ward.archive() as archive:
        for known in archive.patients():
            if known.patient_id == task.patient_id:
                url = f"{ward.orthanc.url}/patients/{known.orthanc_id}"
                urllib.request.urlopen(urllib.request.Request(url, method="DELETE")).close()  # noqa: S310 - loopback
        for file in files:
            try:
                archive.upload(changed if file == target else file)
            except OrthancError:
                assert file == target
        found = [each.orthanc_id for each in archive.patients() if each.patient_id == task.patient_id]
    return replace(task, orthanc_id=found[0]) if found else None
