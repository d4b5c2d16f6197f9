"""The stage structure_masks: what structures.parquet says of odd ROIs, and what a person is told of."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pydicom
import pytest
import SimpleITK

from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.phantom.anatomy import tiny_rois
from pdcp_dagster.phantom.solids import sphere
from pdcp_dagster.phantom.spec import PhantomRoi

if TYPE_CHECKING:
    from pdcp_dagster_tests.stages.conftest import Ward

ONLY = ("image_summary", "verified_study", "retrieved_dicom", "ct_volume", "structure_masks")
"""The stages up to the masks."""


def structures(ward: Ward, patient_id: str) -> dict[str, dict[str, Any]]:
    rows = read_table(ward.folder(patient_id).file("structure_masks")).to_dict("records")
    return {
        str(row["roi_name"]): {str(key): None if value is pd.NA else value for key, value in row.items()}
        for row in rows
    }


def told(ward: Ward, patient_id: str) -> dict[str, str]:
    """Return what the stage found: the detail by code."""
    notes: dict[str, Any] = json.loads(ward.files(patient_id)["notes.json"])
    return {entry["code"]: entry.get("detail", "") for entry in notes["stages"]["structure_masks"]}


def change(ward: Ward, patient_id: str, edit: Callable[[pydicom.Dataset], None], modality: str = "RTSTRUCT") -> None:
    (file,) = ward.phantom(patient_id).glob(f"{modality}*.dcm")
    ward.exchange(file, edit)


def rename(old: str, new: str) -> Callable[[pydicom.Dataset], None]:
    def edit(data: pydicom.Dataset) -> None:
        (item,) = [item for item in data.StructureSetROISequence if item.ROIName == old]
        item.ROIName = new

    return edit


@pytest.fixture(scope="module")
def pointed(ward: Ward) -> str:
    """A patient with points, a line and marks of planning; the dose is 50 Gy at z = 6 mm and grows by 0.8 Gy per mm."""
    special = (
        PhantomRoi(20, "Iso", interpreted_type="ISOCENTER", point_mm=(10.0, -20.0, 9.0)),
        PhantomRoi(21, "Far", interpreted_type="MARKER", point_mm=(0.0, 0.0, 900.0)),
        PhantomRoi(22, "Wire", interpreted_type="MARKER", point_mm=(0.0, 0.0, 0.0)),
        PhantomRoi(23, "Never drawn", None, "ORGAN"),
        PhantomRoi(24, "Lead", sphere((0, 20, 0), 9), "BOLUS"),
        PhantomRoi(25, "CouchSurface", sphere((0, 50, 0), 9), "SUPPORT"),
        PhantomRoi(26, "95% Isodose", sphere((44, -36, 6), 9), "ORGAN"),
    )
    ward.admit("ST-points", rois=(*tiny_rois("ST-points")[:4], *special))

    def edit(data: pydicom.Dataset) -> None:
        of_number = {int(item.ReferencedROINumber): item for item in data.ROIContourSequence}
        wire = of_number[22].ContourSequence[0]
        wire.ContourGeometricType = "OPEN_PLANAR"
        wire.NumberOfContourPoints = 2
        wire.ContourData = ["0", "0", "-4", "5", "0", "16"]

    change(ward, "ST-points", edit)
    outcome = ward.run("ST-points")
    assert outcome.failure is None, outcome.reason
    return "ST-points"


def test_a_point_has_the_dose_there_and_no_volume(ward: Ward, pointed: str) -> None:
    iso = structures(ward, pointed)["Iso"]
    assert iso["point_dose_gy"] == pytest.approx(50 + 0.8 * 3, abs=0.01)
    assert [iso[f"centroid_{axis}_mm"] for axis in "xyz"] == pytest.approx([10, -20, 9])
    assert iso["volume_cm3"] is None
    assert list(iso["flags"]) == ["no_closed_contour", "skipped_POINT"]


def test_an_open_contour_has_the_mean_dose_of_its_points(ward: Ward, pointed: str) -> None:
    """42 Gy at z = -4 mm and 58 Gy at z = 16 mm."""
    wire = structures(ward, pointed)["Wire"]
    assert wire["point_dose_gy"] == pytest.approx((42 + 58) / 2, abs=0.01)
    assert set(wire["flags"]) == {"no_closed_contour", "skipped_OPEN_PLANAR", "mean_of_points"}


def test_a_point_outside_the_dose_has_none_and_says_so(ward: Ward, pointed: str) -> None:
    far = structures(ward, pointed)["Far"]
    assert far["point_dose_gy"] is None
    assert "point_outside_dose_grid" in far["flags"]


def test_bolus_couch_and_isodoses_are_marked_and_nothing_is_dropped(ward: Ward, pointed: str) -> None:
    rows = structures(ward, pointed)
    assert list(rows["Lead"]["flags"]) == ["bolus"]
    assert list(rows["CouchSurface"]["flags"]) == ["couch"]
    assert list(rows["95% Isodose"]["flags"]) == ["dose_derived"]
    assert list(rows["Never drawn"]["flags"]) == ["empty"]
    assert all(isinstance(rows[name]["file"], str) for name in ("Lead", "CouchSurface", "95% Isodose"))
    assert told(ward, pointed)["XIV_NOTE_001"] == "4 of 11 ROIs"


def test_a_dose_that_nobody_could_decide_on_leaves_points_without_one(ward: Ward) -> None:
    ward.admit("ST-relative", rois=(*tiny_rois("x")[:4], PhantomRoi(20, "Iso", point_mm=(10.0, -20.0, 9.0))))

    def relative(data: pydicom.Dataset) -> None:
        data.DoseUnits = "RELATIVE"

    change(ward, "ST-relative", relative, "RTDOSE")
    outcome = ward.run("ST-relative", *ONLY)
    assert outcome.failure is None, outcome.reason
    iso = structures(ward, "ST-relative")["Iso"]
    assert iso["point_dose_gy"] is None
    assert iso["centroid_z_mm"] == pytest.approx(9)


def test_a_roi_asked_for_by_name_that_nobody_drew_is_told_of(ward: Ward) -> None:
    ward.admit("ST-one-missing", rois=(*tiny_rois("x")[:4], PhantomRoi(20, "Lung_R", None, "ORGAN")))
    ward.run("ST-one-missing", *ONLY)
    assert told(ward, "ST-one-missing")["XIV_NOTE_002"] == "Lung_R"
    ward.run("ST-one-missing", *ONLY, roi_keywords=[])
    assert not {"XIV_NOTE_002", "XIV_REV_002"} & set(told(ward, "ST-one-missing"))
    ward.run("ST-one-missing", *ONLY, roi_keywords_exclude=["lung_r"])
    assert not {"XIV_NOTE_002", "XIV_REV_002"} & set(told(ward, "ST-one-missing"))


def test_if_none_that_was_asked_for_was_drawn_a_person_decides(ward: Ward) -> None:
    ward.admit("ST-all-missing", rois=(*tiny_rois("x")[:4], PhantomRoi(20, "Heart", None, "ORGAN")))
    outcome = ward.run("ST-all-missing", *ONLY, roi_keywords=["heart"])
    assert (outcome.status, outcome.code) == (Status.REVIEW, "XIV_REV_002")
    assert told(ward, "ST-all-missing")["XIV_REV_002"] == "Heart"
    assert "XIV_NOTE_002" not in told(ward, "ST-all-missing")


def test_a_lung_named_for_the_other_side_is_for_a_person_to_look_at(ward: Ward) -> None:
    """The phantom's left lung lies some 42 mm to the left, and its outline about x = 0."""
    solid = tiny_rois("ST-side")[3].solid
    assert solid is not None
    ward.admit("ST-side")
    change(ward, "ST-side", rename("Lung_L", "Rt Lung"))
    outcome = ward.run("ST-side", *ONLY)
    assert (outcome.status, outcome.code) == (Status.REVIEW, "XIV_REV_001")
    expected = f"Rt Lung lies {solid.centre_mm[0]:.0f} mm to the left of the patient's middle"
    assert told(ward, "ST-side")["XIV_REV_001"] == expected
    assert list(structures(ward, "ST-side")["Rt Lung"]["flags"]) == ["laterality_mismatch"]


