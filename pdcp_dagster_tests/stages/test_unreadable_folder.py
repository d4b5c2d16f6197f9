"""Trouble before the first stage is told of an asset that exists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.adapters.store import PatientFolder
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.stages.chain import PATIENT_ASSETS

if TYPE_CHECKING:
    import pytest

    from pdcp_dagster_tests.stages.conftest import Ward


def test_notes_that_the_disk_does_not_give_fail_the_patient_at_its_notes(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    ward.admit("unreadable-notes")

    def refuse(_: PatientFolder) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(PatientFolder, "read_notes", refuse)
    outcome = ward.run("unreadable-notes")
    assert outcome.status is Status.FAILED
    assert outcome.failure is not None
    assert outcome.failure.asset in PATIENT_ASSETS
    assert "Input/output error" in outcome.reason
