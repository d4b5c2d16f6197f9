"""The rules by which AAPM TG-263 writes the name of a structure.

What lives here: the grammar of names, and what a name that breaks it does wrong, in words. What does not: which organs
there are (`tg263_names`), or which ROI gets which name (`structure_names`).

Source: AAPM Task Group 263, Standardizing Nomenclatures in Radiation Oncology (2018), the guiding principles for
non-target and for target structures; primary names (`Lung_L`), not those in reverse order (`L_Lung`).
"""

from __future__ import annotations

import re

LONGEST_NAME = 16
"""Characters of a name: some planning systems cut what is longer."""
_FOREIGN = re.compile(r"[^A-Za-z0-9_~^.!-]")
_NOT_FOR_EVALUATION = re.compile(r"\A(z_?|_)(?=[A-Z])")
"""`zPTVopt`, `_Ring`: what only helps in planning sorts apart."""
_TARGET = re.compile(r"i?[gc]tv|[pi]tv", re.IGNORECASE)
_TARGET_TYPE = r"(?:PTV!|PTV|CTV|GTV|ITV|ICTV|IGTV)"
_TARGET_HEAD = re.compile(_TARGET_TYPE + r"(?:n|p|sb|par|vas|v)?\d{0,2}~?")
_CROPPED = re.compile(r"-\d\d$")
_MINUS_TARGET = re.compile(rf"-{_TARGET_TYPE}[A-Za-z0-9]*$")
_CATEGORY = re.compile(r"[A-Z0-9][A-Za-z0-9.]*~?")
_PRV = re.compile(r"PRV(\d\d)?")
_LEVEL_OF_DOSE = re.compile(r"(High|Low|Mid)\d{0,2}|\d+([.p]\d+)?(c?Gy)?(x\d+)?")
_SIDES = frozenset({"L", "R"})
_SPELT_SIDES = frozenset({"left", "right", "lt", "rt"})
SPATIAL = frozenset({"L", "R", "A", "P", "I", "S", "LUL", "LLL", "RUL", "RML", "RLL", "NAdj", "Dist", "Prox", "Mid"})
"""What says where a part lies; it ends the name."""
_VERTEBRAE = frozenset({"VB", "VBs"})
"""`VB_L` is lumbar."""


def broken_rule(name: str) -> str | None:
    """Return which rule a name breaks, in words; None for a name as TG-263 writes them.

    >>> broken_rule("Lung_L")
    >>> broken_rule("L_Lung")
    'the side comes last, as in Lung_L'
    """
    foreign = _FOREIGN.search(name)
    if foreign:
        return f"{foreign[0]!r} cannot stand in a name: letters, digits and _ ~ ^ . - can, and ! after PTV"
    if not 0 < len(name) <= LONGEST_NAME:
        return f"it has {len(name)} characters, and {LONGEST_NAME} are the most" if name else "it is empty"
    stem, *custom = _NOT_FOR_EVALUATION.sub("", name).split("^")
    if len(custom) > 1 or not all(custom):
        return "there is one ^ at most, and what you add yourself follows it"
    return _of_parts(name, stem.split("_"))


def is_target_name(name: str) -> bool:
    """Whether a standard name is that of a target (`PTV_5040`, `GTVp1`)."""
    return _TARGET.match(_NOT_FOR_EVALUATION.sub("", name)) is not None


def is_for_evaluation(name: str) -> bool:
    """Whether a structure's doses mean something by its name: `zPTVopt` and `_Ring` only help in planning."""
    return _NOT_FOR_EVALUATION.match(name) is None


def base_of(name: str) -> str:
    """Return what is left of an organ's name without side, PRV, ~ and additions: `OpticNrv_PRV03_L` is `OpticNrv`."""
    stem = _NOT_FOR_EVALUATION.sub("", name).split("^")[0]
    first, *others = (_MINUS_TARGET.sub("", part) for part in stem.split("_"))
    spatial = SPATIAL - _SIDES if first in _VERTEBRAE else SPATIAL
    kept = [part for part in others if part.rstrip("~") not in spatial and not _PRV.fullmatch(part)]
    return "_".join(part.rstrip("~") for part in (first, *kept))


def _of_parts(name: str, parts: list[str]) -> str | None:
    if not all(parts):
        return "an underscore separates two parts, it does not begin, end or double"
    if name.count("~") > 1:
        return "there is one ~ at most, after the part of which there is but a part"
    if not is_for_evaluation(name):
        return _of_side(parts, after=())  # named as it suits the planner
    return _of_target(parts) if is_target_name(name) else _of_organ(parts)


def _of_organ(parts: list[str]) -> str | None:
    if len(parts) > 1 and parts[0] in _SIDES:
        return "the side comes last, as in Lung_L"
    if not parts[0][0].isalpha():
        return "it begins with a letter"
    parts = [_MINUS_TARGET.sub("", part) for part in parts]
    return _of_categories(parts) or _of_side(parts, after=()) or _of_prv(parts)


def _of_target(parts: list[str]) -> str | None:
    parts = [*parts[:-1], _CROPPED.sub("", parts[-1])]
    if not re.match(_TARGET_TYPE, parts[0]):
        return "the kind of a target is written PTV, CTV, GTV, ITV, ICTV, IGTV or PTV!"
    if not _TARGET_HEAD.fullmatch(parts[0]):
        return "after the kind of a target come n, p, sb, par, v or vas, then a number, and nothing else"
    doses = [part for part in parts[1:] if _LEVEL_OF_DOSE.fullmatch(part)]
    return _of_categories(parts[1:]) or _of_side(parts[1:], after=tuple(doses))


def _of_categories(parts: list[str]) -> str | None:
    for part in parts:
        if not _CATEGORY.fullmatch(part):
            if part[0].islower():
                return f"each part begins with a capital letter or a digit, and {part!r} does not"
            return f"{part!r} is no part of a name: letters and digits, then ~ where it is but a part"
    return None


def _of_side(parts: list[str], after: tuple[str, ...]) -> str | None:
    """A side is `_L` or `_R`, once, and what follows it, if anything, is among `after`."""
    spelt = next((part for part in parts if part.casefold() in _SPELT_SIDES), None)
    if spelt is not None:
        return f"the side is written _L or _R at the end, not {spelt!r}"
    sides = [at for at, part in enumerate(parts) if part in _SIDES]
    if len(sides) > 1:
        return "it has one side at most"
    if sides and any(part not in after for part in parts[sides[0] + 1 :]):
        return "the side comes last, as in Lung_L"
    return None


def _of_prv(parts: list[str]) -> str | None:
    """`Brainstem_PRV`, `OpticNrv_PRV03_L`."""
    for at, part in enumerate(parts):
        if not part.startswith("PRV"):
            continue
        if not _PRV.fullmatch(part) or not at:
            return "PRV follows the organ, with two digits for its millimetres or none: SpinalCord_PRV05"
        if any(later not in SPATIAL for later in parts[at + 1 :]):
            return "after PRV comes the side alone: OpticNrv_PRV03_L"
    return None
