"""The words of a ROI's name, as people and planning systems write it.

What lives here: how a name falls into words. What does not: what the words mean (`roi_kind`, `laterality`).
"""

from __future__ import annotations

import re
from itertools import pairwise

_RUN = re.compile(r"[^\W_]+")
_ARTICLE = re.compile(r"(?<![^\W_])[ld]['\u2019](?=[^\W_])", re.IGNORECASE)
"""`L'oeil`: the French article is no word."""
_LITRES = re.compile(r"(?:^|\d)[mdc]L$")


def name_words(name: str) -> tuple[str, ...]:
    """Return the words of a name, case aside: `RtParotid` is (rt, parotid), `Lung_L` (lung, l), `L-5 mm` (l, 5, mm).

    Anything but letters and digits separates words, and so does a capital letter after a small one, but for `30mL`. A
    digit does not: `L5` is one word. An article with its apostrophe is left out: `L'oeil droit` is (oeil, droit).
    """
    return tuple(word.casefold() for run in _RUN.findall(_ARTICLE.sub("", name)) for word in _at_capitals(run))


def _at_capitals(run: str) -> list[str]:
    if _LITRES.search(run):
        return [run]
    starts = [0, *(at for at in range(1, len(run)) if run[at - 1].islower() and run[at].isupper()), len(run)]
    return [run[start:end] for start, end in pairwise(starts)]
