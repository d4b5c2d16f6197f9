"""From a configuration of the original PDCP to the keys of a cohort file, with what could not be carried over.

What lives here: the original's 20 keys, what becomes of each, and what is said of it. What does not: JSON, YAML and
files (`adapters.legacy_config_file`), or what a cohort's key means (`cohort`).

Nothing is refused: a value is used where its meaning is clear, and else left out with a remark. Remarks hold no value
of the configuration but numbers, modalities and the plain address of a server, so that no password can be among them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.display import one_line
from pdcp_dagster.domain.keys import is_device_name
from pdcp_dagster.domain.linkage import RECIPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REQUIRED = "required_modalities_for_patient"
SUMMARISED = "required_modalities_for_patient_plus_rtplan"
UNWANTED_WORDS, PREFERRED_WORDS = "study_desc_should_not_contain", "study_desc_may_contain"
LOWER, UPPER = "suspicious_max_dose_lower_bound", "suspicious_max_dose_upper_bound"
FOLDERS = ("imagesummaries", "patientnotesdir", "datadirectory", "thequarantine")
EXPORTS = ("matlabfiles", "picklefiles")
KEYS = (
    *("version", REQUIRED, SUMMARISED, UNWANTED_WORDS, PREFERRED_WORDS, "possibilities", *FOLDERS, *EXPORTS),
    *("link_to_ids", "ipport", "username", "password", "CONNECTIONS", "TIMEOUT", LOWER, UPPER),
)
"""All keys that the original reads."""
DOCUMENTED_NAMES = {"datadictionary": "datadirectory", "quarantine": "thequarantine", "links_to_ids": "link_to_ids"}
"""Names in the original's documentation that its code does not know, with those that are meant."""

_USUAL_LINKAGE = "CRDP"
_LONGEST_WORD = 256
"""Characters; a description or a ROI name has at most 64 (PS3.5 6.2, LO), and a word of it no more."""
_LONGEST_TEXT = 200
_LONGEST_KEY = 60
_MOST_KEYS_SHOWN = 20
_LONGEST_NAME = 64
_MOST_DIGITS = 18
_GRAY = re.compile(r"[+-]?\d{1,9}([.,]\d{1,9})?( ?Gy)?", re.ASCII | re.IGNORECASE)
_MODALITY = re.compile(r"[A-Z]{2,16}")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?/?")
_KINDS = ((str, "a text"), (bool, "true or false"), (int | float, "a number"), (list | tuple, "a list"))


@dataclass(frozen=True, slots=True)
class Remark:
    """What a user must know of some of the configuration's keys: one printable line."""

    keys: tuple[str, ...]
    said: str

    def __str__(self) -> str:
        return f"{', '.join(self.keys)}: {self.said}"


@dataclass(frozen=True, slots=True)
class ImportedCohort:
    """The content of a cohort file, which is valid, in the file's order.

    comments: a line to stand over a key. alternatives: values that a key might have instead, for a person to choose.
    """

    content: dict[str, Any]
    comments: dict[str, str]
    alternatives: dict[str, Any]
    remarks: tuple[Remark, ...]


def import_config(
    config: Mapping[str, Any], name: str, *, linkage: str | None = None, doubled: Sequence[str] = ()
) -> ImportedCohort:
    """Return the cohort that a configuration of the original PDCP describes, with PDCP's thresholds and actions.

    linkage: instead of the one that the required modalities give. doubled: keys that the file has more than once.

    Raises ValueError for a name or a linkage that no cohort can have, and for nothing in the configuration.
    """
    reading = _Reading(dict(config))
    _say_odd_keys(reading, doubled)
    content: dict[str, Any] = {"name": name, "version": _version(reading)}
    content |= _modalities(reading, linkage)
    content["roi_keywords"] = _roi_keywords(reading)
    content["study_description"] = {"exclude": _unwanted_words(reading), "match": "substring"}
    content["phantom"] = {"words": ["phantom"], "scope": "study"}
    content["ct_instances"] = {"minimum": 50, "review_above": 380, "maximum": 500, "action": "exclude"}
    content["dose_max_gy"] = {**_dose_bounds(reading), "action": "exclude"}
    if must_contain := content.pop("study_must_contain"):
        content["eligibility"] = {"study_must_contain": must_contain}
    content |= {"study_selection": ["review"], "partition_key": "patient_id", "patients": "all"}
    alternatives = {**_preferred_studies(reading), **_patient_list(reading)}
    _say_replaced(reading)
    _say_server(reading)
    cohort = Cohort.model_validate(content)
    comments = {**_COMMENTS, "fallback_links": _FALLBACK_COMMENTS[cohort.fallback_links]}
    return ImportedCohort(content, comments, alternatives, tuple(reading.remarks))


