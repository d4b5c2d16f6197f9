"""Files of maps to standard names: what is wrong is told by file and key, and no expression takes for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pdcp_dagster.adapters.structure_names import (
    ExpressionError,
    StructureNamesError,
    group_names,
    match_wholly,
    read_structure_names,
)
from pdcp_dagster.domain.structure_names import doubts_of, standard_names

COMMON = Path(__file__).parents[2] / "cohorts" / "structure_names" / "common.yaml"


def a_file(folder: Path, content: Any) -> Path:
    path = folder / "map.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return path


def test_a_map_is_read_with_its_exact_names_by_their_key_and_its_patterns_in_order(tmp_path: Path) -> None:
    found = read_structure_names(
        a_file(
            tmp_path,
            'version: "breast names 3"\nexact: {Heart: Heart, "Lt  Lung": Lung_L}\npatterns:\n'
            '  - {match: "(?P<side>l|r)[ _]?lung", name: "Lung_{side}"}\n'
            '  - {match: "ptv[ _]?(?P<dose>\\\\d{4})", name: "PTV_{dose}"}\nignore: ["couch.*"]\n',
        )
    )
    assert found.version == "breast names 3"
    assert found.exact == {"heart": "Heart", "lt lung": "Lung_L"}
    assert [pattern.name for pattern in found.patterns] == ["Lung_{side}", "PTV_{dose}"]
    assert found.ignore == ("couch.*",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("- a list", "expected keys and values, the first being 'version: ...'"),
        ("version: [", "while parsing"),
        ({"exact": {}}, "version: is required"),
        ({"version": 3}, "version: input should be a valid string"),
        ({"version": " "}, "version: string should match pattern"),
        ({"version": "1", "exakt": {}}, "exakt: there is no such key"),
        ({"version": "1", "exact": {1: "Heart"}}, "exact.1.[key]: input should be a valid string"),
        ({"version": "1", "exact": {"Heart": "Heart", " HEART": "Heart"}}, "exact: 'heart' is there twice"),
        ({"version": "1", "exact": {"l": "L_Lung"}}, "exact: 'l': 'L_Lung' is no name by TG-263: the side comes last"),
        ("version: '1'\nexact: {a: Heart, a: Liver}", "a: given twice in the section at line 2"),
        ({"version": "1", "patterns": [{"match": "a"}]}, "patterns.0.name: is required"),
        (
            {"version": "1", "patterns": [{"match": "(a", "name": "A"}]},
            "patterns.0.match: no regular expression (RE2's)",
        ),
        ({"version": "1", "patterns": [{"match": "a)|(b", "name": "A"}]}, "patterns.0.match: no regular expression"),
        ({"version": "1", "patterns": [{"match": r"(?P<a>.)\1", "name": "A"}]}, "patterns.0.match: no regular"),
        ({"version": "1", "patterns": [{"match": "(?=a)b", "name": "A"}]}, "patterns.0.match: no regular expression"),
        (
            {"version": "1", "patterns": [{"match": "(l|r) lung", "name": "A"}]},
            "patterns.0.match: a group without a name",
        ),
        ({"version": "1", "patterns": [{"match": "(?P<a>l)(?P<a>r)", "name": "A"}]}, "two groups are called a"),
        ({"version": "1", "patterns": [{"match": "a", "name": "A_{side}"}]}, "patterns.0.name: there is no group"),
        (
            {"version": "1", "patterns": [{"match": "(?P<side>l) lung", "name": "Lung"}]},
            "patterns.0.name: the expression",
        ),
        ({"version": "1", "patterns": [{"match": "a" * 301, "name": "A"}]}, "at most 300 characters"),
        ({"version": "1", "ignore": ["ok", "(a"]}, "ignore.1: no regular expression"),
        ({"version": "1", "ignore": [r"\Qab"]}, "ignore.0: no regular expression"),
        ({"version": "1", "ignore": ["((a{100}){100}){100}"]}, "ignore.0: "),
    ],
)
def test_what_is_wrong_in_a_map_is_told_in_one_line_with_file_and_key(tmp_path: Path, content: Any, said: str) -> None:
    path = a_file(tmp_path, content)
    with pytest.raises(StructureNamesError) as caught:
        read_structure_names(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_map_that_is_not_there_is_no_empty_map(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(StructureNamesError, match="cannot be read"):
            read_structure_names(path)


@pytest.mark.parametrize(
    "expression",
    ["(?:a+)+b", "(?:a|a)*b", "(?:a|aa)+b", "(?:.*a){20}b", "(?:(?:a*)*)*b", "a?a?a?a?a?a?a?a?a?a?" * 3 + "a{30}b"],
)
def test_an_expression_that_others_would_try_for_years_is_done_at_once(expression: str) -> None:
    """2^64 ways, each tried, would let nobody see the end of this test."""
    assert match_wholly(expression, ["a" * 64] * 60) == [None] * 60


def test_names_are_matched_wholly_case_aside_and_a_group_that_took_no_part_is_empty() -> None:
    found = match_wholly("(?P<side>l|r)? ?lung", ["L Lung", "lung", "lungs", "a lung", "lung\n"])
    assert [each and each["side"] for each in found] == ["L", "", None, None, None]
    assert match_wholly("a", []) == []


def test_names_that_no_text_should_hold_are_matched_like_any_other() -> None:
    assert [each is not None for each in match_wholly("(?s:.*)", ["\0", "\udc80", "\U0001f600", ""])] == [True] * 4


def test_groups_are_told_in_their_order() -> None:
    assert group_names("(?P<side>l|r)[ (]lung(?:[)])(?P<dose>\\d)") == ("side", "dose")
    assert group_names("lung") == ()
    with pytest.raises(ExpressionError):
        group_names("lung\udc80")


def test_the_map_to_start_from_has_nothing_doubtful_and_names_what_people_write() -> None:
    common = read_structure_names(COMMON)
    assert doubts_of(common) == ()
    expected = {
        "Lt Lung": "Lung_L", "LUNG_R": "Lung_R", "Lungs": "Lungs", "lung total": "Lungs", "lung L+R": "Lungs",
        "lungs-PTV": "Lungs-PTV", "Heart": "Heart", "LAD": "A_LAD", "Left Breast": "Breast_L", "BODY": "Body",
        "Chest Wall R": "Chestwall_R", "Oesophagus": "Esophagus", "Spinal Cord": "SpinalCord",
        "cord prv 5mm": "SpinalCord_PRV05", "Brain Stem": "Brainstem", "Optic Nerve L": "OpticNrv_L",
        "rt lens": "Lens_R", "parotid gland left": "Parotid_L", "Lt Kidney": "Kidney_L", "Bowel Bag": "Bowel_Bag",
        "Femoral Head_R": "Femur_Head_R", "Tumor Bed": "SurgicalBed", "PTV": "PTV", "ptv_5040": "PTV_5040",
        "PTV 50Gy": "PTV_50Gy", "CTV n1": "CTVn1", "PTV_Breast_L": "PTV_Breast_L",
        "couch": None, "zPTVopt": None, "PTV_opt": None, "Unknown_structure__3_": None, "95%": None, "Ring 2": None,
        "Testis": None, "Lt Lung - R Lung": None, "PTV_R": None,
    }  # fmt: skip
    found = standard_names(list(expected), common, match_wholly)
    assert {name: each.standard_name for name, each in zip(expected, found, strict=True)} == expected
    ignored = [name for name, each in zip(expected, found, strict=True) if each.state == "ignored"]
    assert ignored == ["couch", "zPTVopt", "PTV_opt", "Unknown_structure__3_", "95%", "Ring 2"]


def test_the_map_to_start_from_names_both_sides_alike() -> None:
    common = read_structure_names(COMMON)
    lefts = ("l lung", "Lung L", "Lt Breast", "Left Ventricle", "Optic nerve l", "lt cochlea", "Kidney_L")
    rights = ("r lung", "Lung R", "Rt Breast", "Right Ventricle", "Optic nerve r", "rt cochlea", "Kidney_R")
    left, right = (standard_names(names, common, match_wholly) for names in (lefts, rights))
    for one, other in zip(left, right, strict=True):
        assert one.standard_name
        assert other.standard_name == f"{one.standard_name.removesuffix('L')}R"
