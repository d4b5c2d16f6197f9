"""The way of one patient through the stages.

What lives here: order, stopping, status, failure, notes. What does not: what a stage does (its own module), how many
patients run at once (`pool`), or Dagster.

A finding that excludes stops the chain: what later stages kept before is removed, and they report "nothing to keep". An
error is no result: the stage and what follows fail, earlier results stand, `failure.json` says why. A stage that would
be made of the same again is not made again (`inputs`, `skipping`).
"""

from __future__ import annotations

import datetime as dt
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.store import PatientFolder, StoreError
from pdcp_dagster.domain.codes import Effect, Finding, Status, deciding, in_words, reason_of, status_of
from pdcp_dagster.domain.notes import findings_from, stages_of
from pdcp_dagster.stages import (
    archive_stages,
    candidate_stage,
    ct_stage,
    dose_stage,
    dvh_stage,
    picture_stage,
    structure_stage,
)
from pdcp_dagster.stages.inputs import origin_of
from pdcp_dagster.stages.naming import without_patient_id
from pdcp_dagster.stages.notes_stage import (
    NOTES,
    current_notes,
    failure_left,
    findings_table,
    write_failed_notes,
    write_notes,
    write_page_alone,
)
from pdcp_dagster.stages.one_thread import in_one_thread
from pdcp_dagster.stages.outcome import AssetOutcome, FailureReport, Kept, PatientOutcome, PatientTask, Shown
from pdcp_dagster.stages.parser_warnings import without_parser_warnings
from pdcp_dagster.stages.patient import ChainSettings, Patient, UpstreamMissingError
from pdcp_dagster.stages.remedies import remedy_for
from pdcp_dagster.stages.skipping import SKIPPED, current_mark, findings_told, told_again, what_is_told

if TYPE_CHECKING:
    from pdcp_dagster.adapters.orthanc import Orthanc
    from pdcp_dagster.adapters.store import Manifest, Origin

StageFunction = Callable[[Patient, Path], tuple[Kept, tuple[Finding, ...]]]
"""Takes the patient and the empty folder for what it makes; returns what to show and what it found."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the chain.

    made_from: the assets that it reads; when one of them changes, what this stage made is out of date.
    keeps_when_stopping: its table is the evidence for what stops the patient.
    for_open_choices: it runs, too, for a patient of whom a person must choose what is prepared.
    converts: it computes; the others mostly wait for the archive.
    """

    asset: str
    run: StageFunction
    made_from: tuple[str, ...] = ()
    keeps_when_stopping: bool = False
    for_open_choices: bool = False
    converts: bool = False


Computing = Callable[[], AbstractContextManager[object]]
"""Entered before a patient's first conversion and left when the patient is done, to bound how many convert at once."""
_SUMMARY, _VERIFIED, _DICOM = "image_summary", "verified_study", "retrieved_dicom"
STAGES: tuple[Stage, ...] = (
    Stage(_SUMMARY, archive_stages.summarise_images, keeps_when_stopping=True),
    Stage(_VERIFIED, archive_stages.verify_study, (_SUMMARY,), keeps_when_stopping=True),
    Stage("candidate_studies", candidate_stage.show_candidates, (_SUMMARY, _VERIFIED), for_open_choices=True),
    Stage(_DICOM, archive_stages.retrieve_dicom, (_SUMMARY, _VERIFIED)),
    Stage("ct_volume", ct_stage.convert_ct, (_VERIFIED, _DICOM), converts=True),
    Stage("structure_masks", structure_stage.fill_structures, (_VERIFIED, _DICOM), converts=True),
    Stage("dose_volume", dose_stage.sum_doses, (_VERIFIED, _DICOM), converts=True),
    Stage("plan_table", dose_stage.tabulate_plans, (_SUMMARY, _VERIFIED, _DICOM), for_open_choices=True, converts=True),
    Stage("dvh_table", dvh_stage.compute_dvhs, (_VERIFIED, _DICOM), converts=True),
    Stage("central_slices", picture_stage.draw_central_slices, (_VERIFIED, _DICOM), converts=True),
)
PATIENT_ASSETS: tuple[str, ...] = (*(stage.asset for stage in STAGES), NOTES)