def cohort_name(stem: str) -> str:
    """Return a valid cohort name for the name of a configuration file: `codesconfig_HN` gives `hn`.

    `imported` where nothing of the file's name is left.
    """
    words = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")
    words = re.sub(r"^(codesconfig|config)(_|$)", "", words)
    if not words:
        return "imported"
    plain = words[0].isalpha() and not is_device_name(words)
    return (words if plain else f"cohort_{words}")[:_LONGEST_NAME].rstrip("_")


@dataclass(slots=True)
class _Reading:
    """The configuration as one asks for its keys, and what had to be said of them so far."""

    config: dict[str, Any]
    remarks: list[Remark] = field(default_factory=list)

    def say(self, said: str, *keys: str) -> None:
        self.remarks.append(Remark(keys, said))

    def has(self, key: str) -> bool:
        return self.config.get(key) is not None

    def words(self, key: str) -> list[str] | None:
        """Return a list of words, each once; None where there is none to be had, which the caller tells of."""
        value = self.config.get(key)
        if isinstance(value, str):
            value = [each.strip() for each in re.split("[,;]", value) if each.strip()]
            self.say("one text where a list was expected: it was read as words separated by commas", key)
        if not isinstance(value, list | tuple):
            if value is not None:
                self.say(f"a list of words was expected, not {_kind(value)}: it was left out", key)
            return None
        words = [_word(each) for each in value]
        if lost := words.count(None):
            said = f"entries left out, which are no printable text of 1 to {_LONGEST_WORD} characters: {lost}"
            self.say(said, key)
        return list(dict.fromkeys(word for word in words if word is not None))

    def modalities(self, key: str) -> list[str] | None:
        """Return modalities in capitals, each once; None as `words` does."""
        words = self.words(key)
        if words is None:
            return None
        parts = [part.upper() for word in words for part in re.findall(r"[^\s,;\\]+", word)]
        fitting = [part for part in dict.fromkeys(parts) if _MODALITY.fullmatch(part)]
        if lost := len(set(parts)) - len(fitting):
            self.say(f"entries left out, which are no modality: {lost}", key)
        if not set(fitting) <= set(words):
            self.say(f"read as {', '.join(fitting)}", key)
        return fitting

    def number(self, key: str) -> float | None:
        """Return a finite number; None where there is none, which the caller tells of."""
        value = self.config.get(key)
        if isinstance(value, str) and _GRAY.fullmatch(value.strip()):
            value = float(value.strip().lower().removesuffix("gy").replace(",", "."))
            self.say(f"the text was read as the number {value:g}", key)
        number = _number(value)
        if number is None and value is not None:
            self.say(f"a number was expected, not {_kind(value)}: it was left out", key)
        return number


def _say_odd_keys(reading: _Reading, doubled: Sequence[str]) -> None:
    for documented, real in DOCUMENTED_NAMES.items():
        if documented not in reading.config:
            continue
        value = reading.config.pop(documented)
        if real in reading.config:
            reading.say(f"left out, because the configuration has {real}, which is what PDCP reads", documented)
        else:
            reading.config[real] = value
            reading.say(
                f"a name of PDCP's documentation that its code does not know: it was read as {real}", documented
            )
    if doubled:
        reading.say("given more than once: the last one counts, as in PDCP", *_shown(doubled))
    if unknown := [str(key) for key in reading.config if key not in KEYS]:
        reading.say("PDCP has no such key: left out", *_shown(unknown))


def _version(reading: _Reading) -> str:
    value = reading.config.get("version")
    text = str(value) if isinstance(value, str) or _number(value) is not None else ""
    version = one_line(text, _LONGEST_TEXT)
    if value is not None and version != text:
        reading.say(f"kept as one printable line of at most {_LONGEST_TEXT} characters", "version")
    elif not text:
        reading.say("no text: the notes will have an empty one", "version")
    elif not isinstance(value, str):
        reading.say("the number was read as text", "version")
    return version


def _modalities(reading: _Reading, wanted: str | None) -> dict[str, Any]:
    """Return linkage, fallback_links, summarised_modalities and study_must_contain."""
    required = reading.modalities(REQUIRED) or []
    linkage = _linkage(reading, required, wanted)
    accepts = linkage == "CRD"
    if accepts:
        said = "fallback_links is `accept`, as PDCP's CRD took every PLAN dose of the study, whatever it refers to; "
        reading.say(said + "doses of several plans are for a person here, where PDCP added them all", REQUIRED)
    others = [modality for modality in required if modality not in RECIPES[_USUAL_LINKAGE].roles]
    if others:
        reading.say(f"{', '.join(others)} cannot be linked: became eligibility.study_must_contain", REQUIRED)
    return {
        "linkage": linkage,
        "fallback_links": "accept" if accepts else "review",
        "summarised_modalities": _summarised(reading, (*RECIPES[linkage].roles, *others)),
        "study_must_contain": others,
    }


