"""Standard names to propose for ROIs that a cohort's map does not name.

What lives here: reading a name as people write it, and why a proposal is made. What does not: applying one, which only
a person does, by writing it into the map (`structure_names`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import TYPE_CHECKING

from pdcp_dagster.domain.name_sides import LETTER_OF, side_lost, side_meant, told_sides
from pdcp_dagster.domain.roi_name import name_words
from pdcp_dagster.domain.tg263 import broken_rule
from pdcp_dagster.domain.tg263_names import BASE_NAMES, unknown_base

if TYPE_CHECKING:
    from pdcp_dagster.domain.laterality import Side

LIKENESS = 0.84
"""How alike the letters must be (`difflib`): `oesopagus` is near Esophagus (0.84 and more), `liner` is not Liver."""
_LONGEST = 64
_SHORTEST_LIKE = 4
"""Letters below which two words are alike by chance."""
_ALIASES: dict[str, str] = {
    "oesophagus": "Esophagus", "esophag": "Esophagus", "oesoph": "Esophagus", "eso": "Esophagus",
    "myelon": "SpinalCord", "cord": "SpinalCord", "sc": "SpinalCord", "spinal": "SpinalCord", "medulla": "SpinalCord",
    "rueckenmark": "SpinalCord", "spinalcanal": "SpinalCanal", "canal": "SpinalCanal", "body": "Body",
    "external": "External", "aussenkontur": "External", "outline": "External", "hirnstamm": "Brainstem",
    "stem": "Brainstem", "gehirn": "Brain", "chiasma": "OpticChiasm", "chiasm": "OpticChiasm",
    "opticnerve": "OpticNrv", "nopticus": "OpticNrv", "opticus": "OpticNrv", "on": "OpticNrv",
    "submandibular": "Glnd_Submand", "submandibulargland": "Glnd_Submand", "smg": "Glnd_Submand",
    "submand": "Glnd_Submand", "lacrimalgland": "Glnd_Lacrimal", "lacrimal": "Glnd_Lacrimal",
    "adrenal": "Glnd_Adrenal", "thyroid": "Glnd_Thyroid", "thyroidgland": "Glnd_Thyroid", "parotis": "Parotid",
    "parotidgland": "Parotid", "parotidglands": "Parotids", "oralcavity": "Cavity_Oral", "oc": "Cavity_Oral",
    "nasalcavity": "Cavity_Nasal", "femoralhead": "Femur_Head", "femhead": "Femur_Head", "fh": "Femur_Head",
    "femoral": "Femur_Head", "femoralheads": "Femur_Head", "hueftkopf": "Femur_Head", "humeralhead": "Humerus_Head",
    "rektum": "Rectum", "blase": "Bladder", "harnblase": "Bladder", "prostata": "Prostate", "sv": "SeminalVes",
    "seminalvesicle": "SeminalVes", "seminalvesicles": "SeminalVes", "vs": "SeminalVes", "bulb": "PenileBulb",
    "bowelbag": "Bag_Bowel", "bowel": "Bowel", "darm": "Bowel", "smallbowel": "Bowel_Small",
    "largebowel": "Bowel_Large", "sigma": "Colon_Sigmoid", "sigmoid": "Colon_Sigmoid",
    "sigmoidcolon": "Colon_Sigmoid", "analcanal": "Canal_Anal", "niere": "Kidney", "nieren": "Kidneys",
    "leber": "Liver", "magen": "Stomach", "milz": "Spleen", "pankreas": "Pancreas", "herz": "Heart", "lunge": "Lung",
    "lungen": "Lungs", "bothlungs": "Lungs", "totallung": "Lungs", "lungtotal": "Lungs", "mamma": "Breast",
    "brust": "Breast", "lad": "A_LAD", "ladartery": "A_LAD", "riva": "A_LAD", "brachialplexus": "BrachialPlex",
    "plexus": "BrachialPlex", "chestwall": "Chestwall", "thoraxwand": "Chestwall", "ivc": "V_CavaInferior",
    "svc": "V_CavaSuperior", "aorta": "A_Aorta", "carotid": "A_Carotid", "carotis": "A_Carotid", "linse": "Lens",
    "auge": "Eye", "globe": "Eye", "bulbus": "Eye", "innerear": "Ear_Internal", "kochlea": "Cochlea",
    "unterkiefer": "Mandible", "mandibula": "Mandible", "kehlkopf": "Larynx", "trachea": "Trachea", "tube": "Trachea",
    "temporallobe": "Lobe_Temporal", "temporal": "Lobe_Temporal", "hypophyse": "Pituitary", "hypophysis": "Pituitary",
    "constrictor": "Musc_Constrict", "pharynxconstrictor": "Musc_Constrict",
    "pharyngealconstrictor": "Musc_Constrict", "haut": "Skin", "couch": "", "tumorbed": "SurgicalBed",
    "lumpectomycavity": "SurgicalBed",
}  # fmt: skip
"""Names by their letters, as planning systems and people in several languages have them; "" is no structure."""
_TARGET = re.compile(
    r"(i?[gc]tv|[pi]tv)[ _-]?([npv]?)[ _-]?(\d(?!\d))?[ _-]*(?:(?:(\d{4})(?: ?cgy)?|(\d{2})(?: ?gy)?))?"
)
_PRV = re.compile(r"[ _-]*prv[ _-]*(\d{0,2})$")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A standard name that a person may want to give, and why."""

    standard_name: str
    because: str


