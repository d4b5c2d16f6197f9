"""Words that people typed into descriptions, and numbers beside their limits."""

from __future__ import annotations

import pytest

from pdcp_dagster.domain.words import substring_in, told_apart, word_in


@pytest.mark.parametrize(
    ("words", "text", "found"),
    [
        (["head"], "Breast - ahead of surgery", None),
        (["head"], "HEAD and neck", "head"),
        (["QA"], "plan_qa", "QA"),
        (["Catphan"], "CATPHAN600 axial", "Catphan"),
        (["Delta4"], "delta4", "Delta4"),
        (["Delta4"], "delta", None),
        (["head neck"], "Head/Neck 2", "head neck"),
        (["head neck"], "neck head", None),
        (["tête"], "TÊTE", "tête"),
        (["--", ""], "-- ", None),
        (["head"], None, None),
        ([], "head", None),
    ],
)
def test_whole_words_are_found_case_aside(words: list[str], text: str | None, found: str | None) -> None:
    assert word_in(words, text) == found


def test_substrings_are_found_anywhere() -> None:
    assert substring_in(["Head"], "Breast - ahead of surgery") == "Head"
    assert substring_in(["neck"], "Breast") is None
    assert substring_in(["neck"], None) is None


@pytest.mark.parametrize(
    ("value", "limit", "text"),
    [
        (89.94, 90.0, "89.9"),
        (89.96, 90.0, "89.96"),
        (89.998, 90.0, "89.998"),
        (90.0, 90.0, "90.0"),
        (100 * (1 - 0.995), 0.5, "0.5"),
        (89.998, None, "90.0"),
        (90.0 - 1e-7, 90.0, "90.000000"),  # there is an end
    ],
)
def test_a_number_has_the_digits_that_tell_it_from_its_limit(value: float, limit: float | None, text: str) -> None:
    assert told_apart(value, limit, 1) == text
