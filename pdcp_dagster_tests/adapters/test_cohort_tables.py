"""Tables of approvals, dates and prescriptions: read to the letter, and what is doubtful is told by its line."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from pdcp_dagster.adapters.cohort_tables import (
    CohortTableError,
    load_tables,
    read_approvals,
    read_dates,
    read_prescriptions,
)
from pdcp_dagster.domain.circumstances import NO_TABLES, CohortTables
from pdcp_dagster.domain.cohort import Cohort


def a_file(folder: Path, text: str, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_cohort_without_tables_reads_none(tmp_path: Path) -> None:
    assert load_tables(Cohort(name="breast"), tmp_path / "nowhere") == NO_TABLES


def test_tables_are_found_beside_the_cohort_file(tmp_path: Path) -> None:
    a_file(tmp_path, "SeriesInstanceUID,Status\n1.2,approved\n", "approvals.csv")
    a_file(tmp_path, "patient_id,date\n0012,2013-11-30\n", "dates.csv")
    cohort = Cohort.model_validate(
        {
            "name": "breast",
            "eligibility": {"approval": {"table": "approvals.csv"}},
            "study_selection": ["latest", {"closest_to": str(tmp_path / "dates.csv")}],
            "prescription_gy": "rx.csv",
        }
    )
    a_file(tmp_path, "patient_id,roi,prescription_gy\n0012,PTV_60,60\n", "rx.csv")
    tables = load_tables(cohort, tmp_path)
    assert tables == CohortTables({"1.2": "APPROVED"}, {"0012": dt.date(2013, 11, 30)}, {"0012": {"ptv_60": 60.0}})


@pytest.mark.parametrize("column", ["SeriesInstanceUID", "hashed_SeriesUID", "SOPInstanceUID"])
def test_approvals_are_in_capitals_by_uid_whatever_else_the_table_holds(tmp_path: Path, column: str) -> None:
    text = (
        f"\ufeffpatient,{column},Status\nA, 1.2 ,Approved\nB,1.3, rejected \n,,\n\nB,1.3,REJECTED\nC,1.4,Unapproved\n"
    )
    assert read_approvals(a_file(tmp_path, text)) == {"1.2": "APPROVED", "1.3": "REJECTED", "1.4": "UNAPPROVED"}


def test_a_row_that_names_an_instance_is_that_instances_and_not_its_series(tmp_path: Path) -> None:
    text = "SeriesInstanceUID,SOPInstanceUID,Status\n1.2,1.2.1,REJECTED\n1.2,,APPROVED\n,1.2.2,UNAPPROVED\n"
    assert read_approvals(a_file(tmp_path, text)) == {"1.2.1": "REJECTED", "1.2": "APPROVED", "1.2.2": "UNAPPROVED"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected the columns Status and SOPInstanceUID or SeriesInstanceUID"),
        ("SeriesInstanceUID\n1.2\n", "expected the columns Status and"),
        ("Status\nAPPROVED\n", "expected the columns Status and"),
        ("SeriesInstanceUID;Status\n1.2;APPROVED\n", "expected the columns Status and"),
        (
            "SeriesInstanceUID,Status\n1.2,APPROVED\n1.3,APPROVED\n1.2,REJECTED\n",
            "line 4: '1.2' is 'REJECTED' here and 'APPROVED' above",
        ),
        ("SeriesInstanceUID,Status\n1.2,\n", "line 2: expected a Status, which is empty"),
        ("SeriesInstanceUID,Status\n,APPROVED\n", "line 2: expected a SOPInstanceUID or SeriesInstanceUID"),
        ("SeriesInstanceUID,Status\n1.2\n", "line 2: expected a Status"),
    ],
)
def test_a_table_of_approvals_that_is_not_clear_is_told_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = a_file(tmp_path, text)
    with pytest.raises(CohortTableError) as caught:
        read_approvals(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("column", ["patient_id", "ids", "PatientID"])
def test_dates_are_read_in_both_spellings_and_patient_ids_keep_their_leading_zeros(tmp_path: Path, column: str) -> None:
    text = f"\ufeff{column},date\n0012,2013-11-30\n12, 20131201 \nA_1,\n0012,20131130\n"
    assert read_dates(a_file(tmp_path, text)) == {"0012": dt.date(2013, 11, 30), "12": dt.date(2013, 12, 1)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("patient_id\nA\n", "expected the columns date and patient_id or ids or PatientID"),
        ("patient,date\nA,2013-11-30\n", "expected the columns date and"),
        (
            "patient_id,date\nA,2013-11-30\nB,30.11.2013\n",
            "line 3: expected a date as 2013-11-30 or 20131130, not '30.11",
        ),
        ("patient_id,date\nA,2013-02-30\n", "line 2: expected a date"),
        ("patient_id,date\nA,2013-W01-1\n", "line 2: expected a date"),
        ("patient_id,date\nA,2013\n", "line 2: expected a date"),
        (
            "patient_id,date\nA,2013-11-30\nA,2013-12-01\n",
            "line 3: the patient has 2013-12-01 here and 2013-11-30 above",
        ),
        ("patient_id,date\n,2013-11-30\n", "line 2: expected a patient_id, which is empty"),
    ],
)
def test_a_table_of_dates_that_is_not_clear_is_told_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = a_file(tmp_path, text)
    with pytest.raises(CohortTableError) as caught:
        read_dates(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("patient", ["patient_id", "ids", "PatientID"])
@pytest.mark.parametrize("roi", ["roi", "roi_name", "ROI"])
def test_prescriptions_are_by_patient_and_roi_case_aside(tmp_path: Path, patient: str, roi: str) -> None:
    text = (
        f"\ufeff{patient},arm,{roi},prescription_gy\n0012,A,PTV_60, 60 \n0012,A,Boost,66.5\n12,B,PTV_60,40.05\n"
        "0012,A,ptv_60,60.0\n0013,B,PTV_60,\n\n,,,\n"
    )
    expected = {"0012": {"ptv_60": 60.0, "boost": 66.5}, "12": {"ptv_60": 40.05}}
    assert read_prescriptions(a_file(tmp_path, text)) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "patient_id,roi\nA,PTV\n",
            "expected the columns prescription_gy and patient_id or ids or PatientID and roi or",
        ),
        ("patient_id,prescription_gy\nA,60\n", "expected the columns prescription_gy and"),
        ("roi,prescription_gy\nPTV,60\n", "expected the columns prescription_gy and"),
        ("patient_id;roi;prescription_gy\nA;PTV;60\n", "expected the columns prescription_gy and"),
        ("patient_id,roi,prescription_gy\nA,PTV,60\nA,PTV,0\n", "line 3: expected Gy above 0, not '0'"),
        ("patient_id,roi,prescription_gy\nA,PTV,-60\n", "line 2: expected Gy above 0, not '-60'"),
        ("patient_id,roi,prescription_gy\nA,PTV,60 Gy\n", "line 2: expected Gy above 0, not '60 Gy'"),
        ("patient_id,roi,prescription_gy\nA,PTV,nan\n", "line 2: expected Gy above 0, not 'nan'"),
        ("patient_id,roi,prescription_gy\nA,PTV,inf\n", "line 2: expected Gy above 0, not 'inf'"),
        ('patient_id,roi,prescription_gy\nA,PTV,"60,5"\n', "line 2: expected Gy above 0, not '60,5'"),
        ("patient_id,roi,prescription_gy\n,PTV,60\n", "line 2: expected a patient_id, which is empty"),
        ("patient_id,roi,prescription_gy\nA,,60\n", "line 2: expected a roi, which is empty"),
        (
            "patient_id,roi,prescription_gy\nA,PTV,60\nA,Boost,50,4\n",
            "line 3: it has more cells than there are columns",
        ),
        ("patient_id,prescription_gy,roi\nA,50,4,PTV\n", "line 2: it has more cells than there are columns"),
        (
            "patient_id,roi,prescription_gy,prescription_gy\nA,PTV,50,60\n",
            "line 1: the column prescription_gy is there more than once",
        ),
        ("roi,patient_id,prescription_gy,roi \nPTV,A,50,CTV\n", "line 1: the column roi is there more than once"),
        (
            "patient_id,roi,prescription_gy\nA,PTV,60\nB,PTV,50\nA,ptv,50\n",
            "line 4: 'ptv' of the patient has 50 Gy here and 60 Gy above",
        ),
    ],
)
def test_a_table_of_prescriptions_that_is_not_clear_is_told_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = a_file(tmp_path, text)
    with pytest.raises(CohortTableError) as caught:
        read_prescriptions(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_tables_of_approvals_and_dates_with_a_column_twice_or_a_cell_too_many_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CohortTableError, match="line 1: the column Status is there more than once"):
        read_approvals(a_file(tmp_path, "SeriesInstanceUID,Status,Status\n1.2,APPROVED,REJECTED\n"))
    with pytest.raises(CohortTableError, match="line 3: it has more cells"):
        read_dates(a_file(tmp_path, "patient_id,date\nA,2013-11-30\nMueller, Eva,2013-11-30\n"))


def test_blank_cells_and_columns_that_a_spreadsheet_leaves_at_the_end_are_no_trouble(tmp_path: Path) -> None:
    text = "patient_id,roi,prescription_gy,,\nA,PTV,60,,\nB,PTV,50,,,,\n,,,,,,\n"
    assert read_prescriptions(a_file(tmp_path, text)) == {"A": {"ptv": 60.0}, "B": {"ptv": 50.0}}


def test_a_table_that_cannot_be_read_is_no_empty_table(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes("patient_id,date\nM\xfcller,2013-11-30\n".encode("latin-1"))
    for path in (tmp_path / "none.csv", tmp_path, tmp_path / "latin.csv", tmp_path / "nul\0.csv"):
        with pytest.raises(CohortTableError, match="the table cannot be read"):
            read_dates(path)
