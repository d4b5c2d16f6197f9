"""Structures of real DICOM: sides, outlines, points and holes as planning systems write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdcp_dagster.adapters.rtstruct import read_structure_set
from pdcp_dagster.domain.contours import centroid_mm, planar_contours
from pdcp_dagster.domain.laterality import MISMATCH, PlacedRoi, check_sides
from pdcp_dagster.domain.point_dose import open_points_mm
from pdcp_dagster.domain.roi_kind import is_external
from pdcp_dagster.domain.structures import StructureSet
from pdcp_dagster.domain.volume import Grid

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the folder of real DICOM is not there: {DATA}"),
]

UPRIGHT = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
BREAST = Grid((-275.0, -524.0, -122.44), (1.074219, 1.074219, 3.0), UPRIGHT, (512, 512, 98))


def placed(structure_set: StructureSet, grid: Grid) -> tuple[list[PlacedRoi], float | None]:
    """Return every ROI that encloses something, and the x of the outline's middle."""
    found, middle = [], None
    for roi in structure_set.rois:
        centre = centroid_mm(planar_contours(roi, grid), grid)
        if centre is not None:
            found.append(PlacedRoi(roi.number, roi.name, centre[0]))
            middle = centre[0] if is_external(roi) else middle
    return found, middle


def test_a_real_left_lung_lies_left_and_would_be_found_out_as_a_right_one() -> None:
    rois, middle = placed(read_structure_set(DATA / "eclipse-breast" / "rtss.dcm"), BREAST)
    assert middle is not None
    assert check_sides(rois, middle) == ()
    turned = [PlacedRoi(roi.number, roi.name.replace("Lt", "Rt"), roi.x_mm) for roi in rois]
    (check,) = check_sides(turned, middle)
    assert check.flag == MISMATCH
    assert check.told.startswith("Rt Lung lies 6")


@pytest.mark.parametrize("phase", ["lung-1", "lung-2", "lung-3"])
def test_names_without_a_side_are_never_checked_and_the_outline_is_known_by_name(phase: str) -> None:
    structure_set = read_structure_set(DATA / "topas-lung4d" / phase / "rtss.dcm")
    rois = [PlacedRoi(roi.number, roi.name, -500) for roi in structure_set.rois]
    assert check_sides(rois, 0.0) == ()
    assert [roi.name for roi in structure_set.rois if is_external(roi)] == ["Body"]


def test_real_points_are_points() -> None:
    structure_set = read_structure_set(DATA / "pydicom-tiny-rt" / "rtstruct.dcm")
    points = {roi.name: open_points_mm(roi) for roi in structure_set.rois}
    assert [len(points[name]) for name in ("patient", "Isocenter 1", "Isocenter 2")] == [0, 1, 1]


def test_no_roi_of_these_planning_systems_passes_for_a_couch_or_an_isodose() -> None:
    files = ["eclipse-breast/rtss.dcm", "nelms-cone02/RTSTRUCT.dcm", "topas-lung4d/lung-1/rtss.dcm"]
    for file in files:
        for roi in read_structure_set(DATA / file).rois:
            assert not {"bolus", "couch", "fixation", "dose_derived"} & set(roi.flags), roi.name
