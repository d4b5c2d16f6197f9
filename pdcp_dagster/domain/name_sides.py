"""The side that a structure's name speaks of, which may not be lost or turned on the way to a standard name.

What lives here: the words for left and right, and when two names agree. What does not: whether a ROI lies where its
name says (`laterality`), which must be surer of a word: here a doubtful one only leaves the name to a person.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from pdcp_dagster.domain.laterality import sides_in
from pdcp_dagster.domain.roi_name import name_words

if TYPE_CHECKING:
    from pdcp_dagster.domain.laterality import Side

_LEFT_WORDS = frozenset({
    "lft", "links", "linker", "linke", "linkes", "gauche", "izquierdo", "izquierda", "izq", "esquerdo", "esquerda",
    "sinistro", "sinistra", "sinister",
})  # fmt: skip
_RIGHT_WORDS = frozenset({
    "rgt", "rechts", "rechter", "rechte", "rechtes", "droit", "droite", "derecho", "derecha", "direito", "direita",
    "destro", "destra", "dexter",
})  # fmt: skip
"""Words of other languages that mean nothing else."""
_LEFT_PARTS = frozenset({"lad", "lcx", "lmca", "lul", "lll"})
_RIGHT_PARTS = frozenset({"rca", "rul", "rml", "rll"})
"""Coronary arteries and lobes of the lung that say their side by themselves, in standard names too (`A_LAD`)."""
_LEFT_BEGINS = re.compile(r"left(?!over)\w|lt[a-z]{3}")
_RIGHT_BEGINS = re.compile(r"right\w|rt(?!og|struct|plan|dose)[a-z]{3}")
"""`LTLUNG`, `rightkidney`: written in one."""
_LETTER_FIRST = re.compile(r"(?<![^\W_])([LR])(?!T(?:struct|dose|plan|og)|N(?:s|od))(?=[A-Z][a-z])")
"""`RLung`, `LFemoralHead`: a capital before another word's."""
_LEFT_SHORT = frozenset({"l", "lt", "lft", "left", "li", "sin", "g"})
_RIGHT_SHORT = frozenset({"r", "rt", "rgt", "right", "re", "dex", "dx", "d"})
"""What says a side where a person wrote that here one stands, and may mean anything elsewhere."""
LETTER_OF: dict[Side, str] = {"left": "L", "right": "R"}
_OF_LETTER: dict[str, Side] = {"L": "left", "R": "right"}


def told_sides(name: str) -> frozenset[Side]:
    """Return the sides that a ROI's name, or a standard name, speaks of: none, one or both."""
    name = unicodedata.normalize("NFKC", name)
    words = set(name_words(name))
    found = set(sides_in(name)) | {_OF_LETTER[letter] for letter in _LETTER_FIRST.findall(name)}
    if words & (_LEFT_WORDS | _LEFT_PARTS) or any(map(_LEFT_BEGINS.match, words)):
        found.add("left")
    if words & (_RIGHT_WORDS | _RIGHT_PARTS) or any(map(_RIGHT_BEGINS.match, words)):
        found.add("right")
    return frozenset(found)


def side_meant(text: str) -> Side | None:
    """Return the side that a word stands for where it can only be a side: `lt`, `R`, `links`; None for no such word."""
    word = text.strip(" ._-").casefold()
    if word in _LEFT_SHORT | _LEFT_WORDS:
        return "left"
    return "right" if word in _RIGHT_SHORT | _RIGHT_WORDS else None


def side_lost(name: str, standard_name: str) -> str | None:
    """Say how a standard name would lose or turn a side of a ROI's name; None where it does not.

    A name of both sides (`Lungs L+R`) fits one of no side; a name of no side fits any.
    """
    told, kept = told_sides(name), told_sides(standard_name)
    if not told or told == kept or (len(told) > 1 and not kept):
        return None
    spoken = " and the ".join(sorted(told))
    if not kept:
        return f"it speaks of the {spoken} side, and {standard_name} does not"
    return f"it speaks of the {spoken} side, and {standard_name} of the {' and the '.join(sorted(kept))}"
