"""A real planning system that has no end caps is found out, and what no convention explains is left over."""

from __future__ import annotations

import pytest

from pdcp_dagster.adapters.rtdose import read_dose
from pdcp_dagster.adapters.rtdose_dvhs import read_planning_dvhs
from pdcp_dagster.adapters.rtstruct import read_structure_set
from pdcp_dagster.domain.commissioning import CONVENTIONS, Convention, Judgement, differences, judge
from pdcp_dagster.domain.commissioning_tolerances import Tolerances
from pdcp_dagster.domain.contours import planar_contours
from pdcp_dagster.domain.dvh import DvhSettings, compute_dvh
from pdcp_dagster.domain.roi_kind import is_external
from pdcp_dagster_tests.shared_data.test_planning_system_on_real_dicom import DATA, DOSE, GRID, STRUCTURES

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the folder of real DICOM is not there: {DATA}"),
]

OWN, NO_CAPS = Convention("half_slice", "linear"), Convention("none", "linear")


@pytest.fixture(scope="module")
def judged() -> dict[str, Judgement]:
    """The verdict on each of the nine ROIs that the system wrote a DVH of."""
    rois = {roi.number: roi for roi in read_structure_set(STRUCTURES).rois}
    dose = read_dose(DOSE).grid
    assert dose is not None
    found = {}
    for tps in read_planning_dvhs(DOSE).dvhs:
        roi, by_convention = rois[tps.roi_number], {}
        planar = planar_contours(roi, GRID)
        for each in CONVENTIONS:
            dvh = compute_dvh(planar, GRID, dose, DvhSettings(each.interpolation, each.end_caps))
            assert dvh is not None
            by_convention[each] = differences(dvh, tps, Tolerances(), is_external=is_external(roi))
        found[roi.name] = judge(by_convention, OWN)
    return found


def test_the_end_caps_explain_what_the_inventory_says_that_they_explain(judged: dict[str, Judgement]) -> None:
    """Breast, Tumor Bed and Tumor Bed Block; Heart and Lt Lung are too long for their caps to matter."""
    explained = Judgement("agrees by convention", "end caps", NO_CAPS)
    assert [judged[name] for name in ("Breast", "Tumor Bed", "Tumor Bed Block")] == [explained] * 3
    assert [judged[name].verdict for name in ("Heart", "Lt Lung")] == ["agrees"] * 2


def test_rois_that_get_next_to_nothing_agree(judged: dict[str, Judgement]) -> None:
    assert [judged[name].verdict for name in ("Borders", "Nodes")] == ["agrees"] * 2


def test_what_the_inventory_calls_unexplained_differs(judged: dict[str, Judgement]) -> None:
    assert {name for name, one in judged.items() if one.verdict == "differs"} == {"BODY", "Scar"}
    assert "D2" in judged["BODY"].reason
    assert judged["Scar"].convention == NO_CAPS
