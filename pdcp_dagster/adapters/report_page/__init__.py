"""The cohort report as one page that opens from disk.

What lives here: HTML from the rows of the cohort report. What does not: gathering those rows (`stages`).
"""

from __future__ import annotations

from pdcp_dagster.adapters.report_page.attrition import attrition_picture, attrition_told
from pdcp_dagster.adapters.report_page.page import render_report, write_report

__all__ = ["attrition_picture", "attrition_told", "render_report", "write_report"]
