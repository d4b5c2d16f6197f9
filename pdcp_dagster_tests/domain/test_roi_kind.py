"""Laws of what a ROI is: its type tells, else its name where it is plain, and nothing anatomical is ever marked."""

from __future__ import annotations

import pytest

from pdcp_dagster.domain.roi_kind import is_external, roi_kind
from pdcp_dagster.domain.roi_name import name_words
from pdcp_dagster.domain.structures import Roi


@pytest.mark.parametrize(
    ("interpreted_type", "kind"),
    [
        ("BOLUS", "bolus"),
        ("SUPPORT", "couch"),
        ("FIXATION", "fixation"),
        ("DOSE_REGION", "dose_derived"),
        ("TREATED_VOLUME", "dose_derived"),
        ("irrad_volume ", "dose_derived"),
        ("ORGAN", None),
        ("PTV", None),
        ("EXTERNAL", None),
        ("AVOIDANCE", None),
        (None, None),
    ],
)
def test_the_type_tells_what_a_roi_is_whatever_its_name(interpreted_type: str | None, kind: str | None) -> None:
    assert roi_kind(Roi(1, "Structure 7", interpreted_type=interpreted_type)) == kind


@pytest.mark.parametrize("interpreted_type", [None, "", "ORGAN", "AVOIDANCE", "CONTROL"])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("bolus", "Bolus"),
        ("bolus", "BOLUS_5mm"),
        ("bolus", "Bolus1"),
        ("bolus", "VirtualBolus"),
        ("bolus", "wax bolus chest wall"),
        ("couch", "Couch"),
        ("couch", "Couch_interior"),
        ("couch", "CouchSurface"),
        ("couch", "z Couch Rails"),
        ("couch", "CT Table"),
        ("couch", "TableTop"),
        ("fixation", "Thermoplastic mask"),
        ("fixation", "Immobilisation"),
        ("fixation", "immobilization device"),
        ("fixation", "Head-rest"),
        ("fixation", "VacBag"),
        ("fixation", "Breast board"),
        ("dose_derived", "Dose 95[%]"),
        ("dose_derived", "Dose 45.0[Gy]"),
        ("dose_derived", "95% Isodose"),
        ("dose_derived", "isodose_50Gy"),
        ("dose_derived", "Iso-dose 107"),
        ("dose_derived", "50 Gy dose"),
        ("dose_derived", "Dose_5000cGy"),
        ("dose_derived", "IDL 80%"),
        ("dose_derived", "V20Gy"),
        ("dose_derived", "95%"),
    ],
)
def test_where_the_type_tells_nothing_a_plain_name_tells(interpreted_type: str | None, kind: str, name: str) -> None:
    assert roi_kind(Roi(1, name, interpreted_type=interpreted_type)) == kind


@pytest.mark.parametrize(
    "name",
    [
        "Parabolus",
        "Bowel bolus",
        "FoodBolus",
        "Femur fixation",
        "Fixation screw",
        "Table of organs",
        "Dose 10Gy boost",
        "Boost 66Gy",
        "Embolus",
        "PTV_bolus",
        "CTV bolus 5mm",
        "BODY+Bolus",
        "Body-bolus",
        "no bolus",
        "Stable",
        "Unstable lesion",
        "Tablet",
        "BODY+Couch",
        "External minus couch",
        "Doseless",
        "Dose",
        "Low dose CT",
        "High dose PTV 70Gy",
        "PTV_Dose 60Gy",
        "Iso",
        "ISO 1",
        "Isocenter",
        "V20",
        "Prosthesis",
        "Femur_Head_L",
        "BODY",
        "Mask",
        "Frame of view",
        "Heart",
        "",
    ],
)
def test_what_is_not_plainly_a_kind_is_none(name: str) -> None:
    assert roi_kind(Roi(1, name)) is None


@pytest.mark.parametrize("interpreted_type", ["PTV", "CTV", "GTV", "MARKER", "CAVITY", "EXTERNAL"])
def test_a_type_that_says_something_else_outweighs_the_name(interpreted_type: str) -> None:
    assert roi_kind(Roi(1, "Bolus", interpreted_type=interpreted_type)) is None
    assert roi_kind(Roi(1, "95% Isodose", interpreted_type=interpreted_type)) is None


@pytest.mark.parametrize(
    ("name", "interpreted_type", "outline"),
    [
        ("Structure 7", "EXTERNAL", True),
        ("BODY", None, True),
        ("External", "ORGAN", True),
        ("body1", "", True),
        ("Skin contour", None, True),
        ("Patient outline", None, True),
        ("BODY", "SUPPORT", False),
        ("BODY - PTV", None, False),
        ("Vertebral body", None, False),
        ("Skin", None, False),
        ("Heart", None, False),
    ],
)
def test_the_outline_is_known_by_type_or_by_its_whole_name(
    name: str, interpreted_type: str | None, outline: bool
) -> None:
    assert is_external(Roi(1, name, interpreted_type=interpreted_type)) is outline


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Lung_L", ("lung", "l")),
        ("Lt Lung", ("lt", "lung")),
        ("RtParotid", ("rt", "parotid")),
        ("L-5 mm", ("l", "5", "mm")),
        ("L5", ("l5",)),
        ("Seroma 30mL", ("seroma", "30ml")),
        ("mL", ("ml",)),
        ("BrachialL", ("brachial", "l")),
        ("L'oeil droit", ("oeil", "droit")),
        ("Tête de l\u2019humérus", ("tête", "de", "humérus")),
        ("R'", ("r",)),
        ("PTV_50.4Gy", ("ptv", "50", "4gy")),
        ("LAD", ("lad",)),
        ("Größe/Öse", ("grösse", "öse")),
        ("", ()),
        ("_-_", ()),
    ],
)
def test_a_name_falls_into_words(name: str, words: tuple[str, ...]) -> None:
    assert name_words(name) == words
