"""The cohort report as one page that opens from disk, and as a small table for metadata.

What lives here: HTML and Markdown from the rows of the cohort report. What does not: gathering those rows (`stages`).
"""

from __future__ import annotations

from pdcp_dagster.adapters.report_page.markdown import status_markdown_table
from pdcp_dagster.adapters.report_page.page import render_report, write_report

__all__ = ["render_report", "status_markdown_table", "write_report"]
