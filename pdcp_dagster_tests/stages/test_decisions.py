"""A person's decision: replayed on every run while the evidence stays the same, and void from when it changes."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pydicom
import pytest

from pdcp_dagster.adapters.decisions_file import record_decision, withdraw_decision
from pdcp_dagster.adapters.parquet import read_table, write_table
from pdcp_dagster.adapters.store import CohortFolder, Store
from pdcp_dagster.domain.circumstances import NO_TABLES
from pdcp_dagster.domain.codes import Status
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.phantom.study_spec import DoseSpec, PlanSpec, StudySpec, planned
from pdcp_dagster.stages.chain import run_patient
from pdcp_dagster.stages.current import PatientExcluded, standing_of
from pdcp_dagster.stages.loading import load_patient_images
from pdcp_dagster.stages.review import Case, ReviewError, Wish, cases_to_review, decide, open_case

if TYPE_CHECKING:
    from pdcp_dagster.domain.decisions import Decision
    from pdcp_dagster.stages.outcome import PatientOutcome
    from pdcp_dagster_tests.stages.conftest import Ward

pytestmark = pytest.mark.xdist_group("decisions")

STORE = "decisions"
COHORT: dict[str, Any] = {
    "name": "ward",
    "ct_instances": {"minimum": 4, "review_above": 30, "maximum": 60, "action": "exclude"},
}
DAY = dt.date(2026, 2, 3)
TOLD = "Dr. Ada on 2026-02-03, 'as treated'"


def the_cohort(ward: Ward) -> CohortFolder:
    return Store(ward.root / STORE).cohort("ward")


def case_of(ward: Ward, patient_id: str, **keys: Any) -> Case:
    """Return the case as `pdcp review` opens it; `keys` are keys of the cohort file."""
    tasks = ward.tasks.values()
    table = pd.DataFrame(
        {
            "patient_id": [task.patient_id for task in tasks],
            "orthanc_id": [task.orthanc_id for task in tasks],
            "partition_key": [task.partition_key for task in tasks],
        }
    )
    write_table(table, the_cohort(ward).file("patient_ids"))
    return open_case(the_cohort(ward), Cohort.model_validate({**COHORT, **keys}), NO_TABLES, patient_id)


def a_wish(**wanted: Any) -> Wish:
    return Wish("Dr. Ada", DAY, "as treated", **wanted)


def record(ward: Ward, patient_id: str, cohort: dict[str, Any] | None = None, **wanted: Any) -> Decision:
    """Decide as `pdcp review decide` does."""
    decision = decide(case_of(ward, patient_id, **(cohort or {})), a_wish(**wanted))
    record_decision(the_cohort(ward).decisions, decision)
    return decision


def run(ward: Ward, patient_id: str, **keys: Any) -> PatientOutcome:
    return ward.run(patient_id, store=STORE, **keys)


def details(ward: Ward, patient_id: str) -> dict[str, list[str]]:
    """Return what the codes of the last run say, by code."""
    found: dict[str, list[str]] = {}
    for finding in standing_of(ward.folder(patient_id, STORE)).findings:
        found.setdefault(finding.code, []).append(finding.detail)
    return found


def selected_ct(ward: Ward, patient_id: str) -> str:
    table = read_table(ward.folder(patient_id, STORE).file("verified_study"))
    (uid,) = table[(table["role"] == "CT") & (table["verdict"] == "selected")]["series_uid"]
    return str(uid)


def a_file_of(ward: Ward, patient_id: str, role: str, uid: str) -> Path:
    files = ward.phantom(patient_id).rglob("*.dcm")
    (found,) = [file for file in files if pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID == uid]
    assert pydicom.dcmread(found, stop_before_pixels=True).Modality == role
    return found


def test_the_candidate_that_a_person_chose_is_prepared_on_every_run(ward: Ward) -> None:
    ward.admit("RV-two", studies=2)
    assert run(ward, "RV-two").code == "I_REV_004"
    decision = record(ward, "RV-two", candidate=2)
    first, second = case_of(ward, "RV-two").candidates
    assert first["study_date"] < second["study_date"], "candidates are numbered by date"
    assert decision.chain is not None
    assert decision.chain.ct_series_uid == second["ct_series_uid"]
    made = []
    for _ in range(2):
        outcome = run(ward, "RV-two")
        assert outcome.status is Status.SUCCESS, outcome.reason
        assert selected_ct(ward, "RV-two") == second["ct_series_uid"]
        assert details(ward, "RV-two")["I_SUCC_010"] == [TOLD]
        made.append({name: data for name, data in ward.files("RV-two", STORE).items() if not name.startswith(".")})
    assert made[0] == made[1]
    images = load_patient_images(ward.root / STORE, "ward", "RV-two")
    assert str(images["StudyDate"]).replace("-", "") == str(second["study_date"]).replace("-", "")


def test_a_decision_holds_when_the_tags_come_from_the_archive_as_well_as_from_the_store(ward: Ward) -> None:
    """Tags read anew and tags read from Parquet differ in the types of numbers, and in nothing that a person saw."""
    from_store = case_of(ward, "RV-two").verification.evidence
    ward.run("RV-two", "image_summary", "verified_study", store=STORE)
    assert "I_REV_008" not in details(ward, "RV-two")
    ward.run("RV-two", "verified_study", store=STORE)
    assert "I_REV_008" not in details(ward, "RV-two")
    assert case_of(ward, "RV-two").verification.evidence == from_store
    assert run(ward, "RV-two").status is Status.SUCCESS


def test_in_quarantine_a_decision_does_not_count(ward: Ward) -> None:
    first, second = (row["ct_series_uid"] for row in case_of(ward, "RV-two").candidates)
    for number, ct in ((1, first), (2, second)):
        with ward.archive() as archive:
            outcome = run_patient(ward.tasks["RV-two"], ward.settings(STORE), archive, candidate=number)
        folder = the_cohort(ward).candidate("RV-two", number)
        assert outcome.status is Status.SUCCESS
        table = read_table(folder.file("verified_study"))
        selected = table[table["verdict"] == "selected"]
        assert set(selected[selected["role"] == "CT"]["series_uid"]) == {ct}
        assert "I_NOTE_011" in {finding.code for finding in standing_of(folder).findings}
    assert selected_ct(ward, "RV-two") == second, "the patient's own files are as they were"


def test_a_withdrawn_decision_leaves_the_choice_open_again_and_nothing_prepared(ward: Ward) -> None:
    assert withdraw_decision(the_cohort(ward).decisions, "RV-two")
    assert run(ward, "RV-two").code == "I_REV_004"
    assert not ward.folder("RV-two", STORE).file("ct_volume").exists()


def test_a_study_is_chosen_by_its_uid_and_several_cts_within_it_stay_for_a_person(ward: Ward) -> None:
    ward.admit("RV-four", studies=2, chains_per_study=2)
    run(ward, "RV-four")
    rows = case_of(ward, "RV-four").candidates
    assert [row["candidate"] for row in rows] == [1, 2, 3, 4]
    record(ward, "RV-four", study=rows[0]["study_instance_uid"])
    outcome = run(ward, "RV-four")
    assert (outcome.status, outcome.code) == (Status.REVIEW, "II_REV_003")
    assert details(ward, "RV-four")["I_SUCC_010"] == [TOLD]
    verdicts = [(row["verdict"], row["reason"]) for row in case_of(ward, "RV-four").candidates]
    assert [verdict for verdict, _ in verdicts] == ["open", "open", "refused", "refused"]
    assert verdicts[2][1] == "a person chose another candidate"
    record(ward, "RV-four", candidate=2)
    assert run(ward, "RV-four").status is Status.SUCCESS
    assert selected_ct(ward, "RV-four") == rows[1]["ct_series_uid"]


def test_a_decision_is_void_when_the_plan_of_a_candidate_was_replaced(ward: Ward) -> None:
    ward.admit("RV-plan", studies=2)
    run(ward, "RV-plan")
    record(ward, "RV-plan", candidate=1)
    assert run(ward, "RV-plan").status is Status.SUCCESS
    other = case_of(ward, "RV-plan").candidates[1]  # not even the one that was chosen
    (plan,) = other["rtplan_uids"]

    def relabel(data: pydicom.Dataset) -> None:
        data.RTPlanLabel = "Boost, new"

    ward.exchange(a_file_of(ward, "RV-plan", "RTPLAN", plan), relabel)
    outcome = run(ward, "RV-plan")
    assert outcome.status is Status.REVIEW
    assert details(ward, "RV-plan")["I_REV_008"] == [TOLD]
    assert "I_REV_004" in details(ward, "RV-plan")
    assert not ward.folder("RV-plan", STORE).file("dose_volume").exists()
    case = case_of(ward, "RV-plan")
    assert case.is_void
    assert "I_REV_008" not in case.acceptable, "a void decision is decided anew, not accepted"
    record(ward, "RV-plan", candidate=1)
    assert run(ward, "RV-plan").status is Status.SUCCESS


def test_a_decision_is_void_when_another_complete_study_arrived(ward: Ward) -> None:
    ward.admit("RV-more", studies=2)
    run(ward, "RV-more")
    record(ward, "RV-more", candidate=2)
    assert run(ward, "RV-more").status is Status.SUCCESS
    ward.admit("RV-more", studies=3)
    outcome = run(ward, "RV-more")
    assert outcome.status is Status.REVIEW
    assert {"I_REV_004", "I_REV_008"} <= set(details(ward, "RV-more"))
    assert len(case_of(ward, "RV-more").candidates) == 3


def test_a_patient_whom_a_person_excluded_keeps_nothing_and_says_who_and_why(ward: Ward) -> None:
    ward.admit("RV-out")
    assert run(ward, "RV-out").status is Status.SUCCESS
    record(ward, "RV-out", exclude=True)
    outcome = run(ward, "RV-out")
    assert (outcome.status, outcome.code) == (Status.EXCLUDE, "I_EXEC_011")
    assert "Dr. Ada on 2026-02-03, 'as treated'" in outcome.reason
    assert not ward.folder("RV-out", STORE).file("ct_volume").exists()
    with pytest.raises(PatientExcluded):
        load_patient_images(ward.root / STORE, "ward", "RV-out")
    withdraw_decision(the_cohort(ward).decisions, "RV-out")
    assert run(ward, "RV-out").status is Status.SUCCESS


def test_an_accepted_code_becomes_a_note_and_the_patient_passes(ward: Ward) -> None:
    ward.admit("RV-short", studies=(StudySpec(missing_slices=2),))
    outcome = run(ward, "RV-short")
    assert (outcome.status, outcome.code) == (Status.REVIEW, "II_REV_005")
    (seen,) = details(ward, "RV-short")["II_REV_005"]
    codes = case_of(ward, "RV-short").acceptable
    record(ward, "RV-short", accepted=codes)
    outcome = run(ward, "RV-short")
    assert outcome.status is Status.SUCCESS, outcome.reason
    found = details(ward, "RV-short")
    assert "II_REV_005" not in found
    assert f"II_REV_005 {seen} ({TOLD})" in found["I_NOTE_013"]
    case = case_of(ward, "RV-short")
    assert case.acceptable == codes, "whoever decides anew can accept it again"
    record(ward, "RV-short", accepted=codes)
    assert run(ward, "RV-short").status is Status.SUCCESS


def test_a_code_of_a_later_stage_is_accepted_all_the_same(ward: Ward) -> None:
    keys = {"dose_max_gy": {"minimum": None, "maximum": 30, "action": "review"}}
    ward.admit("RV-hot")
    outcome = run(ward, "RV-hot", **keys)
    assert (outcome.status, outcome.code) == (Status.REVIEW, "XXIV_REV_003")
    record(ward, "RV-hot", keys, accepted=["XXIV_REV_003"])
    outcome = run(ward, "RV-hot", **keys)
    assert outcome.status is Status.SUCCESS, outcome.reason
    assert details(ward, "RV-hot")["I_NOTE_013"][0].startswith("XXIV_REV_003 ")
    alone = ward.run("RV-hot", "dose_volume", store=STORE, **keys)
    assert alone.status is Status.SUCCESS, "one stage alone looks at the decision, too"


def test_of_doses_of_one_plan_that_differ_the_one_that_a_person_chose_is_prepared(ward: Ward) -> None:
    ward.admit("RV-doses", studies=planned(PlanSpec(doses=(DoseSpec(), DoseSpec(share=0.5)))))
    outcome = run(ward, "RV-doses")
    assert (outcome.status, outcome.code) == (Status.REVIEW, "XXIV_REV_001")
    assert "XXIV_REV_001" not in case_of(ward, "RV-doses").acceptable
    case = case_of(ward, "RV-doses")
    doses = case.candidates[0]["rtdose_uids"]
    assert set(case.dose_maxima) == set(doses)
    maxima = {}
    for uid in doses:
        record(ward, "RV-doses", candidate=1, doses=[uid])
        outcome = run(ward, "RV-doses")
        assert outcome.code != "XXIV_REV_001"
        folder = ward.folder("RV-doses", STORE)
        assert [path.name for path in (folder.file("retrieved_dicom") / "RTDOSE").iterdir()] == [f"{uid}.dcm"]
        table = read_table(folder.file("verified_study"))
        (reason,) = table[(table["role"] == "RTDOSE") & (table["verdict"] == "refused")]["reason"]
        assert reason == "a person chose other doses"
        maxima[uid] = float(read_table(folder.file("dvh_table"))["dmax_gy"].max())
    low, high = sorted(maxima.values())
    assert low == pytest.approx(high / 2, abs=0.01)
    assert max(case.dose_maxima.values()) == pytest.approx(2 * min(case.dose_maxima.values()), abs=0.01)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"candidate": 3}, "there is no candidate 3, but 2"),
        ({"candidate": 0}, "there is no candidate 0, but 2"),
        ({"candidate": -1}, "there is no candidate -1, but 2"),
        ({"study": "1.2.3"}, "no candidate is of study '1.2.3', but of: 2.25."),
        ({"candidate": 1, "doses": ["1.2\x1b"]}, r"candidate 1 has no dose '1.2\x1b', but: 2.25."),
        ({"doses": ["1.2"]}, "name that, too"),
        ({"accepted": ["I_REV_004"]}, "I_REV_004 cannot be accepted, for it leaves a choice open"),
        ({"accepted": ["II_REV_001"]}, "has no code 'II_REV_001' to accept, but: none"),
        ({"accepted": ["nonsense"]}, "has no code 'nonsense' to accept"),
        ({}, "a decision needs"),
        ({"candidate": 1, "exclude": True}, "chooses a study, or a chain, or excludes"),
    ],
)
def test_a_decision_on_what_the_patient_does_not_have_is_refused_in_one_line(
    ward: Ward, wanted: dict[str, Any], said: str
) -> None:
    if "RV-wrong" not in ward.tasks:
        ward.admit("RV-wrong", studies=2)
        run(ward, "RV-wrong")
    with pytest.raises(ReviewError) as caught:
        decide(case_of(ward, "RV-wrong"), a_wish(**wanted))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_who_and_why_must_be_said(ward: Ward) -> None:
    for reviewer, reason, said in (
        (" ", "why", "reviewer"),
        ("Dr. Ada", "\n", "reason"),
        ("\ud800", "why", "reviewer"),
    ):
        with pytest.raises(ReviewError, match=said):
            decide(case_of(ward, "RV-out"), Wish(reviewer, DAY, reason, candidate=1))


def test_a_patient_without_candidates_can_be_excluded_and_one_without_runs_not_be_decided_on(ward: Ward) -> None:
    ward.admit("RV-none", modalities=("CT", "RTSTRUCT"))
    with pytest.raises(ReviewError, match="was not run yet"):
        decide(case_of(ward, "RV-none"), a_wish(exclude=True))
    assert run(ward, "RV-none").status is Status.EXCLUDE
    assert decide(case_of(ward, "RV-none"), a_wish(exclude=True)).exclude
    with pytest.raises(ReviewError, match="there is no candidate 1, but 0"):
        decide(case_of(ward, "RV-none"), a_wish(candidate=1))
    with pytest.raises(ReviewError, match="not in the cohort's patient list: 'RV-nobody'"):
        case_of(ward, "RV-nobody")


def test_a_summary_that_is_damaged_or_of_another_version_is_one_line(ward: Ward) -> None:
    path = ward.folder("RV-none", STORE).file("image_summary")
    whole = path.read_bytes()
    write_table(read_table(path).drop(columns="study_date"), path)
    with pytest.raises(ReviewError, match="has no 'study_date': it is of another version; run the patient again"):
        decide(case_of(ward, "RV-none"), a_wish(exclude=True))
    path.write_bytes(b"no Parquet")
    with pytest.raises(ReviewError, match="is no readable Parquet table"):
        decide(case_of(ward, "RV-none"), a_wish(exclude=True))
    path.write_bytes(whole)


def test_those_to_review_are_listed_by_their_current_status(ward: Ward) -> None:
    case_of(ward, "RV-out")
    cohort = Cohort.model_validate(COHORT)
    listed = {case.patient_id for case in cases_to_review(the_cohort(ward), cohort, NO_TABLES)}
    assert "RV-two" in listed
    assert listed.isdisjoint({"RV-out", "RV-none", "RV-short"})


def test_a_file_of_decisions_that_cannot_be_read_is_a_failure_and_no_lack_of_decisions(ward: Ward) -> None:
    path = the_cohort(ward).decisions
    before = path.read_bytes()
    path.write_text("decisions: nonsense")
    outcome = run(ward, "RV-four")
    assert outcome.status is Status.FAILED
    assert outcome.failure is not None
    assert outcome.failure.stage == "verified_study"
    assert "expected 'decisions:' and a list of entries" in outcome.reason
    assert "Correct decisions.yaml" in outcome.reason
    path.write_bytes(before)
    assert run(ward, "RV-four").status is Status.SUCCESS, "the decision counts again"


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (
            ("rv_broken", "def rule(summary):\n    return 1 / 0\n"),
            "the cohort's rule rv_broken:rule broke: ZeroDivisionError",
        ),
        (("rv_empty", "def other(summary):\n    return None\n"), "rv_empty:rule: the module has no function rule"),
    ],
)
def test_a_rule_of_the_cohorts_own_that_breaks_is_a_failure_and_no_verdict(
    ward: Ward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: tuple[str, str], said: str
) -> None:
    name, text = module
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    outcome = run(ward, "RV-out", eligibility={"rules": [f"{name}:rule"]})
    assert outcome.status is Status.FAILED
    assert said in outcome.reason
    assert "Correct" in outcome.reason
    assert run(ward, "RV-out").status is Status.SUCCESS