_UNLISTED = FailureReport(
    stage="image_summary",
    error_type="UnlistedPatient",
    reason="this partition is not in the cohort's patient list: materialise patient_ids first",
)


def run_patient(
    task: PatientTask,
    settings: ChainSettings,
    archive: Orthanc,
    candidate: int | None = None,
    computing: Computing = nullcontext,
) -> PatientOutcome:
    """Run the selected stages for one patient and return what became of each; never raises.

    candidate: the number of the one candidate to prepare in quarantine, as if there were no other.

    Whatever went wrong is in the outcome's `failure` and in the patient's `failure.json`.
    """
    started = time.monotonic()
    cohort = settings.store.cohort(settings.cohort.name)
    folder = cohort.patient(task.partition_key)
    if candidate is not None:
        folder = cohort.candidate(task.partition_key, candidate)
    done: list[AssetOutcome] = []
    if not task.orthanc_id:
        # A key typed by hand can lead to another patient's folder: nothing of it is touched.
        return _finish(task, done, (), _UNLISTED, started)
    try:
        with without_parser_warnings(), in_one_thread(), folder.locked():
            patient = Patient(task, settings, archive, folder, candidate=candidate)
            return _run_locked(patient, done, started, computing)
    except Exception as error:  # noqa: BLE001 - one patient's trouble, whatever it is, must not touch another's
        failure = _report("lock", error)
        return _finish(task, done, (), failure, started)


def failed_outcome(task: PatientTask, settings: ChainSettings, failure: FailureReport) -> PatientOutcome:
    """Return (and write down) the outcome of a patient whose worker died before it could say so itself."""
    folder = settings.store.cohort(settings.cohort.name).patient(task.partition_key)
    # Without the file the outcome still tells of the failure.
    with suppress(OSError, StoreError), folder.locked():
        write_failed_notes(folder, settings.cohort, task, failure)
        _write_failure(folder, failure, task.run_id)
    return _finish(task, [], (), failure, time.monotonic())


def _run_locked(patient: Patient, done: list[AssetOutcome], started: float, computing: Computing) -> PatientOutcome:
    failure: FailureReport | None = None
    current = NOTES
    slot = ExitStack()
    # Once, and not before it is needed: others download meanwhile.
    enter: Callable[[], object] = lru_cache(maxsize=1)(lambda: slot.enter_context(computing()))
    try:
        patient.findings = _earlier_findings(patient.folder)
        _forget_other_linkages(patient)
        for stage in _stages_of(patient):
            current = stage.asset
            outcome = _run_stage(patient, stage, enter, untouched=all(earlier.skipped for earlier in done))
            if outcome is not None:
                done.append(outcome)
        current = NOTES
        done.extend(_close(patient))
    except Exception as error:  # noqa: BLE001 - see run_patient
        failure = _without_patient_id(patient, _report(current, error))
        _write_down(patient, failure)
    else:
        _clear_failure(patient)
    finally:
        slot.close()
    return _finish(patient.task, done, _all_findings(patient), failure, started)


def _stages_of(patient: Patient) -> list[Stage]:
    made = stages_of(patient.cohort.linkage)
    return [stage for stage in STAGES if stage.asset in made]


def _forget_other_linkages(patient: Patient) -> None:
    """Remove what a run made while the cohort had a linkage with more stages."""
    for asset in {stage.asset for stage in STAGES} - {stage.asset for stage in _stages_of(patient)}:
        patient.folder.remove(asset)
        patient.findings.pop(asset, None)