def test_of_a_swapped_pair_both_are_flagged(ward: Ward) -> None:
    ward.admit("ST-swapped", rois=tiny_rois("x")[:5])

    def swap(data: pydicom.Dataset) -> None:
        items = {item.ROIName: item for item in data.StructureSetROISequence}
        items["Lung_L"].ROIName, items["Lung_R"].ROIName = "Lung_R", "Lung_L"

    change(ward, "ST-swapped", swap)
    assert ward.run("ST-swapped", *ONLY).code == "XIV_REV_001"
    rows = structures(ward, "ST-swapped")
    assert [list(rows[name]["flags"]) for name in ("Lung_L", "Lung_R")] == [["laterality_mismatch"]] * 2


def test_without_pair_and_outline_a_side_is_not_checked_and_says_so(ward: Ward) -> None:
    ward.admit("ST-no-outline", rois=tiny_rois("x")[1:4])
    ward.run("ST-no-outline", *ONLY)
    assert list(structures(ward, "ST-no-outline")["Lung_L"]["flags"]) == ["laterality_not_checked"]
    assert "XIV_REV_001" not in told(ward, "ST-no-outline")


def test_points_outlines_and_what_is_no_part_of_the_patient_have_no_side(ward: Ward) -> None:
    """All on the other side of the middle by 40 mm, but only the balls are anatomy."""
    special = (
        PhantomRoi(20, "CouchRailLeft", sphere((-40, 30, 0), 9), "SUPPORT"),
        PhantomRoi(21, "Isodose 50 R", sphere((40, -20, 0), 9), "ORGAN"),
        PhantomRoi(22, "Bolus_L", sphere((-40, -20, 0), 9), "BOLUS"),
        PhantomRoi(23, "Laser R", interpreted_type="MARKER", point_mm=(40.0, 0.0, 0.0)),
        PhantomRoi(24, "Skin_L", sphere((-40, 0, 0), 9), "EXTERNAL"),
        PhantomRoi(25, "Kidney_R", sphere((40, 10, 0), 9), "ORGAN"),
    )
    ward.admit("ST-sideless", rois=(*tiny_rois("x")[:3], *special))
    assert ward.run("ST-sideless", *ONLY).code == "XIV_REV_001"
    assert told(ward, "ST-sideless")["XIV_REV_001"] == "Kidney_R lies 40 mm to the left of the patient's middle"


