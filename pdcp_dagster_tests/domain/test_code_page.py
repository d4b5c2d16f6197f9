"""The page of all codes is made from the registry."""

from __future__ import annotations

from pathlib import Path

from pdcp_dagster.domain.code_page import codes_page
from pdcp_dagster.domain.code_registry import CODES, LEGACY_ONLY, UNDECIDED

PAGE = Path(__file__).parents[2] / "docs" / "codes.md"


def test_the_page_in_docs_is_the_registrys() -> None:
    assert PAGE.read_text(encoding="utf-8") == codes_page(), "run `make docs`"


def test_every_code_has_one_row_with_its_meaning_and_what_to_do() -> None:
    rows = [line for line in codes_page().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == list(CODES)
    for row in rows:
        entry = CODES[row.split("`")[1]]
        assert entry.meaning in row
        assert len(row.split(" | ")) == 5
        assert ("legacy export only" in row.split(" | ")[2]) == (entry.code in LEGACY_ONLY)
        assert ("nothing is prepared" in row) == (entry.code in UNDECIDED)
