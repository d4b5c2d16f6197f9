"""The planning system's own DVHs in a real RTDOSE, beside those computed from its contours and dose."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from pdcp_dagster.adapters.rtdose import read_dose
from pdcp_dagster.adapters.rtdose_dvhs import read_planning_dvhs
from pdcp_dagster.adapters.rtstruct import read_structure_set
from pdcp_dagster.domain.contours import EndCaps, planar_contours, stack_volume_cm3
from pdcp_dagster.domain.dvh import DvhSettings, compute_dvh
from pdcp_dagster.domain.dvh_comparison import Cell, compare
from pdcp_dagster.domain.roi_kind import is_external
from pdcp_dagster.domain.volume import Grid

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
DOSE = DATA / "eclipse-breast" / "rtdose.dcm"
STRUCTURES = DATA / "eclipse-breast" / "rtss.dcm"

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the folder of real DICOM is not there: {DATA}"),
]

UPRIGHT = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
GRID = Grid((-275.0, -524.0, -122.44), (1.074219, 1.074219, 3.0), UPRIGHT, (512, 512, 98))
STATED_MEANS_GY = {1: 0.4619, 3: 0.0785, 4: 5.6135, 5: 0.6476, 6: 0.9093, 7: 0.1076, 8: 6.3200, 9: 14.2907, 10: 14.2648}
"""By ROI number: what the system states, in % of 14 Gy whatever its units say, in Gy."""
BODY = 1
LARGE = ("Breast", "Heart", "Lt Lung", "Tumor Bed", "Tumor Bed Block")


def compared(end_caps: EndCaps) -> dict[str, dict[str, Cell]]:
    rois = {roi.number: roi for roi in read_structure_set(STRUCTURES).rois}
    dose = read_dose(DOSE).grid
    assert dose is not None
    found = {}
    for tps in read_planning_dvhs(DOSE).dvhs:
        roi = rois[tps.roi_number]
        planar = planar_contours(roi, GRID)
        dvh = compute_dvh(planar, GRID, dose, DvhSettings(end_caps=end_caps))
        assert dvh is not None
        caps = stack_volume_cm3(planar, "half_slice") - stack_volume_cm3(planar, "none")
        found[roi.name] = compare(dvh, tps, end_caps_cm3=caps, is_external=is_external(roi))
    return found


def test_the_systems_curves_have_the_means_that_it_states() -> None:
    """To half a thousandth of a gray, with volumes in the middle of their bins of 0.01 Gy; but for the body."""
    dvhs = read_planning_dvhs(DOSE).dvhs
    assert {dvh.roi_number for dvh in dvhs} == set(STATED_MEANS_GY)
    for dvh in dvhs:
        assert dvh.stated_dmean == pytest.approx(STATED_MEANS_GY[dvh.roi_number] / 0.14, rel=1e-3)
        if dvh.roi_number != BODY:
            assert dvh.curve.dmean_gy == pytest.approx(STATED_MEANS_GY[dvh.roi_number], abs=5e-4)


def test_the_systems_dvh_of_the_body_leaves_out_what_its_stated_mean_is_over() -> None:
    """13 944 cm3 with a mean of 0.488 Gy are 14 741 cm3 with the stated 0.462 Gy: the volume of its contours."""
    body = next(dvh for dvh in read_planning_dvhs(DOSE).dvhs if dvh.roi_number == BODY)
    assert body.volume_cm3 is not None
    whole_cm3 = body.volume_cm3 * body.curve.dmean_gy / STATED_MEANS_GY[BODY]
    assert whole_cm3 == pytest.approx(float(str(compared("none")["BODY"]["volume_cm3"])), rel=1e-3)


def test_all_dvhs_of_the_system_agree_with_the_projects_whatever_the_end_caps() -> None:
    for end_caps in get_args(EndCaps):
        verdicts = {name: row["verdict"] for name, row in compared(end_caps).items()}
        assert set(verdicts.values()) == {"agrees"}, verdicts


def test_without_end_caps_the_curves_of_large_rois_are_within_a_hundredth_of_the_volume() -> None:
    """This system has none; half a slice at each end makes up to 2 % of volume between the curves."""
    found = compared("none")
    for name in LARGE:
        row = found[name]
        assert float(str(row["largest_gap_pct"])) < 1.0
        assert float(str(row["gap_beyond_tolerance_pct"])) < 0.1
        assert row["dmean_gy"] == pytest.approx(row["tps_dmean_gy"], rel=2e-3)
        assert row["d95_gy"] == pytest.approx(row["tps_d95_gy"], abs=0.02)
        assert row["d2_gy"] == pytest.approx(row["tps_d2_gy"], abs=0.02)