def propose(name: str) -> Proposal | None:
    """Return a standard name for a ROI's name; None where nothing is near enough.

    A proposal is a name by the rules, and of the side of the ROI's name.
    """
    if len(name) > _LONGEST:
        return None
    if broken_rule(name) is None and unknown_base(name) is None:
        return Proposal(name, "it is written so already")
    found = _target(name) or _organ(name)
    if found is None or broken_rule(found.standard_name) or side_lost(name, found.standard_name):
        return None
    return found


def _target(name: str) -> Proposal | None:
    found = _TARGET.fullmatch(" ".join(name.casefold().split()))
    if found is None:
        return None
    kind, role, number, cgy, gy = found.groups()
    dose = cgy or (f"{gy}Gy" if gy else "")
    written = kind.upper() + role + (number or "") + (f"_{dose}" if dose else "")
    told = ", two digits being its dose in Gy" if gy else ""
    return Proposal(written, f"a target as TG-263 writes it{told}")


def _organ(name: str) -> Proposal | None:
    margin = _PRV.search(name.casefold())
    words = name_words(name[: margin.start()] if margin else name)
    sides = told_sides(name)
    letters = "".join(word for word in words if _side_word(word) is None)
    found = _nearest(letters)
    if found is None or not found.standard_name or (not sides and _may_hold_a_side(letters)):
        return None
    if len(sides) > 1:
        return None if margin else _of_both(found)
    parts = [found.standard_name]
    if margin:
        parts.append(f"PRV{int(margin[1]):02d}" if margin[1] else "PRV")
    if sides and not told_sides(found.standard_name):
        parts.append(LETTER_OF[next(iter(sides))])
    return Proposal("_".join(parts), found.because)


def _may_hold_a_side(letters: str) -> bool:
    """`rkidney`, `FEMUR_HEADL`: an organ, and one letter that may be its side."""
    if letters in _BY_LETTERS or letters in _ALIASES:
        return False
    shorter = [letters[1:]] * (letters[0] in "lr") + [letters[:-1]] * (letters[-1] in "lr")
    return any(each in _BY_LETTERS or each in _ALIASES for each in shorter)


def _of_both(found: Proposal) -> Proposal | None:
    pair = f"{found.standard_name.removesuffix('s')}s"
    return Proposal(pair, "both sides") if pair in BASE_NAMES else None


def _side_word(word: str) -> Side | None:
    return side_meant(word) if told_sides(f"{word} organ") else None


@lru_cache(maxsize=4096)
def _nearest(letters: str) -> Proposal | None:
    """Return the base name that letters spell, by another name of it, or almost."""
    if letters in _BY_LETTERS:
        return Proposal(_BY_LETTERS[letters], "the same letters")
    if letters in _ALIASES:
        return Proposal(_ALIASES[letters], f"another name of it: {letters}")
    if len(letters) < _SHORTEST_LIKE:
        return None
    matcher = SequenceMatcher(b=letters, autojunk=False)
    best, share = "", LIKENESS
    for spelling in _SPELLINGS:
        matcher.set_seq1(spelling)
        if matcher.real_quick_ratio() >= share and matcher.quick_ratio() >= share and matcher.ratio() > share:
            best, share = spelling, matcher.ratio()
    if not best:
        return None
    return Proposal(_SPELLINGS[best], f"almost the same letters: {best}")


_BY_LETTERS = {base.replace("_", "").casefold(): base for base in sorted(BASE_NAMES)}
_SPELLINGS = {
    spelling: base for spelling, base in (_ALIASES | _BY_LETTERS).items() if len(spelling) >= _SHORTEST_LIKE and base
}
