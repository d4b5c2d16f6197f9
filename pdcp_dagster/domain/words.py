"""Words in descriptions and names that people typed, and in sentences about them.

What lives here: whole words and substrings, case aside; a few of many texts; a number beside its limit. What does not:
which words a cohort looks for (`cohort`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WORD = re.compile(r"[^\W_]+")
_DIGITS = "0123456789"
_SHOWN = 5
_MOST_DIGITS = 6
_ROUNDING = 1e-9


def word_in(words: Iterable[str], text: str | None) -> str | None:
    """Return the first of `words` that `text` contains as a whole word, case aside; None where none is.

    Anything but letters and digits separates words, an underscore too; a number at the end of a word does not count, so
    that "Catphan600" contains "Catphan" and "ahead" does not contain "head".
    """
    there = _split(text or "")
    for word in words:
        wanted = _split(word)
        for start in range(len(there) - len(wanted) + 1):
            part = there[start : start + len(wanted)]
            if wanted and part[:-1] == wanted[:-1] and wanted[-1] in {part[-1], part[-1].rstrip(_DIGITS)}:
                return word
    return None


def substring_in(words: Iterable[str], text: str | None) -> str | None:
    """Return the first of `words` that `text` contains anywhere, case aside; None where none is."""
    there = (text or "").casefold()
    return next((word for word in words if word.casefold() in there), None)


def told_apart(value: float, limit: float | None, digits: int) -> str:
    """Return a number with as many digits after the point, and more where it would else read like its limit.

    A value that is the limit, but for 1e-9, keeps its digits.
    """
    texts = [f"{value:.{more}f}" for more in range(digits, _MOST_DIGITS + 1)]
    if limit is None or abs(value - limit) <= _ROUNDING:
        return texts[0]
    return next((text for text in texts if abs(float(text) - limit) > _ROUNDING), texts[-1])


def _split(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def some(texts: Sequence[str]) -> str:
    """Return the first few of many texts, and how many more there are."""
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
