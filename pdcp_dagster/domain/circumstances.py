"""What a verdict takes into account beside the image summary and the cohort file.

What lives here: plain values. What does not: reading them (adapters, stages).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from pdcp_dagster.domain.decisions import Decision
    from pdcp_dagster.domain.structure_names import StructureNameMap
    from pdcp_dagster.domain.study_rules import OwnRule


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of one patient from elsewhere.

    approvals: status in capitals by SOPInstanceUID or SeriesInstanceUID, from the cohort's table.
    index_date: the patient's date in the table of the rule `closest_to`.
    rules: the cohort's own, by name. decision: a person's.
    only_candidate: the number of the one candidate to be prepared, as quarantine does.
    """

    approvals: Mapping[str, str] = field(default_factory=dict)
    index_date: dt.date | None = None
    rules: tuple[tuple[str, OwnRule], ...] = ()
    decision: Decision | None = None
    only_candidate: int | None = None


NOTHING_ELSE = Circumstances()


@dataclass(frozen=True, slots=True)
class CohortTables:
    """The tables that a cohort file names.

    approvals: status in capitals by SOPInstanceUID or SeriesInstanceUID. index_dates: the date of `closest_to` by
    PatientID. prescriptions: Gy by PatientID and ROI name in lower case (`str.casefold`). structure_names: the map to
    standard names, None where the cohort names none.
    """

    approvals: Mapping[str, str] = field(default_factory=dict)
    index_dates: Mapping[str, dt.date] = field(default_factory=dict)
    prescriptions: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    structure_names: StructureNameMap | None = None


NO_TABLES = CohortTables()
