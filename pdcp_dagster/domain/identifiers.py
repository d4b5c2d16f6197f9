"""Names and birth dates of persons that are left in an archive which should know pseudonyms only.

What lives here: what counts as one, and in how many objects of an image summary it stands. What does not: the tags
(`summary`), or who is told (`stages.archive_stages`). Nothing here returns a name or a date: what is told of them ends
in logs and metadata.

A name is judged by its words, so that carets, case, padding and order do not matter. A word names nobody if it is one
of the PatientID's, holds a digit, repeats one letter, or says that a name is missing; any other may be a person's.
"""

# ruff: noqa: SIM905 - a list of words reads better as text

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from pdcp_dagster.domain.dates import LAST_YEAR

if TYPE_CHECKING:
    import datetime as dt

_WORD = re.compile(r"[^\W_]+")
_IDEOGRAM = re.compile(r"[\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff]")
"""One Chinese character, or Korean syllable, is a whole family name."""
_PSEUDONYMS_BEGIN = ("anon", "pseudo", "deident")
_NOBODY = frozenset(
    "patient subject participant case study test phantom removed redacted withheld unknown unnamed noname none null "
    "nil empty name de identified".split()
)
"""Words that stand in the place of a name (PS3.15 E.1.1 allows any dummy)."""
_DUMMY_BIRTHS_UNTIL = 1901
"""1900 and 1901 are what most anonymisers write; nobody who was born earlier has a CT."""


@dataclass(frozen=True, slots=True)
class LeftIdentifiers:
    """In how many of a patient's objects a person's name and a full birth date stand."""

    objects: int
    names: int
    birth_dates: int

    @property
    def any(self) -> bool:
        """Whether there is one at all."""
        return bool(self.names or self.birth_dates)

    @property
    def told(self) -> str:
        """Return in words which kinds there are and in how many objects, never what stands there; "" without any."""
        kinds = (
            ("PatientName is neither the PatientID nor a pseudonym", self.names),
            ("PatientBirthDate is a full date", self.birth_dates),
        )
        return ", ".join(f"{kind} in {count} of {self.objects} objects" for kind, count in kinds if count)


def left_identifiers(summary: pd.DataFrame) -> LeftIdentifiers:
    """Count the objects of an image summary that name a person."""
    named = Counter(zip(summary["patient_name"].fillna(""), summary["patient_id"].fillna(""), strict=True))
    names = sum(count for (name, patient_id), count in named.items() if is_a_persons_name(name, patient_id))
    births = sum(is_full_birth_date(date) for date in summary["patient_birth_date"] if not pd.isna(date))
    return LeftIdentifiers(len(summary), names, births)


def is_a_persons_name(name: str, patient_id: str) -> bool:
    """Whether a PatientName may be that of a person; empty, it is not."""
    known = _words(patient_id)
    return any(word not in known and not _names_nobody(word) for word in _words(name))


def is_full_birth_date(date: dt.date) -> bool:
    """Whether a PatientBirthDate may be a person's: neither 1 January, which keeps the year alone, nor a dummy."""
    return (date.month, date.day) != (1, 1) and _DUMMY_BIRTHS_UNTIL < date.year <= LAST_YEAR


def _names_nobody(word: str) -> bool:
    return (
        word in _NOBODY
        or word.startswith(_PSEUDONYMS_BEGIN)
        or (len(set(word)) == 1 and not _IDEOGRAM.search(word))
        or any(character.isdigit() for character in word)
    )


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
