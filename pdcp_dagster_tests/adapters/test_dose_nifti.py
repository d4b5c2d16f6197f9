"""Doses on turned grids: the right Gy at the right place on the CT's grid, and in NIfTI for SimpleITK and nibabel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pdcp_dagster.adapters.nifti import grid_of, read_image, read_volume, write_dose, write_volume
from pdcp_dagster.domain.dose_grid import DoseGrid, even_dose_grid
from pdcp_dagster.domain.sampling import dose_on_grid
from pdcp_dagster.domain.volume import Grid, Vector, Volume

Axes = tuple[Vector, Vector, Vector]
UPRIGHT: Axes = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
HEAD_LAST: Axes = ((1, 0, 0), (0, 1, 0), (0, 0, -1))
"""Left-handed, as of slices in descending order."""


def turned(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Axes:
    """Axes turned by these degrees about the patient's axes."""
    i, j, k = Rotation.from_euler("xyz", [x, y, z], degrees=True).as_matrix().T.tolist()
    return tuple(i), tuple(j), tuple(k)


ORIENTATIONS = {
    "upright": UPRIGHT,
    "sagittal": ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (-1.0, 0.0, 0.0)),
    "feet first": ((-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
    "30 degrees about x": turned(x=30),
    "30 degrees about y": turned(y=30),
    "30 degrees about z": turned(z=30),
    "about all": turned(10, -20, 40),
}


def gray(points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear in the patient: 50 + 0.3 x - 0.2 y + 0.1 z Gy."""
    return np.asarray(50 + points_mm @ np.array([0.3, -0.2, 0.1]))


def linear_dose(axes: Axes, centre: Vector = (12.5, -30.25, 101.0)) -> DoseGrid:
    """21 x 17 x 15 voxels of 2 x 2.5 x 3 mm about a centre."""
    size, spacing = np.array([21, 17, 15]), np.array([2.0, 2.5, 3.0])
    x, y, z = np.array(centre) - 0.5 * ((size - 1) * spacing) @ np.array(axes)
    grid = Grid((x, y, z), (2.0, 2.5, 3.0), axes, (21, 17, 15))
    return even_dose_grid(Volume(grid, gray(centres(grid)).astype(np.float32)))


def centres(grid: Grid) -> NDArray[np.float64]:
    """LPS mm of every voxel, `(k, j, i, 3)`."""
    k, j, i = np.meshgrid(*map(np.arange, grid.shape), indexing="ij")
    return grid.to_patient(np.stack([i, j, k], axis=-1).reshape(-1, 3).astype(np.float64)).reshape(*grid.shape, 3)


@pytest.mark.parametrize("axes", ORIENTATIONS.values(), ids=ORIENTATIONS)
@pytest.mark.parametrize("image", [UPRIGHT, HEAD_LAST, turned(x=-22)], ids=["upright", "head last", "tilted"])
def test_a_linear_dose_is_exact_on_the_cts_grid(axes: Axes, image: Axes) -> None:
    """The CT lies within a ball of 15 mm about the dose's centre, which the dose covers however it is turned."""
    x, y, z = np.array([12.5, -30.25, 101.0]) - np.array([8.0, 8.0, 8.0]) @ np.array(image)
    ct = Grid((x, y, z), (1.0, 1.6, 4.0), image, (17, 11, 5))
    assert dose_on_grid(linear_dose(axes), ct) == pytest.approx(gray(centres(ct)), abs=2e-4)


@pytest.mark.parametrize("axes", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_simpleitk_and_nibabel_find_the_dose_at_its_place_in_the_patient(axes: Axes, tmp_path: Path) -> None:
    write_dose(linear_dose(axes), tmp_path / "dose.nii.gz")
    image = SimpleITK.ReadImage(str(tmp_path / "dose.nii.gz"))
    same: Any = nibabel.load(tmp_path / "dose.nii.gz")
    voxels = same.get_fdata()
    assert image.GetSize() == voxels.shape == (21, 17, 15)
    for i, j, k in ((0, 0, 0), (20, 0, 0), (0, 16, 0), (0, 0, 14), (20, 16, 14), (7, 5, 3)):
        lps = np.array(image.TransformIndexToPhysicalPoint((i, j, k)))
        ras = (same.affine @ [i, j, k, 1])[:3]
        assert ras * [-1, -1, 1] == pytest.approx(lps, abs=1e-3)
        assert image[i, j, k] == pytest.approx(float(gray(lps)), abs=1e-3)
        assert voxels[i, j, k] == pytest.approx(image[i, j, k])


@pytest.mark.parametrize("axes", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_a_dose_read_back_gives_the_same_on_the_cts_grid_border_included(axes: Axes, tmp_path: Path) -> None:
    """Voxels of 1 mm on the very axes of the dose: every second one lies on its half-voxel border of 1 mm."""
    dose = linear_dose(axes)
    x, y, z = np.array(dose.origin_mm) - 3.0 * np.array(axes).sum(axis=0)
    ct = Grid((x, y, z), (1.0, 1.25, 1.5), axes, (47, 39, 36))
    write_dose(dose, tmp_path / "dose.nii.gz")
    write_volume(Volume(ct, np.zeros(ct.shape, np.int16)), tmp_path / "ct.nii.gz")
    direct = dose_on_grid(dose, ct)
    again = dose_on_grid(
        even_dose_grid(read_volume(tmp_path / "dose.nii.gz")), grid_of(read_image(tmp_path / "ct.nii.gz"))
    )
    known = np.isfinite(direct)
    assert np.array_equal(np.isfinite(again), known)
    assert known.any(axis=(0, 1)).sum() == 43, "from -1 to 41 mm along the columns, both borders included"
    assert again[known] == pytest.approx(direct[known], abs=1e-3)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_what_is_unknown_in_a_file_is_unknown_when_read_back(kind: str, tmp_path: Path) -> None:
    """SimpleITK alone reads NaN as 0 Gy."""
    grid = Grid((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), UPRIGHT, (4, 3, 2))
    values = np.arange(24, dtype=kind).reshape(2, 3, 4)
    values[0, 1, 2] = values[1, 2, 3] = np.nan
    values[1, 0, 0] = -np.inf
    write_volume(Volume(grid, values), tmp_path / "dose.nii.gz")
    assert np.array_equal(read_volume(tmp_path / "dose.nii.gz").values, values, equal_nan=True)
    again: Any = nibabel.load(tmp_path / "dose.nii.gz")
    assert np.array_equal(again.get_fdata().T, values, equal_nan=True)
    image: Any = nibabel.Nifti1Image
    image(values.T.astype(f">f{values.itemsize}"), np.eye(4)).to_filename(tmp_path / "plain.nii")
    assert np.array_equal(read_volume(tmp_path / "plain.nii").values, values, equal_nan=True)
