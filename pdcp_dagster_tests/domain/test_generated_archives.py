"""Laws of verification on generated archives: 1 to 4 studies with missing, dangling and crossed references."""

from __future__ import annotations

import random
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdcp_dagster.domain.code_registry import LEGACY_ONLY, UNDECIDED
from pdcp_dagster.domain.codes import Effect, Status, deciding, status_of
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.linkage import RECIPES
from pdcp_dagster.domain.summary import summarise
from pdcp_dagster.domain.verification import SeveralPatientsError, Verification, verify
from pdcp_dagster_tests.domain.image_rows import COHORT, Archive

Rows = list[dict[str, Any]]
STUDIES = "1234"
STRAY_NAMES = st.lists(st.sampled_from([*(f"{study}{n}" for study in "12" for n in "ab"), "", "gone"]), max_size=3)
INSIDE, OUTSIDE = (20.0, 20.0, 0.0), (200.0, 20.0, 0.0)


def likely(good: Any, *others: Any) -> st.SearchStrategy[Any]:
    """Mostly what makes a chain, sometimes what breaks one."""
    return st.sampled_from([good] * 5 + list(others))


def some(draw: st.DrawFn) -> list[str]:
    return draw(likely(["a"], [], ["a", "b"], ["a", "b", "c"]))


@st.composite
def archives(draw: st.DrawFn) -> Rows:
    """Draw one patient's archive."""
    archive = Archive()
    for study in draw(st.lists(st.sampled_from(STUDIES), min_size=1, max_size=4, unique=True)):
        date = draw(st.sampled_from(["20190101", "20200101", "19000101", None]))
        common = {"StudyDate": date, "study_description": draw(likely("Breast", None, "", "Catphan QA"))}
        frame = draw(likely(f"frame-{study}", "frame-1", None, ""))
        _images(draw, archive, study, frame, common)
        _plans(draw, archive, study, frame, common)
    return archive.rows


def _names(draw: st.DrawFn, own: str) -> list[str]:
    return draw(likely([own], None)) or draw(STRAY_NAMES)


def _images(draw: st.DrawFn, archive: Archive, study: str, frame: str | None, common: dict[str, Any]) -> None:
    for n in some(draw):
        slices = draw(likely(4, 2, 7, 9))
        archive.ct(f"ct{study}{n}", study=study, slices=slices, FrameOfReferenceUID=frame, **common)
    for n in some(draw):
        on = [f"ct{each}" for each in _names(draw, f"{study}a")]
        rois, its = draw(likely(["PTV"], ["BODY"])), draw(likely(study, "1", "2"))
        archive.rtstruct(f"ss{study}{n}", on, rois=rois, frame=draw(likely(frame, "frame-2")), study=its, **common)


def _plans(draw: st.DrawFn, archive: Archive, study: str, frame: str | None, common: dict[str, Any]) -> None:
    for n in some(draw):
        tags = {
            "PlanIntent": draw(likely(None, "CURATIVE", "RESEARCH")),
            "ApprovalStatus": draw(likely("APPROVED", None, "REJECTED")),
            "FrameOfReferenceUID": draw(likely(frame, "frame-2")),
        }
        uses = [f"ss{each}" for each in _names(draw, f"{study}a")]
        archive.plan(f"plan{study}{n}", uses, study=draw(likely(study, "1", "2")), **tags, **common)
    for n in some(draw):
        plans = [{"ReferencedSOPInstanceUID": f"plan{each}"} for each in _names(draw, f"{study}a")]
        sets = [f"ss{each}" for each in draw(likely([], [f"{study}a"], ["gone"]))]
        place = draw(likely(INSIDE, OUTSIDE))
        grid: dict[str, Any] = {"frame": draw(likely(frame, "frame-2")), "structure_sets": sets, "at_mm": place}
        its = draw(likely(study, "1", "2"))
        archive.stray_dose(f"dose{study}{n}", ReferencedRTPlanSequence=plans, study=its, **grid, **common)


