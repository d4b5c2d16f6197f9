"""What the CT shows: ellipses of their HU in air, and the scanner's noise.

What lives here: one slice of HU at a time. What does not: DICOM (`dicom_ct`).
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.phantom.spec import AIR_HU, WATER_HU

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pdcp_dagster.phantom.solids import Solid
    from pdcp_dagster.phantom.spec import PhantomSpec


def image_origin_mm(spec: PhantomSpec) -> tuple[float, float]:
    """LPS x and y of the centre of the first pixel; the image's middle is at 0, 0."""
    columns, rows, _ = spec.size
    return -(columns - 1) / 2 * spec.pixel_mm, -(rows - 1) / 2 * spec.pixel_mm


def slice_hu(spec: PhantomSpec, slice_index: int, series: str) -> NDArray[np.int16]:
    """Return HU `(rows, columns)` of one slice; noise is the same for the same seed, patient, series and slice."""
    columns, rows, _ = spec.size
    hu = np.full((rows, columns), AIR_HU, dtype=np.float32)
    for roi in spec.rois:
        if roi.solid is not None and roi.hu is not None:
            _paint(hu, spec, roi.solid, slice_index, roi.hu)
            if roi.hole is not None:
                _paint(hu, spec, roi.hole, slice_index, WATER_HU)
    if spec.noise_hu:
        key = f"{spec.seed}\x1f{spec.patient_id}\x1f{series}\x1f{slice_index}"
        rng = np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode()).digest()[:16], "big"))
        hu += rng.standard_normal(hu.shape, dtype=np.float32) * np.float32(spec.noise_hu)
    return np.rint(hu).astype(np.int16)


def _paint(hu: NDArray[np.float32], spec: PhantomSpec, solid: Solid, slice_index: int, value: float) -> None:
    radii = solid.section_radii_mm(spec.slice_positions_mm[slice_index])
    if radii is None:
        return
    windows, squares = [], []
    for centre, radius, origin, length in zip(
        solid.centre_mm, radii, image_origin_mm(spec), (hu.shape[1], hu.shape[0]), strict=False
    ):
        first = max(math.ceil((centre - radius - origin) / spec.pixel_mm), 0)
        last = min(math.floor((centre + radius - origin) / spec.pixel_mm), length - 1)
        windows.append(slice(first, last + 1))
        squares.append(((origin + np.arange(first, last + 1) * spec.pixel_mm - centre) / radius) ** 2)
    inside = squares[1][:, np.newaxis] + squares[0][np.newaxis, :] <= 1
    hu[windows[1], windows[0]][inside] = value
