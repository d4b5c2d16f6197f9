"""Patients whose RTDOSE carries DVHs of a planning system that are known in closed form.

What lives here: cylinders in a dose that grows evenly along them, and their DVHs with and without half a slice at each
end. What does not: laws.

Each cylinder has contours on six slices, 6 mm apart, from -15 to 15 mm, and 40 Gy in the middle of a dose that grows by
0.8 Gy/mm: with half a slice at each end it reaches from 25.6 to 54.4 Gy, without from 28 to 52, evenly.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from pdcp_dagster.phantom.anatomy import tiny_rois
from pdcp_dagster.phantom.solids import cylinder
from pdcp_dagster.phantom.spec import Axis, LinearDose, PhantomRoi

if TYPE_CHECKING:
    from pdcp_dagster_tests.stages.conftest import Ward

DOSE = LinearDose(Axis.SI, at_mm=0.0, dose_gy=40.0, gradient_gy_per_mm=0.8)
WITH_CAPS, WITHOUT_CAPS = (25.6, 54.4), (28.0, 52.0)
RADIUS_MM, VERTICES = 20.0, 48
AREA_CM2 = VERTICES / 2 * math.sin(2 * math.pi / VERTICES) * RADIUS_MM**2 / 100
VOLUME_WITH_CAPS_CM3, VOLUME_WITHOUT_CAPS_CM3 = AREA_CM2 * 3.6, AREA_CM2 * 3.0
_BIN_GY = 0.1

EQUAL, UNCAPPED, WRONG = "Equal", "Uncapped", "Wrong"
_PLANNED = {
    EQUAL: (WITH_CAPS, VOLUME_WITH_CAPS_CM3),
    UNCAPPED: (WITHOUT_CAPS, VOLUME_WITHOUT_CAPS_CM3),
    WRONG: ((1.05 * WITH_CAPS[0], 1.05 * WITH_CAPS[1]), VOLUME_WITH_CAPS_CM3),
}
"""The doses that the planning system's DVH reaches over, Gy, and its volume, cm3; `Wrong` is 5 % too high."""


def admit_planned(ward: Ward, patient_id: str, names: tuple[str, ...], *, unknown: bool = False) -> None:
    """Bring a patient into the archive whose RTDOSE has DVHs of these ROIs, and of one that is not drawn if `unknown`.

    Without names it has none.
    """
    target = tiny_rois(patient_id)[1]
    rois = [
        PhantomRoi(number, name, cylinder((0, 0, 0), (RADIUS_MM, RADIUS_MM), 32.0), "ORGAN", vertices=VERTICES)
        for number, name in enumerate(_PLANNED, 11)
    ]
    numbers = {roi.name: roi.number for roi in rois}
    ward.admit(patient_id, rois=(target, *rois), dose=DOSE)
    if not names:
        return
    (structure_set,) = ward.phantom(patient_id).rglob("RTSTRUCT*.dcm")
    (dose,) = ward.phantom(patient_id).rglob("RTDOSE*.dcm")

    def add(data: Dataset) -> None:
        drawn = Dataset()
        drawn.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.481.3"
        drawn.ReferencedSOPInstanceUID = pydicom.dcmread(structure_set, stop_before_pixels=True).SOPInstanceUID
        data.ReferencedStructureSetSequence = [drawn]
        told = [(numbers[name], *_PLANNED[name]) for name in names]
        told += [(99, WITH_CAPS, VOLUME_WITH_CAPS_CM3)] if unknown else []
        data.DVHSequence = [_even_dvh(*each) for each in told]

    ward.exchange(dose, add)


def _even_dvh(roi_number: int, reach_gy: tuple[float, float], volume_cm3: float) -> Dataset:
    """Return the DVH of a ROI over which the dose is spread evenly, as volumes in bins of 0.1 Gy."""
    low, high = reach_gy
    edges = np.arange(0.0, high + 2 * _BIN_GY, _BIN_GY)
    volumes = volume_cm3 * np.diff(np.clip((edges - low) / (high - low), 0, 1))
    item = Dataset()
    item.DVHType, item.DoseUnits, item.DoseType = "DIFFERENTIAL", "GY", "PHYSICAL"
    item.DVHDoseScaling, item.DVHVolumeUnits, item.DVHNumberOfBins = "1", "CM3", len(volumes)
    item.DVHData = [f"{value:.8g}" for volume in volumes for value in (_BIN_GY, volume)]
    referenced = Dataset()
    referenced.ReferencedROINumber, referenced.DVHROIContributionType = roi_number, "INCLUDED"
    item.DVHReferencedROISequence = [referenced]
    return item
