"""The readers on real DICOM, against values that were published or worked out apart from this software.

The reference values R1 to R4 are in `test_reference_*`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pdcp_dagster.adapters.ct_series import CtSeries, read_ct_series
from pdcp_dagster.adapters.rtdose import DoseReadError, read_dose
from pdcp_dagster.adapters.rtplan import PlanReadError, read_plan
from pdcp_dagster.adapters.rtstruct import read_structure_set
from pdcp_dagster.domain.dose_grid import DoseGrid
from pdcp_dagster.domain.structures import Roi

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the folder of real DICOM is not there: {DATA}"),
]


def ct(folder: str, pattern: str = "*.dcm") -> CtSeries:
    return read_ct_series(sorted((DATA / folder).glob(pattern)))


def roi(folder: str, file: str, name: str) -> Roi:
    (found,) = [one for one in read_structure_set(DATA / folder / file).rois if one.name == name]
    return found


def test_positions_rounded_to_a_micrometre_are_regular() -> None:
    stacked = ct("topas-box").stack
    assert stacked.grid is not None
    assert stacked.grid.size == (38, 38, 38)
    assert stacked.grid.spacing_mm[2] == pytest.approx(500 / 38, abs=1e-4)


def test_slices_202_mm_apart_are_refused_in_words() -> None:
    stacked = ct("pydicom-ct-irregular", "*").stack
    assert stacked.grid is None
    assert "202.50 mm" in stacked.problems[0]


def test_thickness_is_not_spacing() -> None:
    series = ct("dcmqi-ct3-seg/ct")
    assert series.stack.grid is not None
    assert series.stack.grid.spacing_mm[2] == 1.0
    assert series.slice_thickness_mm == 1.25


def test_an_oblique_series_with_a_slope_of_a_thousandth_stays_fractional() -> None:
    volume = ct("rtutils-oblique").volume
    assert volume is not None
    assert volume.values.dtype == np.float32
    assert volume.grid.spacing_mm[:2] == (2.5, 3.5)


@pytest.mark.parametrize("pair", ["23x38x3", "24x38x3"])
def test_a_multi_frame_ct_is_its_single_slices(pair: str) -> None:
    one, single = ct(f"dcmqi-multiframe/{pair}/multiframe").volume, ct(f"dcmqi-multiframe/{pair}/image").volume
    assert one is not None
    assert single is not None
    assert np.array_equal(one.values, single.values)
    for grid in (one.grid, single.grid):
        assert grid.origin_mm[2] + 2.5 * np.arange(3) == pytest.approx([-177.75, -175.25, -172.75])
    assert one.grid.spacing_mm == pytest.approx(single.grid.spacing_mm)


@pytest.mark.parametrize(
    ("file", "max_gy", "tolerance"),
    [
        ("eclipse-breast/rtdose.dcm", 14.680764, 5e-7),
        ("pinnacle-plan-dose/RTDOSE.dcm", 55.8725, 5e-5),
        ("nelms-cone02-derived/RD_SI_gradient_1mm.dcm", 38.0, 1e-5),
    ],
)
def test_the_maximum_of_the_grid_is_the_published_one(file: str, max_gy: float, tolerance: float) -> None:
    assert read_dose(DATA / file).max_gy == pytest.approx(max_gy, abs=tolerance)


def grid_in(file: str) -> DoseGrid:
    grid = read_dose(DATA / file).grid
    assert grid is not None
    return grid


def test_a_dose_linear_along_z_is_so_at_every_plane() -> None:
    grid = grid_in("nelms-cone02-derived/RD_SI_gradient_3mm.dcm")
    z = grid.origin_mm[2] + grid.plane_offsets_mm
    clipped = np.clip(2 + (z + 6), 0, None)
    assert grid.dose_gy.mean(axis=(1, 2)) == pytest.approx(clipped, abs=1e-3)


def test_one_dose_in_four_encodings_is_one_dose() -> None:
    files = ["rtdose.dcm", "rtdose_expb.dcm", "rtdose_rle.dcm"]
    plain, big_endian, run_length = (grid_in(f"pydicom-tiny-rt/{file}") for file in files)
    assert read_dose(DATA / "pydicom-tiny-rt" / "rtdose.dcm").units == "RELATIVE"
    assert np.array_equal(plain.dose_gy, big_endian.dose_gy)
    assert np.array_equal(plain.dose_gy, run_length.dose_gy)


def test_damaged_objects_are_read_errors() -> None:
    with pytest.raises(DoseReadError, match="NumberOfFrames is not a number"):
        read_dose(DATA / "pydicom-tiny-rt" / "badVR.dcm")
    with pytest.raises(PlanReadError, match="truncated"):
        read_plan(DATA / "pydicom-tiny-rt" / "rtplan_truncated.dcm")


@pytest.mark.parametrize("file", ["rtplan.dcm", "ExplVR_BigEndNoMeta.dcm", "ExplVR_LitEndNoMeta.dcm"])
def test_plans_without_preamble_or_meta_are_read(file: str) -> None:
    assert read_plan(DATA / "pydicom-tiny-rt" / file).sop_instance_uid


def test_the_breast_plan_has_its_beams_and_prescriptions() -> None:
    plan = read_plan(DATA / "eclipse-breast" / "rtplan.dcm")
    assert len(plan.beams) == 4
    assert plan.fraction_groups[0].fractions_planned == 7
    assert [(one.structure_type, one.prescription_gy) for one in plan.dose_references] == [
        ("SITE", 14.0),
        ("COORDINATES", pytest.approx(11.3114, abs=1e-4)),
    ]


def test_the_cone_has_its_contours_and_the_point_without_any_has_none() -> None:
    cone = roi("nelms-cone02", "RTSTRUCT.dcm", "Cone_02_0")
    heights = sorted(float(contour.points_mm[0, 2]) for contour in cone.contours)
    assert len(heights) == 121
    assert np.diff(heights) == pytest.approx(np.full(120, 0.2), abs=1e-6)
    assert roi("nelms-cone02", "RTSTRUCT.dcm", "POI_1").contours == ()


def test_a_structure_set_without_preamble_holds_points() -> None:
    rois = read_structure_set(DATA / "pydicom-tiny-rt" / "rtstruct.dcm").rois
    assert {contour.geometric_type for one in rois for contour in one.contours} >= {"POINT"}
