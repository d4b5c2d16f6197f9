"""From attributes of a DICOM object to plain Python values, with one meaning of absent and of unusable.

What lives here: the small conversions that every DICOM reader shares, and the error that such readers raise. What does
not: opening files (the readers), or what the values mean.

Absent and empty are None (or an empty tuple). A value that is there but cannot be used raises `UnusableValueError`,
which `failing_as` turns into the reader's own error, so that "nothing there" and "could not read" stay apart.

Errors::

    DicomReadError(path, why)     a file could not be read; each reader has its own subclass; survives pickling
    UnusableValueError            a ValueError: one attribute is missing where it is due, or holds nonsense
"""

from __future__ import annotations

import datetime as dt
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
_UNDEFINED_LENGTH = 0xFFFFFFFF
_DATE_DIGITS = 8
_LONGEST_VALUE_BYTES = 1 << 21
"""Of one value whose numbers are converted one by one, 300 bytes each: a DVH of 0.001 Gy steps takes as much."""
_LARGEST_WHOLE = 2**32
"""Numbers of frames, rows, ROIs, beams have at most 32 bits (PS3.5 6.2: IS, US, UL)."""
_FARTHEST_MM = 1e5
"""No patient lies 100 m from the origin of a frame of reference."""
_SPACINGS_MM = (1e-3, 1e3)
"""Pixels are neither smaller than a thousandth of the finest CT's nor a metre wide."""
_COSINES_SQUARED_OFF = 0.02
"""How far the square of a direction cosine vector may be from 1: three decimals of rounding are well inside."""


class Attributes(Protocol):
    """A data set: what `get` by DICOM keyword can be asked of."""

    def get(self, key: str, default: Any = None, /) -> Any:
        """Return the value of an attribute by its DICOM keyword."""


class DicomReadError(Exception):
    """A DICOM file could not be read: nobody knows what is in it, which is not the same as nothing being in it."""

    def __init__(self, path: object, why: str) -> None:
        super().__init__(str(path), why)

    @property
    def path(self) -> str:
        """The file that could not be read."""
        return str(self.args[0])

    @property
    def why(self) -> str:
        """The reason, in words."""
        return str(self.args[1])

    def __str__(self) -> str:
        return f"{self.path}: {self.why}"


class UnusableValueError(ValueError):
    """An attribute is missing where it is due, or its value cannot be what the standard says it is."""


@contextmanager
def failing_as(error: type[DicomReadError], path: object) -> Iterator[None]:
    """Turn whatever goes wrong inside into `error(path, why)`, and keep parsers' warnings about odd values quiet.

    Any exception counts, because a parser meets untrusted bytes; only running out of memory is no fault of the file.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except (DicomReadError, MemoryError):
            raise
        except UnusableValueError as cause:
            raise error(path, str(cause)) from cause
        except Exception as cause:
            raise error(path, f"{type(cause).__name__}: {' '.join(str(cause).split())}") from cause


def require_whole(data: Any) -> None:
    """Raise `UnusableValueError` where the last element of a freshly parsed data set has fewer bytes than it declares.

    The parser takes a file that ends too early for a shorter value; a plan would lose beams without a word.
    """
    if not len(data):
        raise UnusableValueError("no DICOM data set in it")
    last = data.get_item(max(data.keys()))
    value, declared = getattr(last, "value", None), getattr(last, "length", None)
    if isinstance(value, bytes) and declared not in (None, _UNDEFINED_LENGTH) and len(value) < declared:
        raise UnusableValueError(f"the file is truncated: its last element has {len(value)} of {declared} bytes")


def required(value: T | None, keyword: str) -> T:
    """Return `value`, or raise `UnusableValueError` where it is None or empty."""
    if value is None or value == ():
        raise UnusableValueError(f"{keyword} is missing")
    return value


def text_of(data: Attributes, keyword: str) -> str | None:
    r"""Return the text without padding; several values joined by the backslash that split them (`A\B` in a name)."""
    return "\\".join(_plain(value) for value in _values(data, keyword)).strip(" \0\r\n\t") or None


def code_of(data: Attributes, keyword: str) -> str | None:
    """Return a coded string (VR CS) in capitals, which is all that the standard allows; None where there is none."""
    found = text_of(data, keyword)
    return None if found is None else found.upper()


def texts_of(data: Attributes, keyword: str) -> tuple[str, ...]:
    """Return each value of a multi-valued attribute as text, the empty ones left out."""
    stripped = (_plain(value).strip(" \0") for value in _values(data, keyword))
    return tuple(value for value in stripped if value)


def number_of(data: Attributes, keyword: str) -> float | None:
    """Return the single finite number."""
    found = numbers_of(data, keyword)
    if len(found) > 1:
        raise UnusableValueError(f"{keyword} has {len(found)} values where one is due")
    return found[0] if found else None


def loose_number_of(data: Attributes, keyword: str) -> float | None:
    """Return the number, or None where it is absent or nonsense: for what only describes (KVP), never for geometry."""
    try:
        return number_of(data, keyword)
    except UnusableValueError:
        return None


def numbers_of(data: Attributes, keyword: str) -> tuple[float, ...]:
    """Return all values as finite numbers."""
    values = _values(data, keyword)
    try:
        found = tuple(float(value) for value in values)
    except (TypeError, ValueError) as error:
        raise UnusableValueError(f"{keyword} is not a number: {error}") from error
    if not all(map(math.isfinite, found)):
        raise UnusableValueError(f"{keyword} is not finite")
    return found


def whole_of(data: Attributes, keyword: str) -> int | None:
    """Return the single whole number."""
    found = number_of(data, keyword)
    if found is not None and found != int(found):
        raise UnusableValueError(f"{keyword} is {found}, not a whole number")
    if found is not None and abs(found) >= _LARGEST_WHOLE:
        raise UnusableValueError(f"{keyword} is {found:g}, more than such a number can be")
    return None if found is None else int(found)


def vector_of(data: Attributes, keyword: str, count: int) -> tuple[float, ...]:
    """Return exactly `count` numbers; anything else, absence included, is unusable."""
    found = required(numbers_of(data, keyword), keyword)
    if len(found) != count:
        raise UnusableValueError(f"{keyword} has {len(found)} values, not {count}")
    return found


def cosines_of(data: Attributes) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Return ImageOrientationPatient as its row and column direction cosines (PS3.3 C.7.6.2.1.1), each about 1 long."""
    a, b, c, d, e, f = vector_of(data, "ImageOrientationPatient", 6)
    for x, y, z in ((a, b, c), (d, e, f)):
        if abs(x * x + y * y + z * z - 1.0) > _COSINES_SQUARED_OFF:
            raise UnusableValueError("ImageOrientationPatient does not hold unit vectors")
    return (a, b, c), (d, e, f)


