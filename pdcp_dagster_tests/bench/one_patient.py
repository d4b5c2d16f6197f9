"""What one patient of 512 x 512 x 150 with 30 ROIs costs: masks and DVHs, all conversion, memory.

    python -m pdcp_dagster_tests.bench.one_patient FOLDER [--repeats 3] [--profile]

What lives here: a patient retrieved once through a private Orthanc, and a program that converts it in a process of its
own, with one thread, after imports and a warm-up on a small patient. What does not: printing (`__main__`), other
programs on the same files (`peers`), retrieval, which waits more than it works.

All conversion is every stage from the retrieved files on: CT, structures, dose, plans, DVHs and pictures are read,
computed and written as in any run.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
from pdcp_dagster.adapters.store import Store
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.contours import planar_contours
from pdcp_dagster.domain.dvh import compute_dvh
from pdcp_dagster.domain.keys import partition_key
from pdcp_dagster.domain.masks import fill_mask
from pdcp_dagster.phantom.anatomy import full_size_spec, tiny_spec
from pdcp_dagster.phantom.archive import upload_folder
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.phantom.patient import write_phantom
from pdcp_dagster.phantom.solids import cylinder
from pdcp_dagster.stages import chain
from pdcp_dagster.stages.outcome import PatientOutcome, PatientTask
from pdcp_dagster.stages.patient import ChainSettings, Patient
from pdcp_dagster_tests.bench.peer_programs.exchange import peak_mb

if TYPE_CHECKING:
    from collections.abc import Callable

    from pdcp_dagster.phantom.spec import PhantomSpec

FULL_SIZE, WARM_UP = "FULL", "SMALL"
_DICOM = "retrieved_dicom"
_BEFORE = tuple(stage.asset for stage in chain.STAGES[: [s.asset for s in chain.STAGES].index(_DICOM) + 1])
_CONVERSION = tuple(stage.asset for stage in chain.STAGES[len(_BEFORE) :])
_COHORT = Cohort.model_validate({"name": "bench", "ct_instances": {"minimum": 4}})
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
TARGETS = {"masks and DVHs": 1.5, "all conversion": 6.0, "peak_mb": 600.0}


_CONTOUR_POINTS = 226_000
"""In all: one a pixel or two, as planning systems export contours that were drawn or found on 1 mm pixels."""
_BODY_RADII_MM = (210.0, 150.0)
"""An adult's pelvis, or a thorax with raised arms; the dose covers its whole box, as planning systems export it."""


def patient_spec(seed: int) -> PhantomSpec:
    """Return the trunk of `full_size_spec` in a body of 420 x 300 mm, its contours drawn as finely as in clinics."""
    spec = full_size_spec(FULL_SIZE, seed)
    contours = sum(len(plane.contours) for roi in spec.rois for plane in roi.planes(spec.slice_positions_mm))
    body = cylinder((0, 0, 0), _BODY_RADII_MM, spec.size[2] * spec.slice_mm)
    rois = (
        replace(roi, vertices=round(_CONTOUR_POINTS / contours), solid=body if roi.name == "BODY" else roi.solid)
        for roi in spec.rois
    )
    return replace(spec, rois=tuple(rois))


def prepare(folder: Path, seed: int = 4) -> Path:
    """Bring the full-size and the small patient into a store, up to the retrieved files; return the full-size DICOM."""
    specs = {FULL_SIZE: patient_spec(seed), WARM_UP: tiny_spec(WARM_UP, seed)}
    with PrivateOrthanc(folder / "orthanc") as server, Orthanc(OrthancSettings(url=server.url)) as archive:
        for name, spec in specs.items():
            write_phantom(spec, folder / name)
            upload_folder(archive, folder / name)
        known = {patient.patient_id: patient.orthanc_id for patient in archive.patients()}
        for name in specs:
            outcome = chain.run_patient(_task(name, _BEFORE, known[name]), _settings(folder), archive)
            _require(outcome)
    return folder / FULL_SIZE


