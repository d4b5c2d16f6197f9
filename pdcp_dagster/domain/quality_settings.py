"""What a cohort file says of the quality checks: how grave each is, and from when on the cohort's shares alarm.

What lives here: the section `checks` of a cohort file. What does not: what is checked (`quality`).
"""

from __future__ import annotations

from pdcp_dagster.domain.eligibility import Section


class Checks(Section):
    """How grave each quality check is, and the limits of those over the whole cohort."""
