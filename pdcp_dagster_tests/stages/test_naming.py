"""What patients are called: by their PatientIDs, or by nothing that tells those where the cohort hides them."""

from __future__ import annotations

import pandas as pd
import pytest

from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.stages.naming import as_told, keys_by_name, told_missing, told_name, without_patient_id

OPEN = Cohort(name="breast")
HIDDEN = Cohort(name="breast", partition_key="orthanc_id")
LISTED = pd.DataFrame({"patient_id": ["P1", "P2"], "partition_key": ["0a-1b", "2c-3d"]})


def test_a_patient_is_called_by_the_patient_id_unless_the_cohort_hides_it() -> None:
    assert told_name(OPEN, "P1", "0a-1b") == "P1"
    assert told_name(HIDDEN, "P1", "0a-1b") == "0a-1b"


def test_either_name_can_be_typed_where_patient_ids_are_hidden() -> None:
    assert keys_by_name(HIDDEN, LISTED) == {"P1": "0a-1b", "P2": "2c-3d", "0a-1b": "0a-1b", "2c-3d": "2c-3d"}
    assert keys_by_name(OPEN, LISTED) == {"P1": "0a-1b", "P2": "2c-3d"}


def test_a_patient_id_that_imitates_the_key_of_another_does_not_take_its_place() -> None:
    imitated = pd.DataFrame({"patient_id": ["P1", "0a-1b"], "partition_key": ["0a-1b", "2c-3d"]})
    assert keys_by_name(HIDDEN, imitated)["0a-1b"] == "0a-1b"


def test_of_those_who_are_not_in_the_archive_only_the_number_is_told() -> None:
    assert told_missing(OPEN, ["P8", "P9"]) == ("P8", "P9")
    (told,) = told_missing(HIDDEN, ["P8", "P9"])
    assert told.startswith("2 of")
    assert "P8" not in told
    assert told_missing(HIDDEN, []) == ()


def test_a_report_shows_keys_and_no_name_for_those_who_have_none() -> None:
    report = pd.DataFrame({"patient_id": ["P1", "P9"], "partition_key": pd.array(["0a-1b", None], dtype="string")})
    assert list(as_told(HIDDEN, report)["patient_id"]) == ["0a-1b", "(not in the archive)"]
    assert list(as_told(OPEN, report)["patient_id"]) == ["P1", "P9"]
    assert list(report["patient_id"]) == ["P1", "P9"], "the table itself stays as it is"


@pytest.mark.parametrize(
    ("patient_id", "text", "told"),
    [
        ("P1", "no record of P1: ask", "no record of 0a-1b: ask"),
        ("1", "1 of 12 slices, 1.5 mm, (1)", "0a-1b of 12 slices, 0a-1b.5 mm, (0a-1b)"),
        ("a.c", "abc", "abc"),
        ("a\\b", "'a\\b' is odd", "'0a-1b' is odd"),
        ("../ü", "at ../ü and x../ü", "at 0a-1b and x../ü"),
        ("", "nobody", "nobody"),
    ],
)
def test_a_message_from_outside_loses_the_patient_id_and_nothing_within_longer_words(
    patient_id: str, text: str, told: str
) -> None:
    assert without_patient_id(HIDDEN, text, patient_id, "0a-1b") == told
    assert without_patient_id(OPEN, text, patient_id, "0a-1b") == text
