"""All codes as a page to read: docs/codes.md is this page.

What lives here: the Markdown. What does not: the codes (`code_registry`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.domain.code_registry import CODES, LEGACY_ONLY, NOTHING_TO_DO, STEPS, UNDECIDED, Effect

if TYPE_CHECKING:
    from pdcp_dagster.domain.code_registry import Code

_HEAD = """\
# Codes

Every code that can come of a patient, made from the registry by `make docs`. A patient's status follows from the codes
alone: **EXCLUDE** where one excludes, else **REVIEW** where one asks for a person, else **SUCCESS**. Notes and codes of
what went well change nothing. What could not be read is no code: such a patient is FAILED, with the reason in
`failure.json`, and is done again by the next run.

In `notes.json` a code stands as the original PDCP wrote it, `<step>: <CODE>:<ACTION>`, its misspelt EXECLUDE included,
with what was seen in this patient behind it.
"""
_EFFECTS = {
    Effect.EXCLUDE: "**EXCLUDE**",
    Effect.REVIEW: "**REVIEW**",
    Effect.PROCEED: "goes on",
    Effect.NOTE: "note",
}


def codes_page() -> str:
    """Return the page: a table per step."""
    parts = [_HEAD]
    for step, name in STEPS.items():
        rows = [_row(entry) for entry in CODES.values() if entry.step == step]
        parts.append("\n".join([f"## {step}. {name}", "", *_TABLE, *rows, ""]))
    return "\n".join(parts)


_TABLE = ("| code | action | effect | meaning | what to do |", "|---|---|---|---|---|")


def _row(entry: Code) -> str:
    effect = _EFFECTS[entry.effect]
    if entry.code in LEGACY_ONLY:
        effect = "legacy export only"
    elif entry.code in UNDECIDED:
        effect += ", nothing is prepared until a person chooses (`pdcp review`)"
    remedy = "" if entry.remedy == NOTHING_TO_DO else entry.remedy
    return f"| `{entry.code}` | {entry.action} | {effect} | {entry.meaning} | {remedy} |"
