"""The report page as a whole: one file, no network, nothing in it that a patient's data could run.

What lives here: the frame of the page and its content security policy. What does not: its sections (`summary`,
`patients`), style and script.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from pdcp_dagster.adapters.atomic import write_bytes
from pdcp_dagster.adapters.report_page.cells import escaped
from pdcp_dagster.adapters.report_page.patients import patients_section
from pdcp_dagster.adapters.report_page.script import SCRIPT
from pdcp_dagster.adapters.report_page.style import STYLE
from pdcp_dagster.adapters.report_page.summary import code_section, status_section

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def write_report(
    path: Path, *, cohort: str, rows: Sequence[Mapping[str, Any]], generated: str | None, software_version: str
) -> None:
    """Write the page of `render_report` to `path`, whole or not at all."""
    page = render_report(cohort=cohort, rows=rows, generated=generated, software_version=software_version)
    write_bytes(path, page.encode())


def render_report(
    *, cohort: str, rows: Sequence[Mapping[str, Any]], generated: str | None, software_version: str
) -> str:
    """Return the cohort report as one HTML page, the same for the same arguments.

    rows: one per patient, with the keys of `cohort_report.parquet`; missing keys are shown as unknown.
    generated: when, as it is to be shown; None leaves it out.

    All text is escaped, and the page's policy lets the browser run this script alone and load nothing.
    """
    total = "1 patient" if len(rows) == 1 else f"{len(rows)} patients"
    facts = " · ".join([total, *([f"as of {escaped(generated)}"] if generated else [])])
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy()}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Cohort {escaped(cohort)}: report</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<header><h1>Cohort {escaped(cohort)}</h1><p class="lead">{facts}</p></header>\n<main>\n'
        f"{status_section(rows)}\n{code_section(rows)}\n{patients_section(rows)}\n</main>\n"
        f"<footer>pdcp_dagster {escaped(software_version)} · doses are planned, not delivered</footer>\n"
        f"<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _policy() -> str:
    sources = f"style-src '{_hash(STYLE)}'; script-src '{_hash(SCRIPT)}'"
    return f"default-src 'none'; {sources}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
