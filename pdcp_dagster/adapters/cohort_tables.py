"""The CSV tables that a cohort file names beside its list of patients: approvals, dates, prescriptions.

What lives here: reading them, and saying in one line what is wrong where. What does not: what follows from an approval
(`domain.approvals`), a date of `closest_to` (`domain.study_selection`) or a prescription (`domain.prescription_table`).
"""

from __future__ import annotations

import csv
import datetime as dt
import re
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.strict_yaml import one_line
from pdcp_dagster.domain.circumstances import CohortTables
from pdcp_dagster.domain.prescription_table import is_prescription_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pdcp_dagster.domain.cohort import Cohort

_ID_COLUMNS = ("patient_id", "ids", "PatientID")
_DATE_COLUMN = "date"
_INSTANCE_COLUMN = "SOPInstanceUID"
# The second is what the tables of the original PDCP call it.
_SERIES_COLUMNS = ("SeriesInstanceUID", "hashed_SeriesUID")
_STATUS_COLUMN = "Status"
_ROI_COLUMNS = ("roi", "roi_name", "ROI")
_GRAY_COLUMN = "prescription_gy"
_NUMBER = re.compile(r"\d{1,6}(?:\.\d{1,12})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}|\d{8}")

Row = dict[str, str]


class CohortTableError(Exception):
    """A table that a cohort file names cannot be used; one line: file, line, what was expected."""


def load_tables(cohort: Cohort, folder: Path) -> CohortTables:
    """Return what the cohort's tables hold; `folder` is where their relative paths start.

    Raises CohortTableError.
    """
    approval = cohort.eligibility.approval
    approvals = approval.table if approval is not None else None
    dates = next((rule.table for rule in cohort.study_selection if rule.table is not None), None)
    return CohortTables(
        approvals=read_approvals(folder / approvals) if approvals is not None else {},
        index_dates=read_dates(folder / dates) if dates is not None else {},
        prescriptions=(
            read_prescriptions(folder / str(cohort.prescription_gy))
            if is_prescription_table(cohort.prescription_gy)
            else {}
        ),
    )


def read_approvals(path: Path) -> dict[str, str]:
    """Return the status in capitals by SOPInstanceUID or, of rows that name none, by SeriesInstanceUID.

    Raises CohortTableError where one UID has two statuses, or none.
    """
    statuses: dict[str, str] = {}
    for line, row in _rows(path, (_INSTANCE_COLUMN, *_SERIES_COLUMNS), _STATUS_COLUMN):
        uid = next((row[name] for name in (_INSTANCE_COLUMN, *_SERIES_COLUMNS) if row.get(name)), "")
        status = row[_STATUS_COLUMN].upper()
        if not uid or not status:
            lacking = _STATUS_COLUMN if uid else f"{_INSTANCE_COLUMN} or {_SERIES_COLUMNS[0]}"
            raise CohortTableError(f"{path}: line {line}: expected a {lacking}, which is empty")
        if statuses.setdefault(uid, status) != status:
            raise CohortTableError(f"{path}: line {line}: {uid!r} is {status!r} here and {statuses[uid]!r} above")
    return statuses


def read_dates(path: Path) -> dict[str, dt.date]:
    """Return the date by PatientID; a patient whose cell is empty has none.

    Raises CohortTableError where a date is none, or one patient has two.
    """
    dates: dict[str, dt.date] = {}
    for line, row in _rows(path, _ID_COLUMNS, _DATE_COLUMN):
        patient_id = next((row[name] for name in _ID_COLUMNS if row.get(name)), "")
        text = row[_DATE_COLUMN]
        if not text:
            continue
        if not patient_id:
            raise CohortTableError(f"{path}: line {line}: expected a {_ID_COLUMNS[0]}, which is empty")
        date = _date(text)
        if date is None:
            raise CohortTableError(f"{path}: line {line}: expected a date as 2013-11-30 or 20131130, not {text!r:.40}")
        if dates.setdefault(patient_id, date) != date:
            # Without the PatientID: this ends up in logs.
            raise CohortTableError(f"{path}: line {line}: the patient has {date} here and {dates[patient_id]} above")
    return dates


def read_prescriptions(path: Path) -> dict[str, dict[str, float]]:
    """Return the prescription in Gy by PatientID and by ROI name in lower case; a ROI whose cell is empty has none.

    Raises CohortTableError where a dose is none above 0 Gy, or one ROI of a patient has two, case aside.
    """
    prescriptions: dict[str, dict[str, float]] = {}
    for line, row in _rows(path, _ID_COLUMNS, _GRAY_COLUMN, also=_ROI_COLUMNS):
        patient_id = next((row[name] for name in _ID_COLUMNS if row.get(name)), "")
        roi = next((row[name] for name in _ROI_COLUMNS if row.get(name)), "")
        text = row[_GRAY_COLUMN]
        if not text:
            continue
        if not patient_id or not roi:
            lacking = _ROI_COLUMNS[0] if patient_id else _ID_COLUMNS[0]
            raise CohortTableError(f"{path}: line {line}: expected a {lacking}, which is empty")
        gray = _gray(text)
        if gray is None:
            raise CohortTableError(f"{path}: line {line}: expected Gy above 0, not {text!r:.40}")
        of_patient = prescriptions.setdefault(patient_id, {})
        if of_patient.setdefault(roi.casefold(), gray) != gray:
            before = f"{of_patient[roi.casefold()]:g} Gy above"
            raise CohortTableError(f"{path}: line {line}: {roi!r:.80} of the patient has {gray:g} Gy here and {before}")
    return prescriptions


def _gray(text: str) -> float | None:
    gray = float(text) if _NUMBER.fullmatch(text) else 0.0
    return gray if gray > 0 else None


def _date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def _rows(path: Path, keys: tuple[str, ...], value: str, also: tuple[str, ...] = ()) -> Iterator[tuple[int, Row]]:
    """Yield line number and cells, stripped, of each row that is not blank.

    keys: columns of which one is enough; also: further ones of which one is enough.

    Raises CohortTableError where the file cannot be read, lacks a column or has it twice, or where a row has more cells
    than there are columns, as "50,4" makes of 50.4.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, strict=True)
            columns = table.fieldnames or ()
            groups = [group for group in (keys, also) if group]
            if value not in columns or not all(set(group) & set(columns) for group in groups):
                wanted = " and ".join(" or ".join(group) for group in groups)
                raise CohortTableError(f"{path}: expected the columns {value} and {wanted}")
            for name in (*keys, *also, value):
                if [column.strip() for column in columns].count(name) > 1:
                    raise CohortTableError(f"{path}: line 1: the column {name} is there more than once")
            for row in table:
                _require_no_more_cells(f"{path}: line {table.line_num}", row)
                cells = {name: (row[name] or "").strip() for name in (*keys, *also, value) if name in columns}
                if any(cells.values()):
                    yield table.line_num, cells
    except (OSError, ValueError, csv.Error) as error:
        raise CohortTableError(f"{path}: the table cannot be read: {one_line(error)}") from None


def _require_no_more_cells(place: str, row: Mapping[str | None, str | Sequence[str]]) -> None:
    """Raise CohortTableError where cells that are not blank follow the last column: `csv` keeps them under None."""
    if any(cell.strip() for cell in row.get(None, ())):
        raise CohortTableError(f"{place}: it has more cells than there are columns; a decimal comma is no point")
