"""Every voxel shows where it lies, HU = x + 2y + 3z (LPS, mm), however the patient lay and the pixels were stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from pdcp_dagster.adapters.ct_series import CtSeries, read_ct_series
from pdcp_dagster.adapters.nifti import write_volume
from pdcp_dagster_tests.adapters.enhanced_ct import enhanced_from

MakeSlice = Callable[..., Dataset]
Save = Callable[[Dataset, str], Path]

COS, SIN = 0.9659258262890683, 0.25881904510252074  # of 15 degrees
AXIAL_POSITIONS = {
    "HFS": (1, 0, 0, 0, 1, 0),
    "HFP": (-1, 0, 0, 0, -1, 0),
    "FFS": (-1, 0, 0, 0, 1, 0),
    "FFP": (1, 0, 0, 0, -1, 0),
    "HFDR": (0, -1, 0, 1, 0, 0),
    "HFDL": (0, 1, 0, -1, 0, 0),
    "FFDR": (0, -1, 0, -1, 0, 0),
    "FFDL": (0, 1, 0, 1, 0, 0),
}
"""The patient on a table that the scanner always sees from its foot end, by PatientPosition (PS3.3 C.7.3.1.1.2)."""
STRAIGHT = {
    **AXIAL_POSITIONS,
    "sagittal": (0, 1, 0, 0, 0, -1),
    "coronal": (1, 0, 0, 0, 0, -1),
}
OBLIQUE = (COS, SIN, 0, -SIN * COS, COS * COS, SIN)
ROWS, COLUMNS, SLICES = 6, 9, 5
BETWEEN_ROWS, BETWEEN_COLUMNS, BETWEEN_SLICES = 2.0, 1.0, 3.0
FIRST = np.array([-4.0, 11.0, -20.0])


def hu_at(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(points @ [1.0, 2.0, 3.0])


def acquired(
    make_slice: MakeSlice,
    cosines: Sequence[float],
    step: float,
    rescales: Sequence[tuple[float, float]],
    dtype: str = "int16",
    **every: Any,
) -> list[Dataset]:
    """Slices in the order of acquisition; InstanceNumber and SliceLocation tell another one."""
    row, column = np.array(cosines[:3]), np.array(cosines[3:])
    slices = []
    for k in range(SLICES):
        place = FIRST + k * step * np.cross(row, column)
        j, i = np.indices((ROWS, COLUMNS))
        # PS3.3 C.7.6.2.1.1, equation 1.
        points = place + i[..., None] * BETWEEN_COLUMNS * row + j[..., None] * BETWEEN_ROWS * column
        slope, intercept = rescales[k % len(rescales)]
        stored = np.rint((hu_at(points) - intercept) / slope)
        assert np.iinfo(dtype).min <= stored.min() <= stored.max() <= np.iinfo(dtype).max
        told: dict[str, Any] = {
            "ImageOrientationPatient": [f"{x:.12g}" for x in cosines],
            "PixelSpacing": [BETWEEN_ROWS, BETWEEN_COLUMNS],
            "RescaleSlope": str(slope),
            "RescaleIntercept": str(intercept),
            "InstanceNumber": (3 * k) % SLICES,
            "SliceLocation": -float(k * k),
            **every,
        }
        slices.append(make_slice(stored.astype(dtype), tuple(place.tolist()), **told))
    return slices


def series_of(slices: Sequence[Dataset], save: Save, *, multi_frame: bool = False) -> CtSeries:
    if multi_frame:
        return read_ct_series([save(enhanced_from(slices, all_per_frame=True), "frames.dcm")])
    return read_ct_series([save(one, f"{len(slices) - k}.dcm") for k, one in enumerate(slices)])


def assert_every_voxel_is_in_its_place(series: CtSeries, folder: Path, within_hu: float) -> None:
    assert series.stack.problems == ()
    volume = series.volume
    assert volume is not None
    k, j, i = np.indices(volume.values.shape).reshape(3, -1)
    points = volume.grid.to_patient(np.column_stack([i, j, k]).astype(np.float64))
    assert volume.values.size == ROWS * COLUMNS * SLICES
    assert volume.values.ravel() == pytest.approx(hu_at(points), abs=within_hu)
    write_volume(volume, folder / "ct.nii.gz")
    image: Any = nibabel.Nifti1Image.from_filename(folder / "ct.nii.gz")
    index = np.column_stack([*np.indices(image.shape).reshape(3, -1), np.ones(volume.values.size)])
    in_ras = (index @ image.affine.T)[:, :3]
    assert np.asarray(image.dataobj).ravel() == pytest.approx(hu_at(in_ras * [-1, -1, 1]), abs=within_hu + 1e-3)


@pytest.mark.parametrize("multi_frame", [False, True], ids=["single slices", "multi-frame"])
@pytest.mark.parametrize("step", [BETWEEN_SLICES, -BETWEEN_SLICES], ids=["along the normal", "against it"])
@pytest.mark.parametrize("position", STRAIGHT)
def test_whole_hu_are_exact_however_the_patient_lay(
    make_slice: MakeSlice, save: Save, tmp_path: Path, *, position: str, step: float, multi_frame: bool
) -> None:
    lay = {"PatientPosition": position} if position in AXIAL_POSITIONS else {}
    slices = acquired(make_slice, STRAIGHT[position], step, [(1.0, -1024.0), (1.0, 7.0)], **lay)
    series = series_of(slices, save, multi_frame=multi_frame)
    assert_every_voxel_is_in_its_place(series, tmp_path, within_hu=0.0)
    assert series.volume is not None
    assert series.volume.values.dtype == np.int16
    assert series.patient_position == lay.get("PatientPosition", "HFS")


@pytest.mark.parametrize("multi_frame", [False, True], ids=["single slices", "multi-frame"])
@pytest.mark.parametrize("step", [BETWEEN_SLICES, -BETWEEN_SLICES], ids=["along the normal", "against it"])
@pytest.mark.parametrize("cosines", [*STRAIGHT.values(), OBLIQUE], ids=[*STRAIGHT, "oblique"])
def test_fractional_hu_of_unsigned_pixels_are_in_place_with_a_rescale_for_each_slice(
    make_slice: MakeSlice, save: Save, tmp_path: Path, *, cosines: Sequence[float], step: float, multi_frame: bool
) -> None:
    rescales = [((1 + k) / 256, -120.0 - k / 2) for k in range(SLICES)]
    slices = acquired(make_slice, cosines, step, rescales, "uint16")
    series = series_of(slices, save, multi_frame=multi_frame)
    # Half a stored unit at the largest slope, 5 / 256, and the rounding of float32.
    assert_every_voxel_is_in_its_place(series, tmp_path, within_hu=2.5 / 256 + 1e-4)
    assert series.volume is not None
    assert series.volume.values.dtype == np.float32
