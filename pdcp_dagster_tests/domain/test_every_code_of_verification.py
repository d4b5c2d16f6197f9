"""Every code of the initial and the study verification is reached by an image summary as a real archive gives it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from pdcp_dagster.domain.circumstances import Circumstances
from pdcp_dagster.domain.code_registry import CODES, LEGACY_ONLY
from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.decisions import Decision, seen
from pdcp_dagster.domain.eligibility import Exclude, Review
from pdcp_dagster.domain.verification import Verification
from pdcp_dagster_tests.domain.image_rows import Archive

AFTER: dict[str, Any] = {"eligibility": {"study_date_after": dt.date(2013, 11, 1)}}
APPROVED: dict[str, Any] = {"eligibility": {"approval": {"exclude": ["REJECTED"]}}}
TABLED: dict[str, Any] = {"eligibility": {"approval": {"table": "approvals.csv", "unlisted": "review"}}}
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
BREAST: dict[str, Any] = {"study_description": {"exclude": ["lung"]}}


def two(first: dict[str, Any] | None = None, second: dict[str, Any] | None = None) -> Archive:
    early, late = {"StudyDate": "20190101", **(first or {})}, {"StudyDate": "20200101", **(second or {})}
    return Archive().complete("a", **early).complete("b", study="2", **late)


def decided(archive: Archive, **content: Any) -> Verification:
    before = archive.verified()
    evidence = content.pop("evidence", None) or before.evidence
    accepted = content.pop("codes", ())
    content["accepted"] = [seen(each) for each in before.findings if each.code in accepted]
    by = {"patient_id": "0012", "reviewer": "Dr A", "date": dt.date(2026, 1, 2), "reason": "seen"}
    decision = Decision.model_validate({**by, "evidence": evidence, **content})
    return archive.verified(Circumstances(decision=decision))


def own(rule: Callable[[Any], Any], archive: Archive | None = None) -> Verification:
    return (archive or Archive().complete()).verified(Circumstances(rules=(("rules:mine", rule),)))


def chosen(rule: Any, archive: Archive | None = None, around: Circumstances | None = None) -> Verification:
    return (archive or two()).verified(around, study_selection=[rule])


def spread() -> Archive:
    archive = Archive().complete("a").ct("ctb", study="2").rtstruct("ssb", ["ctb"], study="3")
    return archive.plan("planb", ["ssb"], study="3").dose("doseb", ["planb"], study="3")


def prescribed() -> Archive:
    archive = two()
    target = [{"DoseReferenceType": "TARGET", "TargetPrescriptionDose": "50"}]
    next(row for row in archive.rows if row["SOPInstanceUID"] == "planb")["DoseReferenceSequence"] = target
    return archive


def nameless() -> Archive:
    archive = Archive().complete()
    archive.rows.append({**archive.rows[-1], "SOPInstanceUID": None, "instance_identifier": "orphan"})
    return archive


def twins() -> Archive:
    archive = Archive().complete()
    archive.rows.append({**archive.rows[-1], "SeriesInstanceUID": "zz", "instance_identifier": "i", "file_size": 7})
    return archive


def stray() -> Archive:
    return Archive().ct().rtstruct().plan().stray_dose(structure_sets=["ss"])


def drawn_on_an_absent_ct() -> Archive:
    archive = Archive().ct().rtstruct(on=["planning", "ct"], images={"planning": ["p.1"]}).plan().dose()
    of_rtstruct = archive.rows[4]["ReferencedFrameOfReferenceSequence"][0]["RTReferencedStudySequence"][0]
    of_rtstruct["RTReferencedSeriesSequence"][0]["ContourImageSequence"][0]["ReferencedSOPClassUID"] = CT_IMAGE
    return archive


def qa() -> Archive:
    return Archive().complete(series_description="Catphan QA")


REACHED: dict[str, Callable[[], Verification]] = {
    "I_EXEC_003": lambda: Archive().verified(),
    "I_EXEC_004": lambda: qa().verified(),
    "I_EXEC_005": lambda: Archive().ct().rtstruct().plan().verified(),
    "I_EXEC_006": lambda: Archive().complete(study_description="Lung SBRT").verified(**BREAST),
    "I_EXEC_008": lambda: Archive().complete(StudyDate="20090101").verified(**AFTER),
    "I_EXEC_009": lambda: Archive().complete().verified(eligibility={"study_must_contain": ["PT"]}),
    "I_EXEC_010": lambda: own(lambda _: Exclude("a man")),
    "I_EXEC_011": lambda: decided(two(), exclude=True),
    "I_SUCC_001": lambda: Archive().complete().verified(),
    "I_SUCC_002": lambda: Archive().complete().ct("diagnostic", study="2").verified(),
    "I_SUCC_003": lambda: chosen("all_modalities", spread()),
    "I_SUCC_004": lambda: chosen({"description_prefers": ["planning"]}, two({"study_description": "Breast planning"})),
    "I_SUCC_005": lambda: chosen("approved_plan", two({"ApprovalStatus": "APPROVED"})),
    "I_SUCC_006": lambda: chosen("has_prescription", prescribed()),
    "I_SUCC_007": lambda: chosen("latest"),
    "I_SUCC_008": lambda: chosen("earliest"),
    "I_SUCC_009": lambda: chosen({"closest_to": "d.csv"}, None, Circumstances(index_date=dt.date(2019, 2, 1))),
    "I_SUCC_010": lambda: decided(two(), study_instance_uid="2"),
    "I_REV_001": lambda: two().verified(),
    "I_REV_004": lambda: two().verified(),
    "I_REV_005": lambda: Archive().complete(PatientName="Phantom^Chest").verified(),
    "I_REV_006": lambda: Archive().complete(StudyDate="19000101").verified(**AFTER),
    "I_REV_007": lambda: own(lambda _: Review("look")),
    "I_REV_008": lambda: decided(two(), study_instance_uid="2", evidence="0" * 16),
    "I_NOTE_001": lambda: Archive().complete().ct("qa", series_description="Catphan600").verified(),
    "I_NOTE_002": lambda: Archive().complete().rtstruct("couch", rois=["Couch"]).verified(),
    "I_NOTE_003": lambda: Archive().complete(study_description="Lung SBRT").verified(**BREAST),
    "I_NOTE_004": lambda: Archive().complete(StudyDate="").verified(),
    "I_NOTE_005": lambda: Archive().complete(study_description="").verified(**BREAST),
    "I_NOTE_006": lambda: Archive().complete(StudyDate="20090101").verified(**AFTER),
    "I_NOTE_007": lambda: Archive().complete().verified(eligibility={"study_must_contain": ["PT"]}),
    "I_NOTE_008": lambda: own(lambda _: Exclude("a rescan", "2"), two()),
    "I_NOTE_009": lambda: (
        Archive()
        .complete()
        .ct("c2", study="2")
        .rtstruct("s2", ["gone"], study="2")
        .plan("p2", ["s2"], study="2")
        .dose("d2", ["p2"], study="2")
        .verified()
    ),
    "I_NOTE_010": lambda: Archive().ct().rtstruct(study="2").plan(study="2").dose(study="2").verified(),
    "I_NOTE_011": lambda: two().verified(Circumstances(only_candidate=1)),
    "I_NOTE_012": lambda: nameless().verified(),
    "I_NOTE_013": lambda: decided(Archive().ct(slices=7).rtstruct().plan().dose(), codes=["II_REV_001"]),
    "II_EXEC_001": lambda: Archive().complete(ImageType="ORIGINAL\\PRIMARY\\LOCALIZER").verified(),
    "II_EXEC_002": lambda: Archive().ct().rtstruct(on=["gone"]).plan().dose().verified(),
    "II_EXEC_004": lambda: Archive().complete(ApprovalStatus="REJECTED").verified(**APPROVED),
    "II_SUCC_001": lambda: Archive().complete().verified(),
    "II_REV_001": lambda: Archive().ct(slices=7).rtstruct().plan().dose().verified(),
    "II_REV_002": lambda: Archive().ct(slices=2).rtstruct().plan().dose().verified(),
    "II_REV_003": lambda: Archive().complete("a").complete("b").verified(),
    "II_REV_004": lambda: Archive().complete().plan("boost").dose("boostdose", ["boost"]).verified(),
    "II_REV_005": lambda: Archive().ct().rtstruct(images={"ct": ["ct.0", "ct.9"]}).plan().dose().verified(),
    "II_REV_006": lambda: twins().verified(),
    "II_REV_007": lambda: Archive().complete(ApprovalStatus="REJECTED").verified(),
    "II_REV_008": lambda: Archive().ct().rtstruct().plan().plan("p2").dose().dose("d2", ["p2"]).verified(linkage="CRD"),
    "II_REV_009": lambda: stray().verified(),
    "II_REV_010": lambda: Archive().ct().rtstruct(frame="frame-mr").plan().dose().verified(),
    "II_REV_011": lambda: Archive().complete().verified(**TABLED),
    "II_REV_012": lambda: drawn_on_an_absent_ct().verified(),
    "II_REV_013": lambda: Archive().complete().plan("boost").verified(),
    "II_REV_014": lambda: (
        Archive()
        .ct()
        .rtstruct()
        .plan()
        .dose(ReferencedStructureSetSequence=[{"ReferencedSOPInstanceUID": "other"}])
        .verified()
    ),
    "II_NOTE_007": lambda: Archive().ct().rtstruct().plan(uses=["ss", "gone"]).dose().verified(),
    "II_NOTE_001": lambda: Archive().complete().ct("cone beam").verified(),
    "II_NOTE_002": lambda: stray().verified(fallback_links="accept"),
    "II_NOTE_003": lambda: Archive().complete().verified(**APPROVED),
    "II_NOTE_004": lambda: Archive().complete().stray_dose("lost", frame=None).verified(),
    "II_NOTE_005": lambda: Archive().complete().plan("lost", []).verified(),
    "II_NOTE_006": lambda: Archive().complete().rtstruct("lost", []).verified(),
}
BEFORE_ANY_SUMMARY = {"I_EXEC_001", "I_EXEC_012"}
"""Who is not in the archive has no summary; `stages` tells."""
OF_THE_SUMMARY_ITSELF = {"I_NOTE_014"}
"""Told with the image summary, before any verdict (`test_identifiers`, `test_left_identifiers`)."""


@pytest.mark.parametrize("code", REACHED)
def test_the_code_is_reached_by_a_realistic_summary(code: str) -> None:
    found = REACHED[code]().findings
    assert code in {finding.code for finding in found}
    for finding in found:
        assert Finding(finding.code, finding.detail).note().startswith(f"{CODES[finding.code].step}: {finding.code}:")


def test_no_code_of_verification_is_left_out() -> None:
    of_verification = {code for code, entry in CODES.items() if entry.step in {"I", "II"}}
    assert of_verification - set(REACHED) == BEFORE_ANY_SUMMARY | OF_THE_SUMMARY_ITSELF | LEGACY_ONLY
