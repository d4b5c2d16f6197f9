"""The first rows of the report as a Markdown table, for an asset's metadata.

What lives here: the table and its escaping. What does not: the page.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pdcp_dagster.adapters.report_page.cells import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_COLUMNS = {"patient_id": "Patient", "status": "Status", "reason": "Reason"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~-])")


def status_markdown_table(rows: Sequence[Mapping[str, Any]], limit: int = 50) -> str:
    """Return patient, status and reason of the first `limit` rows, and how many there are more."""
    lines = [f"| {' | '.join(_COLUMNS.values())} |", "|---" * len(_COLUMNS) + "|"]
    lines += [f"| {' | '.join(_markdown(row.get(key)) for key in _COLUMNS)} |" for row in rows[:limit]]
    if len(rows) > limit:
        lines.append(f"\n... and {len(rows) - limit} more")
    return "\n".join(lines)


def _markdown(value: Any) -> str:
    text = shown(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", text)
