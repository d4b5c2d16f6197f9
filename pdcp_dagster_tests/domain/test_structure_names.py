"""Laws of a map from ROI names to standard names: the first that fits, and no side is ever lost or turned."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdcp_dagster.adapters.structure_names import match_wholly
from pdcp_dagster.domain.name_sides import side_lost, side_meant, told_sides
from pdcp_dagster.domain.structure_names import (
    IGNORED,
    LONGEST_MATCHED,
    UNMAPPED,
    NamedRoi,
    StructureNameMap,
    doubts_of,
    require_template,
    standard_names,
)
from pdcp_dagster.domain.tg263 import broken_rule

LEFT, RIGHT = (
    ("l", "lt", "left", "LT", "Left", "links", "gauche"),
    ("r", "rt", "right", "RT", "Right", "rechts", "droite"),
)
ORGANS = ("lung", "Kidney", "parotid", "BREAST", "optic nerve", "femoral head")
STANDARD = (
    "Lung_L",
    "Lung_R",
    "Lungs",
    "Heart",
    "Kidney_L",
    "A_LAD",
    "Lung_RUL",
    "PTV_5040",
    "PTV_Breast_L",
    "Lung~_R",
)


def a_map(**keys: Any) -> StructureNameMap:
    return StructureNameMap.model_validate({"version": "test 1", **keys})


def named(name: str, **keys: Any) -> NamedRoi:
    (found,) = standard_names([name], a_map(**keys), match_wholly)
    return found


def mapped(standard_name: str) -> NamedRoi:
    return NamedRoi("mapped", standard_name)


LUNG = {"match": "(?P<side>l|r|left|right|lt|rt)[ _]?lung", "name": "Lung_{side}"}
PTV = {"match": r"ptv[ _]?(?P<dose>\d{4})", "name": "PTV_{dose}"}


def test_an_exact_name_counts_case_aside_and_with_any_white_space() -> None:
    for name in ("lt lung", "LT  Lung", " Lt\tLung\n"):
        assert named(name, exact={"Lt  Lung": "Lung_L"}) == mapped("Lung_L")
    assert named("lt_lung", exact={"Lt Lung": "Lung_L"}) == UNMAPPED


@pytest.mark.parametrize(
    ("name", "standard_name"),
    [
        ("l lung", "Lung_L"),
        ("RLung", "Lung_R"),
        ("RIGHT_LUNG", "Lung_R"),
        ("ptv 5040", "PTV_5040"),
        ("PTV4500", "PTV_4500"),
    ],
)
def test_a_pattern_that_describes_the_whole_name_gives_one_from_its_groups(name: str, standard_name: str) -> None:
    assert named(name, patterns=[LUNG, PTV]) == mapped(standard_name)


@pytest.mark.parametrize("name", ["l lungs", "the l lung", "ptv 50400", "ptv 5040 opt", "", "\n", "ptv 5040\nx"])
def test_a_pattern_that_describes_a_part_of_the_name_gives_none(name: str) -> None:
    assert named(name, patterns=[LUNG, PTV]) == UNMAPPED


def test_exact_names_go_before_ignored_ones_those_before_patterns_and_of_these_the_first_counts() -> None:
    keys: dict[str, Any] = {
        "exact": {"couch heart": "Heart"},
        "ignore": ["couch.*", "zz.*"],
        "patterns": [{"match": ".*heart", "name": "Heart"}, {"match": "h.*", "name": "Liver"}],
    }
    assert named("Couch Heart", **keys) == mapped("Heart")
    assert named("couch 2 heart", **keys) == IGNORED
    assert named("ZZheart", **keys) == IGNORED
    assert named("heart", **keys) == mapped("Heart")
    assert named("hand", **keys) == mapped("Liver")


def test_many_names_come_back_in_their_order_doubles_included() -> None:
    names = ["x", "l lung", "Heart", "l lung", ""]
    found = standard_names(names, a_map(exact={"heart": "Heart"}, patterns=[LUNG]), match_wholly)
    assert found == [UNMAPPED, mapped("Lung_L"), mapped("Heart"), mapped("Lung_L"), UNMAPPED]


def test_groups_are_put_in_capitals_so_that_case_makes_no_two_names_of_one() -> None:
    level = {"match": "level (?P<level>[iv]+[ab]?)", "name": "LN_Neck_{level}"}
    assert named("Level IIa", patterns=[level]) == named("LEVEL IIA", patterns=[level]) == mapped("LN_Neck_IIA")


@pytest.mark.parametrize(
    ("name", "keys", "said"),
    [
        ("lt lung", {"exact": {"lt lung": "Lung_R"}}, "it speaks of the left side, and Lung_R of the right"),
        ("lt lung", {"exact": {"lt lung": "Lungs"}}, "it speaks of the left side, and Lungs does not"),
        ("lt lung", {"patterns": [{"match": ".*lung", "name": "Lung_R"}]}, "the left side, and Lung_R of the right"),
        ("LTLUNG", {"exact": {"ltlung": "Lung_R"}}, "the left side, and Lung_R of the right"),
        ("rightlung", {"exact": {"rightlung": "Lungs"}}, "the right side, and Lungs does not"),
        ("Lung R", {"patterns": [{"match": "lung.*", "name": "Lungs"}]}, "the right side, and Lungs does not"),
        ("Lung_RUL", {"exact": {"lung_rul": "Lung_LUL"}}, "the right side, and Lung_LUL of the left"),
        ("Lungs L+R", {"exact": {"lungs l+r": "Lung_L"}}, "the left and the right side, and Lung_L of the left"),
        ("PTV_L 5040", {"patterns": [{"match": r"ptv.*?(?P<d>\d+)", "name": "PTV_{d}"}]}, "PTV_5040 does not"),
        ("both lung", {"patterns": [{"match": "(?P<side>both) lung", "name": "Lung_{side}"}]}, "'both' says no side"),
        ("lung", {"patterns": [{"match": "(?:(?P<side>l) )?lung", "name": "Lung_{side}"}]}, "'' says no side"),
        ("ptv boosted", {"patterns": [{"match": "ptv (?P<x>.*)", "name": "PTV_{x}_{x}"}]}, "16 are the most"),
        ("ptv a/b", {"patterns": [{"match": "ptv (?P<x>.*)", "name": "PTV_{x}"}]}, "'/' cannot stand in a name"),
        ("ptv", {"patterns": [{"match": "ptv(?P<x> .*)?", "name": "PTV_{x}"}]}, "an underscore separates two parts"),
    ],
)
def test_what_would_turn_or_lose_a_side_or_break_a_rule_is_a_conflict_and_no_name(
    name: str, keys: dict[str, Any], said: str
) -> None:
    found = named(name, **keys)
    assert (found.state, found.standard_name) == ("conflict", None)
    assert said in found.reason


def test_both_sides_fit_a_name_of_none() -> None:
    assert named("Lung L + R", exact={"lung l + r": "Lungs"}) == mapped("Lungs")


def test_a_name_that_tells_no_side_may_be_given_one_by_a_person() -> None:
    assert named("LV", exact={"LV": "Ventricle_L"}) == mapped("Ventricle_L")
    assert named("VB L 1", exact={"VB L 1": "VB_L1"}) == mapped("VB_L1")


names = st.builds(
    lambda words, separator: separator.join(words),
    st.lists(st.sampled_from((*LEFT, *RIGHT, *ORGANS, "ptv", "5040", "L5", "of", "+")), min_size=1, max_size=4),
    st.sampled_from((" ", "_", "-", ".")),
) | st.text(max_size=30)


@settings(max_examples=150, deadline=None)
@given(name=names, standard_name=st.sampled_from(STANDARD), by_pattern=st.booleans())
def test_no_map_ever_turns_or_loses_a_side(name: str, standard_name: str, by_pattern: bool) -> None:
    keys: dict[str, Any] = (
        {"patterns": [{"match": "(?s:.*)", "name": standard_name}]} if by_pattern else {"exact": {name: standard_name}}
    )
    found = named(name, **keys)
    assert found.standard_name in {standard_name, None}
    if found.standard_name is not None:
        told, kept = told_sides(name), told_sides(found.standard_name)
        assert not told or told == kept or (len(told) == 2 and not kept)


@settings(max_examples=100, deadline=None)
@given(
    left=st.sampled_from(LEFT),
    organ=st.sampled_from(ORGANS),
    separator=st.sampled_from((" ", "_", "-")),
    side_first=st.booleans(),
    standard_name=st.sampled_from(STANDARD),
)
def test_a_left_organ_is_never_given_a_name_that_is_not_left(
    left: str,
    organ: str,
    separator: str,
    side_first: bool,
    standard_name: str,
) -> None:
    """The answer by hand: of these names those that are left."""
    name = separator.join((left, organ) if side_first else (organ, left))
    found = named(name, exact={name: standard_name})
    of_the_left = {"Lung_L", "Kidney_L", "A_LAD", "PTV_Breast_L"}
    assert found.standard_name == (standard_name if standard_name in of_the_left else None)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_whatever_a_name_holds_what_it_is_given_keeps_the_rules(name: str) -> None:
    anything = {"match": "(?s:(?P<all>.*))", "name": "PTV{all}"}
    found = named(name, patterns=[anything])
    assert found.standard_name is None or broken_rule(found.standard_name) is None


def test_names_longer_than_dicom_allows_are_looked_up_but_not_matched() -> None:
    long = "lung " * 20
    assert len(long.strip()) > LONGEST_MATCHED
    assert named(long, patterns=[{"match": ".*", "name": "Lungs"}]) == UNMAPPED
    assert named(long, exact={long: "Lungs"}) == mapped("Lungs")


@pytest.mark.parametrize(
    ("template", "groups", "said"),
    [
        ("Lung_{side}", ("dose",), r"there is no group \(\?P<side>...\)"),
        ("Lungs", ("side",), "reads a side, which 'Lungs' would lose"),
        ("lung_{side}", ("side",), "each part begins with a capital letter"),
        ("{side}_Lung", ("side",), "the side comes last"),
        ("PTV_{dose", ("dose",), "cannot stand in a name"),
        ("PTV_{dose!r}", ("dose",), "cannot stand in a name"),
        ("PTV_{0.__class__}", (), "cannot stand in a name"),
        ("Glnd_Submandibular_{side}", ("side",), "16 are the most"),
    ],
)
def test_a_pattern_that_can_come_to_no_name_is_refused_with_the_rule(
    template: str, groups: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        require_template(template, groups)


@pytest.mark.parametrize("template", ["Lung_{side}", "PTV_{dose}", "Lungs-{kind}", "{kind}_{dose}", "VB_{level}"])
def test_a_pattern_that_can_come_to_a_name_is_taken(template: str) -> None:
    require_template(template, ("side", "dose", "kind", "level") if "side" in template else ("dose", "kind", "level"))


def test_a_map_tells_what_in_it_is_doubtful_and_is_taken_all_the_same() -> None:
    doubtful = a_map(
        exact={"lt lung": "Lung_R", "hart": "Hart", "heart": "Heart"},
        patterns=[LUNG, {"match": "lnug (?P<side>.*)", "name": "Lnug_{side}"}],
    )
    assert doubts_of(doubtful) == (
        "exact: 'lt lung': it speaks of the left side, and Lung_R of the right",
        "Hart is not in our list of TG-263 names",
        "Lnug is not in our list of TG-263 names",
    )


@pytest.mark.parametrize(
    ("text", "side"),
    [("lt", "left"), ("R", "right"), ("Left.", "left"), ("_r", "right"), ("li", "left"), ("dex", "right"), ("", None)],
)
def test_where_only_a_side_can_stand_short_words_are_one(text: str, side: str | None) -> None:
    assert side_meant(text) == side


def test_arteries_and_lobes_that_say_their_side_agree_with_names_that_write_it() -> None:
    assert side_lost("Left anterior descending", "A_LAD") is None
    assert side_lost("LAD", "A_LAD") is None
    assert side_lost("left upper lobe", "Lung_LUL") is None
    assert side_lost("RCA", "A_Coronary_L") is not None


@pytest.mark.parametrize("name", ["LLung", "LFemoralHead", "Lung_\uff2c", "Lung LFT"])
def test_a_capital_before_a_word_a_wide_letter_and_lft_are_sides(name: str) -> None:
    assert told_sides(name) == {"left"}


@pytest.mark.parametrize("name", ["LNs", "RTstruct", "LNodes", "LAV", "Liver", "Rectum"])
def test_what_only_looks_like_a_side_at_the_start_is_none(name: str) -> None:
    assert not told_sides(name)
