"""Which patients need not be run: all that they are made of is as it was, and all that it made is there.

What lives here: the look from outside, for many patients, that creates nothing and changes nothing. What does not: the
same question asked of one stage while a patient is under work (`skipping`).
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pdcp_dagster.domain.codes import Status
from pdcp_dagster.stages.chain import STAGES, stopped_before
from pdcp_dagster.stages.current import Standing, standing_of
from pdcp_dagster.stages.inputs import configurations_of, origin_of
from pdcp_dagster.stages.notes_stage import current_notes
from pdcp_dagster.stages.patient import Patient
from pdcp_dagster.stages.skipping import findings_told, is_current
from pdcp_dagster.stages.snapshot import snapshot_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pdcp_dagster.adapters.orthanc import Orthanc
    from pdcp_dagster.stages.outcome import PatientTask
    from pdcp_dagster.stages.patient import ChainSettings

_RESULTS = frozenset({Status.SUCCESS, Status.REVIEW, Status.EXCLUDE})


def look_at(
    tasks: Iterable[PatientTask], settings: ChainSettings, archive: Orthanc
) -> Iterator[tuple[PatientTask, Standing | None]]:
    """Yield each task with the standing of its patient where that is current, else None; never raises for one patient.

    One request each. Whatever cannot be found out makes a patient one to be run, whose chain then says what is wrong.
    """
    by_id = {task.orthanc_id: task for task in tasks}
    configurations = configurations_of(settings.cohort)
    for orthanc_id, fingerprint in archive.fingerprints(by_id):
        task = by_id[orthanc_id]
        standing = None
        if isinstance(fingerprint, str):
            with suppress(Exception):
                standing = _standing_if_current(task, settings, archive, fingerprint, configurations)
        yield task, standing


def _standing_if_current(
    task: PatientTask,
    settings: ChainSettings,
    archive: Orthanc,
    fingerprint: str,
    configurations: Mapping[str, str],
) -> Standing | None:
    folder = snapshot_of(settings.store.cohort(settings.cohort.name).patient(task.partition_key))
    standing = standing_of(folder, configurations)
    if folder.in_hand or standing.status not in _RESULTS:
        return None
    patient = Patient(task, settings, archive, folder)
    patient.__dict__["fingerprint"] = fingerprint
    return standing if _is_current(patient) else None


def _is_current(patient: Patient) -> bool:
    """Go the way of the chain and ask of each stage whether it would be left as it is."""
    for stage in STAGES:
        mark = patient.folder.mark(stage.asset)
        if stage.asset not in patient.task.selected or stopped_before(patient, stage.asset) is not None:
            if mark is not None:  # it would be removed
                return False
            continue
        if mark is None or not is_current(patient.folder, mark, origin_of(patient, stage.asset, stage.made_from)):
            return False
        patient.findings[stage.asset] = findings_told(mark)
    return current_notes(patient) is not None