def places_of(data: Attributes, keyword: str) -> tuple[float, ...]:
    """Return coordinates or distances, mm, of which none is beyond 100 m: a grid is as large as they say."""
    found = numbers_of(data, keyword)
    if any(abs(place) > _FARTHEST_MM for place in found):
        raise UnusableValueError(f"{keyword} holds {max(found, key=abs):g} mm: no patient lies there")
    return found


def position_of(data: Attributes) -> tuple[float, float, float]:
    """Return ImagePositionPatient, LPS mm, within 100 m of the origin (PS3.3 C.7.6.2.1.1)."""
    places_of(data, "ImagePositionPatient")
    x, y, z = vector_of(data, "ImagePositionPatient", 3)
    return x, y, z


def pixel_spacing_of(data: Attributes) -> tuple[float, float]:
    """Return PixelSpacing: distance of rows, distance of columns, mm, both positive (PS3.3 10.7.1.3)."""
    between_rows, between_columns = vector_of(data, "PixelSpacing", 2)
    if min(between_rows, between_columns) <= 0.0:
        raise UnusableValueError("PixelSpacing is not positive")
    smallest, largest = _SPACINGS_MM
    if not smallest <= min(between_rows, between_columns) <= max(between_rows, between_columns) <= largest:
        raise UnusableValueError(
            f"PixelSpacing of {between_rows:g} and {between_columns:g} mm: no pixels are like that"
        )
    return between_rows, between_columns


def date_of(data: Attributes, keyword: str) -> dt.date | None:
    """Return the date of a DA value (`YYYYMMDD`, or the retired `YYYY.MM.DD`); None where it is absent or no date."""
    written = (text_of(data, keyword) or "").replace(".", "").replace("-", "")
    if len(written) != _DATE_DIGITS or not written.isdigit():
        return None
    try:
        return dt.date(int(written[:4]), int(written[4:6]), int(written[6:]))
    except ValueError:
        return None


def items_of(data: Attributes, keyword: str) -> Sequence[Any]:
    """Return the items of a sequence, none where it is absent or empty."""
    found = _fetch(data, keyword)
    if found is None:
        return ()
    if isinstance(found, str | bytes) or not isinstance(found, Sequence):
        raise UnusableValueError(f"{keyword} is not a sequence")
    return found


def _fetch(data: Attributes, keyword: str) -> Any:
    try:
        return data.get(keyword)
    except MemoryError:
        raise
    except Exception as error:
        raise UnusableValueError(f"{keyword} cannot be read: {error}") from error


def _require_modest(data: Attributes, keyword: str) -> None:
    """Raise `UnusableValueError` where a value that is still bytes would take hundreds of times its size."""
    unread = getattr(data, "get_item", None)
    value = None if unread is None else getattr(unread(keyword), "value", None)
    if isinstance(value, bytes) and len(value) > _LONGEST_VALUE_BYTES:
        raise UnusableValueError(f"{keyword} has {len(value)} bytes")


def _values(data: Attributes, keyword: str) -> tuple[Any, ...]:
    _require_modest(data, keyword)
    found = _fetch(data, keyword)
    if found is None or found == "":
        return ()
    if isinstance(found, Sequence) and not isinstance(found, str | bytes):
        return tuple(found)
    return (found,)


def _plain(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