def measure(folder: Path, *arguments: str) -> dict[str, float]:
    """Convert the prepared patient in a new process; CPU seconds by what they went into, and `peak_mb`."""
    program = [sys.executable, "-m", __spec__.name, str(folder), *arguments]
    done = subprocess.run(program, env={**os.environ, **_ONE_THREAD}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the bench of one patient failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def best_of(folder: Path, repeats: int = 3) -> dict[str, float]:
    """Return the smallest of several measurements, as other work on the machine only ever adds."""
    runs = [measure(folder) for _ in range(repeats)]
    return {name: min(run[name] for run in runs) for name in runs[0]}


def convert(folder: Path, profile: cProfile.Profile | None = None) -> dict[str, float]:
    """Convert the prepared patient in this process; see `measure`."""
    with Orthanc(OrthancSettings(url="http://127.0.0.1:9")) as nobody:  # conversion asks no archive
        patient = Patient(_task(WARM_UP), _settings(folder), nobody, _folder(folder, WARM_UP))
        _masks_and_dvhs(patient)
        _require(chain.run_patient(_task(WARM_UP), _settings(folder), nobody))
        if profile:
            profile.enable()
        spent = _stages(folder, nobody)
        if profile:
            profile.disable()
        peak = peak_mb()
        full = Patient(_task(FULL_SIZE), _settings(folder), nobody, _folder(folder, FULL_SIZE))
        return {**_masks_and_dvhs(full), **spent, "peak_mb": peak}


def _masks_and_dvhs(patient: Patient) -> dict[str, float]:
    """CPU seconds from contours in the patient to masks and DVHs, file formats aside."""
    grid, frame = patient.grid, patient.ct.frame_of_reference_uid
    dose = patient.dose_decision.grid
    rois = [roi for _, roi in patient.rois]
    assert dose is not None
    spent: dict[str, float] = {}
    stacks = _timed(spent, "contours", lambda: [planar_contours(roi, grid, frame) for roi in rois])
    _timed(spent, "masks", lambda: [fill_mask(stack, grid) for stack in stacks])
    _timed(spent, "DVHs", lambda: [compute_dvh(stack, grid, dose) for stack in stacks])
    return {**spent, "masks and DVHs": sum(spent.values())}


def _stages(folder: Path, archive: Orthanc) -> dict[str, float]:
    spent: dict[str, float] = {}
    plain = chain.STAGES
    chain.STAGES = tuple(replace(stage, run=_stage_timer(spent, stage)) for stage in plain)
    try:
        started = time.process_time()
        _require(chain.run_patient(_task(FULL_SIZE), _settings(folder), archive))
        return {**spent, "all conversion": time.process_time() - started}
    finally:
        chain.STAGES = plain


def _stage_timer(spent: dict[str, float], stage: chain.Stage) -> chain.StageFunction:
    return lambda patient, target: _timed(spent, stage.asset, lambda: stage.run(patient, target))


def _timed(spent: dict[str, float], name: str, work: Callable[[], Any]) -> Any:
    started = time.process_time()
    result = work()
    spent[name] = time.process_time() - started
    return result


def _task(name: str, assets: tuple[str, ...] = _CONVERSION, orthanc_id: str = "retrieved before") -> PatientTask:
    return PatientTask(partition_key(name), name, orthanc_id, frozenset(assets), "bench")


def _settings(folder: Path) -> ChainSettings:
    return ChainSettings(_COHORT, Store(folder / "store"), OrthancSettings(url="http://127.0.0.1:9"), "bench")


def _folder(folder: Path, name: str) -> Any:
    return Store(folder / "store").cohort(_COHORT.name).patient(partition_key(name))


def _require(outcome: PatientOutcome) -> None:
    if outcome.failure is not None:
        raise SystemExit(f"{outcome.partition_key}: {outcome.reason}")


def main() -> None:
    """Convert the patient prepared in a folder (prepared first where it is empty) and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--profile", type=Path, help="write what cProfile saw of the stages to this file")
    arguments = parser.parse_args()
    if not (arguments.folder / "store").is_dir():
        prepare(arguments.folder)
    profile = cProfile.Profile() if arguments.profile else None
    print(json.dumps(convert(arguments.folder, profile)))  # noqa: T201 - its answer
    if profile:
        profile.dump_stats(arguments.profile)


if __name__ == "__main__":
    main()
