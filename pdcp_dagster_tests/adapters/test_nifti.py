"""Laws of NIfTI files: what two independent readers find in them, and that they are whole."""

from __future__ import annotations

import gzip
import math
import os
import tempfile
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st

from pdcp_dagster.adapters.nifti import (
    NiftiReadError,
    UnevenPlanes,
    UnstorableError,
    read_image,
    read_volume,
    write_dose,
    write_image,
    write_mask,
    write_volume,
)
from pdcp_dagster.domain.dose_grid import DoseGrid
from pdcp_dagster.domain.volume import Grid, Vector, Volume

IDENTITY: tuple[Vector, Vector, Vector] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
GRID = Grid((-100.5, 20.25, -300.0), (0.5, 0.75, 3.0), IDENTITY, (5, 4, 3))


def ramp(grid: Grid, dtype: str = "int16") -> Volume:
    return Volume(grid, np.arange(math.prod(grid.size)).reshape(grid.shape).astype(dtype))


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    """Grids of any orientation and either handedness."""
    part = st.floats(-1, 1)
    q = np.array(draw(st.tuples(part, part, part, part).filter(lambda t: math.hypot(*t) > 0.1)))
    a, b, c, d = q / np.linalg.norm(q)
    turn = draw(st.sampled_from([1, -1]))
    axes: tuple[Vector, Vector, Vector] = (
        (a * a + b * b - c * c - d * d, 2 * (b * c + a * d), 2 * (b * d - a * c)),
        (2 * (b * c - a * d), a * a - b * b + c * c - d * d, 2 * (c * d + a * b)),
        (turn * 2 * (b * d + a * c), turn * 2 * (c * d - a * b), turn * (a * a - b * b - c * c + d * d)),
    )
    spacing = draw(st.tuples(*[st.floats(0.1, 10.0)] * 3))
    return Grid(draw(st.tuples(*[st.floats(-500, 500)] * 3)), spacing, axes, (2, 3, 4))


@settings(max_examples=40, deadline=None)
@given(grids())
def test_simpleitk_and_nibabel_find_the_grid_that_was_written(grid: Grid) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.nii.gz"
        write_volume(ramp(grid), path)
        image = SimpleITK.ReadImage(str(path))
        affine = nibabel.Nifti1Image.from_filename(path).affine
    corner = np.array([[1.0, 2.0, 3.0]])
    expected = grid.to_patient(corner)[0]
    assert image.GetOrigin() == pytest.approx(grid.origin_mm, abs=1e-3)
    assert image.GetSpacing() == pytest.approx(grid.spacing_mm, rel=1e-5)
    assert image.GetDirection() == pytest.approx(tuple(grid.direction.ravel()), abs=1e-5)
    assert image.TransformIndexToPhysicalPoint((1, 2, 3)) == pytest.approx(expected, abs=1e-3)
    assert (affine @ [1, 2, 3, 1])[:3] * [-1, -1, 1] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "int32", "uint16", "float64"])
def test_type_and_every_value_survive(dtype: str, tmp_path: Path) -> None:
    volume = ramp(GRID, dtype)
    write_volume(volume, tmp_path / "a.nii.gz")
    back = read_volume(tmp_path / "a.nii.gz")
    assert back.values.dtype == volume.values.dtype
    assert np.array_equal(back.values, volume.values)
    assert back.grid.size == GRID.size
    # nibabel counts [i, j, k]: column, row, slice.
    assert nibabel.Nifti1Image.from_filename(tmp_path / "a.nii.gz").dataobj[3, 2, 1] == volume.values[1, 2, 3]


def test_the_header_says_millimetres_in_scanner_coordinates(tmp_path: Path) -> None:
    write_volume(ramp(GRID), tmp_path / "a.nii.gz")
    header: Any = nibabel.Nifti1Image.from_filename(tmp_path / "a.nii.gz").header
    assert header.get_xyzt_units()[0] == "mm"
    assert (int(header["qform_code"]), int(header["sform_code"])) == (1, 1)
    assert header.get_sform().tolist() == [[-0.5, 0, 0, 100.5], [0, -0.75, 0, -20.25], [0, 0, 3, -300], [0, 0, 0, 1]]


def test_the_same_volume_makes_the_same_bytes(tmp_path: Path) -> None:
    write_volume(ramp(GRID), tmp_path / "a.nii.gz")
    write_volume(ramp(GRID), tmp_path / "another name.nii.gz")
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "another name.nii.gz").read_bytes()


