"""A decision counts from the moment it is made: what was prepared without it is no result any more."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from pdcp_dagster.adapters.decisions_file import record_decision, withdraw_decision
from pdcp_dagster.adapters.parquet import read_table
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.decisions import Decision, seen
from pdcp_dagster.domain.verification import verify
from pdcp_dagster.stages.current import PatientPending, require_loadable, standing_of

if TYPE_CHECKING:
    from pdcp_dagster_tests.stages.conftest import Ward

STORE = "decided"


def decide(ward: Ward, patient_id: str, **content: Any) -> Decision:
    """Write a decision on what the patient's summary shows now."""
    folder = ward.folder(patient_id, STORE)
    settings = ward.settings(STORE)
    verification = verify(read_table(folder.file("image_summary")), settings.cohort)
    if "candidate" in content:
        content["chain"] = verification.chosen_chain(content.pop("candidate"))
    by = {"reviewer": "Dr A", "date": dt.date(2026, 1, 2), "reason": "seen"}
    decision = Decision.model_validate({"patient_id": patient_id, "evidence": verification.evidence, **by, **content})
    record_decision(settings.store.cohort("ward").decisions, decision)
    return decision


def test_a_decision_makes_the_patient_pending_until_the_next_run(ward: Ward) -> None:
    ward.admit("DS-two", studies=2)
    ward.run("DS-two", store=STORE)
    folder = ward.folder("DS-two", STORE)
    assert standing_of(folder).status is Status.REVIEW
    decide(ward, "DS-two", candidate=1)
    assert standing_of(folder).status is Status.PENDING
    assert "decided" in standing_of(folder).reason
    ward.run("DS-two", store=STORE)
    assert standing_of(folder).status is Status.SUCCESS

    decide(ward, "DS-two", candidate=2)
    assert standing_of(folder).status is Status.PENDING
    with pytest.raises(PatientPending, match="decided"):
        require_loadable(folder, "ct_volume", include_review=True)

    ward.run("DS-two", store=STORE)
    assert standing_of(folder).status is Status.SUCCESS
    withdraw_decision(ward.settings(STORE).store.cohort("ward").decisions, "DS-two")
    assert standing_of(folder).status is Status.PENDING
    ward.run("DS-two", store=STORE)
    assert standing_of(folder).status is Status.REVIEW


def test_a_stage_alone_does_not_mix_an_old_verdict_with_a_new_decision(ward: Ward) -> None:
    ward.admit("DS-mix", studies=2)
    ward.run("DS-mix", store=STORE)
    pictures = sorted(path.name for path in (ward.folder("DS-mix", STORE).path / "candidate_studies").iterdir())
    assert pictures == ["1.png", "2.png"]
    decide(ward, "DS-mix", candidate=1)
    outcome = ward.run("DS-mix", "candidate_studies", store=STORE)
    assert outcome.failure is not None
    assert "materialise verified_study first" in outcome.failure.reason
    assert sorted(path.name for path in (ward.folder("DS-mix", STORE).path / "candidate_studies").iterdir()) == pictures


def test_what_was_accepted_and_is_no_longer_leaves_later_stages_out_of_date(ward: Ward) -> None:
    bounds = {"dose_max_gy": {"minimum": 100, "action": "review"}}
    ward.admit("DS-low")
    ward.run("DS-low", store=STORE, **bounds)
    folder = ward.folder("DS-low", STORE)
    (finding,) = [each for each in standing_of(folder).findings if each.code == "XXIV_REV_003"]
    decide(ward, "DS-low", accepted=[seen(finding)])
    ward.run("DS-low", store=STORE, **bounds)
    assert standing_of(folder).status is Status.SUCCESS

    other = {"dose_max_gy": {"minimum": 110, "action": "review"}}
    ward.run("DS-low", store=STORE, **other)
    assert standing_of(folder).status is Status.REVIEW, "another bound was never accepted"
    ward.run("DS-low", store=STORE, **bounds)

    withdraw_decision(ward.settings(STORE).store.cohort("ward").decisions, "DS-low")
    some = ("verified_study", "candidate_studies", "retrieved_dicom", "plan_table", "patient_notes")
    ward.run("DS-low", *some, store=STORE, **bounds)
    assert standing_of(folder).status is Status.PENDING
    assert "dose_volume" in standing_of(folder).reason
    ward.run("DS-low", store=STORE, **bounds)
    assert standing_of(folder).status is Status.REVIEW
