"""The developer's guide names what there is: modules, files, and things in them."""

from __future__ import annotations

import importlib
import re
from importlib.util import find_spec

import pytest

from pdcp_dagster.stages.chain import STAGES
from pdcp_dagster_tests.docs.pages import PROJECT, pages, text_of, without_fences

PAGE = without_fences("docs/developers-guide.md")
_MODULE = re.compile(r"`(pdcp_dagster(?:\.\w+)+)`")
_FILE = re.compile(r"`((?:pdcp_dagster(?:_tests)?|docs|deploy|cohorts|\.ci)/[\w./-]*|[\w./-]+\.(?:py|cfg|toml|txt))`")
_NAMED_IN = {
    "pdcp_dagster.stages.chain": ("STAGES", "run_patient"),
    "pdcp_dagster.stages.inputs": ("CONFIGURED_BY",),
    "pdcp_dagster.adapters.store.layout": ("PATIENT_FILES",),
    "pdcp_dagster.stages.outcome": ("Kept",),
    "pdcp_dagster.domain.codes": ("Finding",),
    "pdcp_dagster": ("Exclude", "Review"),
}
"""What the page says is in a module."""


def test_every_module_that_a_page_names_is_there() -> None:
    for page in pages():
        for module in _MODULE.findall(text_of(page)):
            assert find_spec(module) is not None, f"{page}: {module}"


@pytest.mark.parametrize("module", _NAMED_IN)
def test_what_the_guide_names_in_a_module_is_in_it(module: str) -> None:
    loaded = importlib.import_module(module)
    for name in _NAMED_IN[module]:
        assert f"`{name}" in PAGE
        assert hasattr(loaded, name)


def test_every_stage_of_the_chain_lives_in_a_module_that_the_guide_names() -> None:
    named = set(_MODULE.findall(PAGE))
    assert {stage.run.__module__ for stage in STAGES} <= named


def test_every_file_that_the_guide_names_is_there() -> None:
    files = set(_FILE.findall(PAGE)) - {"my_assets.py"}
    assert len(files) > 10
    folders = (PROJECT, PROJECT / "pdcp_dagster", PROJECT / "pdcp_dagster_tests" / "domain")
    for file in files:
        assert any((folder / file).exists() for folder in folders), file


def test_every_floor_of_the_contract_is_in_the_guides_table() -> None:
    layers = re.search(r"layers =\n((?: +pdcp_dagster.*\n)+)", (PROJECT / "setup.cfg").read_text())
    assert layers is not None
    rows = [line for line in PAGE.splitlines() if re.match(r"\| \d \|", line)]
    floors = re.findall(r"pdcp_dagster\.(\w+)", layers[1])
    shown = " ".join(row.split("|")[2] for row in rows)
    assert len(floors) > 5
    for floor in floors:
        assert f"`{floor}" in shown
