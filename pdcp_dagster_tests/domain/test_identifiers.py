"""What names a person is told by kind and number; pseudonyms, dummies and years are left alone."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdcp_dagster.domain.identifiers import is_a_persons_name, is_full_birth_date, left_identifiers
from pdcp_dagster.domain.summary import summarise
from pdcp_dagster_tests.domain.image_rows import Archive


@pytest.mark.parametrize(
    ("name", "patient_id"),
    [
        ("", "0012"),
        ("  ^^ ", "0012"),
        ("0012", "0012"),
        ("br^0012 ", "BR-0012"),
        ("0012^BR", "BR_0012"),
        ("Miller", "MILLER"),  # then the PatientID is the trouble
        ("ANON", "0012"),
        ("Anon0012^", "7"),
        ("Anonymous", "0012"),
        ("Anonymized^Patient", "0012"),
        ("De-identified", "0012"),
        ("Pseudonym 4", "0012"),
        ("HN-CHUM-001", "HN-CHUM-001"),
        ("LUNG1-422", "7"),
        ("9f8e7d6c", "0012"),
        ("XXX^X", "0012"),
        ("J^D", "0012"),  # initials
        ("Subject 12", "0012"),
        ("\uff11\uff12", "0012"),  # digits in their wide form
    ],
)
def test_an_empty_name_the_patient_id_and_pseudonyms_are_nobodys(name: str, patient_id: str) -> None:
    assert not is_a_persons_name(name, patient_id)


@pytest.mark.parametrize(
    "name",
    [
        "Miller^Jane",
        "MILLER",
        "miller jane 0012",
        "0012^Miller",
        "M\u00fcller^\u00c4nne",
        "\u5c71\u7530^\u592a\u90ce",
        "Miller^Jane=\u5c71\u7530^\u592a\u90ce",
        "Anonymous^Jane",
        "de Silva",
    ],
)
def test_a_word_that_is_no_pseudonym_may_be_a_persons(name: str) -> None:
    assert is_a_persons_name(name, "0012")


@pytest.mark.parametrize("day", ["1961-04-12", "1902-12-31", "2019-01-02", "1961-02-01"])
def test_a_day_of_birth_is_a_persons(day: str) -> None:
    assert is_full_birth_date(dt.date.fromisoformat(day))


@pytest.mark.parametrize("day", ["1961-01-01", "1900-04-12", "1901-12-31", "1850-06-15", "2222-02-22"])
def test_a_year_of_birth_and_dummies_are_not(day: str) -> None:
    assert not is_full_birth_date(dt.date.fromisoformat(day))


def test_objects_are_counted_by_kind_and_nothing_is_repeated() -> None:
    """Four slices name a person, of the three others one is without a name and one with a birth date."""
    archive = Archive().ct(PatientName="Miller^Jane", PatientBirthDate="19610101")
    archive = archive.rtstruct().plan(PatientName="0012", PatientBirthDate="19610412").dose(PatientName="Anonymous")
    found = left_identifiers(summarise(archive.rows))
    assert (found.objects, found.names, found.birth_dates, found.any) == (7, 4, 1, True)
    assert found.told == (
        "PatientName is neither the PatientID nor a pseudonym in 4 of 7 objects, "
        "PatientBirthDate is a full date in 1 of 7 objects"
    )


def test_without_any_there_is_nothing_to_tell() -> None:
    found = left_identifiers(summarise(Archive().complete(PatientName="0012").rows))
    assert (found.any, found.told) == (False, "")
    assert left_identifiers(summarise([])).objects == 0


@given(name=st.text(max_size=30), patient_id=st.text(max_size=20))
def test_case_padding_and_carets_change_nothing(name: str, patient_id: str) -> None:
    told = is_a_persons_name(name, patient_id)
    assert is_a_persons_name(f" ^{name}^ ", f" {patient_id}") == told
    assert is_a_persons_name(name.casefold(), patient_id.casefold()) == told


@given(st.text(max_size=30))
def test_a_name_that_is_the_patient_id_is_nobodys(patient_id: str) -> None:
    assert not is_a_persons_name(patient_id, patient_id)