def _linkage(reading: _Reading, required: Sequence[str], wanted: str | None) -> str:
    """Return the wanted linkage, else the smallest that asks for every required role."""
    if wanted is not None and wanted not in RECIPES:
        raise ValueError(f"{wanted} is no linkage; the choice is {', '.join(RECIPES)}")
    asked = {*required} & {*RECIPES[_USUAL_LINKAGE].roles}
    by_size = sorted(RECIPES.values(), key=lambda recipe: len(recipe.roles))
    closest = next(recipe for recipe in by_size if asked <= {*recipe.roles}) if asked else RECIPES[_USUAL_LINKAGE]
    chosen = RECIPES[wanted or closest.name]
    if not asked:
        why = "as was asked for" if wanted else "as is usual; --linkage takes another"
        reading.say(f"no modality that can be linked is named: linkage is {chosen.name}, {why}", REQUIRED)
    elif asked != {*chosen.roles}:
        why = "as was asked for" if wanted else "the closest"
        more, less = _listed(chosen.roles, asked), _listed(required, {*required} - asked | {*chosen.roles})
        said = f"linkage is {chosen.name}, {why}" + (f"; it also needs {more}" if more else "")
        reading.say(said + (f"; it does not need {less}" if less else ""), REQUIRED)
    return chosen.name


def _summarised(reading: _Reading, needed: Sequence[str]) -> list[str]:
    given = reading.modalities(SUMMARISED)
    if given is None:
        reading.say("there is no list of modalities: the usual ones are summarised", SUMMARISED)
        given = list(Cohort.model_fields["summarised_modalities"].default)
    elif more := _listed(needed, given):
        reading.say(f"{more} added, without which no patient could be complete", SUMMARISED)
    return list(dict.fromkeys((*given, *needed)))


def _roi_keywords(reading: _Reading) -> list[str]:
    words = reading.words("possibilities")
    if not words:
        said = "no keyword, so every structure set counts"
        reading.say(said if words is None else f"{said}; in PDCP none did", "possibilities")
        return []
    _say_case(reading, words, "possibilities")
    return list(dict.fromkeys(word.lower() for word in words))


def _unwanted_words(reading: _Reading) -> list[str]:
    words = reading.words(UNWANTED_WORDS)
    if words is None:
        reading.say("there is no list of words: no study is set aside for its description", UNWANTED_WORDS)
        return []
    _say_case(reading, words, UNWANTED_WORDS)
    return words


def _say_case(reading: _Reading, words: Sequence[str], key: str) -> None:
    if any(word != word.lower() for word in words):
        said = 'case does not count here; in PDCP a word with a capital ("PTV") was found nowhere, so more is found now'
        reading.say(said, key)


def _dose_bounds(reading: _Reading) -> dict[str, float | None]:
    bounds = {key: reading.number(key) for key in (LOWER, UPPER)}
    for key, bound in bounds.items():
        if bound is not None and bound < 0:
            reading.say("no dose is negative: left out", key)
            bounds[key] = None
    lower, upper = bounds[LOWER], bounds[UPPER]
    if lower is not None and upper is not None and lower > upper:
        reading.say("the lower bound is above the upper one, which no dose fits: both left out", LOWER, UPPER)
        lower = upper = None
    if absent := [key for key, bound in ((LOWER, lower), (UPPER, upper)) if bound is None]:
        reading.say("the dose maximum has no such bound here (null)", *absent)
    if there := [key for key, bound in ((LOWER, lower), (UPPER, upper)) if bound is not None]:
        said = "a maximum equal to the bound is allowed here, and it is that of the summed dose; "
        reading.say(said + "PDCP excluded it, and added the maxima of the doses", *there)
    return {"minimum": lower, "maximum": upper}


def _preferred_studies(reading: _Reading) -> dict[str, Any]:
    if not reading.has(PREFERRED_WORDS):
        return {}
    words = reading.words(PREFERRED_WORDS)
    said = "no filter in PDCP, which never showed it either: left out"
    if not words:
        reading.say(said, PREFERRED_WORDS)
        return {}
    said += "; a commented study_selection in the file would prefer such studies where a patient has several"
    reading.say(said, PREFERRED_WORDS)
    return {"study_selection": [{"description_prefers": words}, "review"]}


def _patient_list(reading: _Reading) -> dict[str, Any]:
    if not reading.has("link_to_ids"):
        return {}
    said = "its path may be of another machine, so patients is `all`; to take only those of the CSV, put it "
    reading.say(said + "beside the cohort file and name it in patients (its column ids is read)", "link_to_ids")
    value = reading.config["link_to_ids"]
    file = re.split(r"[/\\]", value)[-1] if isinstance(value, str) else ""
    return {"patients": _word(file) or "ids.csv"}