def _earlier_findings(folder: PatientFolder) -> dict[str, tuple[Finding, ...]]:
    """Return what earlier runs found; notes that cannot be read are as good as none, and are written anew."""
    try:
        return dict(findings_from(folder.read_notes() or {}))
    except (StoreError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _run_stage(patient: Patient, stage: Stage, enter: Callable[[], object], *, untouched: bool) -> AssetOutcome | None:
    """Run one stage, or clear what it kept where the patient is stopped before it; None where it was not asked for.

    untouched: whether all before it was left as it is.
    """
    stop = stopped_before(patient, stage.asset)
    wanted = stage.asset in patient.task.selected
    if stop is not None:
        removed = patient.folder.remove(stage.asset)
        patient.findings.pop(stage.asset, None)
        return _nothing(stage.asset, stop, patient, was_so=untouched and not removed) if wanted else None
    if not wanted:
        return None
    origin = origin_of(patient, stage.asset, stage.made_from)
    mark = None if patient.task.force else current_mark(patient.folder, stage.asset, origin)
    if mark is not None:
        return _left_as_it_is(patient, stage, mark)
    if stage.converts:
        enter()
    return _make(patient, stage, origin)


def _left_as_it_is(patient: Patient, stage: Stage, mark: Manifest) -> AssetOutcome:
    """Take what is in the store for what would be made now, with all that was said of it then."""
    findings = findings_told(mark)
    patient.findings[stage.asset] = findings
    stops = next((finding for finding in findings if finding.stops), None)
    if stops is not None and not mark.kept:
        return replace(_nothing(stage.asset, stops, patient, was_so=True), checks=told_again(mark)[1])
    shown, checks = told_again(mark)
    outcome = _outcome(patient, stage, findings, mark)
    return replace(outcome, shown={**SKIPPED, **shown}, checks=checks, skipped=True)


def _make(patient: Patient, stage: Stage, origin: Origin) -> AssetOutcome:
    started = time.monotonic()
    kept, found = stage.run(patient, patient.folder.begin(stage.asset))
    origin = replace(origin, made_with={**origin.made_with, **kept.made_with})
    findings = found if stage.asset in {_SUMMARY, _VERIFIED} else patient.accepted(found)
    patient.findings[stage.asset] = findings
    stops = next((finding for finding in findings if finding.stops), None)
    if stops is not None:
        # Said before anything is removed: killed here, the patient must not pass for what an earlier run found.
        write_notes(patient, failure=None)
    told = what_is_told(kept, findings)
    if stops is not None and not stage.keeps_when_stopping:
        patient.folder.commit_nothing(stage.asset, origin, told)
        return replace(_nothing(stage.asset, stops, patient), checks=kept.checks)
    mark = patient.folder.commit(stage.asset, kept.details, origin, told)
    outcome = _outcome(patient, stage, findings, mark)
    return replace(
        outcome, shown={**kept.shown, **kept.shown_once}, checks=kept.checks, seconds=time.monotonic() - started
    )


def _outcome(patient: Patient, stage: Stage, findings: tuple[Finding, ...], mark: Manifest) -> AssetOutcome:
    status = status_of(_all_findings(patient))
    return AssetOutcome(
        asset=stage.asset,
        status=status,
        reason=_reason(findings) if status is Status.SUCCESS else reason_of(_all_findings(patient)),
        path=patient.folder.file(stage.asset),
        data_version=mark.data_version,
    )


def stopped_before(patient: Patient, asset: str) -> Finding | None:
    """Return the finding that keeps this patient from reaching `asset`: an exclusion, or a choice left to a person."""
    open_choices_stop = not next(stage for stage in STAGES if stage.asset == asset).for_open_choices
    for stage in STAGES:
        if stage.asset == asset:
            return None
        for finding in patient.findings.get(stage.asset, ()):
            if finding.effect is Effect.EXCLUDE or (finding.stops and open_choices_stop):
                return finding
    return None


def _close(patient: Patient) -> list[AssetOutcome]:
    """Rewrite the notes, which any stage's run does, and report them where they were asked for."""
    if not patient.findings:
        raise UpstreamMissingError("image_summary")
    current = None if patient.task.force else current_notes(patient)
    manifest = current or write_notes(patient, failure=None)
    if NOTES not in patient.task.selected:
        return []
    findings = _all_findings(patient)
    codes = ", ".join(finding.code for finding in findings)
    told: dict[str, Shown] = {"codes": codes, "findings": findings_table(findings)}
    return [
        AssetOutcome(
            asset=NOTES,
            status=status_of(findings),
            reason=reason_of(findings),
            path=patient.folder.file(NOTES),
            data_version=manifest.data_version,
            shown={**SKIPPED, **told} if current else told,
            skipped=current is not None,
        )
    ]


def _nothing(asset: str, stop: Finding, patient: Patient, *, was_so: bool = False) -> AssetOutcome:
    status = status_of(_all_findings(patient))
    shown = SKIPPED if was_so else {}
    return AssetOutcome(
        asset, status, in_words(stop), path=None, data_version=f"nothing:{stop.code}", shown=shown, skipped=was_so
    )


def _reason(findings: tuple[Finding, ...]) -> str:
    decisive = deciding(findings)
    return in_words(decisive) if decisive is not None else "Done."


def _all_findings(patient: Patient) -> tuple[Finding, ...]:
    return tuple(finding for stage in STAGES for finding in patient.findings.get(stage.asset, ()))


def _report(stage: str, error: Exception) -> FailureReport:
    reason = str(error).strip() or _NAMELESS.get(type(error), type(error).__name__)
    if not _is_foreseen(error):
        last = traceback.extract_tb(error.__traceback__)[-1]
        reason = f"{type(error).__name__}: {reason} (unforeseen, at {last.name}, line {last.lineno})"
    reason = f"{reason.rstrip('.')}. {remedy_for(error)}".rstrip()
    return FailureReport(stage=stage, error_type=type(error).__name__, reason=reason)


def _without_patient_id(patient: Patient, failure: FailureReport) -> FailureReport:
    """Return the failure as it may be logged: an error that nobody foresaw may name the patient."""
    task = patient.task
    told = without_patient_id(patient.cohort, failure.reason, task.patient_id, task.partition_key)
    return replace(failure, reason=told)


_NAMELESS: dict[type[Exception], str] = {MemoryError: "not enough memory"}


def _is_foreseen(error: Exception) -> bool:
    return type(error).__module__.startswith("pdcp_dagster.") or isinstance(error, OSError | MemoryError)


def _write_down(patient: Patient, failure: FailureReport) -> None:
    """Leave the failure beside the patient's files; a store that cannot even take that is told of in the outcome."""
    with suppress(OSError, StoreError):
        if any(patient.findings.values()):
            write_notes(patient, failure=failure)
        else:
            write_page_alone(patient, failure)
    # By itself: a disk too full for the notes may have room for a line.
    with suppress(OSError, StoreError):
        _write_failure(patient.folder, failure, patient.task.run_id)


def _clear_failure(patient: Patient) -> None:
    """Forget an earlier failure, unless it was of a stage that this run was not asked for."""
    if failure_left(patient) is None:
        patient.folder.clear_failure()


def _write_failure(folder: PatientFolder, failure: FailureReport, run_id: str) -> None:
    folder.write_failure(
        {
            "stage": failure.stage,
            "error_type": failure.error_type,
            "reason": failure.reason,
            "time": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "run_id": run_id,
        }
    )


def _finish(
    task: PatientTask,
    done: list[AssetOutcome],
    findings: tuple[Finding, ...],
    failure: FailureReport | None,
    started: float,
) -> PatientOutcome:
    decisive = deciding(findings)
    if failure is not None:
        status, code = Status.FAILED, None
        reason = f"Failed at {failure.stage}: {failure.reason}"
    else:
        status, code = status_of(findings), decisive.code if decisive else None
        reason = reason_of(findings)
    return PatientOutcome(
        partition_key=task.partition_key,
        status=status,
        code=code,
        reason=reason,
        assets=tuple(done),
        failure=failure,
        seconds=time.monotonic() - started,
    )
