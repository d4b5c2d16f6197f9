"""Values of simplified tags: from untrusted text to plain Python values.

What lives here: text, numbers, dates, vectors and UIDs at the end of paths of sequences. What does not: which tags are
read (`summary`), or data sets of pydicom (`dicom_values`).

Orthanc simplifies tags to DICOM keywords with text values, and sequences to lists of such dictionaries. A value that
cannot be what the standard says is None, like an absent one; nothing is evaluated.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Tags = Mapping[str, Any]

_DATE_DIGITS = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")
_LARGEST_INT64 = 2**63 - 1


def text(value: object) -> str | None:
    """Return text without padding; None where there is none. Lone surrogates, which no format takes, become `?`."""
    if not isinstance(value, str | int | float):
        return None
    return str(value).strip(" \0").encode("utf-8", "replace").decode() or None


def verbatim(value: object) -> str | None:
    """Return text to the letter, padding included; None where it is empty."""
    return value.encode("utf-8", "replace").decode() or None if isinstance(value, str) else None


def number(value: object) -> float | None:
    """Return one finite number (DS, FL, FD)."""
    digits = text(value) or ""
    try:
        found = float(digits)
    except ValueError:
        return None
    # Python alone reads 1_000.
    return found if math.isfinite(found) and "_" not in digits else None


def whole_number(value: object) -> int | None:
    """Return one whole number (IS, US, UL) that fits 64 bits."""
    found = number(value)
    if found is None or not found.is_integer() or abs(found) >= _LARGEST_INT64:
        return None
    return int(found)


def date_of(value: object) -> dt.date | None:
    """Return one date (DA), also in the old form with dots."""
    digits = _DATE_DIGITS.fullmatch(text(value) or "")
    try:
        return dt.date(*map(int, digits.groups())) if digits else None
    except ValueError:
        return None


def numbers(value: object) -> list[float] | None:
    """Return a vector of numbers; one part that is no number makes all of it unusable."""
    whole = text(value)
    parts = [number(part) for part in whole.split("\\")] if whole else []
    known = [part for part in parts if part is not None]
    return known if known and len(known) == len(parts) else None


def items(value: object) -> list[Tags]:
    """Return the items of a sequence, none where it is none."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def json_text(value: object) -> str | None:
    """Return a sequence as JSON text."""
    return json.dumps(value, sort_keys=True, default=str) if isinstance(value, list) else None


def uids(tags: Tags, *path: str) -> list[str] | None:
    """Return every UID at the end of a path of sequences, in order and each once; null where the path is absent."""
    if not isinstance(tags.get(path[0]), list):
        return None
    found = (text(item.get(path[-1])) for item in walk(tags, path[:-1]))
    return list(dict.fromkeys(uid for uid in found if uid is not None))


def walk(tags: Tags, sequences: Sequence[str]) -> Iterator[Tags]:
    """Yield every item at the end of a path of sequences, with every item on the way."""
    if not sequences:
        yield tags
        return
    for item in items(tags.get(sequences[0])):
        yield from walk(item, sequences[1:])