def _say_replaced(reading: _Reading) -> None:
    if folders := [key for key in FOLDERS if reading.has(key)]:
        said = "the store's folders take their place ($PDCP_STORE); `pdcp export-legacy` writes PDCP's own"
        reading.say(said, *folders)
    if exports := [key for key in EXPORTS if reading.has(key)]:
        reading.say("PDCP never wrote these files; `pdcp_dagster.load_patient_images` gives the arrays", *exports)


def _say_server(reading: _Reading) -> None:
    """Tell of the settings that are the deployment's; what was a secret is not repeated."""
    if reading.has("ipport"):
        reading.say(_about_address(reading.config["ipport"]), "ipport")
    user, password = (bool(reading.config.get(key)) for key in ("username", "password"))
    if reading.has("username"):
        said = "there was one, which is not repeated here: set ORTHANC_USERNAME" if user else "empty: nothing to set"
        reading.say(said, "username")
    if reading.has("password"):
        said = (
            "there was one, which is not repeated here: set ORTHANC_PASSWORD" if password else "empty: nothing to set"
        )
        unused = "; PDCP did not use it, because its user name is empty" if password and not user else ""
        reading.say(said + unused, "password")
    if reading.has("CONNECTIONS"):
        said = f"set ORTHANC_CONNECTIONS{_plain(reading.config['CONNECTIONS'])} only if the default of 8 is too slow: "
        reading.say(f"{said}idle connections are kept open and hold threads of the server", "CONNECTIONS")
    if reading.has("TIMEOUT"):
        said = f"set ORTHANC_TIMEOUT{_plain(reading.config['TIMEOUT'])}, in seconds, only if the default of 120 fails"
        reading.say(f"{said}; what failed is done again by the next run", "TIMEOUT")


def _about_address(value: object) -> str:
    plain = isinstance(value, str) and _ADDRESS.fullmatch(value) is not None
    said = f"set ORTHANC_URL={value}" if plain else "set ORTHANC_URL to the server's address"
    if isinstance(value, str) and value.lower().startswith("https:"):
        said += "; TLS is verified here, which PDCP never did: ORTHANC_CA_BUNDLE names a certificate of your own"
    return said


def _plain(value: object) -> str:
    number = _number(value)
    return "" if number is None else f" (PDCP: {number:g})"


def _word(value: object) -> str | None:
    """Return a word, a number as it is written; None for what no DICOM text contains."""
    text = value if isinstance(value, str) else "" if _number(value) is None else str(value)
    return text if 0 < len(text) <= _LONGEST_WORD and text.isprintable() else None


def _number(value: object) -> float | None:
    """Return a finite number of not too many digits, whole where it is whole; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not abs(value) < 10**_MOST_DIGITS:  # so neither is NaN
        return None
    return int(value) if value == int(value) else value


def _kind(value: object) -> str:
    return next((words for kind, words in _KINDS if isinstance(value, kind)), "a section")


def _listed(modalities: Sequence[str], known: Sequence[str] | set[str]) -> str:
    """Return the modalities that are not among the known ones."""
    return ", ".join(modality for modality in modalities if modality not in known)


def _shown(keys: Sequence[str]) -> list[str]:
    shown = [one_line(key, _LONGEST_KEY) or "(a key without a name)" for key in keys[:_MOST_KEYS_SHOWN]]
    return shown if len(keys) <= _MOST_KEYS_SHOWN else [*shown, f"and {len(keys) - _MOST_KEYS_SHOWN} more"]


_COMMENTS = {
    "version": "Free text, kept in each patient's notes.",
    "linkage": "From the required modalities. What lies in another study of the patient is found, too; PDCP lost it.",
    "summarised_modalities": "What the image summary holds and counts.",
    "roi_keywords": "A structure set counts if the name of one of its ROIs contains one of these, case aside.",
    "study_description": 'PDCP\'s way: "head" is found in "ahead", too; with `match: word` it is not.',
    "phantom": "PDCP's way: one such series sets aside its study; so does the word in the study's description here.",
    "ct_instances": "PDCP's bounds, which could not be changed there.",
    "dose_max_gy": "Bounds of the maximum of the summed dose, Gy; null is no bound.",
    "eligibility": "A study without these was dropped by PDCP.",
    "study_selection": "Several eligible studies are for a person to choose from; PDCP excluded such a patient.",
}
_FALLBACK_COMMENTS = {
    "review": "Links that are not by UID are for a person; PDCP knew none.",
    "accept": "PDCP's CRD took every PLAN dose of the study; so links that are not by UID need no person here.",
}
