"""A marker lies at the same patient point in DICOM and in NIfTI, however the patient lay and the scanner looked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK
from pydicom.dataset import Dataset

from pdcp_dagster.adapters.ct_series import read_ct_series
from pdcp_dagster.adapters.nifti import write_volume
from pdcp_dagster.domain.volume import Volume

COS, SIN = 0.9205048534524404, 0.3907311284892737  # of 23 degrees
ORIENTATIONS = {
    "axial, head first supine": (1, 0, 0, 0, 1, 0),
    "axial, feet first supine": (-1, 0, 0, 0, 1, 0),
    "axial, head first prone": (-1, 0, 0, 0, -1, 0),
    "axial, feet first prone": (1, 0, 0, 0, -1, 0),
    "axial, decubitus": (0, 1, 0, -1, 0, 0),
    "sagittal": (0, 1, 0, 0, 0, -1),
    "coronal": (1, 0, 0, 0, 0, -1),
    "oblique": (COS, SIN, 0, -SIN * COS, COS * COS, SIN),
}
ROWS, COLUMNS, SLICES = 5, 7, 4
BETWEEN_ROWS, BETWEEN_COLUMNS, BETWEEN_SLICES = 1.5, 0.75, 2.5
MARKER = (5, 1, 2)
"""Column, row, and number of the slice in the order of acquisition."""


@pytest.mark.parametrize("acquired", [1, -1], ids=["along the normal", "against it"])
@pytest.mark.parametrize("name", ORIENTATIONS)
def test_the_marker_is_found_at_its_patient_point(
    name: str,
    acquired: int,
    make_slice: Callable[..., Dataset],
    save: Callable[[Dataset, str], Path],
    tmp_path: Path,
) -> None:
    row, column = np.array(ORIENTATIONS[name][:3]), np.array(ORIENTATIONS[name][3:])
    step = acquired * BETWEEN_SLICES * np.cross(row, column)
    first = np.array([12.0, -34.0, 56.0])
    files = []
    for k in range(SLICES):
        pixels = np.full((ROWS, COLUMNS), -1000, np.int16)
        if k == MARKER[2]:
            pixels[MARKER[1], MARKER[0]] = 1234
        position = tuple(float(x) for x in first + k * step)
        cosines = [f"{x:.12g}" for x in ORIENTATIONS[name]]
        one = make_slice(
            pixels, position, ImageOrientationPatient=cosines, PixelSpacing=[BETWEEN_ROWS, BETWEEN_COLUMNS]
        )
        files.append(save(one, f"{(k * 3) % SLICES}.dcm"))
    # PS3.3 C.7.6.2.1.1, written out: the column index steps along the row direction, and the other way round.
    point = first + MARKER[0] * BETWEEN_COLUMNS * row + MARKER[1] * BETWEEN_ROWS * column + MARKER[2] * step

    volume = read_ct_series(sorted(files)).volume
    assert volume is not None
    path = tmp_path / "ct.nii.gz"
    write_volume(volume, path)

    assert marker_in_grid(volume) == pytest.approx(point, abs=1e-5)
    assert marker_in_simpleitk(path) == pytest.approx(point, abs=1e-4)
    assert marker_in_nibabel(path) * [-1, -1, 1] == pytest.approx(point, abs=1e-4)


def marker_in_grid(volume: Volume) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    k, j, i = np.unravel_index(int(volume.values.argmax()), volume.values.shape)
    return np.array(volume.grid.to_patient(np.array([[i, j, k]], dtype=np.float64))[0])


def marker_in_simpleitk(path: Path) -> tuple[float, ...]:
    image = SimpleITK.ReadImage(str(path))
    k, j, i = np.unravel_index(int(SimpleITK.GetArrayFromImage(image).argmax()), image.GetSize()[::-1])
    assert image.GetPixel(int(i), int(j), int(k)) == 1234
    return tuple(image.TransformIndexToPhysicalPoint((int(i), int(j), int(k))))


def marker_in_nibabel(path: Path) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    image: Any = nibabel.Nifti1Image.from_filename(path)
    values = np.asarray(image.dataobj)
    index = np.unravel_index(int(values.argmax()), values.shape)
    by_sform = image.get_sform(coded=True)
    by_qform = image.get_qform(coded=True)
    assert (by_sform[1], by_qform[1]) == (1, 1)
    assert by_qform[0] == pytest.approx(by_sform[0], abs=1e-4)
    return np.array(image.affine @ (*index, 1))[:3]
