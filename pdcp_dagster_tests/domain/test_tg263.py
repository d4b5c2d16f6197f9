"""Laws of how AAPM TG-263 writes the name of a structure."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdcp_dagster.domain.tg263 import base_of, broken_rule, is_target_name
from pdcp_dagster.domain.tg263_names import BASE_NAMES, unknown_base


@pytest.mark.parametrize(
    "name",
    [
        "Heart", "Lung_L", "Lung_R", "Lungs", "Lung_LUL", "Kidney_R", "SpinalCord", "SpinalCord_PRV05", "Brainstem_PRV",
        "OpticNrv_PRV03_L", "Femur_Head_L", "Glnd_Submand_L", "A_LAD", "A_Carotid_L", "V_CavaSuperior", "LN_Ax_L1",
        "CN_IX_L", "VB_T12", "VB_L", "Rib01_L", "Musc_Constrict_S", "Bowel_Bag", "Brain~", "Lung~_L", "Lungs^Ex",
        "Kidney_L^Hilum", "Lungs-PTV", "Liver-GTV", "zPTVopt", "zPTV_Opt", "_Ring", "E-PTV_Ev05_20",
    ],
)  # fmt: skip
def test_names_of_organs_by_the_rules_are_names(name: str) -> None:
    assert broken_rule(name) is None
    assert not is_target_name(name) or name.startswith("z")


@pytest.mark.parametrize(
    "name",
    [
        "PTV", "CTV", "GTV", "ITV", "ICTV", "IGTV", "PTVn", "GTVp1", "CTVsb", "CTVpar", "GTVv", "GTVvas2", "PTV1",
        "PTV_High", "PTV_Low", "PTV_Mid01", "PTV_5040", "PTV_50.4Gy", "PTV_50p4Gy", "PTVp2_High", "PTV_Liver_20Gyx3",
        "PTV_2000x3", "CTV_A_Aorta", "GTV_Preop", "PTV_Boost", "PTV_Eval", "GTVp1_CT1PT1", "PTV-03", "PTV_Eval_7000-08",
        "GTV_Liver^ICG", "PTV!_5040", "PTV_Breast_L", "PTV_Breast_L_50", "PTV_L_5040",
    ],
)  # fmt: skip
def test_names_of_targets_by_the_rules_are_names(name: str) -> None:
    assert broken_rule(name) is None
    assert is_target_name(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "it is empty"),
        ("Glnd_Submandibular", "18 characters, and 16 are the most"),
        ("Lung L", "' ' cannot stand in a name"),
        ("Lung/L", "'/' cannot stand in a name"),
        ("Lunge_\u00e4", "'\u00e4' cannot stand in a name"),
        ("PTV_{dose}", "'{' cannot stand in a name"),
        ("lung_L", "each part begins with a capital letter"),
        ("Femur_head_L", "each part begins with a capital letter"),
        ("L_Lung", "the side comes last"),
        ("Lung_L_PRV05", "the side comes last"),
        ("Lung_L_R", "it has one side at most"),
        ("Lung_Left", "the side is written _L or _R at the end, not 'Left'"),
        ("Lung_LT", "the side is written _L or _R at the end, not 'LT'"),
        ("Lung__L", "an underscore separates two parts"),
        ("Lung_", "an underscore separates two parts"),
        ("5thRib", "it begins with a letter"),
        ("Lung^", "one ^ at most"),
        ("Lung^A^B", "one ^ at most"),
        ("Lung~~", "one ~ at most"),
        ("Lu~ng", "is no part of a name"),
        ("Heart!", "is no part of a name"),
        ("SpinalCord_PRV5", "two digits for its millimetres"),
        ("PRV_SpinalCord", "two digits for its millimetres or none"),
        ("Cord_PRV05_Thor", "after PRV comes the side alone"),
        ("ptv_5040", "the kind of a target is written PTV"),
        ("Ptv", "the kind of a target is written PTV"),
        ("PTVx", "after the kind of a target come n, p"),
        ("PTVopt", "after the kind of a target come n, p"),
        ("PTV_boost", "each part begins with a capital letter"),
        ("PTV_L_Breast", "the side comes last"),
    ],
)
def test_a_name_that_breaks_a_rule_is_told_which(name: str, said: str) -> None:
    assert said in (broken_rule(name) or "")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=20))
def test_no_name_passes_that_is_long_or_holds_anything_but_plain_characters(name: str) -> None:
    if broken_rule(name) is None:
        assert len(name) <= 16
        assert re.fullmatch(r"[A-Za-z0-9_~^.!-]+", name)


def test_every_base_name_of_our_list_is_written_by_the_rules_and_known_with_any_addition() -> None:
    assert len({name.casefold() for name in BASE_NAMES}) == len(BASE_NAMES) > 150
    assert {name: broken_rule(name) for name in BASE_NAMES if broken_rule(name)} == {}
    assert [name for name in BASE_NAMES if unknown_base(name)] == []
    assert [name for name in BASE_NAMES if unknown_base(f"{name}_L") and name not in {"VB", "VBs"}] == []


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("Lung_L", "Lung"),
        ("Lung~_L", "Lung"),
        ("Lung_LUL", "Lung"),
        ("OpticNrv_PRV03_L", "OpticNrv"),
        ("Lungs-PTV", "Lungs"),
        ("Kidney_L^Hilum", "Kidney"),
        ("A_LAD", "A_LAD"),
        ("VB_L", "VB_L"),
        ("Musc_Constrict_S", "Musc_Constrict"),
    ],
)
def test_the_base_of_a_name_is_what_is_left_without_its_additions(name: str, base: str) -> None:
    assert base_of(name) == base


def test_an_unknown_organ_is_told_of_by_its_base_and_a_target_never() -> None:
    assert unknown_base("Lnug_L") == "Lnug"
    assert unknown_base("PTV_Whatever") is None
    assert unknown_base("zWhatever") is None