cohorts = st.fixed_dictionaries(
    {
        "linkage": st.sampled_from(["CRDP", "CRD", "CR"]),
        "fallback_links": st.sampled_from(["review", "accept"]),
        "study_selection": st.sampled_from([["review"], ["approved_plan", "latest"], ["all_modalities", "earliest"]]),
        "eligibility": st.sampled_from([{}, {"approval": {"exclude": ["REJECTED"]}}]),
    }
)


def verdict(rows: Rows, cohort: dict[str, Any]) -> Verification:
    return verify(summarise(rows), Cohort.model_validate({**COHORT, **cohort}))


@given(archives(), cohorts)
@settings(max_examples=60, deadline=None)
def test_what_is_selected_is_a_true_chain(rows: Rows, cohort: dict[str, Any]) -> None:
    verification = verdict(rows, cohort)
    selection = verification.selection
    if selection is None:
        return
    chosen = verification.verified[verification.verified["verdict"] == "selected"]
    assert set(chosen["role"]) == set(RECIPES[cohort["linkage"]].roles)
    (ct,) = chosen.loc[chosen["role"] == "CT", "series_uid"]
    truth = Truth(rows, str(ct))
    for row in chosen[chosen["role"] != "CT"].to_dict("records"):
        parents = str(row["linked_to"]).split("\\")
        assert parents
        for parent in parents:
            assert parent in {ct, *chosen["sop_instance_uid"].dropna()}
            assert truth.links(row["role"], str(row["sop_instance_uid"]), parent, row["linked_by"], cohort["linkage"])
    by_fall_back = set(chosen["linked_by"].dropna()) - {"uid"}
    if by_fall_back and cohort["fallback_links"] == "review":
        assert status_of(verification.findings) is Status.REVIEW
    assert len(selection.rtplans) == (1 if cohort["linkage"] == "CRDP" else 0)


class Truth:
    """The standard's meaning of a link, read off the raw tags, independent of the program."""

    def __init__(self, rows: Rows, ct: str) -> None:
        self._by_uid = {row["SOPInstanceUID"]: row for row in rows}
        self._slices = [row for row in rows if row["SeriesInstanceUID"] == ct]

    def links(self, role: str, child: str, parent: str, by: str, linkage: str) -> bool:
        """Whether the child tells the parent in this way, and nothing else before."""
        row = self._by_uid[child]
        if by == "frame_of_reference":
            return self._by_frame(role, row, parent)
        if role == "RTSTRUCT":
            return by == "uid" and parent in self._series(row)
        if role == "RTPLAN":
            return by == "uid" and parent in _named(row, "ReferencedStructureSetSequence")
        return self._dose_links(row, parent, by, linkage)

    def _dose_links(self, row: dict[str, Any], parent: str, by: str, linkage: str) -> bool:
        plans, sets = _named(row, "ReferencedRTPlanSequence"), _named(row, "ReferencedStructureSetSequence")
        if linkage == "CRDP":
            if by == "uid":
                return parent in plans
            return not plans and bool(sets & _named(self._by_uid[parent], "ReferencedStructureSetSequence"))
        used = {uid for plan in plans if plan in self._by_uid for uid in self._uses(plan)}
        return parent in used if by == "uid" else not used and parent in sets

    def _by_frame(self, role: str, row: dict[str, Any], parent: str) -> bool:
        other = self._slices[0] if role == "RTSTRUCT" else self._by_uid[parent]
        same = bool(_frames(row) & _frames(other)) and row["StudyInstanceUID"] == other["StudyInstanceUID"]
        if role == "RTSTRUCT":
            return same and not self._series(row)
        if role == "RTPLAN":
            return same and not _named(row, "ReferencedStructureSetSequence")
        inside = row["ImagePositionPatient"].startswith("20.0") and len(self._slices) > 2
        known = {plan for plan in _named(row, "ReferencedRTPlanSequence") if plan in self._by_uid and self._uses(plan)}
        return same and inside and not known and not _named(row, "ReferencedStructureSetSequence")

    def _uses(self, plan: str) -> set[str]:
        return _named(self._by_uid[plan], "ReferencedStructureSetSequence")

    @staticmethod
    def _series(row: dict[str, Any]) -> set[str]:
        return {
            series["SeriesInstanceUID"]
            for frame in row["ReferencedFrameOfReferenceSequence"]
            for study in frame.get("RTReferencedStudySequence", ())
            for series in study["RTReferencedSeriesSequence"]
        }


