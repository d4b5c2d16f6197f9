"""One patient on one page, which opens from disk: by itself, and within the cohort report.

What lives here: HTML from what is told of a patient. What does not: gathering that (`stages`), or writing the file
(`store`).
"""

from __future__ import annotations

from pdcp_dagster.adapters.patient_panel.content import (
    PanelCurve,
    PanelFiles,
    PanelFinding,
    PanelObject,
    PanelPicture,
    PanelPlan,
    PanelRoi,
    PatientPanel,
)
from pdcp_dagster.adapters.patient_panel.page import render_panel

__all__ = [
    "PanelCurve",
    "PanelFiles",
    "PanelFinding",
    "PanelObject",
    "PanelPicture",
    "PanelPlan",
    "PanelRoi",
    "PatientPanel",
    "render_panel",
]
