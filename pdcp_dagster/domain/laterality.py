"""Whether what is named left lies left.

What lives here: which side a ROI's name speaks of, and what its place says against it. What does not: where a ROI lies
(`contours`), or which ROI is the patient's outline (`roi_kind`).

Patient coordinates are anatomical (PS3.3 C.7.6.2.1.1): x grows towards the patient's left whichever way the patient
lies, so the rule needs no patient position. Only centroids are compared: a target may reach across the middle.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pdcp_dagster.domain.roi_name import name_words

if TYPE_CHECKING:
    from collections.abc import Sequence

Side = Literal["left", "right"]

MIDLINE_MARGIN_MM = 20.0
"""How far beyond the outline's middle a centroid must lie to be on the wrong side.

A cut field of view, raised arms and soft tissue move the outline's middle by a centimetre or so, and paired organs near
the midline (vocal cords, optic nerves, seminal vesicles) lie within two. Parotids, kidneys, lungs, breasts and femoral
heads lie 4 to 10 cm from it, so that a wrong name still shows.
"""
PAIR_TOLERANCE_MM = 1.0
"""Of a pair nothing but the order counts; less than the rounding of contours is no order."""
MISMATCH = "laterality_mismatch"
NOT_CHECKED = "laterality_not_checked"

_LEFT, _RIGHT = frozenset({"l", "lt", "left"}), frozenset({"r", "rt", "right"})
_SHORT = frozenset({"l", "r", "rt"})
"""Of a target or a lesion these may mean local, recurrent, residual, or radiotherapy, too, ..."""
_LESION = re.compile(r"\w{0,3}[pcgi]tv|boost|tumo|lesion|met(s|a|astas\w*)?$|nod|ln[ns]?$|re[zsc]id|recur")
_PAIRED = (
    "adren", "arm", "axill", "breast", "brst", "buttock", "carotid", "chest", "clavic", "cochlea", "cornea", "ear",
    "eye", "fem", "foot", "glnd", "hand", "hemi", "hip", "humer", "jugul", "kidney", "knee", "lacrim", "leg", "lens",
    "lung", "mamma", "mandib", "masset", "mastoid", "neck", "optic", "orbit", "ovar", "parotid", "plexus", "renal",
    "retina", "rib", "scapul", "shoulder", "subclav", "submand", "temporal", "testi", "thigh", "tonsil", "ureter",
)  # fmt: skip
"""... unless the name speaks of an organ that everybody has two of."""
_LEVEL = re.compile(r"level|niveau|((iii?|iv)[abc]?|[iv][abc])$")
"""`level II L`, `N L II`: lymph node levels are counted, and written, in too many ways."""
_LENGTH = re.compile(r"\d+[cm]m$")
"""`Ring R 2cm` has a radius."""
_BEFORE_RT = frozenset({"pre", "post", "re", "prior", "after", "during"})
"""`post RT` is after radiotherapy."""
_SPINE = ("spin", "vert", "sacr")
"""`L spine` is the lumbar one, `L 5` its last vertebra ..."""
_VERTEBRA = re.compile(r"(spin|vert|sacr|corpus|cauda|canal)|(vb|[hbl]?wk|dis[ck]s?|cord|th?\d{1,2})$")
"""... and so is any lone `l` beside these ..."""
_OTHER_CORD = re.compile(r"vocal|sperm|ear$")
"""... unless they are another cord or canal."""
_ACROSS = ("heart", "cardi", "atri", "ventric", "coronar", "valve", "liver", "hepat", "lobe")
"""Words of organs whose left and right parts lie on one side of the patient, or across the middle."""


@dataclass(frozen=True, slots=True)
class PlacedRoi:
    """A ROI and the x of its centroid, LPS mm."""

    number: int
    name: str
    x_mm: float


@dataclass(frozen=True, slots=True)
class SideCheck:
    """What was found of a ROI whose name speaks of a side: a flag, and for a mismatch where it lies, in words."""

    number: int
    flag: str
    told: str = ""


@dataclass(frozen=True, slots=True)
class _Sided:
    roi: PlacedRoi
    side: Side
    organ: tuple[str, ...]
    certain: bool


def side_in(name: str) -> Side | None:
    """Return the side that a name speaks of: `Lung_L` (TG-263), `Lt Lung`, `RtParotid`; None for `LAD`, `L5`, `L + R`.

    A single letter counts as a word of its own, but `L 5`, `L-spine` and `VB L 1` are vertebrae.
    """
    parted = _parted(name_words(name))
    return parted[0] if parted else None


def sides_in(name: str) -> frozenset[Side]:
    """Return all sides that a name speaks of by the same words: both for `Lung L+R`, none for `L5`."""
    words = name_words(name)
    return frozenset(_side_of(words[at]) for at in _telling(words))


def check_sides(rois: Sequence[PlacedRoi], midline_x_mm: float | None) -> tuple[SideCheck, ...]:
    """Return what the places of the ROIs of one structure set say against their names; nothing for those that fit.

    Where both sides of an organ exist, the left one's centroid must lie further to the left; a swapped pair is two
    mismatches. A ROI without its counterpart is compared with the middle of the patient's outline, `midline_x_mm`, with
    a margin. Where there is neither, or the organ lies across the middle, it is `laterality_not_checked`.

    Where a letter may mean something else (`GTV_R`, the residual; `Stomach RT`) only a counterpart proves that it is a
    side, and only what lies far on the wrong side of it, by the margin on either side of the middle, is told of.
    """
    sided = [found for roi in rois if (found := _sided(roi)) is not None]
    checks = []
    for one in sided:
        others = [other for other in sided if other.organ == one.organ and other.side != one.side]
        checks.append(_against_pair(one, others) if others else _against_midline(one, midline_x_mm))
    return tuple(check for check in checks if check is not None)


def _sided(roi: PlacedRoi) -> _Sided | None:
    parted = _parted(name_words(roi.name))
    if parted is None:
        return None
    side, organ, word = parted
    odd = any(_LESION.match(part) or _LEVEL.match(part) or _LENGTH.match(part) for part in organ)
    doubtful = word == "rt" or (word in _SHORT and (odd or not organ))
    return _Sided(roi, side, organ, certain=not doubtful or any(part.startswith(_PAIRED) for part in organ))


def _parted(words: tuple[str, ...]) -> tuple[Side, tuple[str, ...], str] | None:
    """Return the side, the other words, and the word that told the side."""
    telling = _telling(words)
    sides = {_side_of(words[at]) for at in telling}
    if len(sides) != 1:
        return None
    others = tuple(word for at, word in enumerate(words) if at not in telling)
    return sides.pop(), others, words[telling[0]]


def _telling(words: tuple[str, ...]) -> list[int]:
    """Return where the words stand that tell a side."""
    return [at for at, word in enumerate(words) if word in _LEFT | _RIGHT and _tells_side(words, at)]


def _side_of(word: str) -> Side:
    return "left" if word in _LEFT else "right"


def _tells_side(words: tuple[str, ...], at: int) -> bool:
    before = words[at - 1] if at else ""
    after = words[at + 1] if at + 1 < len(words) else ""
    if words[at] == "rt":
        return before not in _BEFORE_RT
    if words[at] == "left" and after.startswith("over"):
        return False
    if words[at] == "l" and any(map(_VERTEBRA.match, words)) and not any(map(_OTHER_CORD.match, words)):
        return False
    is_vertebra = after.startswith(_SPINE) or (after.isdigit() and (at == 0 or before.startswith(_SPINE)))
    return len(words[at]) > 1 or not is_vertebra


def _against_pair(one: _Sided, others: Sequence[_Sided]) -> SideCheck | None:
    """A left ROI is wrong where it lies to the right of every right one, and the other way about."""
    towards = 1.0 if one.side == "left" else -1.0
    nearest = min((other.roi for other in others), key=lambda other: towards * other.x_mm)
    beyond_mm = towards * (nearest.x_mm - one.roi.x_mm)
    certain = one.certain and all(other.certain for other in others)
    if beyond_mm <= (PAIR_TOLERANCE_MM if certain else 2 * MIDLINE_MARGIN_MM):
        return None
    wrong = "right" if one.side == "left" else "left"
    return SideCheck(
        one.roi.number, MISMATCH, f"{one.roi.name} lies {beyond_mm:.0f} mm to the {wrong} of {nearest.name}"
    )


def _against_midline(one: _Sided, midline_x_mm: float | None) -> SideCheck | None:
    if not one.certain:
        return None
    if midline_x_mm is None or any(word.startswith(_ACROSS) for word in one.organ):
        return SideCheck(one.roi.number, NOT_CHECKED)
    off_mm = one.roi.x_mm - midline_x_mm
    if (off_mm if one.side == "left" else -off_mm) >= -MIDLINE_MARGIN_MM:
        return None
    wrong = "right" if one.side == "left" else "left"
    told = f"{one.roi.name} lies {abs(off_mm):.0f} mm to the {wrong} of the patient's middle"
    return SideCheck(one.roi.number, MISMATCH, told)
