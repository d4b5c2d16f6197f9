"""The page on faults promises nothing that is not tested: every row names a test, and every test there is."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "faults.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("|") and not line.startswith(("|---", "| what happens"))]
NAMED = re.compile(r"\| `([a-z_]+/test_[a-z0-9_]+\.py)::(test_[a-z0-9_]+)` \|$")


def test_every_row_has_its_five_cells_and_names_a_test_that_there_is() -> None:
    assert len(ROWS) > 20
    for row in ROWS:
        assert len(row.strip("|").split("|")) == 5, row
        named = NAMED.search(row)
        assert named is not None, row
        file, test = named.groups()
        assert f"\ndef {test}(" in (TESTS / file).read_text(encoding="utf-8"), row


def test_every_fault_test_of_the_chain_is_told_of() -> None:
    for file in sorted((TESTS / "faults").glob("test_*.py")):
        if file.name == "test_proxy.py":  # the means, no fault of its own
            continue
        for test in re.findall(r"^def (test_\w+)\(", file.read_text(encoding="utf-8"), re.MULTILINE):
            assert f"`faults/{file.name}::{test}`" in PAGE
