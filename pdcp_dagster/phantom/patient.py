"""A synthetic patient on disk: its DICOM files and, beside them, the right answers.

What lives here: which objects a patient has, their file names, `truth.json`. What does not: their content (`dicom_*`)
and the answers' mathematics (`truth`).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pdcp_dagster.phantom.dicom_base import Chain, file_bytes
from pdcp_dagster.phantom.dicom_ct import ct_series
from pdcp_dagster.phantom.dicom_pt import pt_series
from pdcp_dagster.phantom.dicom_rtdose import max_dose_gy, rt_dose, rt_dose_uid
from pdcp_dagster.phantom.dicom_rtplan import rt_plan, rt_plan_uid
from pdcp_dagster.phantom.dicom_rtstruct import structure_set, structure_set_uid
from pdcp_dagster.phantom.truth import RoiTruth, truth_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydicom.dataset import Dataset

    from pdcp_dagster.phantom.spec import PhantomSpec
    from pdcp_dagster.phantom.study_spec import StudySpec

TRUTH_FILE = "truth.json"


@dataclass(frozen=True, slots=True)
class StructureSetTruth:
    """The answers for one RTSTRUCT.

    planned: whether a plan was made on it, also where the plan does not say so.
    plan_uid, dose_uid: of the plan meant for treatment and its dose; the answers for `rois` are of that dose.
    """

    sop_instance_uid: str
    planned: bool
    ct_series_uid: str
    plan_uid: str
    dose_uid: str
    rois: tuple[RoiTruth, ...]


@dataclass(frozen=True, slots=True)
class PhantomTruth:
    """What is known about a synthetic patient, independent of any program that reads it.

    prescription_gy, max_dose_gy, ct_slices: of the first study; the prescription is None where the plan does not say
    it, and slices that never reached the archive do not count.
    """

    patient_id: str
    prescription_gy: float | None
    max_dose_gy: float
    ct_slices: int
    structure_sets: tuple[StructureSetTruth, ...]

    @property
    def planned(self) -> StructureSetTruth:
        """The structure set of the first plan."""
        return next(structures for structures in self.structure_sets if structures.planned)

    @property
    def rois(self) -> tuple[RoiTruth, ...]:
        """The answers for the ROIs of the first plan."""
        return self.planned.rois


def write_phantom(spec: PhantomSpec, folder: Path) -> PhantomTruth:
    """Write a patient's DICOM files and `truth.json`; what is there with the same content is left alone.

    DICOM files of the folder that do not belong to the patient are removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = set()
    for name, dataset in objects(spec):
        write_if_different(folder / name, file_bytes(dataset))
        names.add(name)
    for stranger in {path.name for path in folder.glob("*.dcm")} - names:
        (folder / stranger).unlink()
    truth = answers(spec)
    write_if_different(folder / TRUTH_FILE, as_json(asdict(truth)))
    return truth


def read_truth(folder: Path) -> PhantomTruth:
    """Return what `write_phantom` wrote into `truth.json`."""
    fields = json.loads((folder / TRUTH_FILE).read_text(encoding="utf-8"))
    sets = [
        StructureSetTruth(**{**structures, "rois": tuple(RoiTruth(**roi) for roi in structures["rois"])})
        for structures in fields["structure_sets"]
    ]
    return PhantomTruth(**{**fields, "structure_sets": tuple(sets)})


def chains(spec: PhantomSpec) -> tuple[Chain, ...]:
    """Return the patient's chains of CT, RTSTRUCT, RTPLAN and RTDOSE."""
    return tuple(
        Chain(spec, study, number)
        for study in range(1, len(spec.each_study) + 1)
        for number in range(1, spec.chains_per_study + 1)
    )


def objects(spec: PhantomSpec) -> Iterator[tuple[str, Dataset]]:
    """Yield file name and dataset of each object that reaches the archive."""
    for chain in chains(spec):
        for modality in chain.modalities:
            for index, dataset in enumerate(_objects_of(chain, modality), start=1):
                yield f"{modality}_{chain.label}_{index:03d}.dcm", dataset


def answers(spec: PhantomSpec) -> PhantomTruth:
    """Return the right answers for a patient."""
    first = spec.each_study[0]
    return PhantomTruth(
        patient_id=spec.patient_id,
        prescription_gy=spec.prescription_gy * first.plans[0].share if first.plans[0].prescribes else None,
        max_dose_gy=max_dose_gy(spec, _treated_share(first)),
        ct_slices=spec.size[2] - first.missing_slices,
        structure_sets=tuple(
            _structure_set_truth(chain, spare=spare)
            for chain in chains(spec)
            if "RTSTRUCT" in chain.modalities
            for spare in ((False, True) if spec.spare_structure_set else (False,))
        ),
    )


def _structure_set_truth(chain: Chain, *, spare: bool) -> StructureSetTruth:
    spec = chain.spec
    dose = spec.dose.times(_treated_share(chain.study_spec))
    rois = spec.spare_rois if spare else spec.rois
    return StructureSetTruth(
        sop_instance_uid=structure_set_uid(chain, spare=spare),
        planned=not spare,
        ct_series_uid=chain.uid("CT", "series", ""),
        plan_uid=rt_plan_uid(chain),
        dose_uid=rt_dose_uid(chain),
        rois=tuple(truth_of(roi, dose, spec.slice_positions_mm, spec.slice_mm) for roi in rois),
    )


def _treated_share(study: StudySpec) -> float:
    return study.plans[0].share * study.plans[0].doses[0].share


def as_json(value: object) -> bytes:
    """Return JSON for people too: indented, with its umlauts."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _objects_of(chain: Chain, modality: str) -> Iterator[Dataset]:
    match modality:
        case "CT":
            yield from ct_series(chain)
        case "RTSTRUCT":
            yield structure_set(chain)
            if chain.spec.spare_structure_set:
                yield structure_set(chain, spare=True)
        case "RTPLAN":
            yield from (rt_plan(chain, number) for number, _ in enumerate(chain.study_spec.plans, start=1))
        case "RTDOSE":
            for number, plan in enumerate(chain.study_spec.plans, start=1):
                yield from (rt_dose(chain, number, part) for part, _ in enumerate(plan.doses, start=1))
        case "PT":
            yield from pt_series(chain)
        case _:
            raise ValueError(f"a synthetic patient has no {modality}")


def write_if_different(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, unless it has that content already."""
    if path.exists() and path.stat().st_size == len(content) and path.read_bytes() == content:
        return
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(content)
    temporary.replace(path)
