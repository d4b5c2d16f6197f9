"""The demo cohort: a patient for each thing that can come of one, and what must come of it.

What lives here: the cohort as a whole, its folder and its list `cohort.json`. What does not: the patients
(`demo_passing`, `demo_review`, `demo_excluded`), their files (`patient`), their way into the archive (`archive`).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pdcp_dagster.domain.keys import safe_name
from pdcp_dagster.phantom.demo_excluded import excluded, failing
from pdcp_dagster.phantom.demo_passing import passing
from pdcp_dagster.phantom.demo_review import for_review
from pdcp_dagster.phantom.patient import as_json, write_if_different, write_phantom

if TYPE_CHECKING:
    from pathlib import Path

    from pdcp_dagster.phantom.demo_patient import DemoPatient

COHORT_FILE = "cohort.json"
DEMO_SEED = 2022


@dataclass(frozen=True, slots=True)
class CohortEntry:
    """One patient as `cohort.json` lists it; `folder` is relative to that file."""

    patient_id: str
    folder: str
    status: str
    code: str | None
    why: str
    damage: str | None
    """SOPInstanceUID of the instance to damage after the upload."""


def demo_cohort(seed: int = DEMO_SEED) -> tuple[DemoPatient, ...]:
    """Return the thirty-six patients of the demo."""
    return (*passing(seed), *for_review(seed), *excluded(seed), failing(seed))


def write_cohort(folder: Path, seed: int = DEMO_SEED) -> list[Path]:
    """Write every demo patient and `cohort.json`, and return the patients' folders.

    What is there already with the same content is left alone, so a second call writes nothing.
    """
    patients = demo_cohort(seed)
    folders = [folder / safe_name(patient.patient_id) for patient in patients]
    for patient, place in zip(patients, folders, strict=True):
        write_phantom(patient.spec, place)
    entries = [
        CohortEntry(
            patient_id=patient.patient_id,
            folder=place.name,
            status=patient.expected_status.value,
            code=patient.expected_code,
            why=patient.why,
            damage=patient.damaged_slice_uid,
        )
        for patient, place in zip(patients, folders, strict=True)
    ]
    write_if_different(folder / COHORT_FILE, as_json([asdict(entry) for entry in entries]))
    return folders


def read_cohort(folder: Path) -> tuple[CohortEntry, ...]:
    """Return what `write_cohort` wrote into `cohort.json`."""
    entries = json.loads((folder / COHORT_FILE).read_text(encoding="utf-8"))
    return tuple(CohortEntry(**entry) for entry in entries)
