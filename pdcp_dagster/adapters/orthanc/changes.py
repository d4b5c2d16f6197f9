"""Reading pages of Orthanc's change feed.

What lives here: what a page must look like. What does not: asking for it (`client`), or what follows (`stages.feed`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pdcp_dagster.adapters.orthanc.connection import require_orthanc_id
from pdcp_dagster.adapters.orthanc.errors import OrthancAnswerError
from pdcp_dagster.adapters.orthanc.records import Change, ChangePage

if TYPE_CHECKING:
    from collections.abc import Mapping


def change_page(answer: Mapping[str, Any], path: str) -> ChangePage:
    """Return a page as Orthanc answers it; OrthancAnswerError where anything is missing or unlike itself."""
    try:
        changes = tuple(_change(entry) for entry in answer["Changes"])
        return ChangePage(changes, last=int(answer["Last"]), is_done=answer["Done"] is True)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise OrthancAnswerError(f"{path}: this is no page of a change feed: {error!r}") from error


def _change(entry: Mapping[str, Any]) -> Change:
    return Change(
        sequence=int(entry["Seq"]),
        kind=str(entry["ChangeType"]),
        orthanc_id=require_orthanc_id(entry["ID"]),
        date=str(entry["Date"]),
    )
