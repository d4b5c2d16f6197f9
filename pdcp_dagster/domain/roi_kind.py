"""What a ROI is that is no part of the anatomy: bolus, couch, fixation, or a volume made from a dose.

What lives here: the kinds, by RT ROI Interpreted Type and, where that tells nothing, by name. What does not: targets
(`prescription.is_target`), sides (`laterality`), or what is done about a kind: it is only told.

Names are judged so that nothing anatomical is marked: what is not plainly a kind stays unmarked, and a name that also
speaks of a target or of the body (`PTV_bolus`, `BODY+Couch`) is no bolus and no couch.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from pdcp_dagster.domain.roi_name import name_words

if TYPE_CHECKING:
    from pdcp_dagster.domain.structures import Roi

RoiKind = Literal["bolus", "couch", "fixation", "dose_derived"]

ROI_KINDS: frozenset[str] = frozenset({"bolus", "couch", "fixation", "dose_derived"})
"""The flags that mark a kind, and are no sign that anything is wrong."""

_KIND_OF_TYPE: dict[str, RoiKind] = {
    "BOLUS": "bolus",
    "SUPPORT": "couch",
    "FIXATION": "fixation",
    "DOSE_REGION": "dose_derived",
    "TREATED_VOLUME": "dose_derived",
    "IRRAD_VOLUME": "dose_derived",
}
"""RT ROI Interpreted Type (PS3.3 C.8.8.8.1)."""
_TYPES_THAT_TELL_NOTHING = frozenset({"", "ORGAN", "OAR", "AVOIDANCE", "CONTROL"})
"""Systems give these to whatever nobody described."""

_KIND_OF_WORDS: tuple[tuple[RoiKind, re.Pattern[str]], ...] = (
    ("bolus", re.compile(r"(?<!bowel )(?<!food )(?<!gut )(?<!stool )(?<!contrast )\bbolus(\d|\b)")),
    ("couch", re.compile(r"\bcouch|\btable ?(top)?\d*\b(?! ?of\b)")),
    (
        "fixation",
        re.compile(
            r"\b((?<!femur )(?<!hip )(?<!spine )(?<!screw )(?<!plate )(?<!internal )fixation(?! (screw|plate|nail))"
            r"|immobili[sz]|immob\b|thermo ?(mask|plast)|head ?(rest|frame)\b|vac(uum)? ?(bag|lok)\b"
            r"|base ?plate\b|breast ?board\b|body ?fix\b)"
        ),
    ),
)
_COMBINED = re.compile(r"\b([pcgi]tv|body|external|patient|no|without|minus|plus|with)")
_BODY = re.compile(r"((body|external)( contour| outline| surface)?|(patient|outer|skin) (contour|outline|surface))\d*")

_START, _END = r"(?<![^\W_])", r"(?![^\W_])"
_DOSE_VALUE = r"\d+(?:[.,]\d+)?[\W_]*(?:%|c?gy)"
_DOSE_NAMES = (
    re.compile(rf"{_START}iso[\W_]*dose"),
    re.compile(rf"{_START}(?:dose|iso|idl)[\W_]*{_DOSE_VALUE}"),
    re.compile(rf"{_START}{_DOSE_VALUE}[\W_]*(?:dose|iso|idl){_END}"),
    re.compile(r"^[\W_]*\d+(?:[.,]\d+)?[\W_]*%[\W_]*$"),
    re.compile(rf"^[\W_]*v[\W_]*{_DOSE_VALUE}[\W_]*$"),
)
_TARGET = re.compile(r"\b[pcgi]tv|\bboost")


def roi_kind(roi: Roi) -> RoiKind | None:
    """Return what a ROI is by its interpreted type, or by its name where the type tells nothing; None: none of it."""
    kind = _type_of(roi)
    if kind not in _TYPES_THAT_TELL_NOTHING:
        return _KIND_OF_TYPE.get(kind)
    words = " ".join(name_words(roi.name))
    if _TARGET.search(words):
        return None
    if any(pattern.search(roi.name.casefold()) for pattern in _DOSE_NAMES):
        return "dose_derived"
    if "+" in roi.name or _COMBINED.search(words):
        return None
    return next((kind for kind, pattern in _KIND_OF_WORDS if pattern.search(words)), None)


def is_external(roi: Roi) -> bool:
    """Whether a ROI is the patient's outline: by its type EXTERNAL, or by its name where the type tells nothing."""
    kind = _type_of(roi)
    if kind not in _TYPES_THAT_TELL_NOTHING:
        return kind == "EXTERNAL"
    return _BODY.fullmatch(" ".join(name_words(roi.name))) is not None


def _type_of(roi: Roi) -> str:
    return (roi.interpreted_type or "").strip().upper()
