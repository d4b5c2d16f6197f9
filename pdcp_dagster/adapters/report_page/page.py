"""The report page as a whole: one file, no network, nothing in it that a patient's data could run.

What lives here: the frame of the page and its content security policy. What does not: its sections (`summary`,
`attrition`, `bands`, `patients`), style and script.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from pdcp_dagster.adapters.atomic import write_bytes
from pdcp_dagster.adapters.report_page.attrition import attrition_section
from pdcp_dagster.adapters.report_page.bands import bands_section
from pdcp_dagster.adapters.report_page.cells import codes_of, counted, escaped
from pdcp_dagster.adapters.report_page.patients import patients_section
from pdcp_dagster.adapters.report_page.script import SCRIPT
from pdcp_dagster.adapters.report_page.style import STYLE
from pdcp_dagster.adapters.report_page.summary import code_section, status_section
from pdcp_dagster.domain.attrition import attrition_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pdcp_dagster.domain.dvh_bands import DvhBand


def write_report(
    path: Path,
    *,
    cohort: str,
    rows: Sequence[Mapping[str, Any]],
    bands: Sequence[DvhBand] = (),
    further_structures: int = 0,
    generated: str | None,
    software_version: str,
    notes: Sequence[str] = (),
) -> None:
    """Write the page of `render_report` to `path`, whole or not at all."""
    page = render_report(
        cohort=cohort,
        rows=rows,
        bands=bands,
        further_structures=further_structures,
        generated=generated,
        software_version=software_version,
        notes=notes,
    )
    write_bytes(path, page.encode())


def render_report(
    *,
    cohort: str,
    rows: Sequence[Mapping[str, Any]],
    bands: Sequence[DvhBand] = (),
    further_structures: int = 0,
    generated: str | None,
    software_version: str,
    notes: Sequence[str] = (),
) -> str:
    """Return the cohort report as one HTML page, the same for the same arguments.

    rows: one per patient, with the keys of `cohort_report.parquet`; missing keys are shown as unknown, others in the
    opened row. `panel`: the path of the patient's panel relative to the page, percent-encoded, or None.
    bands: the cohort's DVHs, a structure each; further_structures: how many have no band here.
    notes: sentences that stand above all.
    generated: when, as it is to be shown; None leaves it out.

    All text is escaped. The page's policy lets the browser run this script alone and load nothing but panels, in a
    frame that may run no script.
    """
    attrition = attrition_of((str(row.get("status")), codes_of(row)) for row in rows)
    facts = " · ".join([counted(len(rows)), *([f"as of {escaped(generated)}"] if generated else [])])
    both = attrition_section(attrition) + bands_section(bands, further_structures)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy()}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Cohort {escaped(cohort)}: report</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<header><div><h1>Cohort {escaped(cohort)}</h1><p class="lead">{facts}</p></div>'
        '<button type="button" class="tool" id="theme" data-now="system">Colours: as the system</button></header>\n'
        f"<main>\n{_notes(notes)}{status_section(attrition)}\n"
        f'<div class="both">{both}</div>\n{code_section(rows)}\n{patients_section(rows, attrition)}\n</main>\n'
        f"<footer>pdcp_dagster {escaped(software_version)} · doses are planned, not delivered</footer>\n"
        f"<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _notes(notes: Sequence[str]) -> str:
    items = "".join(f"<li>{escaped(note)}</li>" for note in notes)
    return f'<ul class="notes" aria-label="Notes">{items}</ul>\n' if items else ""


def _policy() -> str:
    sources = f"style-src '{_hash(STYLE)}'; script-src '{_hash(SCRIPT)}'"
    return f"default-src 'none'; {sources}; frame-src 'self' file:; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
