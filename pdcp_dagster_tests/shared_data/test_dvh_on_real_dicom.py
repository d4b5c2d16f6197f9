"""DVHs and masks of real DICOM, against an analytic phantom and a planning system's own histograms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pdcp_dagster.adapters.rtdose import read_dose
from pdcp_dagster.adapters.rtstruct import read_structure_set
from pdcp_dagster.domain.contours import planar_contours, stack_volume_cm3
from pdcp_dagster.domain.dvh import Dvh, DvhSettings, compute_dvh
from pdcp_dagster.domain.masks import fill_mask
from pdcp_dagster.domain.metrics import dose_at_volume_pct, volume_at_dose_pct
from pdcp_dagster.domain.structures import Roi
from pdcp_dagster.domain.volume import Grid

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the folder of real DICOM is not there: {DATA}"),
]

UPRIGHT = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
NELMS = Grid((-27.0, -33.0, -29.8), (0.5, 0.5, 0.2), UPRIGHT, (109, 109, 300))
BREAST = Grid((-275.0, -524.0, -122.44), (1.074219, 1.074219, 3.0), UPRIGHT, (512, 512, 98))
NO_CAPS = DvhSettings(end_caps="none")


def roi(file: str, name: str) -> Roi:
    return next(one for one in read_structure_set(DATA / file).rois if one.name == name)


def nelms_cone(dose: str) -> Dvh:
    cone = planar_contours(roi("nelms-cone02/RTSTRUCT.dcm", "Cone_02_0"), NELMS)
    found = compute_dvh(cone, NELMS, read_dose(DATA / "nelms-cone02-derived" / dose).grid, NO_CAPS)
    assert found is not None
    return found


def along_axis(pct: float) -> float:
    """V(>= d) = V (1 - ((d - 2) / 24)^3) for a cone with its apex at 2 Gy and 1 Gy/mm."""
    return float(2 + 24 * np.cbrt(1 - pct / 100))


@pytest.mark.parametrize("spacing", ["1mm", "3mm"])
def test_the_nelms_cone_under_a_gradient_along_its_axis_has_its_closed_form(spacing: str) -> None:
    """The published phantom: radius 12 mm, height 24 mm, 3.6191 cm3 (Nelms et al., Med Phys 2015)."""
    found = nelms_cone(f"RD_SI_gradient_{spacing}.dcm")
    assert found.volume_cm3 == pytest.approx(np.pi * 12**2 * 24 / 3 / 1000, rel=2e-3)
    assert found.dmean_gy == pytest.approx(20, abs=0.02)
    for pct in (95, 50, 2):
        assert dose_at_volume_pct(found, pct) == pytest.approx(along_axis(pct), abs=0.05)
    assert (found.dmin_gy, found.dmax_gy) == pytest.approx((2, 26), abs=0.2)


def test_the_nelms_cone_under_a_gradient_across_its_axis_is_symmetric() -> None:
    found = nelms_cone("RD_AP_gradient_2mm.dcm")
    assert found.dmean_gy == pytest.approx(14, abs=0.01)
    assert dose_at_volume_pct(found, 50) == pytest.approx(14, abs=0.02)
    assert volume_at_dose_pct(found, 14) == pytest.approx(50, abs=0.3)
    assert (found.dmin_gy, found.dmax_gy) == pytest.approx((8, 20), abs=0.05)


TREATED = {
    "Heart": (0.6476, 0.033, 0.113, 2.698),
    "Lt Lung": (0.9093, 0.041, 0.256, 5.044),
    "Breast": (5.6135, 0.075, 3.075, 14.450),
    "Tumor Bed": (14.2907, 14.138, 14.280, 14.469),
    "Tumor Bed Block": (14.2648, 13.826, 14.305, 14.534),
}
"""Mean, D95, D50 and D2 in Gy of the planning system's own histograms in the RTDOSE."""


@pytest.mark.parametrize("name", TREATED)
def test_doses_agree_with_the_planning_system(name: str) -> None:
    """Within 1.2 % or 0.02 Gy, the larger; this system interpolates linearly and adds no end caps."""
    contours = planar_contours(roi("eclipse-breast/rtss.dcm", name), BREAST)
    found = compute_dvh(contours, BREAST, read_dose(DATA / "eclipse-breast" / "rtdose.dcm").grid, NO_CAPS)
    assert found is not None
    doses = [found.dmean_gy, *(dose_at_volume_pct(found, pct) for pct in (95, 50, 2))]
    assert doses == pytest.approx(TREATED[name], rel=0.012, abs=0.02)


def test_nested_contours_of_a_real_lung_are_holes() -> None:
    """77 of them: 2005 cm3 with holes, about 2015 without; the mask agrees with the contours."""
    lung = planar_contours(roi("eclipse-breast/rtss.dcm", "Lt Lung"), BREAST)
    volume = stack_volume_cm3(lung)
    assert volume == pytest.approx(2005.1, abs=0.5)
    mask = fill_mask(lung, BREAST)
    assert mask is not None
    assert mask.voxels * BREAST.voxel_volume_mm3 / 1000 == pytest.approx(volume, rel=2e-3)