def test_the_middle_is_that_of_the_largest_outline_whichever_comes_first(ward: Ward) -> None:
    """A ball of air typed EXTERNAL comes first, 60 mm to the left; a kidney 25 mm to the left lies right of it."""
    air = PhantomRoi(0, "Air", sphere((60, 0, 0), 12), "EXTERNAL")
    kidney = PhantomRoi(20, "Kidney_L", sphere((25, 10, 0), 9), "ORGAN")
    ward.admit("ST-two-outlines", rois=(air, *tiny_rois("x")[:3], kidney))
    ward.run("ST-two-outlines", *ONLY)
    assert "XIV_REV_001" not in told(ward, "ST-two-outlines")


def doubled(name: str, aside_mm: float, geometric_type: str = "CLOSED_PLANAR") -> Callable[[pydicom.Dataset], None]:
    """Draw every contour of a ROI again, so far aside."""

    def edit(data: pydicom.Dataset) -> None:
        (number,) = [item.ROINumber for item in data.StructureSetROISequence if item.ROIName == name]
        (drawn,) = [item for item in data.ROIContourSequence if item.ReferencedROINumber == number]
        again = copy.deepcopy(list(drawn.ContourSequence))
        for contour in again:
            points = np.array(contour.ContourData, dtype=np.float64).reshape(-1, 3)
            points[:, 0] += aside_mm
            contour.ContourData = [f"{value:.3f}" for value in points.ravel()]
        drawn.ContourSequence.extend(again)
        for contour in drawn.ContourSequence:
            contour.ContourGeometricType = geometric_type

    return edit


