"""Words that people typed into descriptions."""

from __future__ import annotations

import pytest

from pdcp_dagster.domain.words import substring_in, word_in


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
