"""A patient's page as a whole: one file, no script, no network, and no picture but those that lie beside it.

What lives here: the frame of the page and its content security policy. What does not: its parts (`sections`).
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.patient_panel.sections import (
    codes_section,
    files_section,
    links_section,
    pictures_section,
    plans_section,
    rois_section,
    unread_section,
)
from pdcp_dagster.adapters.patient_panel.style import STYLE
from pdcp_dagster.adapters.patient_panel.text import escaped, facts_list, isolated
from pdcp_dagster.domain.codes import Status

if TYPE_CHECKING:
    from pdcp_dagster.adapters.patient_panel.content import PatientPanel

_MARKS = {
    Status.SUCCESS: "✓",
    Status.REVIEW: "?",
    Status.EXCLUDE: "\N{EN DASH}",
    Status.FAILED: "✕",
    Status.PENDING: "·",
}


def render_panel(panel: PatientPanel) -> str:
    """Return the patient's page, the same for the same content.

    All text is escaped; the page's policy has the browser run nothing, and load nothing but pictures.
    """
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaped(panel.name)} ({escaped(panel.cohort)})</title>\n<style>{STYLE}</style>\n</head>\n"
        f'<body class="{panel.status}"><i id="dark" hidden></i><i id="light" hidden></i>\n'
        f"{_head(panel)}\n<main>\n{_body(panel)}\n</main>\n"
        "<footer>As of this patient's last run. Doses are planned, not delivered.</footer>\n</body>\n</html>\n"
    )


def _head(panel: PatientPanel) -> str:
    badge = f'<span class="badge"><span aria-hidden="true">{_MARKS[panel.status]}</span> {panel.status}</span>'
    return (
        f'<header><h1>{isolated(panel.name)}</h1>{badge}<span class="cohort">cohort {escaped(panel.cohort)}</span>'
        f'</header>\n<p class="reason">{isolated(panel.reason)}</p>\n{facts_list(panel.facts.items())}'
    )


def _body(panel: PatientPanel) -> str:
    parts = (
        unread_section(panel.unread),
        codes_section(panel.findings),
        pictures_section("The candidates among which to choose", panel.candidates),
        rois_section(panel),
        pictures_section("Pictures", panel.pictures),
        plans_section(panel.plans),
        links_section(panel.objects),
        files_section(panel.files),
    )
    return "\n".join(part for part in parts if part)


_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_POLICY = (
    "default-src 'none'; img-src file: 'self' data:; "
    f"style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"
)
