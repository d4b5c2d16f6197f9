"""Values of report rows as text that is safe to show.

What lives here: formatting and escaping of one value. What does not: tables and pages.
"""

from __future__ import annotations

import html
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from pdcp_dagster.domain.display import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST = 2000
_UNKNOWN = {"nan", "NaT", "<NA>"}
_DECIMALS = 3


def shown(value: Any) -> str:
    """Return a value as one line of text; unknown (None, NaN, NaT, NA) is empty, numbers have at most 3 decimals."""
    if isinstance(value, str):
        return one_line(value, _LONGEST)
    if value is None or str(value) in _UNKNOWN:
        return ""
    if isinstance(value, Real) and not isinstance(value, Integral):
        return f"{float(value):.{_DECIMALS}f}".rstrip("0").rstrip(".")
    if isinstance(value, (list, tuple)):
        return ", ".join(shown(item) for item in value)
    return one_line(str(value), _LONGEST)


def escaped(value: Any) -> str:
    """Return a value as HTML text, fit for an attribute, too."""
    return html.escape(shown(value), quote=True)


def counted(patients: int) -> str:
    """Return "1 patient", "2 patients"."""
    return "1 patient" if patients == 1 else f"{patients} patients"


def codes_of(row: Mapping[str, Any]) -> list[str]:
    """Return the codes of a row, each once, in their order."""
    codes = row.get("codes")
    return list(dict.fromkeys(str(code) for code in codes)) if isinstance(codes, (list, tuple)) else []
