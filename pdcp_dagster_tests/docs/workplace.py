"""A checkout as the pages' reader has it, whose archive is the tests' own Orthanc.

What lives here: folders, patients and settings that the pages speak of, and giving commands there. What does not: which
commands (`pages`), or laws (the tests).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pydicom
import yaml
from pydicom.dataset import Dataset

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster_tests.docs.pages import PROJECT, fences
from pdcp_dagster_tests.stages.conftest import Ward
from pdcp_dagster_tests.stages.test_dvh_stage import planning_dvh

COHORT = "breast"
TWO_STUDIES, COMPLETE, LEAVES = "0012", "0034", "0077"
SMALL = {"ct_instances": {"minimum": 4, "review_above": 30, "maximum": 60, "action": "exclude"}}
"""Phantoms have 12 slices: the one thing in which the pages' cohort file is not taken by its word."""
LEGACY = {
    "version": "breast 2022",
    "required_modalities_for_patient": ["CT", "RTSTRUCT", "RTPLAN", "RTDOSE"],
    "required_modalities_for_patient_plus_rtplan": ["CT", "RTSTRUCT", "RTDOSE", "RTPLAN", "PT"],
    "study_desc_should_not_contain": ["prostate"],
    "possibilities": ["ctv", "ptv"],
    "ipport": "http://archive.example:8042",
    "username": "ada",
    "password": "secret",
    "suspicious_max_dose_lower_bound": 38,
    "suspicious_max_dose_upper_bound": 120,
}
_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Workplace:
    """A folder with `.venv`, `cohorts` and `workspace.yaml`, the variables exported so far, and what is meant by names.

    named: what stands in the pages, and what is meant here.
    """

    root: Path
    orthanc: PrivateOrthanc
    exported: dict[str, str] = field(default_factory=dict)

    @property
    def named(self) -> Mapping[str, str]:
        return {"http://archive.example:8042": self.orthanc.url, "/data/pdcp_store": str(self.root / "pdcp_store")}

    def give(self, command: str) -> subprocess.CompletedProcess[str]:
        """Give one command; `export NAME=value` counts for all that follow."""
        for said, meant in self.named.items():
            command = command.replace(said, meant)
        # The environment is what `export` leaves of it, and nothing else that a command may set.
        keep = f"{command}\nended=$?\nenv -0 > .environment\nexit $ended"
        exports = command.startswith("export ")
        answer = subprocess.run(
            ["bash", "-c", keep if exports else command],
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        if exports:
            after = dict(each.split("=", 1) for each in (self.root / ".environment").read_text().split("\0") if each)
            name = command.removeprefix("export ").split("=", 1)[0]
            self.exported[name] = after[name]
        return answer

    @property
    def environment(self) -> dict[str, str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("PDCP_", "ORTHANC_", "DAGSTER_"))
        }
        return {**inherited, "ORTHANC_URL": self.orthanc.url, "COLUMNS": "160", "OMP_NUM_THREADS": "1", **self.exported}

    def list_patients(self, *patients: str) -> None:
        """Write the cohort's own list of patients."""
        (self.root / "cohorts" / "breast.csv").write_text("\n".join(["patient_id", *patients, ""]))

    def take_out(self, patient_id: str, *others: str) -> None:
        """Delete a patient in the archive, as its keeper would; the cohort's own list then names the others."""
        self.list_patients(*others)
        with Orthanc(OrthancSettings(url=self.orthanc.url)) as archive:
            for patient in archive.patients():
                if patient.patient_id == patient_id:
                    url = f"{self.orthanc.url}/patients/{patient.orthanc_id}"
                    urllib.request.urlopen(urllib.request.Request(url, method="DELETE")).close()  # noqa: S310


def set_up(root: Path, orthanc: PrivateOrthanc) -> Workplace:
    """Lay out the checkout, and bring the pages' patients into the archive."""
    (root / "cohorts").mkdir(parents=True)
    (root / ".venv").symlink_to(Path(sys.executable).parents[1], target_is_directory=True)
    shutil.copy(PROJECT / "workspace.yaml", root)
    (root / "codesconfig.json").write_text(json.dumps(LEGACY))
    (root / "pdcp_store" / ".dagster").mkdir(parents=True)
    shutil.copy(PROJECT / "deploy" / "dagster-sqlite.yaml", root / "pdcp_store" / ".dagster" / "dagster.yaml")
    (own_assets,) = [each for each in fences("python", "docs/developers-guide.md") if "@dg.definitions" in each.text]
    (root / "my_assets.py").write_text(own_assets.text)
    (shown,) = [each for each in fences("yaml", "docs/users-guide.md") if each.text.startswith(f"name: {COHORT}")]
    cohort = {**yaml.safe_load(shown.text), **SMALL, "patients": "breast.csv"}
    (root / "cohorts" / f"{COHORT}.yaml").write_text(yaml.safe_dump(cohort))
    ward = Ward(root / "ward", orthanc)
    ward.admit(TWO_STUDIES, studies=2)
    ward.admit(LEAVES)
    ward.admit(COMPLETE)
    _bring_planning_dvhs(ward, COMPLETE)
    workplace = Workplace(root, orthanc)
    workplace.list_patients(TWO_STUDIES, COMPLETE, LEAVES)
    return workplace


def _bring_planning_dvhs(ward: Ward, patient_id: str) -> None:
    """Give the patient's RTDOSE the DVHs that a planning system with our conventions writes."""
    assert ward.run(patient_id).failure is None
    folder = ward.folder(patient_id).path
    rois = read_table(folder / "dvh.parquet")
    curves = read_table(folder / "dvh_curves.parquet")
    (structure_set,) = ward.phantom(patient_id).rglob("RTSTRUCT*.dcm")
    (dose,) = ward.phantom(patient_id).rglob("RTDOSE*.dcm")

    def add(data: Dataset) -> None:
        drawn = Dataset()
        drawn.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.481.3"
        drawn.ReferencedSOPInstanceUID = pydicom.dcmread(structure_set, stop_before_pixels=True).SOPInstanceUID
        data.ReferencedStructureSetSequence = [drawn]
        data.DVHSequence = [
            planning_dvh(curves, float(volume), int(number))
            for number, volume in zip(rois["roi_number"], rois["volume_cm3"], strict=True)
        ]

    ward.exchange(dose, add)


FORGET = ".venv/bin/pdcp forget --cohort breast --patient 0077 --delete-runs --yes"
BEFORE: Mapping[str, Callable[[Workplace], None]] = {
    FORGET: lambda workplace: workplace.take_out(LEAVES, TWO_STUDIES, COMPLETE)
}
"""What has happened in the archive when the reader gives a command."""