def _named(row: dict[str, Any], sequence: str) -> set[str]:
    return {item["ReferencedSOPInstanceUID"] for item in row.get(sequence, ())}


def _frames(row: dict[str, Any]) -> set[str]:
    of_sets = [frame.get("FrameOfReferenceUID") for frame in row.get("ReferencedFrameOfReferenceSequence", ())]
    return {frame for frame in [*of_sets, row.get("FrameOfReferenceUID")] if frame}


@given(archives(), cohorts)
@settings(max_examples=40, deadline=None)
def test_every_patient_has_one_status_a_deciding_code_and_a_reason_for_each_refusal(
    rows: Rows, cohort: dict[str, Any]
) -> None:
    verification = verdict(rows, cohort)
    decisive = deciding(verification.findings)
    assert decisive is not None
    assert decisive.effect is not Effect.NOTE
    assert not {finding.code for finding in verification.findings} & LEGACY_ONLY
    status = status_of(verification.findings)
    undecided = any(finding.code in UNDECIDED for finding in verification.findings)
    assert (verification.selection is None) == (status is Status.EXCLUDE or undecided)
    refused = verification.verified[verification.verified["verdict"] == "refused"]
    assert all(isinstance(reason, str) and reason for reason in refused["reason"])
    chosen = verification.verified[verification.verified["verdict"] == "selected"]
    assert chosen["reason"].isna().all()
    assert (len(chosen) > 0) == (verification.selection is not None)
    recipe = RECIPES[cohort["linkage"]]
    looked_at = {*recipe.roles[1:], *recipe.witnesses}
    considered = {row["SOPInstanceUID"] for row in rows if row["Modality"] in looked_at}
    assert set(verification.verified["sop_instance_uid"].dropna()) == considered


@given(archives(), cohorts, st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_shuffling_the_rows_changes_nothing(rows: Rows, cohort: dict[str, Any], seed: int) -> None:
    shuffled = rows[:]
    random.Random(seed).shuffle(shuffled)  # noqa: S311 # no secret
    first, second = verdict(rows, cohort), verdict(shuffled, cohort)
    again = Cohort.model_validate({**COHORT, **cohort})
    third = verify(summarise(rows).sample(frac=1, random_state=seed), again)
    for other in (second, third):
        pd.testing.assert_frame_equal(first.verified, other.verified)
        pd.testing.assert_frame_equal(first.candidates, other.candidates)
        assert (first.findings, first.list_of_values) == (other.findings, other.list_of_values)
        assert first.evidence == other.evidence
    assert first.selection == second.selection


@given(archives(), archives(), cohorts)
@settings(max_examples=15, deadline=None)
def test_a_summary_of_two_patients_is_refused_whole(rows: Rows, others: Rows, cohort: dict[str, Any]) -> None:
    foreign = [{**row, "PatientID": "0013"} for row in others]
    if not rows or not foreign:
        return
    with pytest.raises(SeveralPatientsError):
        verdict(rows + foreign, cohort)


@given(archives(), cohorts)
@settings(max_examples=25, deadline=None)
def test_each_candidate_in_quarantine_is_what_the_table_of_candidates_says(rows: Rows, cohort: dict[str, Any]) -> None:
    from pdcp_dagster.domain.circumstances import Circumstances

    verification = verdict(rows, cohort)
    table = verification.candidates
    assert list(table["candidate"]) == list(range(1, len(table) + 1))
    for row in table.to_dict("records"):
        around = Circumstances(only_candidate=row["candidate"])
        alone = verify(summarise(rows), Cohort.model_validate({**COHORT, **cohort}), around)
        assert alone.selection is not None
        assert alone.selection.ct_series_uid == row["ct_series_uid"]
        assert [each.sop_instance_uid for each in alone.selection.rtdoses] == sorted(row["rtdose_uids"])
        assert {each.sop_instance_uid for each in alone.selection.rtplans} == set(row["rtplan_uids"])
