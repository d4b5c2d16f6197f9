"""Where a patient stands now, from its files alone: no Dagster instance is asked.

What lives here: the current status and who may load what. What does not: how the status came about (`chain`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.store import PATIENT_FILES
from pdcp_dagster.domain.codes import Finding, Status, deciding, reason_of, status_of
from pdcp_dagster.domain.notes import findings_from

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pdcp_dagster.adapters.store import PatientFolder

_NEVER_RUN = "Not run yet."


@dataclass(frozen=True, slots=True)
class Standing:
    """A patient's current status with the reason in words; `findings` are those of the last run that left notes."""

    status: Status
    code: str | None
    reason: str
    findings: tuple[Finding, ...] = ()


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


def standing_of(folder: PatientFolder) -> Standing:
    """Return the status: FAILED where failure.json is there, else that of the notes' codes, else PENDING.

    PENDING, too, where something is missing that the notes tell of, or was made from what has changed since: neither
    must be taken for a result.
    """
    by_stage = findings_from(folder.read_notes() or {})
    findings = tuple(finding for of_stage in by_stage.values() for finding in of_stage)
    failure = folder.read_failure()
    if failure is not None:
        return Standing(Status.FAILED, None, f"Failed at {failure['stage']}: {failure['reason']}", findings)
    decisive = deciding(findings)
    if decisive is None:
        return Standing(Status.PENDING, None, _NEVER_RUN)
    status = status_of(findings)
    unfinished = "" if status is Status.EXCLUDE else _unfinished(folder, by_stage)
    if unfinished:
        return Standing(Status.PENDING, None, f"{unfinished}. Run this patient again.", findings)
    return Standing(status, decisive.code, reason_of(findings), findings)


def _unfinished(folder: PatientFolder, by_stage: Mapping[str, tuple[Finding, ...]]) -> str:
    """Return in words why what the notes say is not what lies in the folder, "" where it is."""
    lost = [
        stage
        for stage, findings in by_stage.items()
        if folder.manifest(stage) is None and not any(finding.stops for finding in findings)
    ]
    if lost:
        return f"A run was killed while it replaced {', '.join(lost)}"
    outdated = outdated_assets(folder)
    return f"Out of date, made from what has changed since: {', '.join(outdated)}" if outdated else ""


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


def require_loadable(folder: PatientFolder, asset: str, *, include_review: bool) -> None:
    """Return where this asset of the patient may be used; else raise what says why not.

    Raises
    ------
    PatientExcluded, PatientInReview, PatientFailed, PatientPending
        With the reason in words. An asset before the excluding stage (the image summary, the verified study) is
        evidence and loads all the same.

    """
    standing = standing_of(folder)
    kept = folder.manifest(asset) is not None
    if kept and asset in EVIDENCE:
        return
    refusals: dict[Status, type[PatientNotLoadableError]] = {
        Status.EXCLUDE: PatientExcluded,
        Status.FAILED: PatientFailed,
        Status.PENDING: PatientPending,
    }
    if standing.status in refusals:
        raise refusals[standing.status](standing.code, standing.reason)
    if standing.status is Status.REVIEW and not (include_review and kept):
        raise PatientInReview(standing.code, standing.reason)
    if not kept:
        raise PatientPending(None, f"{asset} of this patient is not in the store: materialise {asset} first")


EVIDENCE = frozenset({"image_summary", "verified_study", "patient_notes"})
