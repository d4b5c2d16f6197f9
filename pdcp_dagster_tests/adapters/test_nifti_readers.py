"""CT, mask and dose files in every position of a patient: SimpleITK and nibabel find the same value at the same point.

A third reader's converter, dcm2niix, is compared on the same DICOM by `make bench`, since it lives in `.venv-peers`.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pdcp_dagster.adapters.nifti import write_dose, write_mask, write_volume
from pdcp_dagster.domain.dose_grid import DoseGrid
from pdcp_dagster.domain.volume import Grid, Vector, Volume

_C, _S = math.cos(0.3), math.sin(0.3)
POSITIONS: dict[str, tuple[Vector, Vector]] = {
    "head first, supine": ((1, 0, 0), (0, 1, 0)),
    "head first, prone": ((-1, 0, 0), (0, -1, 0)),
    "feet first, supine": ((-1, 0, 0), (0, 1, 0)),
    "feet first, prone": ((1, 0, 0), (0, -1, 0)),
    "decubitus": ((0, -1, 0), (1, 0, 0)),
    "sagittal": ((0, 1, 0), (0, 0, -1)),
    "coronal": ((1, 0, 0), (0, 0, -1)),
    "oblique": ((_C, _S * _C, -_S * _S), (-_S, _C * _C, -_C * _S)),
}
"""Directions of rows and columns in LPS (PS3.3 C.7.6.2.1.1)."""
SIZE = (5, 4, 3)
KINDS = ("ct", "mask", "dose")
RAS = np.array([-1.0, -1.0, 1.0])


def standing(row: Vector, column: Vector, handedness: int = 1) -> Grid:
    """A small grid with a pixel that is not square; the slices go along the normal, or against it."""
    normal = handedness * np.cross(row, column)
    axes = (row, column, (float(normal[0]), float(normal[1]), float(normal[2])))
    return Grid((12.5, -40.25, 310.0), (1.5, 2.0, 3.0), axes, SIZE)


def points_of(grid: Grid) -> NDArray[np.float64]:
    """LPS mm of all voxels `(n, 3)`, in the order of the `(k, j, i)` array."""
    k, j, i = np.indices(grid.shape).reshape(3, -1)
    return grid.to_patient(np.column_stack([i, j, k]).astype(np.float64))


def values_at(kind: str, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """What lies at points of the patient: HU, mask or Gy, different in every direction."""
    along = (points - [12.5, -40.25, 310.0]) @ [8.0, 32.0, 114.0]
    found = {"ct": np.rint(along), "mask": along > 20.5, "dose": 40 + along / 64}[kind]
    return np.asarray(found, dtype=np.float32).astype(np.float64)


@contextmanager
def written(kind: str, grid: Grid) -> Iterator[Path]:
    """The file of one kind, as the pipeline writes it."""
    values = values_at(kind, points_of(grid)).reshape(grid.shape)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{kind}.nii.gz"
        match kind:
            case "ct":
                write_volume(Volume(grid, values.astype(np.int16)), path)
            case "mask":
                write_mask(values.astype(np.uint8), (0, 0, 0), grid, path)
            case _:
                offsets = np.arange(SIZE[2], dtype=np.float64) * np.float64(grid.spacing_mm[2])
                gy = values.astype(np.float32)
                write_dose(DoseGrid(grid.origin_mm, grid.axes, grid.spacing_mm[:2], offsets, gy), path)
        yield path


def seen_by_simpleitk(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """LPS points `(n, 3)` and values `(n,)`."""
    image = SimpleITK.ReadImage(str(path))
    indices = list(np.ndindex(*image.GetSize()))
    points = np.array([image.TransformIndexToPhysicalPoint(index) for index in indices])
    return points, np.array([float(image[index]) for index in indices])


def seen_by_nibabel(path: Path, transform: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """LPS points `(n, 3)` by sform or qform, and values `(n,)`."""
    image = nibabel.Nifti1Image.from_filename(path)
    header: Any = image.header
    affine = getattr(header, f"get_{transform}")()
    indices = np.array(list(np.ndindex(*image.shape)))
    points = (indices @ affine[:3, :3].T + affine[:3, 3]) * RAS
    return points, np.asarray(image.dataobj, dtype=np.float64)[tuple(indices.T)]


def letters_of(affine: NDArray[np.float64]) -> str:
    found: Any = nibabel.orientations.aff2axcodes(affine)  # type: ignore[no-untyped-call]
    return "".join(found)


def assert_all_see_the_patient(kind: str, grid: Grid) -> None:
    with written(kind, grid) as path:
        seen = [seen_by_simpleitk(path), *(seen_by_nibabel(path, one) for one in ("sform", "qform"))]
    expected = {tuple(point) for point in np.round(points_of(grid), 2)}
    for points, values in seen:
        assert {tuple(point) for point in np.round(points, 2)} == expected
        assert values == pytest.approx(values_at(kind, points), abs={"ct": 0.6, "mask": 0, "dose": 1e-3}[kind])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("position", POSITIONS)
def test_both_readers_find_each_value_at_its_point_of_the_patient(position: str, kind: str) -> None:
    assert_all_see_the_patient(kind, standing(*POSITIONS[position]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("position", POSITIONS)
def test_slices_against_the_normal_are_found_as_well(position: str, kind: str) -> None:
    """A descending GridFrameOffsetVector: the only left-handed grids that DICOM knows."""
    assert_all_see_the_patient(kind, standing(*POSITIONS[position], handedness=-1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("position", POSITIONS)
def test_dimensions_units_and_both_transforms_agree(position: str, kind: str) -> None:
    grid = standing(*POSITIONS[position])
    with written(kind, grid) as path:
        header: Any = nibabel.Nifti1Image.from_filename(path).header
        image = SimpleITK.ReadImage(str(path))
    assert header.get_data_shape() == grid.size == image.GetSize()
    assert header.get_xyzt_units() == ("mm", "unknown")
    assert header.get_zooms() == grid.spacing_mm == image.GetSpacing()
    assert (int(header["sform_code"]), int(header["qform_code"])) == (1, 1)
    assert header.get_qform() == pytest.approx(header.get_sform(), abs=1e-5)
    assert letters_of(header.get_sform()) == letters_of(header.get_qform())


@pytest.mark.parametrize(
    ("position", "letters"),
    [
        ("head first, supine", "LPS"),
        ("head first, prone", "RAS"),
        ("feet first, supine", "RPI"),
        ("feet first, prone", "LAI"),
        ("decubitus", "ALS"),
        ("sagittal", "PIR"),
        ("coronal", "LIP"),
    ],
)
def test_the_axes_point_where_the_patient_does(position: str, letters: str) -> None:
    """Rows, columns and slices run towards the letters' side: left or right, front or back, head or feet."""
    with written("ct", standing(*POSITIONS[position])) as path:
        assert letters_of(nibabel.Nifti1Image.from_filename(path).affine) == letters


