"""Other open programs on the same DICOM files: platipy and dicompyler-core, each in a process of its own.

What lives here: where they are installed, how they are asked, their answers as values. What does not: what they compute
(`peer_programs`), tables.

They need pydicom 2 and numpy 1, so they live in `.venv-peers`, made by `make bench-peers`, never among the
dependencies.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv-peers"
PEERS = ("platipy", "dicompyler-core")
"""Their names on PyPI."""
OURS = "pdcp_dagster"
_BENCH = "pdcp_dagster_tests.bench"
_PROGRAMS = {
    "platipy": (VENV / "bin" / "python", f"{_BENCH}.peer_programs.platipy_peer"),
    "dicompyler-core": (VENV / "bin" / "python", f"{_BENCH}.peer_programs.dicompyler_peer"),
    OURS: (Path(sys.executable), f"{_BENCH}.own_program"),
}
ABSENT = "platipy, dicompyler-core and dcm2niix are not installed: `make bench-peers` brings them into .venv-peers"
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_LONGEST_S = 3600


@dataclass(frozen=True, slots=True)
class PeerCase:
    """One patient's files: a folder with the CT alone, and the two RT objects."""

    name: str
    ct_folder: Path
    rtstruct: Path
    rtdose: Path


@dataclass(frozen=True, slots=True, eq=False)
class PeerDvh:
    """A peer's histogram of one ROI.

    d_gy: D98, D95, D50 and D2 by percentage.
    curve_gy, curve_fraction: doses and the share of the volume, 0 to 1, that gets at least them.
    """

    volume_cm3: float
    dmean_gy: float
    d_gy: dict[int, float]
    curve_gy: NDArray[np.float64]
    curve_fraction: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PeerAnswer:
    """A peer's answer on one patient.

    rois: by name, a histogram, or why there is none.
    cpu_s: by step; reading the files belongs to the step that needs them.
    failure: why there is no answer at all; empty where there is one.
    peak_mb: of its process, over all the patients of one order.
    """

    rois: dict[str, PeerDvh | str]
    cpu_s: dict[str, float]
    failure: str
    peak_mb: float


def installed() -> bool:
    """Whether `make bench-peers` has been run."""
    return (VENV / ".installed").exists()


def case_of(name: str, files: Iterable[Path], folder: Path) -> PeerCase:
    """Sort a patient's files by modality into `folder`, as links: platipy wants a folder that holds the CT alone.

    Raises ValueError where there is not exactly one RTSTRUCT and one RTDOSE.
    """
    found: dict[str, list[Path]] = {}
    for file in files:
        modality = str(pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["Modality"]).Modality)
        found.setdefault(modality, []).append(file)
    if [len(found.get(one, [])) for one in ("RTSTRUCT", "RTDOSE")] != [1, 1]:
        raise ValueError(f"{name}: one RTSTRUCT and one RTDOSE are needed, there are {found}")
    images = folder / name / "CT"
    images.mkdir(parents=True)
    for number, file in enumerate(found.get("CT", [])):
        (images / f"{number:04d}.dcm").symlink_to(file.resolve())
    return PeerCase(name, images, found["RTSTRUCT"][0], found["RTDOSE"][0])


def ask(peer: str, cases: Sequence[PeerCase]) -> dict[str, PeerAnswer]:
    """Return the answers of a peer, or of this program itself, by the names of the cases.

    Raises RuntimeError, with the last line that the peer wrote, where its process broke down.
    """
    with tempfile.TemporaryDirectory(prefix="pdcp-peers-") as name:
        order, answer = Path(name) / "order.json", Path(name) / "answer.json"
        order.write_text(json.dumps([_as_json(case) for case in cases]), encoding="utf-8")
        python, program = _PROGRAMS[peer]
        done = subprocess.run(
            [str(python), "-W", "ignore", "-m", program, str(order), str(answer)],
            cwd=ROOT,
            env={**_without_python_settings(), **_ONE_THREAD},
            capture_output=True,
            text=True,
            timeout=_LONGEST_S,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{peer} broke down: {(done.stderr.strip().splitlines() or ['without a word'])[-1]}")
        found = json.loads(answer.read_text(encoding="utf-8"))
    return {case["name"]: _answer(case, found["peak_mb"]) for case in found["cases"]}


def fastest(peer: str, case: PeerCase, repeats: int) -> PeerAnswer:
    """Ask so often, each time in a new process, and return the answer that took the fewest CPU seconds."""
    answers = [ask(peer, [case])[case.name] for _ in range(repeats)]
    return min(answers, key=lambda answer: sum(answer.cpu_s.values()))


def _as_json(case: PeerCase) -> dict[str, str]:
    paths = {"ct_folder": case.ct_folder, "rtstruct": case.rtstruct, "rtdose": case.rtdose}
    return {"name": case.name, **{key: str(path.resolve()) for key, path in paths.items()}}


def _without_python_settings() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}


def _answer(case: dict[str, Any], peak_mb: float) -> PeerAnswer:
    rois = {name: _dvh(roi) for name, roi in case.get("rois", {}).items()}
    return PeerAnswer(rois, case["cpu_s"], case.get("failure", ""), peak_mb)


def _dvh(roi: dict[str, Any]) -> PeerDvh | str:
    if "failure" in roi:
        return str(roi["failure"])
    return PeerDvh(
        volume_cm3=roi["volume_cm3"],
        dmean_gy=roi["dmean_gy"],
        d_gy={int(pct): gy for pct, gy in roi["d_gy"].items()},
        curve_gy=np.array(roi["curve_gy"]),
        curve_fraction=np.array(roi["curve_fraction"]),
    )


def dcm2niix() -> Path | None:
    """Return the path of the dcm2niix of `.venv-peers`, or None."""
    found = shutil.which("dcm2niix", path=str(VENV / "bin"))
    return Path(found) if found else None
