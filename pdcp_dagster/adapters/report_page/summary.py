"""The upper half of the report page: how many patients stand where, and why.

What lives here: counts per status and per code. What does not: the table of patients (`patients`).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pdcp_dagster.adapters.report_page.cells import codes_of, escaped
from pdcp_dagster.domain.codes import CODES, Effect, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pdcp_dagster.domain.attrition import Attrition

STATUS_MEANING = {
    Status.SUCCESS: "ready for analysis",
    Status.REVIEW: "a person must decide",
    Status.EXCLUDE: "left out, with a reason",
    Status.FAILED: "could not be done, run again",
    Status.PENDING: "not done yet",
}
STATUS_MARK = {
    Status.SUCCESS: "✓",
    Status.REVIEW: "?",
    Status.EXCLUDE: "\N{EN DASH}",
    Status.FAILED: "✕",
    Status.PENDING: "·",
}
_STANDING = {Effect.EXCLUDE: "excluded", Effect.REVIEW: "to review", Effect.PROCEED: "passed", Effect.NOTE: "note"}


def status_section(attrition: Attrition) -> str:
    """Return the counts per status: a bar, and one button per status that filters the table."""
    counts: Counter[str] = Counter()
    for group in attrition.groups():
        counts[group.status] += len(group.patients)
    total = attrition.total
    tiles = "".join(_tile(status, counts[status], total) for status in Status)
    return f'<section aria-label="Patients by status">{_bar(counts, total)}<div class="tiles">{tiles}</div></section>'


def code_section(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the codes with their counts: those that exclude or ask for a person, and the others folded away."""
    counts = Counter(code for row in rows for code in codes_of(row))
    failed = sum(str(row.get("status")) == Status.FAILED for row in rows)
    decisive = "".join(_code_rows(counts, (Effect.EXCLUDE, Effect.REVIEW))) + _failed_row(failed)
    others = "".join(_code_rows(counts, (Effect.NOTE, Effect.PROCEED)))
    parts = ['<section class="card"><h2>What was seen, and what to do</h2>']
    told = "A patient may have several codes. Click a code for all patients who have it."
    parts.append(f'<p class="faint">{told}</p>' if counts else "")
    parts.append(_code_table(decisive) if decisive else "<p>No patient is left out or waits.</p>")
    if others:
        parts.append(f"<details><summary>Notes and steps passed</summary>{_code_table(others)}</details>")
    return "".join([*parts, "</section>"])


def _tile(status: Status, count: int, total: int) -> str:
    share = f"{count / total:.0%}" if total else "0%"
    mark, meaning = STATUS_MARK[status], STATUS_MEANING[status]
    return (
        f'<button type="button" class="tile {status}" data-status="{status}" aria-pressed="false">'
        f'<span class="count">{count}</span><span class="name"><span aria-hidden="true">{mark}</span> '
        f'{status} <span class="share">{share}</span></span><span class="meaning">{meaning}</span></button>'
    )


def _bar(counts: Counter[str], total: int) -> str:
    """Return the shares as one bar; widths are attributes, since the page allows no inline style."""
    drawn, left = [], 0.0
    for status in Status:
        width = 1000 * counts[status] / total if total else 0.0
        drawn.append(f'<rect class="{status}" x="{left:.3f}" y="0" width="{width:.3f}" height="10"/>')
        left += width
    label = ", ".join(f"{counts[status]} {status}" for status in Status)
    return (
        f'<svg class="bar" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label="{label}">'
        f"{''.join(drawn)}</svg>"
    )


def _code_rows(counts: Counter[str], effects: Sequence[Effect]) -> Iterator[str]:
    chosen = [code for code, entry in CODES.items() if entry.effect in effects and counts[code]]
    for code in sorted(chosen, key=lambda code: (effects.index(CODES[code].effect), -counts[code])):
        entry = CODES[code]
        meaning = entry.meaning[:1].upper() + entry.meaning[1:]
        find = f'<button type="button" class="link" data-code="{code}" title="Show these patients">{code}</button>'
        yield _code_row(counts[code], _STANDING[entry.effect], f"{meaning}.", entry.remedy, find)


def _failed_row(failed: int) -> str:
    if not failed:
        return ""
    find = '<button type="button" class="link" data-status="FAILED">FAILED</button>'
    meaning = "Something could not be read or written; this is no result."
    return _code_row(failed, "failed", meaning, "Mend the cause in the table below and run these patients again.", find)


def _code_row(count: int, standing: str, meaning: str, remedy: str, find: str) -> str:
    return (
        f'<tr><td class="number">{count}</td><td class="standing">{standing}</td><td>{escaped(meaning)}</td>'
        f"<td>{escaped(remedy)}</td><td>{find}</td></tr>"
    )


def _code_table(body: str) -> str:
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("Patients", "Standing", "What was seen", "What to do"))
    return (
        f'<div class="scroll"><table class="codes"><thead><tr>{heads}<th scope="col">Code</th></tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