@st.composite
def turned(draw: st.DrawFn) -> Grid:
    """Any rotation, by a quaternion, of either handedness."""
    part = st.floats(-1, 1)
    a, b, c, d = draw(st.tuples(part, part, part, part).filter(lambda four: math.hypot(*four) > 0.1))
    length = math.hypot(a, b, c, d)
    a, b, c, d = a / length, b / length, c / length, d / length
    row = (a * a + b * b - c * c - d * d, 2 * (b * c + a * d), 2 * (b * d - a * c))
    column = (2 * (b * c - a * d), a * a - b * b + c * c - d * d, 2 * (c * d + a * b))
    return standing(row, column, draw(st.sampled_from([1, -1])))


@settings(max_examples=25, deadline=None)
@given(turned(), st.sampled_from(("ct", "dose")))
def test_no_rotation_parts_the_readers(grid: Grid, kind: str) -> None:
    with written(kind, grid) as path:
        by_simpleitk = seen_by_simpleitk(path)
        others = [seen_by_nibabel(path, one) for one in ("sform", "qform")]
    for points, values in others:
        assert points == pytest.approx(by_simpleitk[0], abs=1e-3)
        assert values.tolist() == by_simpleitk[1].tolist()
    corner = grid.to_patient(np.array([[4.0, 3.0, 2.0]]))[0]
    assert by_simpleitk[0][-1] == pytest.approx(corner, abs=1e-3)
