"""Names and birth dates that are left in the archive: noted, checked, never repeated, and nobody is kept back."""

from __future__ import annotations

from typing import Any

from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.quality import IDENTIFIERS_REMOVED
from pdcp_dagster.stages.outcome import Check, PatientOutcome
from pdcp_dagster_tests.stages.conftest import Ward

OBJECTS = 15
"""Twelve slices, a structure set, a plan and a dose."""


def told(outcome: PatientOutcome) -> tuple[list[str], Check]:
    """Return the codes of all stages, and the check of the image summary."""
    (notes,) = [asset for asset in outcome.assets if asset.asset == "patient_notes"]
    rows: Any = notes.shown["findings"]
    (check,) = next(asset.checks for asset in outcome.assets if asset.asset == "image_summary")
    return [str(row["code"]) for row in rows.records], check


def test_a_patient_without_a_name_passes_the_check(ward: Ward) -> None:
    ward.admit("ID-none")
    codes, check = told(ward.run("ID-none"))
    assert "I_NOTE_014" not in codes
    assert check == Check(IDENTIFIERS_REMOVED, True, f"no name and no full birth date in {OBJECTS} objects")


def test_a_name_and_a_birth_date_are_noted_and_the_patient_passes(ward: Ward) -> None:
    ward.admit("ID-both", patient_name="Secretname^Jane", birth_date="19610412")
    outcome = ward.run("ID-both")
    codes, check = told(outcome)
    assert (outcome.status, codes.count("I_NOTE_014")) == (Status.SUCCESS, 1)
    assert (check.name, check.passed) == (IDENTIFIERS_REMOVED, False)
    assert f"PatientName is neither the PatientID nor a pseudonym in {OBJECTS} of {OBJECTS} objects" in check.said
    assert f"PatientBirthDate is a full date in {OBJECTS} of {OBJECTS} objects" in check.said
    again = ward.run("ID-both")
    assert told(again) == (codes, check)
    for shown in (repr(outcome), repr(again), (ward.folder("ID-both").path / "notes.json").read_text()):
        assert not [word for word in ("secretname", "1961-04-12", "19610412") if word in shown.casefold()]


def test_the_kinds_are_told_apart(ward: Ward) -> None:
    ward.admit("ID-name", patient_name="X^Jane")
    _, check = told(ward.run("ID-name", "image_summary", "patient_notes"))
    assert "PatientName" in check.said
    assert "PatientBirthDate" not in check.said
