"""What is checked of a cohort as a whole, from its report.

What lives here: from the rows of the report to named checks, and what is remembered to compare the next report with.
What does not: the rules and their words (`domain.quality_cohort`, `domain.quality_drift`), the report (`report`).

Remembered are the codes of each patient by partition key (`codes_before.parquet`). A patient who is no longer in the
report is forgotten; without the file the next report is the first one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from pdcp_dagster.adapters.parquet import TableError, read_table, write_table
from pdcp_dagster.adapters.store import CODES_BEFORE
from pdcp_dagster.domain import quality
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.dates import is_real
from pdcp_dagster.domain.quality import Judgement
from pdcp_dagster.domain.quality_cohort import ReportedPatient, judge_exclusions, judge_failures, judge_new_codes
from pdcp_dagster.domain.quality_drift import judge_drift
from pdcp_dagster.stages.quality import checks_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from pdcp_dagster.adapters.store import CohortFolder
    from pdcp_dagster.domain.cohort import Cohort
    from pdcp_dagster.stages.outcome import Check


@dataclass(frozen=True, slots=True)
class CohortChecked:
    """The checks of a cohort, and the codes to be remembered once they are told."""

    checks: tuple[Check, ...]
    remembered: Mapping[str, tuple[str, ...]]


def check_cohort(folder: CohortFolder, cohort: Cohort) -> CohortChecked:
    """Return what was checked of the report as it lies in the store; writes nothing.

    Raises FileNotFoundError where there is no report yet, TableError where it cannot be read.
    """
    limits = cohort.checks
    patients = reported(read_table(folder.file(quality.COHORT_REPORT)))
    try:
        before, lost = _read_codes(folder), None
    except TableError:
        before, lost = {}, Judgement(passed=False, said=f"{CODES_BEFORE} cannot be read; this report begins it anew.")
    new = judge_new_codes(patients, before, limits.code_at_most_pct, limits.compare_at_least)
    needed = tuple(dict.fromkeys((*cohort.required_modalities, *cohort.eligibility.study_must_contain)))
    checks = checks_of(
        {
            quality.EXCLUSIONS_WITHIN_LIMIT: judge_exclusions(patients, limits.excluded_at_most_pct),
            quality.FAILURES_WITHIN_LIMIT: judge_failures(patients, limits.failed_at_most_pct),
            quality.NO_CODE_SUDDENLY_DOMINATES: lost or new.judgement,
            quality.NO_MISSING_DATA_DRIFT: judge_drift(patients, needed, limits.compare_at_least),
        }
    )
    return CohortChecked(checks, new.remembered)


def remember_codes(folder: CohortFolder, codes: Mapping[str, tuple[str, ...]]) -> None:
    """Write down what the next report is compared with."""
    table = pd.DataFrame({"partition_key": list(codes), "codes": [list(each) for each in codes.values()]})
    write_table(table.astype({"partition_key": "string", "codes": "object"}), folder.path / CODES_BEFORE)


def reported(report: pd.DataFrame) -> list[ReportedPatient]:
    """Return the rows of a cohort report as plain values."""
    return [
        ReportedPatient(
            key=None if pd.isna(row["partition_key"]) else str(row["partition_key"]),
            status=Status(str(row["status"])),
            codes=tuple(map(str, row["codes"])),
            date=next(filter(is_real, map(_date, (row["study_date"], row.get("latest_study_date")))), None),
            modalities=_modalities(row.get("modalities")),
        )
        for row in report.to_dict("records")
    ]


def _read_codes(folder: CohortFolder) -> dict[str, tuple[str, ...]]:
    file = folder.path / CODES_BEFORE
    if not file.exists():
        return {}
    table = read_table(file)
    if not {"partition_key", "codes"} <= set(table.columns):
        raise TableError(f"{file} lacks a column")
    pairs = zip(table["partition_key"], table["codes"], strict=True)
    return {str(key): tuple(map(str, codes)) for key, codes in pairs}


def _date(value: object) -> dt.date | None:
    return None if pd.isna(value) else value  # type: ignore[call-overload,return-value] # a cell of a table


def _modalities(value: object) -> frozenset[str] | None:
    return None if pd.isna(value) else frozenset(str(value).split())  # type: ignore[call-overload] # a cell of a table
