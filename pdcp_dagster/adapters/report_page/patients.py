"""The table of patients on the page: its filter, its head, and where the script puts the rows.

What lives here: which columns there are, and the choice of codes. What does not: the values (`patient_values`), rows,
sorting and filtering (`script_patients`).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pdcp_dagster.adapters.report_page.cells import codes_of, escaped
from pdcp_dagster.adapters.report_page.patient_values import patient_values
from pdcp_dagster.domain.codes import CODES, Effect, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pdcp_dagster.domain.attrition import Attrition

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
_KINDS = {"status": "status", "reason": "words", "scanner": "faint"} | dict.fromkeys(_NUMBERS, "number")
_EFFECTS = {
    Effect.EXCLUDE: "Excludes",
    Effect.REVIEW: "To review",
    Effect.NOTE: "Notes",
    Effect.PROCEED: "Steps passed",
}


def patients_section(rows: Sequence[Mapping[str, Any]], attrition: Attrition) -> str:
    """Return the table of patients with its filter; each row opens to the patient's panel and all values."""
    if not rows:
        return '<section class="card"><h2>Patients</h2><p>No patient is known yet.</p></section>'
    values = patient_values(rows, attrition)
    heads = "".join(_head(key, title) for key, title in COLUMNS.items())
    return (
        f'<section class="card"><h2 id="patients-title" tabindex="-1">Patients</h2>{_left_out(values, len(rows))}'
        f"{_filter(rows)}"
        '<div class="scroll" role="region" aria-labelledby="patients-title" tabindex="0">'
        f'<table id="patients" aria-describedby="found"><thead><tr>{heads}</tr></thead><tbody></tbody></table></div>'
        '<nav class="pages" aria-label="Pages of the table">'
        '<button type="button" id="previous">&lsaquo; Previous</button>'
        '<span id="page"></span><button type="button" id="next">Next &rsaquo;</button></nav><p id="cut" hidden></p>'
        "<noscript><p>The table needs scripts; cohort_report.parquet holds the same rows.</p></noscript>"
        f'</section><script type="application/json" id="values">{values.text}</script>'
    )


def _left_out(values: Any, total: int) -> str:
    parts = []
    if values.patients < total:
        parts.append(
            f"The table holds {values.patients} of {total} patients, those first that failed, wait or are left out; "
            "cohort_report.parquet has all."
        )
    if values.cut:
        parts.append("Long texts are cut; cohort_report.parquet has them whole.")
    return f"<p>{' '.join(parts)}</p>" if parts else ""


def _filter(rows: Sequence[Mapping[str, Any]]) -> str:
    statuses = "".join(f'<option value="{status}">{status}</option>' for status in Status)
    return (
        '<form class="filter" role="search">'
        '<label>Find <input type="search" id="search" placeholder="ID, reason, code, UID" autocomplete="off"></label>'
        f'<label>Status <select id="status"><option value="">all</option>{statuses}</select></label>'
        f'<label>Seen <select id="code"><option value="">anything</option>{_codes(rows)}</select></label>'
        '<button type="button" id="picked" hidden></button><button type="reset">Show all</button>'
        '<output id="found" aria-live="polite"></output></form>'
    )


def _codes(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the codes that were met, in words, by what they do."""
    counts = Counter(code for row in rows for code in codes_of(row))
    parts = []
    for effect, title in _EFFECTS.items():
        entries = [entry for entry in CODES.values() if entry.effect is effect and counts[entry.code]]
        options = "".join(
            f'<option value="{entry.code}">{escaped(entry.meaning[:1].upper() + entry.meaning[1:])} ({entry.code})'
            "</option>"
            for entry in entries
        )
        parts.append(f'<optgroup label="{title}">{options}</optgroup>' if options else "")
    return "".join(parts)


def _head(key: str, title: str) -> str:
    kind = _KINDS.get(key, "date" if key.endswith("_date") else "")
    return f'<th scope="col" data-key="{key}" class="{kind}"><button type="button">{title}</button></th>'
