"""Ready-made patients: a tiny thorax for quick runs and a full-size trunk as clinics have them.

What lives here: shapes, places, names (AAPM TG-263) and HU of organs. What does not: which patients a demo wants
(`cohort`).

LPS millimetres about the middle of the CT: +x is the patient's left, +y posterior, +z towards the head.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from pdcp_dagster.phantom.solids import cone, cylinder, ellipsoid, sphere
from pdcp_dagster.phantom.spec import Axis, LinearDose, PhantomRoi, PhantomSpec

LUNG_HU = -700.0
BONE_HU = 700.0
SOFT_HU = 40.0
TINY_LENGTH_MM = 72.0
_FULL_LENGTH_MM = 450.0
_FULL_SLICES = 150
_FULL_VERTICES = 120


def tiny_rois(patient_id: str) -> tuple[PhantomRoi, ...]:
    """Return ten ROIs of a small thorax, 72 mm long; some per cent wider or narrower from patient to patient."""
    factor = _build(patient_id)
    length = TINY_LENGTH_MM
    rois = (
        PhantomRoi(1, "BODY", cylinder((0, 0, 0), (84, 64), length), "EXTERNAL", hu=0.0, vertices=64),
        PhantomRoi(2, "PTV_50", sphere((44, -36, 6), 15), "PTV", hu=None),
        PhantomRoi(3, "CTV", sphere((44, -36, 6), 10), "CTV", hu=SOFT_HU),
        PhantomRoi(4, "Lung_L", ellipsoid((42, 4, 4), (25, 32), 60), "ORGAN", hu=LUNG_HU),
        PhantomRoi(5, "Lung_R", ellipsoid((-42, 4, 4), (28, 32), 60), "ORGAN", hu=LUNG_HU),
        PhantomRoi(6, "Heart", ellipsoid((10, -20, -4), (20, 17), 40), "ORGAN", hu=SOFT_HU),
        PhantomRoi(7, "VBs", cylinder((0, 42, 0), (14, 13), length), "ORGAN", hu=BONE_HU),
        PhantomRoi(8, "SpinalCord", cylinder((0, 42, 0), (6, 6), length), "ORGAN", hu=30.0, vertices=32),
        PhantomRoi(9, "Liver", cone((-44, -6, -21), (26, 24), 30), "ORGAN", hu=60.0),
        PhantomRoi(
            10,
            "Stomach_wall",
            ellipsoid((42, -6, -22), (20, 18), 26),
            "ORGAN",
            hu=SOFT_HU,
            hole=ellipsoid((42, -6, -22), (14, 12), 18),
        ),
    )
    return tuple(
        replace(roi, solid=roi.solid and roi.solid.widened(factor), hole=roi.hole and roi.hole.widened(factor))
        for roi in rois
    )


def tiny_spec(patient_id: str, seed: int, *, slices: int = 24, **changes: Any) -> PhantomSpec:
    """Return a patient of 64 x 64 pixels and 72 mm; `changes` are other fields of PhantomSpec.

    The dose grows towards the head: 50 Gy in the middle of the target.
    """
    fields: dict[str, Any] = {
        "size": (64, 64, slices),
        "pixel_mm": 3.0,
        "slice_mm": TINY_LENGTH_MM / slices,
        "rois": tiny_rois(patient_id),
        "dose": LinearDose(Axis.SI, at_mm=6.0, dose_gy=50.0, gradient_gy_per_mm=0.8),
        **changes,
    }
    return PhantomSpec(patient_id, seed, **fields)


def roomy_spec(patient_id: str, seed: int, **changes: Any) -> PhantomSpec:
    """Return a tiny patient whose CT, 216 x 216 x 96 mm, reaches beyond the dose grid on every side."""
    fields: dict[str, Any] = {"size": (72, 72, 32), "slice_mm": TINY_LENGTH_MM / 24, **changes}
    return tiny_spec(patient_id, seed, **fields)


def full_size_rois() -> tuple[PhantomRoi, ...]:
    """Return thirty ROIs of a trunk, 450 mm long."""
    length = _FULL_LENGTH_MM
    organs = (
        ("BODY", cylinder((0, 0, 0), (190, 120), length), 0.0),
        ("VBs", cylinder((0, 78, 0), (22, 20), length), BONE_HU),
        ("SpinalCord", cylinder((0, 78, 0), (7, 6), length), 30.0),
        ("Lung_L", ellipsoid((85, 0, 110), (60, 80), 210), LUNG_HU),
        ("Lung_R", ellipsoid((-85, 0, 110), (64, 80), 220), LUNG_HU),
        ("Heart", ellipsoid((25, -35, 60), (45, 38), 100), SOFT_HU),
        ("Liver", cone((-75, -15, -20), (80, 70), 120), 60.0),
        ("Stomach", ellipsoid((70, -30, -20), (40, 35), 80), SOFT_HU),
        ("Spleen", ellipsoid((115, 35, -10), (25, 32), 80), 50.0),
        ("Pancreas", ellipsoid((15, -5, -50), (40, 14), 36), SOFT_HU),
        ("Kidney_L", ellipsoid((60, 55, -65), (26, 22), 100), 30.0),
        ("Kidney_R", ellipsoid((-60, 55, -70), (26, 22), 100), 30.0),
        ("Esophagus", cylinder((6, 40, 110), (9, 7), 220), SOFT_HU),
        ("Trachea", cylinder((0, 22, 180), (9, 8), 88), -1000.0),
        ("A_Aorta", cylinder((18, 48, 0), (12, 12), 300), 45.0),
        ("V_Venacava_I", cylinder((-20, 42, -70), (12, 10), 160), 45.0),
        ("Thyroid", ellipsoid((0, 2, 205), (26, 12), 38), 90.0),
        ("Breast_L", ellipsoid((85, -74, 90), (50, 24), 120), -30.0),
        ("Breast_R", ellipsoid((-85, -74, 90), (50, 24), 120), -30.0),
        ("Humerus_Head_L", sphere((158, 10, 196), 20), BONE_HU),
        ("Humerus_Head_R", sphere((-158, 10, 196), 20), BONE_HU),
        ("Bowel", ellipsoid((0, -40, -120), (100, 50), 90), 20.0),
        ("Rectum", cylinder((0, 45, -185), (18, 17), 76), 20.0),
        ("Femur_Head_L", sphere((95, 5, -196), 24), BONE_HU),
        ("Femur_Head_R", sphere((-95, 5, -196), 24), BONE_HU),
        ("Bladder_wall", ellipsoid((0, -40, -190), (36, 32), 62), SOFT_HU),
        ("Bladder", ellipsoid((0, -40, -190), (31, 27), 52), 5.0),
    )
    targets = (("PTV_50", 30.0, None), ("CTV", 22.0, SOFT_HU), ("GTV", 10.0, 60.0))
    types = {"BODY": "EXTERNAL"}
    return (
        *(
            PhantomRoi(number, name, solid, types.get(name, "ORGAN"), hu, _bladder_lumen(name), _FULL_VERTICES)
            for number, (name, solid, hu) in enumerate(organs, start=1)
        ),
        *(
            PhantomRoi(number, name, sphere((85, -75, 90), radius), name[:3], hu, vertices=_FULL_VERTICES)
            for number, (name, radius, hu) in enumerate(targets, start=len(organs) + 1)
        ),
    )


def full_size_spec(patient_id: str, seed: int, *, slices: int = _FULL_SLICES, **changes: Any) -> PhantomSpec:
    """Return a patient of 512 x 512 pixels, 30 ROIs and, unless told otherwise, 150 slices of 3 mm."""
    fields: dict[str, Any] = {
        "size": (512, 512, slices),
        "pixel_mm": 0.9765625,
        "slice_mm": _FULL_LENGTH_MM / slices,
        "rois": full_size_rois(),
        "dose": LinearDose(Axis.SI, at_mm=90.0, dose_gy=50.0, gradient_gy_per_mm=0.12),
        "dose_bits": 16,
        **changes,
    }
    return PhantomSpec(patient_id, seed, **fields)


def _bladder_lumen(name: str) -> Any:
    return ellipsoid((0, -40, -190), (31, 27), 52) if name == "Bladder_wall" else None


def _build(patient_id: str) -> float:
    """From 0.94 to 1.06, always the same for a patient: two patients' numbers must not be exchangeable."""
    return 0.94 + 0.12 * hashlib.sha256(patient_id.encode()).digest()[0] / 255
