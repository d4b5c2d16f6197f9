"""The reference values of the shared sets: an analytic cone, a lung with a hole, orientation; R1 has a file of its own.

None was made by this software: they are closed forms, and counts that follow from how the sets were made (the inventory
of the folder of real DICOM tells).
"""

from __future__ import annotations

import math
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray

from pdcp_dagster.adapters.nifti import write_volume
from pdcp_dagster.domain.contours import PlanarContours, stack_volume_cm3
from pdcp_dagster.domain.dvh import Dvh, DvhSettings
from pdcp_dagster.domain.masks import MaskCrop, fill_mask
from pdcp_dagster.domain.metrics import volume_at_dose_pct
from pdcp_dagster.domain.volume import Volume
from pdcp_dagster_tests.shared_data.reference_sets import NEEDS_DATA, contours, ct, dose, histogram, statistics

pytestmark = NEEDS_DATA

Points = NDArray[np.float64]

# R2: the cone of Nelms et al. (Med Phys 2015): apex at 2 Gy, base 24 mm above it, radius 12 mm

CONE_MM3 = math.pi * 12**2 * 24 / 3
CAP_MM3 = math.pi * 12**2 * 0.1
"""Half a slice of 0.2 mm beyond the base; what lies beyond the apex is nothing."""
STACK_GY = 0.01
"""121 slabs of 0.2 mm, each a polygon of 0.2 mm edges: volumes lie within 0.1 mm (0.1 Gy) of where the cone has them,
and errors of one slab's lower half are made good in its upper one."""
ENDS = pytest.mark.parametrize("caps_mm3", [0.0, CAP_MM3], ids=["none", "half_slice"])
INTERPOLATIONS = pytest.mark.parametrize("interpolation", ["linear", "cubic"])


def cone_dvh(file: str, caps_mm3: float, interpolation: str) -> Dvh:
    image = ct("nelms-cone02-derived", "SCT_*.dcm")
    planar = contours("nelms-cone02/RTSTRUCT.dcm", "Cone_02_0", image)
    asked = DvhSettings("cubic" if interpolation == "cubic" else "linear", "half_slice" if caps_mm3 else "none")
    return histogram(planar, image, dose(f"nelms-cone02-derived/{file}.dcm"), asked)


def along_axis(pct: float, caps_mm3: float) -> float:
    """Of the cone V(>= d) = V (1 - ((d - 2) / 24)^3); the cap adds its volume to what lies above."""
    above = pct / 100 * (CONE_MM3 + caps_mm3) - caps_mm3
    return 2 + 24 * math.cbrt(1 - above / CONE_MM3)


def across_axis(pct: float, caps_mm3: float) -> float:
    """Segments of the cone's circles above a line, summed over the height, and the cap's."""
    heights = np.linspace(-12, 12, 2401)
    radii = np.linspace(1e-9, 12, 2401)
    line = np.clip(heights[:, None] / radii, -1, 1)
    segments = radii**2 * (np.arccos(line) - line * np.sqrt(1 - line**2))
    above = np.trapezoid(segments, 2 * radii, axis=1) + segments[:, -1] * (0.1 if caps_mm3 else 0.0)
    return float(14 + 0.5 * np.interp(-pct / 100 * (CONE_MM3 + caps_mm3), -above, heights))


@ENDS
def test_the_cone_has_its_volume(caps_mm3: float) -> None:
    """To 0.02 %: the polygons are that much smaller than their circles."""
    found = cone_dvh("RD_SI_gradient_1mm", caps_mm3, "linear")
    assert found.volume_cm3 * 1000 == pytest.approx(CONE_MM3 + caps_mm3, rel=2e-4)


@INTERPOLATIONS
@ENDS
@pytest.mark.parametrize(("spacing", "below_apex_gy"), [("1mm", 0.1), ("3mm", 0.1 * 2 / 3)])
def test_the_cone_under_a_gradient_along_its_axis_has_its_closed_form(
    spacing: str, below_apex_gy: float, caps_mm3: float, interpolation: str
) -> None:
    """The dose ends at 0 Gy, 2 mm below the apex: on 3 mm planes 0 and 2 Gy are 3 mm apart there."""
    found = cone_dvh(f"RD_SI_gradient_{spacing}", caps_mm3, interpolation)
    expected = [along_axis(pct, caps_mm3) for pct in (95, 50, 2)]
    mean = (CONE_MM3 * 20 + caps_mm3 * 26.05) / (CONE_MM3 + caps_mm3)
    assert statistics(found) == pytest.approx([mean, *expected], abs=STACK_GY)
    lowest, highest = (2 - below_apex_gy, 26.1) if caps_mm3 else (2, 26)
    assert found.dmax_gy == pytest.approx(highest, abs=0.005)
    if interpolation == "linear" or not caps_mm3:
        assert found.dmin_gy == pytest.approx(lowest, abs=0.005)
    else:
        assert lowest - 0.005 <= found.dmin_gy <= 2, "a cubic rounds the kink of the dose just below the apex"


