"""A cohort's own rules: found by import path, or told in one line why not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from pdcp_dagster import Exclude, Review
from pdcp_dagster.adapters.own_rules import OwnRuleNotFound, load_rule

WriteModule = Callable[[str, str], str]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteModule:
    """Write a module where Python looks for modules: `module("rules_a", "text")` returns its name."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name: str, text: str) -> str:
        path = tmp_path.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return name

    return write


def test_a_rule_is_the_function_that_the_path_names(module: WriteModule) -> None:
    text = (
        "from pdcp_dagster import Exclude, Review\n"
        "def no_pelvis(summary):\n    return Exclude('a pelvis', '1.2')\n"
        "def a_look(summary):\n    return [Review(f'{len(summary)} rows')]\n"
    )
    name = module("own.breast_rules", text)
    assert load_rule(f"{name}:no_pelvis")(pd.DataFrame()) == Exclude("a pelvis", "1.2")
    assert load_rule(f"{name}:a_look")(pd.DataFrame({"a": [1, 2]})) == [Review("2 rows")]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("rules_that_nobody_wrote:rule", "there is no module rules_that_nobody_wrote"),
        ("rules_that_nobody_wrote.below:rule", "PYTHONPATH"),
        ("json.nothing:rule", "there is no module json.nothing"),
        ("math:nothing", "the module has no function nothing"),
        ("math:pi", "the module has no function pi"),
    ],
)
def test_a_rule_that_is_not_there_is_told_in_one_line(path: str, said: str) -> None:
    with pytest.raises(OwnRuleNotFound) as caught:
        load_rule(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import something_not_installed", "No module named 'something_not_installed'"),
        ("def rule(:", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise RuntimeError('two\\nlines')", "RuntimeError: two lines"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
    ],
)
def test_a_module_that_breaks_is_told_in_one_line_with_its_own_error(module: WriteModule, text: str, said: str) -> None:
    name = module("rules_that_break", text)
    with pytest.raises(OwnRuleNotFound) as caught:
        load_rule(f"{name}:rule")
    assert f"{name}:rule: the module cannot be imported: " in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_rule_that_was_put_right_is_found_without_a_new_process(module: WriteModule) -> None:
    with pytest.raises(OwnRuleNotFound):
        load_rule("rules_written_later:rule")
    module("rules_written_later", "def rule(summary):\n    return None\n")
    assert load_rule("rules_written_later:rule")(pd.DataFrame()) is None
