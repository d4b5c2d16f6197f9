"""The page on structure names tells the truth: its map is one, its names come to what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from pdcp_dagster.adapters.structure_names import match_wholly, read_structure_names
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.name_sides import told_sides
from pdcp_dagster.domain.structure_names import STATES, StructureNameMap, standard_names
from pdcp_dagster.domain.tg263 import broken_rule

PAGE = (Path(__file__).parents[2] / "docs" / "structure-names.md").read_text(encoding="utf-8")
COHORT, MAP = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def of_page(tmp_path: Path) -> StructureNameMap:
    """The page's map, read as a file."""
    path = tmp_path / "breast.yaml"
    path.write_text(MAP, encoding="utf-8")
    return read_structure_names(path)


def test_its_cohort_file_names_a_map() -> None:
    assert Cohort.model_validate(yaml.safe_load(COHORT)).structure_names == "structure_names/breast.yaml"


def test_its_map_gives_the_names_that_it_says(of_page: StructureNameMap) -> None:
    names = ["HEART", "Lt  Lung", "LUNG", "R_Lung", "ptv 5040", "Couch top", "zz1"]
    found = standard_names(names, of_page, match_wholly)
    assert [each.standard_name for each in found] == ["Heart", "Lung_L", None, "Lung_R", "PTV_5040", None, None]
    assert [each.state for each in found][-2:] == ["ignored", "ignored"]


@pytest.mark.parametrize(
    "name", ["Femur_Head_L", "OpticNrv_PRV03_L", "Lung~_L", "Lungs^Ex", "GTVp1", "PTV_5040", "PTV_50.4Gy"]
)
def test_the_names_that_it_shows_keep_the_rules(name: str) -> None:
    assert f"`{name}`" in PAGE
    assert broken_rule(name) is None


def test_what_it_says_of_sides_is_so() -> None:
    assert told_sides("LTLUNG") == {"left"}
    assert told_sides("lkidney") == told_sides("LV") == frozenset()
    assert told_sides("GTV_R") == told_sides("RUL") == {"right"}
    assert told_sides("Lungs L+R") == {"left", "right"}


def test_every_state_is_told_of() -> None:
    for state in STATES:
        assert f"| {state} |" in PAGE
