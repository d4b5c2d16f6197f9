"""Laws of label maps as files: SimpleITK and nibabel read each mask back exactly, where it was."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK

from pdcp_dagster.adapters.nifti import write_label_map
from pdcp_dagster.domain.volume import Grid

OBLIQUE = ((0.8, 0.6, 0.0), (-0.6, 0.8, 0.0), (0.0, 0.0, -1.0))
GRID = Grid((-100.5, 20.25, -300.0), (0.5, 0.75, 3.0), OBLIQUE, (9, 8, 7))
BITS = np.random.default_rng(5).integers(0, 1 << 32, GRID.shape, dtype=np.uint32)


def test_every_bit_is_read_back_the_highest_too(tmp_path: Path) -> None:
    path = tmp_path / "labels.nii.gz"
    write_label_map(iter(BITS), GRID, path)
    image = SimpleITK.ReadImage(str(path))
    assert image.GetPixelID() == SimpleITK.sitkUInt32
    assert image.GetOrigin() == pytest.approx(GRID.origin_mm, abs=1e-4)
    assert image.GetSpacing() == pytest.approx(GRID.spacing_mm)
    assert np.array(image.GetDirection()).reshape(3, 3) == pytest.approx(GRID.direction, abs=1e-6)
    assert np.array_equal(SimpleITK.GetArrayFromImage(image), BITS)
    assert np.array_equal(np.asarray(nibabel.Nifti1Image.from_filename(path).dataobj).T, BITS)


@pytest.mark.parametrize(("planes", "why"), [(BITS[:3], "3 planes"), (BITS[:, :4], "a plane of")])
def test_planes_that_do_not_fill_the_grid_leave_no_file(tmp_path: Path, planes: np.ndarray, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        write_label_map(iter(planes), GRID, tmp_path / "labels.nii.gz")
    assert list(tmp_path.iterdir()) == []
