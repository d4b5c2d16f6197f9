"""The comparison with dcm2niix sees what it must: the same patient in another order of voxels, and a patient moved."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from pdcp_dagster_tests.bench.nifti_peer import compare

VALUES = np.arange(24, dtype=np.int16).reshape(4, 3, 2)
AFFINE = np.array([[-1.5, 0, 0, 40], [0, -2, 0, 30], [0, 0, 3, -20], [0, 0, 0, 1.0]])
ROWS_TURNED = np.array([[-1.5, 0, 0, 40], [0, 2, 0, 26], [0, 0, 3, -20], [0, 0, 0, 1.0]])


def file(path: Path, values: NDArray[np.int16], affine: NDArray[np.float64]) -> Path:
    nibabel.Nifti1Image(values, affine).to_filename(path)  # type: ignore[no-untyped-call]
    return path


def test_rows_in_another_order_are_the_same_patient(tmp_path: Path) -> None:
    one = file(tmp_path / "one.nii.gz", VALUES, AFFINE)
    other = file(tmp_path / "other.nii.gz", VALUES[:, ::-1], ROWS_TURNED)
    apart_mm, differing = compare(one, other)
    assert (apart_mm < 1e-4, differing) == (True, 0)


def test_rows_turned_without_their_affine_are_another_patient(tmp_path: Path) -> None:
    """The middle row of three stays where it was."""
    one = file(tmp_path / "one.nii.gz", VALUES, AFFINE)
    other = file(tmp_path / "other.nii.gz", VALUES[:, ::-1], AFFINE)
    apart_mm, differing = compare(one, other)
    assert (apart_mm < 1e-4, differing) == (True, 16)


def test_half_a_voxel_is_seen(tmp_path: Path) -> None:
    one = file(tmp_path / "one.nii.gz", VALUES, AFFINE)
    moved = AFFINE.copy()
    moved[0, 3] += 0.6
    assert compare(one, file(tmp_path / "other.nii.gz", VALUES, moved))[0] == pytest.approx(0.6, abs=1e-4)


def test_a_voxel_that_the_other_file_lacks_differs(tmp_path: Path) -> None:
    one = file(tmp_path / "one.nii.gz", VALUES, AFFINE)
    other = file(tmp_path / "other.nii.gz", VALUES[:3], AFFINE)
    assert compare(one, other)[1] == 6