@INTERPOLATIONS
@ENDS
def test_the_cone_under_a_gradient_across_its_axis_has_its_closed_form(caps_mm3: float, interpolation: str) -> None:
    found = cone_dvh("RD_AP_gradient_2mm", caps_mm3, interpolation)
    expected = [across_axis(pct, caps_mm3) for pct in (95, 50, 2)]
    assert statistics(found) == pytest.approx([14, *expected], abs=STACK_GY)
    assert volume_at_dose_pct(found, 14) == pytest.approx(50, abs=0.1)
    assert (found.dmin_gy, found.dmax_gy) == pytest.approx((8, 20), abs=0.005)


# R3: three phases of a lung with a tumour in a hole, in cubes of 5 mm

VOXEL_CM3 = 0.125
CORNERS_CM3 = 0.0625
"""The contours run from middle to middle of the voxels' sides: each cuts four corners, an eighth of a voxel each."""


def lung(phase: int, name: str) -> tuple[PlanarContours, MaskCrop, Volume]:
    image = ct(f"topas-lung4d/lung-{phase}", "image*.dcm")
    planar = contours(f"topas-lung4d/lung-{phase}/rtss.dcm", name, image)
    mask = fill_mask(planar, image.grid)
    assert mask is not None
    return planar, mask, image


@pytest.mark.parametrize("phase", [1, 2, 3])
@pytest.mark.parametrize(
    ("name", "voxels", "outlines", "holes"),
    [("Body", 282_800, 100, 0), ("Lung", 212_520, 100, 8), ("Tumor", 280, 8, 0)],
)
def test_a_hole_is_no_part_of_the_lung(phase: int, name: str, voxels: int, outlines: int, holes: int) -> None:
    """26 565 cm3 of lung; without its hole it would be 212 800 voxels, 35 cm3 more."""
    planar, mask, _ = lung(phase, name)
    assert len(planar.polygons) == outlines + holes
    assert mask.voxels == voxels
    volume = voxels * VOXEL_CM3 - (outlines - holes) * CORNERS_CM3
    assert stack_volume_cm3(planar) == pytest.approx(volume, rel=1e-9)


@pytest.mark.parametrize("phase", [1, 2, 3])
@pytest.mark.parametrize(("name", "hu"), [("Lung", -700), ("Tumor", 0)])
def test_masks_lie_on_their_tissue(phase: int, name: str, hu: int) -> None:
    _, mask, image = lung(phase, name)
    assert np.unique(image.values[mask.on(image.grid) == 1]).tolist() == [hu]


@pytest.mark.parametrize(("phase", "z_mm"), [(1, -10), (2, 0), (3, 10)])
def test_the_tumour_moves_with_the_breath(phase: int, z_mm: float) -> None:
    planar, mask, image = lung(phase, "Tumor")
    centre = np.argwhere(mask.on(image.grid)).mean(axis=0)[::-1]
    assert image.grid.to_patient(centre[None])[0] == pytest.approx([0, 0, z_mm], abs=1e-6)
    heights = np.array([planar.planes_mm[plane] for plane, _ in planar.polygons]) + image.grid.origin_mm[2]
    assert heights.mean() == pytest.approx(z_mm, abs=1e-6)


# R4: the digital phantoms of the Image Biomarker Standardisation Initiative, its second phase


def assert_orientation(points: Points, values: Points) -> None:
    """The value is (x + y - z) / 2 of the patient point, in each of 32 x 48 x 64 voxels."""
    assert len(values) == 98_304
    assert values == pytest.approx(points @ [0.5, 0.5, -0.5], abs=1e-4)


def test_our_reader_finds_the_orientation_in_every_voxel() -> None:
    image = ct("ibsi2-phantoms/orientation")
    k, j, i = np.indices(image.values.shape).reshape(3, -1)
    points = image.grid.to_patient(np.column_stack([i, j, k]).astype(np.float64))
    assert_orientation(points, image.values.reshape(-1).astype(np.float64))


def test_simpleitk_and_nibabel_find_the_orientation_in_every_voxel_of_our_file(tmp_path: Path) -> None:
    write_volume(ct("ibsi2-phantoms/orientation"), tmp_path / "ct.nii.gz")
    image = SimpleITK.ReadImage(str(tmp_path / "ct.nii.gz"))
    indices = list(np.ndindex(*image.GetSize()))
    points = np.array([image.TransformIndexToPhysicalPoint(index) for index in indices])
    assert_orientation(points, np.array([image[index] for index in indices], dtype=np.float64))

    other = nibabel.Nifti1Image.from_filename(tmp_path / "ct.nii.gz")
    in_ras = np.array(indices) @ other.affine[:3, :3].T + other.affine[:3, 3]
    values = np.asarray(other.dataobj, dtype=np.float64)[tuple(np.array(indices).T)]
    assert_orientation(in_ras * [-1, -1, 1], values)


@pytest.mark.parametrize(("phantom", "voxels"), [("sphere", 51_989), ("checkerboard", 131_072)])
def test_the_phantoms_have_their_numbers_of_voxels(phantom: str, voxels: int) -> None:
    assert int(np.count_nonzero(ct(f"ibsi2-phantoms/{phantom}").values.astype(np.float64) > 0)) == voxels
