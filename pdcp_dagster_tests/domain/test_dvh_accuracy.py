"""How exact a DVH is, on a part of the cases of the bench: targets of D95, D98, D2, Dmean and the whole curve."""

from __future__ import annotations

import pytest

from pdcp_dagster.domain.interpolation import Interpolation
from pdcp_dagster_tests.bench.analytic import missed, program, rows, summary
from pdcp_dagster_tests.bench.analytic_cases import cases
from pdcp_dagster_tests.bench.analytic_shapes import SHAPES


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("interpolation", "doses"), [("cubic", ("Gaussian", "AP")), ("linear", ("SI", "AP"))])
def test_rois_wider_than_four_dose_voxels_meet_every_target(
    shape: str, interpolation: Interpolation, doses: tuple[str, ...]
) -> None:
    grids = (1.0,) if "0.065" in shape else (2.5, 3.0)
    chosen = cases(shapes=[shape], slices_mm=(2.0, 5.0), doses=doses, dose_grids_mm=grids)
    wide = [row for row in rows(program(interpolation), chosen) if row["width"] == "wide"]
    assert wide
    assert missed(summary(wide)[-1]) == []


def test_a_sphere_of_0_065_cm3_on_any_grid_has_its_volume_and_its_d2() -> None:
    """Far below four dose voxels, on the peak of the Gaussian: flagged, but right."""
    chosen = cases(shapes=SHAPES[-1:], slices_mm=(1.0, 2.0), doses=("Gaussian",), dose_grids_mm=(2.5, 3.0))
    for row in rows(program("cubic"), chosen):
        assert row["width"] == "small_for_dose_grid"
        assert float(row["volume_pct"]) < 0.001
        assert float(row["D2_gy"]) < 0.03
