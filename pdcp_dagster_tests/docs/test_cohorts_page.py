"""The page on cohort files tells the truth: its files load, its defaults are the defaults, its rule runs."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

import pdcp_dagster
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.quality import CHECKS
from pdcp_dagster.domain.study_selection_rules import PLAIN_RULES

PAGE = (Path(__file__).parents[2] / "docs" / "cohorts.md").read_text(encoding="utf-8")
FILES = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


def test_every_cohort_file_of_the_page_is_one() -> None:
    assert len(FILES) >= 4
    for content in FILES:
        Cohort.model_validate(content)


def test_the_first_one_shows_every_key_with_its_default() -> None:
    shown = FILES[0]
    assert set(shown) == set(Cohort.model_fields)
    assert Cohort.model_validate(shown) == Cohort(name="breast")


def test_every_rule_for_several_studies_is_told_of() -> None:
    for rule in (*PLAIN_RULES, "description_prefers", "closest_to"):
        assert rule in PAGE


def test_every_quality_check_is_told_of_with_its_asset_and_severity() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (\w+) \|", PAGE, re.MULTILINE)
    assert rows == [(check.name, check.asset, check.severity) for check in CHECKS.values()]


def test_the_rule_of_ones_own_on_the_page_works() -> None:
    (source,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    module: dict[str, Any] = {}
    exec(source, module)  # noqa: S102 # the page's own example
    rule = module["adults_only"]

    def summary(born: dt.date | None) -> pd.DataFrame:
        return pd.DataFrame({"patient_birth_date": [born], "study_date": [dt.date(2020, 1, 1)]})

    assert rule(summary(dt.date(1960, 1, 1))) is None
    assert rule(summary(dt.date(2010, 1, 1))) == pdcp_dagster.Exclude("under 18 at the time of the study")
    assert isinstance(rule(summary(None)), pdcp_dagster.Review)
