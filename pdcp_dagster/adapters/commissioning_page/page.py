"""The commissioning report as one page: no network, no script, nothing in it that a patient's data could run.

What lives here: the page and its content security policy. What does not: the style, or where the page is written.
"""

from __future__ import annotations

import base64
import hashlib
import html
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from pdcp_dagster.adapters.commissioning_page.style import STYLE
from pdcp_dagster.domain.commissioning import AGREES, BY_CONVENTION, DIFFERS
from pdcp_dagster.domain.display import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Record = Mapping[str, Any]

_LONGEST = 500
_TONES = {AGREES: "good", BY_CONVENTION: "known", DIFFERS: "bad"}
_MARKS = {AGREES: "✓", BY_CONVENTION: "≈", DIFFERS: "≠"}
_DOSES = ("dmean", "d95", "d50", "d2")
_HEADINGS = ("Volume cm³", "Mean dose Gy", "D95 Gy", "D50 Gy", "D2 Gy", "Curves apart %")


@dataclass(frozen=True, slots=True, eq=False)
class CommissioningPage:
    """What the page says; all of it is shown as text.

    verdict, tone: the result in one sentence, and which of the verdicts it looks like.
    facts: name and value.
    tolerances: what, within what, why that much.
    conventions: the convention, and of how many ROIs it is within tolerance.
    records: as in commissioning.parquet, compared ROIs only, in the order of the page, with `patient`, what the patient
        is called.
    others: who or what could not be compared, and why.
    """

    title: str
    verdict: str
    tone: str
    facts: Sequence[tuple[str, str]]
    tolerances: Sequence[tuple[str, str, str]]
    conventions: Sequence[tuple[str, str]]
    records: Sequence[Record]
    others: Sequence[tuple[str, str]]


def render_commissioning(page: CommissioningPage) -> str:
    """Return the report as one HTML page, the same for the same content."""
    facts = "".join(f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in page.facts)
    sections = (
        _plain("Conventions", ("Computed with", "ROIs within all tolerances"), page.conventions),
        _rois(page.records),
        _plain("Not compared", ("What", "Why"), page.others) if page.others else "",
        _plain("Tolerances", ("What", "Within", "Why"), page.tolerances),
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy()}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(page.title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<header><h1>{_text(page.title)}</h1><p class="verdict {_tone(page.tone)}">{_text(page.verdict)}</p>'
        f"<dl>{facts}</dl></header>\n<main>\n{''.join(sections)}</main>\n"
        "<footer>Doses are planned, not delivered.</footer>\n</body>\n</html>\n"
    )


def _plain(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{_text(each)}</th>' for each in headings)
    told = ("".join(f'<td class="words">{_text(cell)}</td>' for cell in row) for row in rows)
    return _table(title, head, f"<tbody>{''.join(f'<tr>{cells}</tr>' for cells in told)}</tbody>")


def _rois(records: Sequence[Record]) -> str:
    head = '<th scope="col"></th>' + "".join(f'<th scope="col" class="number">{each}</th>' for each in _HEADINGS)
    groups = groupby(records, key=lambda row: (row["partition_key"], row["rtstruct_uid"], row["roi_number"]))
    note = (
        '<p class="note">In brackets: by how much the project is above (+) or below the planning system; '
        "! and bold: out of tolerance. Curves: their largest distance, in brackets what is left of it if they may be "
        "shifted by the tolerance in dose.</p>\n"
    )
    return _table("ROIs", head, "".join(_roi(list(rows)) for _, rows in groups)) + note


def _table(title: str, head: str, body: str) -> str:
    table = f"<table><thead><tr>{head}</tr></thead>{body}</table>"
    return f'<section><h2>{_text(title)}</h2><div class="scroll">{table}</div></section>\n'


def _roi(rows: Sequence[Record]) -> str:
    first = rows[0]
    verdict = str(first["verdict"])
    badge = f'<span class="badge {_tone(verdict)}">{_MARKS.get(verdict, "")} {_text(verdict)}</span>'  # type: ignore[call-overload]
    words = f"{badge}{_text(first['roi_name'])} · {_text(first['patient'])}"
    reason = f' <span class="faint">{_text(first["reason"])}</span>' if first["reason"] else ""
    title = f'<tr class="roi"><th scope="rowgroup" colspan="{len(_HEADINGS) + 1}">{words}{reason}</th></tr>'
    return f"<tbody>{title}{_system(first)}{''.join(map(_convention, rows))}</tbody>\n"


def _system(row: Record) -> str:
    """The planning system's own figures, with what may be added to or taken from them."""
    volume, allowed = row["tps_volume_cm3"], row["volume_tolerance_pct"]
    judged = f" ± {_number(allowed, 1)} %" if allowed is not None else ", not judged"
    cells = [f"{_number(volume, 3)}{judged}" if volume is not None else "–"]  # noqa: RUF001 - a dash to be seen
    cells += [f"{_number(row[f'tps_{name}_gy'], 3)} ± {_number(row['dose_tolerance_gy'], 3)}" for name in _DOSES]
    cells.append(f"({_number(row['gap_tolerance_pct'], 1)})")
    shown = "".join(f'<td class="number">{cell}</td>' for cell in cells)
    return f'<tr class="system"><th scope="row">planning system, and tolerance</th>{shown}</tr>'


def _convention(row: Record) -> str:
    own = ", the cohort's own" if row["is_cohorts_own"] else ""
    name = _text(f"end_caps: {row['end_caps']}, {row['dose_interpolation']}{own}")
    cells = [_cell(row["volume_cm3"], row["volume_difference_pct"], row["volume_tolerance_pct"], " %", 2)]
    cells += [
        _cell(row[f"{dose}_gy"], row[f"{dose}_difference_gy"], row["dose_tolerance_gy"], "", 3) for dose in _DOSES
    ]
    cells.append(_cell(row["largest_gap_pct"], row["gap_beyond_tolerance_pct"], row["gap_tolerance_pct"], "", 2))
    return f'<tr><th scope="row">{name}</th>{"".join(cells)}</tr>'


def _cell(value: float, apart: float | None, tolerance: float | None, unit: str, digits: int) -> str:
    if apart is None:
        return f'<td class="number">{_number(value, 3)}</td>'
    out = tolerance is not None and abs(apart) > tolerance
    mark, kind = ("! ", "number out") if out else ("", "number")
    return f'<td class="{kind}">{mark}{_number(value, 3)} ({apart:+.{digits}f}{unit})</td>'


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}"


def _tone(verdict: str) -> str:
    return next((tone for name, tone in _TONES.items() if name == verdict), "bad")


def _text(value: object) -> str:
    """Return a value as HTML text on one line, fit for an attribute, too."""
    return html.escape(one_line("" if value is None else str(value), _LONGEST), quote=True)


def _policy() -> str:
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