def test_values_in_another_memory_order_are_written_alike(tmp_path: Path) -> None:
    volume = ramp(GRID)
    write_volume(Volume(GRID, np.asfortranarray(volume.values.astype(">i2"))), tmp_path / "a.nii.gz")
    assert np.array_equal(read_volume(tmp_path / "a.nii.gz").values, volume.values)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    write_volume(ramp(GRID), path)
    before = path.read_bytes()
    with pytest.raises(UnstorableError, match="complex64"):
        write_volume(ramp(GRID, "complex64"), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.nii.gz"]  # noqa: PTH208 - hidden names count too


@settings(max_examples=40, deadline=None)
@given(
    data=st.data(),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 12)),
)
def test_a_mask_from_segments_equals_the_whole_array(data: st.DataObject, size: tuple[int, int, int]) -> None:
    grid = Grid(GRID.origin_mm, GRID.spacing_mm, IDENTITY, size)
    offset = tuple(data.draw(st.integers(0, length - 1)) for length in grid.shape)
    ends = tuple(data.draw(st.integers(start, length)) for start, length in zip(offset, grid.shape, strict=True))
    box = tuple(slice(start, end) for start, end in zip(offset, ends, strict=True))
    seed = data.draw(st.integers(0, 9))
    whole = np.zeros(grid.shape, np.uint8)
    whole[box] = np.random.default_rng(seed).integers(0, 2, whole[box].shape, np.uint8)
    k, j, i = offset
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mask.nii.gz"
        write_mask(whole[box], (k, j, i), grid, path)
        by_simpleitk = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
        by_gzip = gzip.decompress(path.read_bytes())
        as_volume = Path(folder) / "volume.nii.gz"
        write_volume(Volume(grid, whole), as_volume)
        assert by_gzip == gzip.decompress(as_volume.read_bytes()), "header and voxels, checked by CRC-32"
    assert np.array_equal(by_simpleitk, whole)


def test_a_crop_that_sticks_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not lie within"):
        write_mask(np.ones((1, 1, 2), np.uint8), (0, 0, 4), GRID, tmp_path / "mask.nii.gz")
    assert not list(tmp_path.iterdir())


def dose_on(offsets: list[float]) -> DoseGrid:
    values = np.arange(len(offsets) * 6, dtype=np.float32).reshape(-1, 2, 3) / np.float32(8)
    return DoseGrid((1.0, 2.0, 3.0), IDENTITY, (2.5, 2.0), np.array(offsets), values)


def test_a_dose_lies_on_its_own_grid(tmp_path: Path) -> None:
    write_dose(dose_on([0.0, 4.0, 8.0]), tmp_path / "dose.nii.gz")
    image = read_image(tmp_path / "dose.nii.gz")
    assert image.GetPixelID() == SimpleITK.sitkFloat32
    assert image.GetSpacing() == (2.5, 2.0, 4.0)
    assert image.GetOrigin() == (1.0, 2.0, 3.0)
    assert image.GetPixel(2, 1, 2) == 17 / 8


@pytest.mark.parametrize(
    ("offsets", "why"),
    [
        ([0.0, 3.0, 8.0], "the dose planes lie 3.00 to 5.00 mm apart"),
        ([0.0], "its one plane has no distance to another"),
    ],
)
def test_uneven_dose_planes_are_refused(offsets: list[float], why: str, tmp_path: Path) -> None:
    with pytest.raises(UnevenPlanes, match=why):
        write_dose(dose_on(offsets), tmp_path / "dose.nii.gz")
    assert not list(tmp_path.iterdir())


def test_an_image_of_ones_own_comes_back_as_it_was(tmp_path: Path) -> None:
    image = SimpleITK.GetImageFromArray(np.arange(24, dtype=np.float32).reshape(2, 3, 4))
    image.SetOrigin((1.0, -2.0, 3.5))
    image.SetSpacing((0.5, 1.5, 2.0))
    image.SetDirection((0, 0, 1, 1, 0, 0, 0, 1, 0))
    write_image(image, tmp_path / "a.nii.gz")
    back = read_image(tmp_path / "a.nii.gz")
    assert back.GetDirection() == pytest.approx(image.GetDirection(), abs=1e-6)
    assert (back.GetOrigin(), back.GetSpacing()) == (image.GetOrigin(), image.GetSpacing())
    assert np.array_equal(SimpleITK.GetArrayFromImage(back), SimpleITK.GetArrayFromImage(image))


def test_an_image_that_is_no_volume_is_refused(tmp_path: Path) -> None:
    for image in (SimpleITK.Image(2, 2, SimpleITK.sitkInt16), SimpleITK.Image(2, 2, 2, SimpleITK.sitkVectorUInt8)):
        with pytest.raises(UnstorableError):
            write_image(image, tmp_path / "a.nii.gz")


def test_a_file_that_is_missing_or_damaged_is_a_read_error(tmp_path: Path) -> None:
    with pytest.raises(NiftiReadError, match="no such file"):
        read_image(tmp_path / "gone.nii.gz")
    (tmp_path / "bad.nii.gz").write_bytes(b"no image")
    with pytest.raises(NiftiReadError, match=r"bad\.nii\.gz"):
        read_volume(tmp_path / "bad.nii.gz")
