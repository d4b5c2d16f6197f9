"""Volumes, doses and SimpleITK images as NIfTI files, and back.

What lives here: writing with isal's gzip, reading by SimpleITK. What does not: the header (`header`), masks (`masks`),
or which files there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK
from isal import isal_zlib

from pdcp_dagster.adapters.atomic import whole_file
from pdcp_dagster.adapters.nifti.header import UnstorableError, header
from pdcp_dagster.adapters.nifti.unknown_voxels import unknown_voxels
from pdcp_dagster.domain.slice_spacing import REGULAR_WITHIN_MM, fit_uniform
from pdcp_dagster.domain.volume import Grid, Volume

if TYPE_CHECKING:
    from pathlib import Path

    from pdcp_dagster.domain.dose_grid import DoseGrid

_LEVEL = 1
"""isal's fastest that still searches for matches: smaller than gzip's 1, at a quarter of its time."""
_GZIP_WINDOW = 31


class NiftiReadError(Exception):
    """A NIfTI file could not be read."""

    def __init__(self, path: object, why: str) -> None:
        super().__init__(str(path), why)

    def __str__(self) -> str:
        return f"{self.args[0]}: {self.args[1]}"


class UnevenPlanes(ValueError):  # noqa: N818 - a property of the dose, not a mistake
    """The planes of a dose are not equally spaced, which NIfTI cannot hold."""


def write_volume(volume: Volume, path: Path) -> None:
    """Write a volume as .nii.gz, whole or not at all.

    Integers of 8, 16 and 32 bits and floats of 32 and 64 stay what they are; else `UnstorableError`.
    """
    values = np.ascontiguousarray(volume.values, dtype=volume.values.dtype.newbyteorder("<"))
    squeeze = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP_WINDOW)
    with whole_file(path) as temporary, temporary.open("wb") as file:
        file.write(squeeze.compress(header(volume.grid, volume.values.dtype)))
        for plane in values:
            file.write(squeeze.compress(plane.data))
        file.write(squeeze.flush())


def write_dose(dose: DoseGrid, path: Path) -> None:
    """Write a dose on its own grid, float32 Gy; raises `UnevenPlanes` where its planes are not equal steps."""
    write_volume(_even_volume(dose), path)


def write_image(image: SimpleITK.Image, path: Path) -> None:
    """Write a 3D SimpleITK image; raises `UnstorableError` for any other."""
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:  # noqa: PLR2004 - volumes are 3D
        raise UnstorableError(f"a {image.GetDimension()}D image of {image.GetPixelIDTypeAsString()}")
    write_volume(_volume_of(image), path)


def read_image(path: Path) -> SimpleITK.Image:
    """Read a NIfTI file as SimpleITK does (LPS), but NaN as NaN, not as 0; raises `NiftiReadError`."""
    if not path.is_file():
        raise NiftiReadError(path, "there is no such file")
    try:
        return _with_unknown(SimpleITK.ReadImage(str(path), imageIO="NiftiImageIO"), path)
    except RuntimeError as error:
        raise NiftiReadError(path, str(error).strip().splitlines()[-1]) from error


def read_volume(path: Path) -> Volume:
    """Read a 3D NIfTI file as a volume in LPS mm; raises `NiftiReadError`."""
    return _volume_of(read_image(path))


def grid_of(image: SimpleITK.Image) -> Grid:
    """Return the grid of a 3D SimpleITK image, LPS mm."""
    direction = np.array(image.GetDirection()).reshape(3, 3)
    first, second, third = (_triple(axis) for axis in direction.T)
    return Grid(
        origin_mm=_triple(image.GetOrigin()),
        spacing_mm=_triple(image.GetSpacing()),
        axes=(first, second, third),
        size=tuple(image.GetSize()),
    )


def _volume_of(image: SimpleITK.Image) -> Volume:
    return Volume(grid_of(image), SimpleITK.GetArrayFromImage(image))


def _with_unknown(image: SimpleITK.Image, path: Path) -> SimpleITK.Image:
    """Return the image with the file's NaN in place; the same where there are none."""
    if image.GetPixelID() not in (SimpleITK.sitkFloat32, SimpleITK.sitkFloat64):
        return image
    found = unknown_voxels(path, image.GetSize()[::-1])
    if found is None:
        return image
    where, what = found
    values = SimpleITK.GetArrayFromImage(image)
    values[where] = what
    known = SimpleITK.GetImageFromArray(values)
    known.CopyInformation(image)
    return known


def _triple(values: Any) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z


def _even_volume(dose: DoseGrid) -> Volume:
    offsets = dose.plane_offsets_mm
    if len(offsets) < 2:  # noqa: PLR2004 - one plane has no spacing
        raise UnevenPlanes("its one plane has no distance to another")
    fit = fit_uniform(offsets)
    if fit.deviation > REGULAR_WITHIN_MM:
        steps = np.diff(offsets)
        raise UnevenPlanes(f"the dose planes lie {steps.min():.2f} to {steps.max():.2f} mm apart")
    origin = np.array(dose.origin_mm) + fit.first * np.array(dose.axes[2])
    planes, rows, columns = dose.dose_gy.shape
    grid = Grid(_triple(origin), (*dose.spacing_mm, fit.step), dose.axes, (columns, rows, planes))
    return Volume(grid, dose.dose_gy.astype(np.float32, copy=False))
