"""A patient of the demo: its specification and what must come of it under `cohorts/demo.yaml`.

What lives here: the pair of both. What does not: the patients themselves (`demo_passing`, `demo_review`,
`demo_excluded`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdcp_dagster.domain.codes import Status
from pdcp_dagster.phantom.patient import chains

if TYPE_CHECKING:
    from pdcp_dagster.phantom.spec import PhantomSpec


@dataclass(frozen=True, slots=True)
class DemoPatient:
    """A patient and what must come of it.

    expected_code: the code that decides; None for a patient who passes or fails.
    why: in words, for a reader of the cohort table.
    damaged: one stored CT slice is to be damaged after the upload (`damaged_slice_uid` says which).
    """

    spec: PhantomSpec
    expected_status: Status
    expected_code: str | None
    why: str
    damaged: bool = False

    @property
    def patient_id(self) -> str:
        """PatientID, to the letter."""
        return self.spec.patient_id

    @property
    def damaged_slice_uid(self) -> str | None:
        """SOPInstanceUID of the middle CT slice of a patient that is to be damaged, else None."""
        return str(chains(self.spec)[0].ct_uid(self.spec.size[2] // 2)) if self.damaged else None


def passes(spec: PhantomSpec, why: str) -> DemoPatient:
    """Return a patient who passes."""
    return DemoPatient(spec, Status.SUCCESS, None, why)


def to_review(spec: PhantomSpec, code: str, why: str) -> DemoPatient:
    """Return a patient for a person to decide about."""
    return DemoPatient(spec, Status.REVIEW, code, why)


def is_excluded(spec: PhantomSpec, code: str, why: str) -> DemoPatient:
    """Return a patient who does not count."""
    return DemoPatient(spec, Status.EXCLUDE, code, why)
