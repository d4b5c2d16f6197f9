"""The soak's patients, small and many, and the settings of its runs."""

from __future__ import annotations

import json
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
from pdcp_dagster.phantom.anatomy import tiny_rois, tiny_spec
from pdcp_dagster.phantom.archive import upload_folder
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.phantom.patient import write_phantom

COHORT = "soak"
_SLICES = 8
_ROIS = 3
_TIMEOUT_S = "1"


def fill(server: PrivateOrthanc, root: Path, patients: int, seed: int) -> None:
    """Make so many patients and bring them into the archive."""
    folder = root / "phantoms"
    names = [f"soak-{number:04d}" for number in range(patients)]
    with ProcessPoolExecutor() as pool:
        list(pool.map(partial(_write, folder, seed), names, chunksize=8))
    with Orthanc(OrthancSettings(url=server.url)) as archive:
        upload_folder(archive, folder)


def _write(folder: Path, seed: int, name: str) -> None:
    write_phantom(tiny_spec(name, seed, slices=_SLICES, rois=tiny_rois(name)[:_ROIS]), folder / name)


def write_cohort(root: Path) -> None:
    """Write the cohort file, which takes all patients."""
    folder = root / "cohorts"
    folder.mkdir()
    content = {"name": COHORT, "ct_instances": {"minimum": 4, "review_above": 30, "maximum": 60, "action": "exclude"}}
    (folder / f"{COHORT}.yaml").write_text(json.dumps(content))  # JSON is YAML


def environment(root: Path, store: str, url: str) -> dict[str, str]:
    """Return the environment of a run into this store from the archive at this URL, and from nothing else."""
    ours = ("PDCP_", "ORTHANC_", "DAGSTER_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {
        **inherited,
        "PDCP_COHORTS": str(root / "cohorts"),
        "PDCP_STORE": str(root / store),
        "ORTHANC_URL": url,
        "ORTHANC_TIMEOUT": _TIMEOUT_S,
    }
