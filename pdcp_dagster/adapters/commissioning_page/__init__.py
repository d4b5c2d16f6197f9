"""The commissioning report: one HTML page that opens from disk and prints.

What lives here: HTML. What does not: what is compared and judged (`domain.commissioning`), gathering (`stages`).
"""

from pdcp_dagster.adapters.commissioning_page.page import CommissioningPage, render_commissioning

__all__ = ["CommissioningPage", "render_commissioning"]
