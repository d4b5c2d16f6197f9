"""The CT's NIfTI file beside dcm2niix's of the same DICOM: the same value at the same patient point, in every voxel.

What lives here: a small CT in the positions that scanners know, both conversions, the comparison through their affines
(dcm2niix turns the rows round, so arrays say nothing). What does not: readers of our files (`test_nifti_readers`).
"""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import nibabel
import numpy as np
from pydicom.uid import generate_uid

from pdcp_dagster.adapters.ct_series import read_ct_series
from pdcp_dagster.adapters.nifti import write_volume
from pdcp_dagster.phantom.anatomy import tiny_spec
from pdcp_dagster.phantom.dicom_base import ds_number, file_bytes
from pdcp_dagster.phantom.patient import objects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_C, _S = np.cos(0.3), np.sin(0.3)
POSITIONS: dict[str, tuple[str, tuple[float, ...]]] = {
    "head first, supine": ("HFS", (1, 0, 0, 0, 1, 0)),
    "head first, prone": ("HFP", (-1, 0, 0, 0, -1, 0)),
    "feet first, supine": ("FFS", (-1, 0, 0, 0, 1, 0)),
    "feet first, prone": ("FFP", (1, 0, 0, 0, -1, 0)),
    "decubitus": ("HFDL", (0, -1, 0, 1, 0, 0)),
    "sagittal": ("HFS", (0, 1, 0, 0, 0, -1)),
    "coronal": ("HFS", (1, 0, 0, 0, 0, -1)),
    "oblique": ("HFS", (_C, _S * _C, -_S * _S, -_S, _C * _C, -_C * _S)),
}
"""PatientPosition and ImageOrientationPatient (PS3.3 C.7.6.2.1.1)."""
_PIXEL_MM = (2.0, 3.0)
"""Between rows, between columns."""
_ON_A_CENTRE = 0.01


@dataclass(frozen=True, slots=True)
class NiftiRow:
    """One position: how far apart the voxel centres lie at most, and in how many voxels the values differ.

    failure: why dcm2niix made no such file; empty where it did.
    """

    position: str
    voxels: int = 0
    apart_mm: float = np.nan
    differing: int = 0
    failure: str = ""

    @property
    def alike(self) -> bool:
        """Whether every voxel has the same value at the same patient point."""
        return not self.failure and self.differing == 0 and self.apart_mm <= _ON_A_CENTRE


def nifti_rows(program: Path) -> Iterator[NiftiRow]:
    """Compare every position; `program` is dcm2niix."""
    for position in POSITIONS:
        with tempfile.TemporaryDirectory(prefix="pdcp-nifti-") as name:
            yield _row(program, position, Path(name))


def _row(program: Path, position: str, folder: Path) -> NiftiRow:
    files = _write_ct(position, folder / "dicom")
    volume = read_ct_series(files).volume
    if volume is None:
        return NiftiRow(position, failure="we refuse this CT")
    write_volume(volume, folder / "ours.nii.gz")
    try:
        theirs = convert(program, folder / "dicom", folder / "theirs")
    except RuntimeError as error:
        return NiftiRow(position, volume.values.size, failure=str(error))
    apart_mm, differing = compare(folder / "ours.nii.gz", theirs)
    return NiftiRow(position, volume.values.size, apart_mm, differing)


def convert(program: Path, dicom: Path, folder: Path) -> Path:
    """Let dcm2niix make its one file of a folder of DICOM; RuntimeError with its words where it makes none or more."""
    folder.mkdir()
    command = [str(program), "-z", "y", "-b", "n", "-m", "y", "-f", "ct", "-o", str(folder), str(dicom)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    made = sorted(folder.glob("*.nii.gz"))
    if done.returncode or len(made) != 1:
        words = (done.stdout + done.stderr).strip().splitlines() or ["without a word"]
        raise RuntimeError(f"dcm2niix made {len(made)} files: {words[-1]}")
    return made[0]


def compare(ours: Path, theirs: Path) -> tuple[float, int]:
    """Return by how many mm the voxel centres miss one another at most, and the number of voxels whose values differ.

    A voxel of ours that the other file does not hold counts as differing.
    """
    one, other = (nibabel.Nifti1Image.from_filename(path) for path in (ours, theirs))
    values = np.asarray(one.dataobj)
    voxels = np.indices(values.shape).reshape(3, -1).astype(np.float64)
    points = _apply(one.affine, voxels)
    there = _apply(np.linalg.inv(other.affine), points)
    apart = np.linalg.norm(_apply(other.affine, np.rint(there)) - points, axis=0).max()
    nearest = np.rint(there).astype(int)
    within = ((nearest >= 0) & (nearest < np.array(other.shape[:3])[:, None])).all(axis=0)
    found = np.asarray(other.dataobj).reshape(other.shape[:3])[tuple(nearest[:, within])]
    return float(apart), int((~within).sum() + (found != values.reshape(-1)[within]).sum())


def _apply(affine: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(affine[:3, :3] @ points + affine[:3, 3:])


def _write_ct(position: str, folder: Path) -> list[Path]:
    """Write a synthetic patient's slices in another position, with pixels that are not square, in disorder."""
    folder.mkdir(parents=True)
    code, orientation = POSITIONS[position]
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    slices = [ds for _, ds in objects(tiny_spec("NIFTI", seed=3, modalities=("CT",))) if ds.Modality == "CT"]
    series_uid = generate_uid(entropy_srcs=[position])
    files = []
    for number, ds in enumerate(slices):
        first = -70 * row - 50 * column + (number - 10) * 3.0 * np.cross(row, column)
        ds.PatientPosition = code
        ds.ImageOrientationPatient = [ds_number(round(float(value), 8)) for value in orientation]
        ds.ImagePositionPatient = [ds_number(round(float(value), 4)) for value in first]
        ds.PixelSpacing = [ds_number(value) for value in _PIXEL_MM]
        ds.SeriesInstanceUID = series_uid
        path = folder / f"{(number * 7) % len(slices):03d}.dcm"
        path.write_bytes(file_bytes(ds))
        files.append(path)
    return files
