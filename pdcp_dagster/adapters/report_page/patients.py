"""The lower half of the report page: the table of patients and the values behind each row.

What lives here: the rows, what they sort by, and all values as data for the script. What does not: sorting and
filtering (`script`).
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from pdcp_dagster.adapters.report_page.cells import escaped, shown
from pdcp_dagster.adapters.report_page.summary import STATUS_MARK
from pdcp_dagster.domain.codes import Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NUMBERS = {
    "ct_slices": "CT slices",
    "slice_spacing_mm": "Spacing / mm",
    "rois": "ROIs",
    "plans": "Plans",
    "doses": "Doses",
    "max_dose_gy": "Max. dose / Gy",
}
COLUMNS = {
    "patient_id": "Patient",
    "status": "Status",
    "reason": "Reason",
    "study_date": "Study date",
    **_NUMBERS,
    "scanner": "Scanner",
}
_WIDTHS = {"reason": "words", "scanner": "faint"}
_IN_ORDER = list(Status)
MOST_ROWS = 20_000
"""A browser still takes that many in a second or two, in some 50 MB."""
_LEFT_OUT_FIRST = (Status.PENDING, Status.SUCCESS, Status.EXCLUDE, Status.REVIEW, Status.FAILED)


def patients_section(of_all: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of patients with its filter; each row opens to all its values.

    Of more than MOST_ROWS patients those with the least to tell are left out, and the page says so.
    """
    if not of_all:
        return "<section><h2>Patients</h2><p>No patient is known yet.</p></section>"
    rows = _most_telling(of_all)
    left_out = (
        f"<p>The table holds {len(rows)} of {len(of_all)} patients, those first that failed, wait or are left out; "
        "cohort_report.parquet has all.</p>"
        if len(rows) < len(of_all)
        else ""
    )
    options = "".join(f'<option value="{status}">{status}</option>' for status in Status)
    heads = "".join(_head(key, title) for key, title in COLUMNS.items())
    bodies = "".join(_body(number, row) for number, row in enumerate(rows))
    return (
        f'<section><h2 id="patients-title">Patients</h2>{left_out}<form class="filter" role="search">'
        '<label>Find <input type="search" id="search" placeholder="ID, reason, code, UID" autocomplete="off"></label>'
        f'<label>Status <select id="status"><option value="">all</option>{options}</select></label>'
        '<button type="reset">Show all</button>'
        f'<output id="found">{len(rows)} of {len(rows)} patients</output></form>'
        '<div class="scroll" role="region" aria-labelledby="patients-title" tabindex="0">'
        f'<table id="patients"><thead><tr>{heads}</tr></thead>{bodies}</table></div>'
        f'<button type="button" id="more" hidden></button></section>{_values(rows)}'
    )


def _most_telling(rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Return at most MOST_ROWS rows, in their order."""
    if len(rows) <= MOST_ROWS:
        return rows
    ranks = {str(status): rank for rank, status in enumerate(reversed(_LEFT_OUT_FIRST))}
    chosen = sorted(range(len(rows)), key=lambda number: ranks.get(str(rows[number].get("status")), len(ranks)))
    return [rows[number] for number in sorted(chosen[:MOST_ROWS])]


def _head(key: str, title: str) -> str:
    number = ' class="number"' if key in _NUMBERS else ""
    return f'<th scope="col"{number}><button type="button">{title}</button></th>'


def _body(number: int, row: Mapping[str, Any]) -> str:
    status = str(row.get("status") or Status.PENDING)
    cells = "".join(_cell(key, row, status) for key in list(COLUMNS)[1:])
    opener = (
        f'<th scope="row"><button type="button" class="opener" aria-expanded="false"><bdi>'
        f"{escaped(row.get('patient_id')) or '(no ID)'}</bdi></button></th>"
    )
    return f'<tbody data-row="{number}" data-status="{escaped(status)}"><tr class="entry">{opener}{cells}</tr></tbody>'


def _cell(key: str, row: Mapping[str, Any], status: str) -> str:
    if key == "status":
        return _status_cell(status)
    if key in _NUMBERS:
        value = row.get(key)
        text = f"{value:.2f}" if isinstance(value, float) and not math.isnan(value) else escaped(value)
        return f'<td class="number">{text}</td>'
    return f'<td class="{_WIDTHS.get(key, "date")}"><bdi>{escaped(row.get(key))}</bdi></td>'


def _status_cell(status: str) -> str:
    if status not in _IN_ORDER:
        return f"<td>{escaped(status)}</td>"
    known = Status(status)
    mark = f'<span aria-hidden="true">{STATUS_MARK[known]}</span>'
    return f'<td data-value="{_IN_ORDER.index(known)}"><span class="badge {known}">{mark} {known}</span></td>'


def _values(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return all values of all rows as data, names once; no text in it can end the element it stands in."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = {"names": names, "rows": [[shown(row.get(name)) for name in names] for row in rows]}
    text = json.dumps(table, ensure_ascii=True, separators=(",", ":"))
    safe = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return f'<script type="application/json" id="values">{safe}</script>'
