"""The demo cohort: a patient for each thing that can come of one, and what must come of it.

What lives here: the patients and their expected ends under `cohorts/demo.yaml`. What does not: their bodies
(`anatomy`), their files (`patient`), their way into the archive (`archive`).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.keys import safe_name
from pdcp_dagster.phantom.anatomy import tiny_rois, tiny_spec
from pdcp_dagster.phantom.patient import as_json, chains, write_if_different, write_phantom
from pdcp_dagster.phantom.solids import cylinder, ellipsoid, sphere
from pdcp_dagster.phantom.spec import MODALITIES, Axis, LinearDose, PhantomRoi

if TYPE_CHECKING:
    from pathlib import Path

    from pdcp_dagster.phantom.spec import PhantomSpec

COHORT_FILE = "cohort.json"
DEMO_SEED = 2022
_TO_THE_FRONT = LinearDose(Axis.AP, at_mm=-36.0, dose_gy=50.0, gradient_gy_per_mm=-0.4)
_THRICE = LinearDose(Axis.SI, at_mm=6.0, dose_gy=150.0, gradient_gy_per_mm=2.4)


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
    """Return the eighteen patients of the demo."""
    return (*_passing(seed), *_for_review(seed), *_excluded(seed), _failing(seed))


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


def _passing(seed: int) -> tuple[DemoPatient, ...]:
    def passes(spec: PhantomSpec, why: str) -> DemoPatient:
        return DemoPatient(spec, Status.SUCCESS, None, why)

    return (
        passes(tiny_spec("P1", seed), "A complete plan; the dose grows towards the head."),
        passes(
            tiny_spec("P2", seed, dose=_TO_THE_FRONT, dose_bits=16),
            "A complete plan; the dose grows towards the front and is stored in 16 bits.",
        ),
        passes(
            tiny_spec("P3", seed, spare_structure_set=True),
            "Two structure sets on one CT; the plan uses one of them, the other is a draft.",
        ),
        passes(
            tiny_spec("P15", seed, rois=_awkward_rois("P15")),
            "Awkward structures: names with a slash or that differ in case only, a point, one that was never drawn.",
        ),
        passes(
            tiny_spec("../A B/ü", seed, patient_name="Müller^Änne"),
            "A PatientID that looks like a path, with a blank and an umlaut.",
        ),
        passes(tiny_spec("007", seed, dose=_TO_THE_FRONT), "A PatientID with leading zeros: it is not patient 7."),
        passes(tiny_spec("7", seed), "A PatientID that a number would make of 007."),
    )


def _for_review(seed: int) -> tuple[DemoPatient, ...]:
    def review(spec: PhantomSpec, code: str, why: str) -> DemoPatient:
        return DemoPatient(spec, Status.REVIEW, code, why)

    return (
        review(tiny_spec("P4", seed, slices=48), "II_REV_001", "The CT has 48 slices; more than 40 are unusual."),
        review(tiny_spec("P5", seed, studies=2), "I_REV_004", "Two studies, each with a complete plan."),
        review(
            tiny_spec("P6", seed, chains_per_study=2), "II_REV_003", "Two CTs in one study, each with a complete plan."
        ),
    )


def _excluded(seed: int) -> tuple[DemoPatient, ...]:
    def excluded(spec: PhantomSpec, code: str, why: str) -> DemoPatient:
        return DemoPatient(spec, Status.EXCLUDE, code, why)

    without_dose = tuple(modality for modality in MODALITIES if modality != "RTDOSE")
    return (
        excluded(
            tiny_spec("P7", seed, series_description="Catphan QA phantom"),
            "I_EXEC_004",
            "Every series is of a quality assurance phantom.",
        ),
        excluded(tiny_spec("P8", seed, modalities=without_dose), "I_EXEC_005", "There is no RTDOSE."),
        excluded(
            tiny_spec("P9", seed, study_description="Lung SBRT"),
            "I_EXEC_006",
            "The study description names an organ that the cohort excludes.",
        ),
        excluded(
            tiny_spec("P10", seed, rois=_rois_without_keyword()),
            "I_EXEC_005",
            "No ROI's name contains a keyword of the cohort, so no structure set counts.",
        ),
        excluded(
            tiny_spec("P11", seed, drawn_elsewhere=True),
            "II_EXEC_002",
            "The structures were drawn on a CT that is not in the archive.",
        ),
        excluded(
            tiny_spec("P12", seed, dose=_THRICE),
            "XXIV_EXEC_003",
            "The dose maximum is above 120 Gy.",
        ),
        excluded(
            tiny_spec("P13", seed, slices=8),
            "II_EXEC_002",
            "The CT has 8 slices, fewer than 10, and no other CT is linked.",
        ),
    )


def _failing(seed: int) -> DemoPatient:
    return DemoPatient(
        tiny_spec("P14", seed),
        Status.FAILED,
        None,
        "A stored CT slice is damaged: the patient is complete, but cannot be read until the file is mended.",
        damaged=True,
    )


def _awkward_rois(patient_id: str) -> tuple[PhantomRoi, ...]:
    rois = tiny_rois(patient_id)
    first = len(rois) + 1
    return (
        *rois,
        PhantomRoi(first, "PTV/boost", sphere((44, -36, 6), 7), "PTV"),
        PhantomRoi(first + 1, "heart", ellipsoid((10, -20, -4), (14, 12), 24), "ORGAN"),
        PhantomRoi(first + 2, "Isocentre", interpreted_type="ISOCENTER", point_mm=(44.0, -36.0, 6.0)),
        PhantomRoi(first + 3, "Never drawn", interpreted_type="ORGAN"),
    )


def _rois_without_keyword() -> tuple[PhantomRoi, ...]:
    return (
        PhantomRoi(1, "BODY", cylinder((0, 0, 0), (84, 64), 72), "EXTERNAL", hu=0.0),
        PhantomRoi(2, "SpinalCord", cylinder((0, 42, 0), (6, 6), 72), "ORGAN", hu=30.0),
        PhantomRoi(3, "Liver", ellipsoid((-44, -6, -16), (26, 24), 36), "ORGAN", hu=60.0),
    )
