"""What comes back from a patient's chain: plain values that travel from a worker process to the one that reports.

What lives here: outcomes per asset and per patient. What does not: how Dagster is told of them (`defs`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pdcp_dagster.domain.codes import Status


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture small enough for metadata (at most 15 kB)."""

    mime_type: str
    content: bytes
    title: str


@dataclass(frozen=True, slots=True)
class Rows:
    """A small table for metadata: a list of records with equal keys."""

    records: tuple[Mapping[str, str | int | float | bool | None], ...]


Shown = str | int | float | bool | None | Path | Picture | Rows
"""What a stage may show in an asset's metadata."""


@dataclass(frozen=True, slots=True)
class Check:
    """What a stage checked of what it made, and what to say of it: a warning where it did not pass."""

    name: str
    passed: bool
    said: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What one stage leaves behind: what to show of it, plain values that later stages may need, and checks."""

    shown: Mapping[str, Shown] = field(default_factory=dict)
    details: Mapping[str, object] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    made_with: Mapping[str, str] = field(default_factory=dict)
    """What really went in, where that may have changed since it was asked for (`inputs`)."""
    shown_once: Mapping[str, Shown] = field(default_factory=dict)
    """What to show of this run alone."""


@dataclass(frozen=True, slots=True)
class AssetOutcome:
    """One asset of one patient that came to a result: kept, or nothing to keep because the patient is excluded."""

    asset: str
    status: Status
    reason: str
    path: Path | None
    data_version: str
    shown: Mapping[str, Shown] = field(default_factory=dict)
    seconds: float = 0.0
    checks: tuple[Check, ...] = ()
    skipped: bool = False
    """Whether it was current and left as it is."""


@dataclass(frozen=True, slots=True)
class FailureReport:
    """Why a patient has no result: not an exclusion, to be done again."""

    stage: str
    error_type: str
    reason: str

    @property
    def asset(self) -> str:
        """The asset that the failure is told of; trouble around the chain is told of the notes."""
        return "patient_notes" if self.stage in {"lock", "worker"} else self.stage


@dataclass(frozen=True, slots=True)
class PatientTask:
    """One patient to work on: the identities and the assets that were asked for."""

    partition_key: str
    patient_id: str
    orthanc_id: str
    selected: frozenset[str]
    run_id: str
    force: bool = False
    """Whether stages are done again although nothing that they are made of has changed."""


@dataclass(frozen=True, slots=True)
class PatientOutcome:
    """What became of one patient in one run."""

    partition_key: str
    status: Status
    code: str | None
    reason: str
    assets: tuple[AssetOutcome, ...]
    failure: FailureReport | None = None
    seconds: float = 0.0
