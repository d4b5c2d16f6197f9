"""Laws of left and right: only a plain word is a side, and only a plain place is the wrong one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdcp_dagster.domain.laterality import (
    MIDLINE_MARGIN_MM,
    MISMATCH,
    NOT_CHECKED,
    PlacedRoi,
    check_sides,
    side_in,
)


def placed(**x_mm: float) -> list[PlacedRoi]:
    return [PlacedRoi(number, name, x) for number, (name, x) in enumerate(x_mm.items(), start=1)]


def flags(rois: list[PlacedRoi], midline: float | None = 0.0) -> dict[str, str]:
    names = {roi.number: roi.name for roi in rois}
    return {names[check.number]: check.flag for check in check_sides(rois, midline)}


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Lung_L", "Lung_R"),
        ("lung_l", "lung_r"),
        ("LungL", "LungR"),
        ("Lung Left", "Lung Right"),
        ("LEFT LUNG", "RIGHT LUNG"),
        ("Lt Lung", "Rt Lung"),
        ("LtParotid", "RtParotid"),
        ("L Lung", "R Lung"),
        ("L-Breast", "R-Breast"),
        ("Lens_L", "Lens_R"),
        ("Kidney_L_PRV05", "Kidney_R_PRV05"),
        ("Parotid_L 2", "Parotid_R 2"),
        ("PTV_Breast_L", "PTV_Breast_R"),
        ("GTV_L", "GTV_R"),
        ("CTVn left", "CTVn right"),
        ("VocalCord_L", "VocalCord_R"),
        ("Seroma 30mL L", "Seroma 30mL R"),
    ],
)
def test_a_plain_word_says_a_side(left: str, right: str) -> None:
    assert (side_in(left), side_in(right)) == ("left", "right")


@pytest.mark.parametrize(
    "name",
    [
        "Liver", "Rectum", "LAD", "A_LAD", "RCA", "L5", "R1", "R0", "L 5", "L4-L5", "L-spine", "L Spine", "L_Spinal",
        "Lumbar vertebra L 3", "Larynx", "Ring", "Lung", "Lungs", "LN", "LR", "Lung_L+R", "Lung L and R",
        "Left + Right", "post RT", "preRT GTV", "Bright", "Leftover", "Left over", "Rt_Lt_Lung", "", "_",
        "Seroma 30mL", "Bladder 200 mL", "Air 5dL", "L'oeil droit", "Cristallin de l'oeil D", "VB_L", "VB L 1",
        "Disc L 4/5", "T12 L 1", "Th12-L 1", "WK L 3", "Corpus L 2", "Cauda L 2", "Canal L 2", "Cord L 1", "Spine_L",
    ],
)  # fmt: skip
def test_a_word_that_only_looks_like_a_side_says_none(name: str) -> None:
    assert side_in(name) is None


def test_a_pair_in_its_places_is_right_wherever_the_middle_is() -> None:
    assert flags(placed(Lung_L=70, Lung_R=-80)) == {}
    assert flags(placed(Lung_L=-100, Lung_R=-250), midline=None) == {}
    assert flags(placed(VocalCord_L=2, VocalCord_R=-2)) == {}


def test_of_a_swapped_pair_both_are_wrong_and_are_told_of() -> None:
    rois = placed(Lung_L=-80, Lung_R=70, Heart=10)
    assert flags(rois, midline=None) == {"Lung_L": MISMATCH, "Lung_R": MISMATCH}
    assert [check.told for check in check_sides(rois, None)] == [
        "Lung_L lies 150 mm to the right of Lung_R",
        "Lung_R lies 150 mm to the left of Lung_L",
    ]


def test_a_pair_is_found_however_its_names_are_written() -> None:
    rois = [PlacedRoi(1, "Lt Lung", -80), PlacedRoi(2, "LUNG_R", 70)]
    assert flags(rois, midline=None) == {"Lt Lung": MISMATCH, "LUNG_R": MISMATCH}
    assert flags(placed(Kidney_L=-80, Kidney_R_PRV=-90), midline=None) == {
        "Kidney_L": NOT_CHECKED,
        "Kidney_R_PRV": NOT_CHECKED,
    }


def test_a_copy_on_the_wrong_side_is_wrong_and_the_true_pair_is_not() -> None:
    rois = [PlacedRoi(1, "Lung_L", 70), PlacedRoi(2, "Left Lung", -90), PlacedRoi(3, "Lung_R", -80)]
    assert flags(rois) == {"Left Lung": MISMATCH}


def test_one_of_a_pair_alone_is_compared_with_the_middle_by_a_margin() -> None:
    beyond = MIDLINE_MARGIN_MM + 1
    assert flags(placed(Breast_L=-beyond)) == {"Breast_L": MISMATCH}
    assert flags(placed(Breast_R=beyond)) == {"Breast_R": MISMATCH}
    assert flags(placed(SeminalVes_L=-(MIDLINE_MARGIN_MM - 1), Breast_R=-80)) == {}
    assert flags(placed(Breast_L=100), midline=200) == {"Breast_L": MISMATCH}
    (check,) = check_sides(placed(Breast_L=-64.4), 0.0)
    assert check.told == "Breast_L lies 64 mm to the right of the patient's middle"


def test_without_a_counterpart_and_an_outline_nothing_is_claimed() -> None:
    assert flags(placed(Breast_L=-300), midline=None) == {"Breast_L": NOT_CHECKED}


@pytest.mark.parametrize("name", ["Ventricle_R", "Heart_Atrium_R", "A_Coronary_R", "Liver_L", "Left lobe"])
def test_parts_of_organs_across_the_middle_are_compared_as_a_pair_only(name: str) -> None:
    x = 40.0 if side_in(name) == "right" else -40.0
    assert flags([PlacedRoi(1, name, x)]) == {name: NOT_CHECKED}
    assert flags(placed(Ventricle_L=30, Ventricle_R=40)) == {"Ventricle_L": MISMATCH, "Ventricle_R": MISMATCH}


def test_a_letter_after_a_target_may_mean_something_else_unless_both_sides_exist() -> None:
    """GTV_R may be the residual or recurrent tumour; beside a GTV_L it is the right one."""
    assert flags(placed(GTV_R=60)) == {}
    assert flags(placed(GTV_R=60, GTV_L=-60)) == {"GTV_R": MISMATCH, "GTV_L": MISMATCH}
    assert flags(placed(GTV_right=60)) == {"GTV_right": MISMATCH}
    assert flags(placed(PTV_Breast_R=60)) == {"PTV_Breast_R": MISMATCH}


@pytest.mark.parametrize(
    "name",
    [
        "Stomach RT", "MR RT", "RT Iso", "Prostate RT", "RT_Bladder", "Boost_R", "Boost L", "Tumor_R", "TumorBed_L",
        "Tumour L", "Lesion L 2", "Met_R_1", "Mets L", "Node L 1", "LN R IIa", "Rezidiv R", "Recidiv_L", "zPTV_R",
        "Level II L", "N L II", "Ring R 2cm", "Skin R 5mm", "R",
    ],
)  # fmt: skip
def test_a_letter_that_may_mean_something_else_is_no_proof_alone(name: str) -> None:
    x = -60.0 if side_in(name) == "left" else 60.0
    assert flags([PlacedRoi(1, name, x)]) == {}
    assert flags([PlacedRoi(1, name, x)], midline=None) == {}


@pytest.mark.parametrize("name", ["RT Kidney", "Fem Head RT", "Rt Lung", "RtParotid", "Met R Lung", "Neck L II"])
def test_beside_an_organ_that_everybody_has_two_of_a_letter_is_a_side(name: str) -> None:
    x = -60.0 if side_in(name) == "left" else 60.0
    assert flags([PlacedRoi(1, name, x)]) == {name: MISMATCH}


def test_a_doubtful_pair_is_wrong_only_where_it_lies_plainly_the_other_way_about() -> None:
    """A local and a recurrent tumour may lie anywhere; 20 mm to either side of the middle is no accident."""
    near, far = MIDLINE_MARGIN_MM - 1, MIDLINE_MARGIN_MM + 1
    assert flags(placed(GTV_L=-near, GTV_R=near), midline=None) == {}
    assert flags(placed(Lesion_L=20, Lesion_R=25)) == {}
    assert flags(placed(GTV_L=-far, GTV_R=far), midline=None) == {"GTV_L": MISMATCH, "GTV_R": MISMATCH}


@settings(deadline=None)
@given(
    left=st.floats(-200, 200),
    right=st.floats(-200, 200),
    shift=st.floats(-500, 500),
    names=st.sampled_from([("Eye_L", "Eye_R"), ("Lt Hip", "Rt Hip")]),
)
def test_where_the_patient_lies_in_the_room_changes_nothing(
    left: float, right: float, shift: float, names: tuple[str, str]
) -> None:
    rois = [PlacedRoi(1, names[0], left), PlacedRoi(2, names[1], right)]
    moved = [PlacedRoi(roi.number, roi.name, roi.x_mm + shift) for roi in rois]
    wrong = right - left
    if abs(wrong - 1) > 1e-6:
        assert flags(rois, None) == flags(moved, None) == (dict.fromkeys(names, MISMATCH) if wrong > 1 else {})
