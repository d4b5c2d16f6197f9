"""Dates that decide something, and dates that cannot.

What lives here: which dates anonymisers write in place of a real one. What does not: reading dates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt

DUMMY_YEARS = frozenset({1900, 1901})
"""What anonymisers write where a date was (PS3.15 E.1.1 allows any dummy)."""


def is_real(date: dt.date | None) -> bool:
    """Whether a date is there and no anonymiser's dummy."""
    return date is not None and date.year not in DUMMY_YEARS
