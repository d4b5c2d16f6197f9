"""Where a patient stands now, from its files alone: no Dagster instance is asked.

What lives here: the current status and who may load what. What does not: how the status came about (`chain`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.decisions_file import DecisionsFileError, read_decisions
from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.adapters.store import PATIENT_FILES, StoreError, read_tombstone
from pdcp_dagster.domain.codes import Finding, Status, deciding, in_words, reason_of, status_of
from pdcp_dagster.domain.decisions import decision_hash
from pdcp_dagster.domain.notes import STAGES, findings_from, stages_of
from pdcp_dagster.stages.inputs import CONFIGURATION

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pdcp_dagster.adapters.store import CohortFolder, PatientFolder

DELETED = "I_EXEC_012"
_NEVER_RUN = "Not run yet."
NOT_ASKED: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Standing:
    """A patient's current status with the reason in words; `findings` are those of the last run that left notes."""

    status: Status
    code: str | None
    reason: str
    findings: tuple[Finding, ...] = ()
    decided_since: bool = False
    """Whether a person decided about the patient, or took a decision back, since verified_study was made."""


class PatientNotLoadableError(Exception):
    """The patient has no result to load; `code` says why where a rule decided it."""

    def __init__(self, code: str | None, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class PatientExcluded(PatientNotLoadableError):  # noqa: N818 - the name is part of the contract
    """The patient is excluded: there is nothing to load, and old files are gone."""


class PatientInReview(PatientNotLoadableError):  # noqa: N818 - told like an exclusion
    """A person must decide about the patient first."""


class PatientFailed(PatientNotLoadableError):  # noqa: N818 - told like an exclusion
    """The patient's last run failed: what lies in the store may be out of date."""


class PatientPending(PatientNotLoadableError):  # noqa: N818 - told like an exclusion
    """The patient was never run, or not as far as this."""


class NotInLinkage(PatientNotLoadableError):  # noqa: N818 - told like an exclusion
    """The patient was prepared with a linkage that has no such asset: no dose with CR."""


def standing_of(folder: PatientFolder, configurations: Mapping[str, str] = NOT_ASKED) -> Standing:
    """Return the status: EXCLUDE where the archive does not have the patient any more, else that of the files.

    FAILED where failure.json is there, else that of the notes' codes, else PENDING.

    configurations: what the cohort file says to each stage today (`inputs.configurations_of`), where that is known;
    what was made with another one is PENDING.

    PENDING, too, where a person decided since the last run, a stage is not done yet, something is missing that the
    notes tell of, or was made from what has changed since: none of these must be taken for a result. FAILED where the
    notes cannot be read.
    """
    tombstone = read_tombstone(folder)
    if tombstone is None:
        return _standing_of_files(folder, configurations)
    gone = Finding(DELETED, f"noticed {tombstone.noticed[:10] or 'some day'}")
    return Standing(Status.EXCLUDE, DELETED, in_words(gone), (gone,))


def _standing_of_files(folder: PatientFolder, configurations: Mapping[str, str]) -> Standing:
    failure = folder.read_failure()
    try:
        notes = folder.read_notes() or {}
        by_stage = findings_from(notes)
    except (StoreError, ValueError, TypeError, KeyError, AttributeError) as error:
        return Standing(Status.FAILED, None, f"The notes cannot be read ({error}). Run this patient again.")
    findings = tuple(finding for of_stage in by_stage.values() for finding in of_stage)
    if failure is not None:
        return Standing(Status.FAILED, None, f"Failed at {failure['stage']}: {failure['reason']}", findings)
    decisive = deciding(findings)
    if decisive is None:
        return Standing(Status.PENDING, None, _NEVER_RUN, findings)
    decided = decided_since(folder)
    if decided:
        return Standing(Status.PENDING, None, f"{decided} Run this patient again.", findings, decided_since=True)
    due = (
        _notes_unfinished(folder)
        or _made_with_another(folder, configurations)
        or _stopped_by_what_has_changed(folder, by_stage)
    )
    if not due and not any(finding.stops for finding in findings):
        due = _unfinished(folder, by_stage, str(notes.get("linkage", "CRDP")))
    if due:
        return Standing(Status.PENDING, None, f"{due}. Run this patient again.", findings)
    return Standing(status_of(findings), decisive.code, reason_of(findings), findings)


def _notes_unfinished(folder: PatientFolder) -> str:
    """Return in words that a run was killed while it replaced the notes: those that lie there are of a run before."""
    return "" if folder.manifest("patient_notes") is not None else "A run was killed while it replaced the notes"


def decided_since(folder: PatientFolder) -> str:
    """Return in words why the decision that verified_study was made with is not today's, "" where it is."""
    manifest = folder.manifest("verified_study")
    details = manifest.details if manifest is not None else {}
    if "decision" not in details:
        return ""
    try:
        decision = read_decisions(folder.cohort_path / "decisions.yaml").get(str(details["patient_id"]))
    except DecisionsFileError as error:
        return f"{error}."
    if decision_hash(decision) == details["decision"]:
        return ""
    return "A person has decided about the patient since the last run." if decision else "A decision was withdrawn."


def _made_with_another(folder: PatientFolder, configurations: Mapping[str, str]) -> str:
    """Return in words what the cohort file has said something else to since, "" where nothing."""
    marks = ((asset, today, folder.mark(asset)) for asset, today in configurations.items())
    changed = [asset for asset, today, mark in marks if mark and mark.made_with.get(CONFIGURATION, today) != today]
    return f"The cohort file has changed since, which concerns {', '.join(changed)}" if changed else ""


def _stopped_by_what_has_changed(folder: PatientFolder, by_stage: Mapping[str, tuple[Finding, ...]]) -> str:
    """Return in words which stages up to the one that stops the patient were made from what has changed since."""
    stopping = next((stage for stage in STAGES if any(one.stops for one in by_stage.get(stage, ()))), None)
    if stopping is None:
        return ""
    for stage in STAGES[: STAGES.index(stopping) + 1]:
        mark = folder.mark(stage)
        sources = {} if mark is None else {source: folder.manifest(source) for source in mark.made_from}
        if mark and any(now is None or now.data_version != mark.made_from[each] for each, now in sources.items()):
            return f"Out of date, made from what has changed since: {stage}"
    return ""


def _unfinished(folder: PatientFolder, by_stage: Mapping[str, tuple[Finding, ...]], linkage: str) -> str:
    """Return in words why what lies in the folder is no result yet, "" where it is one."""
    lost = [stage for stage in by_stage if folder.manifest(stage) is None]
    if lost:
        return f"A run was killed while it replaced {', '.join(lost)}"
    outdated = outdated_assets(folder)
    if outdated:
        return f"Out of date, made from what has changed since: {', '.join(outdated)}"
    missing = [stage for stage in stages_of(linkage) if stage not in by_stage]
    return f"Not done yet: {', '.join(missing)}" if missing else ""


def require_listed(cohort: CohortFolder, key: str) -> None:
    """Return where the patient belongs to the cohort; `PatientPending` where the patient list no longer has the key.

    Files of a patient who was deleted from the archive, or taken off the cohort's list, stay in the store.
    """
    _require_in_archive(cohort.patient(key))
    listed = cohort.file("patient_ids")
    if listed.exists() and key not in _listed_keys(listed, listed.stat().st_mtime_ns):
        raise PatientPending(None, NO_LONGER_LISTED)


@lru_cache(maxsize=8)
def _listed_keys(listed: Path, _changed_ns: int) -> frozenset[str]:
    """Return the keys of a patient list, read once for as long as it does not change."""
    return frozenset(map(str, read_table(listed)["partition_key"]))


NO_LONGER_LISTED = "The patient is no longer in the archive or in the cohort's list."


def outdated_assets(folder: PatientFolder) -> tuple[str, ...]:
    """Return the assets that were made from content which has changed since, or from assets that are out of date."""
    manifests = {asset: folder.manifest(asset) for asset in PATIENT_FILES}
    outdated: list[str] = []
    for asset, manifest in manifests.items():
        if manifest is None:
            continue
        for source, version in manifest.made_from.items():
            current = manifests[source]
            if source in outdated or current is None or current.data_version != version:
                outdated.append(asset)
                break
    return tuple(outdated)


def require_loadable(folder: PatientFolder, asset: str, *, include_review: bool, file: Path | None = None) -> None:
    """Return where this asset of the patient may be used; else raise what says why not.

    file: what is loaded where that is not the asset's first file.

    Raises
    ------
    PatientExcluded, PatientInReview, PatientFailed, PatientPending, NotInLinkage
        With the reason in words. An asset before the excluding stage (the image summary, the verified study) is
        evidence and loads all the same.

    """
    _require_in_archive(folder)
    kept = folder.manifest(asset) is not None
    if kept and asset in EVIDENCE:
        return
    standing = standing_of(folder)
    if standing.status in _REFUSED:
        raise _REFUSED[standing.status](standing.code, standing.reason)
    if not kept:
        _require_in_linkage(folder, asset)
        if standing.status is Status.REVIEW:
            raise PatientInReview(standing.code, standing.reason)
        missing = f"{asset} of this patient is not in the store: materialise {asset} first"
        raise PatientPending(None, missing if standing.findings else standing.reason)
    if not (file or folder.file(asset)).exists():
        raise PatientPending(None, f"{asset} of this patient has no file: {standing.reason}")
    if asset in outdated_assets(folder) or _notes_unfinished(folder):
        raise PatientPending(None, standing.reason)
    # What is finished may be used although later stages are not done yet.
    if standing.decided_since:
        raise PatientPending(None, standing.reason)
    if status_of(standing.findings) is Status.REVIEW and not include_review:
        decisive = deciding(standing.findings)
        raise PatientInReview(decisive.code if decisive else None, reason_of(standing.findings))


def _require_in_archive(folder: PatientFolder) -> None:
    if read_tombstone(folder) is not None:
        standing = standing_of(folder)
        raise PatientExcluded(standing.code, standing.reason)


def linkage_of(folder: PatientFolder) -> str:
    """Return the linkage that the patient was last run with, the first one there was where the notes do not tell."""
    try:
        notes = folder.read_notes() or {}
    except StoreError:
        notes = {}
    return str(notes.get("linkage", "CRDP"))


def _require_in_linkage(folder: PatientFolder, asset: str) -> None:
    linkage = linkage_of(folder)
    if asset in set(STAGES) - set(stages_of(linkage)):
        raise NotInLinkage(None, f"There is no {asset}: the cohort's linkage is {linkage}, which asks for no doses.")


_REFUSED: Mapping[Status, type[PatientNotLoadableError]] = {
    Status.EXCLUDE: PatientExcluded,
    Status.FAILED: PatientFailed,
}
EVIDENCE = frozenset({"image_summary", "verified_study", "candidate_studies", "patient_notes"})
