"""Dates that decide something, and dates that cannot.

What lives here: which dates anonymisers write in place of a real one. What does not: reading dates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt

FIRST_YEAR, LAST_YEAR = 1970, 2099
"""No CT is older, and none is younger for a while: other years are what anonymisers write where a date was, 1900 and
1901 most often (PS3.15 E.1.1 allows any dummy).
"""


def is_real(date: dt.date | None) -> bool:
    """Whether a date is there and no anonymiser's dummy."""
    return date is not None and FIRST_YEAR <= date.year <= LAST_YEAR
