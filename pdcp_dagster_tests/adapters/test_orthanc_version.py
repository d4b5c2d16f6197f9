"""Versions of Orthanc, and what follows from them."""

from __future__ import annotations

import pytest

from pdcp_dagster.adapters.orthanc.version import deflates_on_the_fly, parse_version


def test_versions_are_ordered_by_their_numbers_and_what_has_none_is_the_newest() -> None:
    texts = ["1.10.0", "1.10.1", "1.11.3", "1.12", "1.12.1", "1.12.2", "1.12.10", "1.13.0", "2.0", "mainline"]
    assert [parse_version(text) for text in texts] == sorted(map(parse_version, texts))
    assert parse_version("1.12.10") == (1, 12, 10)
    assert parse_version(" 1.12.3-rc1 ") == (1, 12, 3)
    assert parse_version("") == parse_version("mainline-5f2c") == parse_version("٣.1")
    assert parse_version("1" * 5000) == (111_111_111,)


@pytest.mark.parametrize(
    ("text", "expected"), [("1.10.1", True), ("1.12.1", True), ("1.12.2", False), ("mainline", False)]
)
def test_files_are_deflated_on_the_fly_before_1_12_2_only(text: str, expected: bool) -> None:
    assert deflates_on_the_fly(parse_version(text)) is expected