def test_an_outline_drawn_twice_and_moved_is_for_a_person_to_look_at(ward: Ward) -> None:
    ward.admit("ST-moved-twice")
    change(ward, "ST-moved-twice", doubled("Lung_L", 3.0))
    outcome = ward.run("ST-moved-twice", *ONLY)
    assert (outcome.status, outcome.code) == (Status.REVIEW, "XIV_REV_003")
    assert told(ward, "ST-moved-twice")["XIV_REV_003"] == "Lung_L"
    flags = structures(ward, "ST-moved-twice")["Lung_L"]["flags"]
    assert list(flags) == ["crossing_contours", "cut_by_crossing"]


def test_a_couch_of_crossing_contours_is_flagged_and_holds_up_nobody(ward: Ward) -> None:
    couch = PhantomRoi(25, "CouchSurface", sphere((0, 50, 0), 9), "SUPPORT")
    ward.admit("ST-couch-twice", rois=(*tiny_rois("x")[:3], couch))
    change(ward, "ST-couch-twice", doubled("CouchSurface", 3.0))
    assert ward.run("ST-couch-twice", *ONLY).status == Status.SUCCESS
    assert "cut_by_crossing" in structures(ward, "ST-couch-twice")["CouchSurface"]["flags"]


def test_xor_contours_that_would_erase_themselves_are_kept_once_and_told_of(ward: Ward) -> None:
    ward.admit("ST-xor-twice")
    change(ward, "ST-xor-twice", doubled("Lung_L", 0.0, "CLOSEDPLANAR_XOR"))
    outcome = ward.run("ST-xor-twice", *ONLY)
    assert (outcome.code, told(ward, "ST-xor-twice")["XIV_REV_003"]) == ("XIV_REV_003", "Lung_L")
    assert structures(ward, "ST-xor-twice")["Lung_L"]["volume_cm3"] > 1


def test_two_drawn_rois_of_one_number_are_for_a_person_to_look_at(ward: Ward) -> None:
    ward.admit("ST-one-number", rois=tiny_rois("x")[:5])

    def renumber(data: pydicom.Dataset) -> None:
        numbers = {item.ROIName: item.ROINumber for item in data.StructureSetROISequence}
        for item in data.StructureSetROISequence:
            if item.ROIName == "Lung_R":
                item.ROINumber = numbers["Lung_L"]
        for sequence in (data.ROIContourSequence, data.RTROIObservationsSequence):
            for item in sequence:
                if item.ReferencedROINumber == numbers["Lung_R"]:
                    item.ReferencedROINumber = numbers["Lung_L"]

    change(ward, "ST-one-number", renumber)
    ward.run("ST-one-number", *ONLY)
    assert told(ward, "ST-one-number")["XIV_REV_003"] == "Lung_L"


def test_label_maps_hold_every_mask_and_are_there_only_where_asked_for(ward: Ward) -> None:
    """35 balls, an empty ROI and the usual four: 39 masks, of which the first 32 are in the first map."""
    balls = tuple(
        PhantomRoi(10 + n, f"Ball {n}", sphere((-60 + 3.5 * n, -8 + n % 7, 2), 9), "ORGAN") for n in range(35)
    )
    patient = "ST-labels"
    ward.admit(patient, rois=(*tiny_rois("x")[:4], PhantomRoi(5, "Nothing", None), *balls))
    ward.run(patient, *ONLY, label_map=True)
    rows = sorted(structures(ward, patient).values(), key=lambda row: row["roi_number"])
    filled = [row for row in rows if isinstance(row["file"], str)]
    assert [int(row["label_bit"]) for row in filled] == [*range(32), *range(7)]
    uid = rows[0]["rtstruct_uid"]
    names = [f"label_maps/{uid}.nii.gz", f"label_maps/{uid}__2.nii.gz"]
    assert [row["label_file"] for row in filled] == [names[0]] * 32 + [names[1]] * 7
    folder = ward.folder(patient).path
    images = {name: SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(folder / name))) for name in names}
    for row in filled:
        mask = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(folder / row["file"])))
        np.testing.assert_array_equal((images[row["label_file"]] >> np.uint32(row["label_bit"])) & 1, mask)
    assert not (images[names[1]] >> np.uint32(7)).any()
    ward.run(patient, *ONLY)
    assert not (folder / "label_maps").exists()
    assert read_table(folder / "structures.parquet")[["label_file", "label_bit"]].isna().all(axis=None)
