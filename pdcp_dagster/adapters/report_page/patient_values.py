"""All values of all patients, as the page's script reads them: a column each, repeated texts once.

What lives here: which patients the page holds and how much of each value, so that its size stays bounded. What does
not: how they are shown (`patients`, `script`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pdcp_dagster.adapters.report_page.cells import codes_of, shown
from pdcp_dagster.adapters.report_page.embedded import json_text
from pdcp_dagster.domain.codes import Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pdcp_dagster.domain.attrition import Attrition

MOST_ROWS = 20_000
"""A browser still opens, sorts and filters that many at once."""

LARGEST = 32_000_000
"""Bytes of values; longer ones are cut where all together exceed it, then patients are left out."""

_LONGEST = (2000, 400, 80)
_LEFT_OUT_FIRST = (Status.PENDING, Status.SUCCESS, Status.EXCLUDE, Status.REVIEW, Status.FAILED)
_PANEL = "panel"
_PATH = re.compile(r"[A-Za-z0-9_.~%-]+(?:/[A-Za-z0-9_.~%-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class PatientValues:
    """What the page holds: as JSON, for `patients` patients; `cut` where values lost their ends."""

    text: str
    patients: int
    cut: bool


def patient_values(rows: Sequence[Mapping[str, Any]], attrition: Attrition) -> PatientValues:
    """Return the values of at most MOST_ROWS patients in at most LARGEST bytes, in their order.

    Of more patients, those with the least to tell are left out. A column is `{name, values}`, or where texts repeat
    `{name, values, index}`; besides, each patient has the number of its group in the attrition diagram, and its panel.
    """
    group_of = {patient: number for number, group in enumerate(attrition.groups()) for patient in group.patients}
    most = MOST_ROWS
    while True:
        chosen = _most_telling(rows, most)
        for longest in _LONGEST:
            text = _as_json([rows[number] for number in chosen], [group_of[number] for number in chosen], longest)
            if len(text.encode()) <= LARGEST or not chosen:
                return PatientValues(text, len(chosen), longest < _LONGEST[0])
        most = len(chosen) * LARGEST // (2 * len(text.encode()))


def panel_path(value: Any) -> str | None:
    """Return the path of a patient's panel where it leads to a file below the page's own folder, else None."""
    if not isinstance(value, str) or not _PATH.fullmatch(value):
        return None
    return None if any(set(unquote(part)) <= {"."} for part in value.split("/")) else value


def _most_telling(rows: Sequence[Mapping[str, Any]], most: int) -> list[int]:
    if len(rows) <= most:
        return list(range(len(rows)))
    ranks = {str(status): rank for rank, status in enumerate(reversed(_LEFT_OUT_FIRST))}
    chosen = sorted(range(len(rows)), key=lambda number: ranks.get(str(rows[number].get("status")), len(ranks)))
    return sorted(chosen[:most])


def _as_json(rows: Sequence[Mapping[str, Any]], groups: Sequence[int], longest: int) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row if name not in {_PANEL, "status"}))
    columns = [_column("status", [str(row.get("status") or Status.PENDING) for row in rows], longest)]
    for name in names:
        texts = [" ".join(codes_of(row)) if name == "codes" else shown(row.get(name)) for row in rows]
        columns.append(_column(shown(name), texts, longest))
    panels = [panel_path(row.get(_PANEL)) or "" for row in rows]
    table = {"columns": columns, "groups": list(groups), "panels": panels if any(panels) else []}
    return json_text(table)


def _column(name: str, texts: list[str], longest: int) -> dict[str, Any]:
    cut = [text if len(text) <= longest else f"{text[: longest - 1]}…" for text in texts]
    different = list(dict.fromkeys(cut))
    if 2 * len(different) > len(cut):
        return {"name": name, "values": cut}
    number = {text: position for position, text in enumerate(different)}
    return {"name": name, "values": different, "index": [number[text] for text in cut]}
