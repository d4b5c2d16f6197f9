"""Patients with several studies: objects that belong together across studies, and the choice of one."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from pdcp_dagster.domain.circumstances import Circumstances
from pdcp_dagster.domain.codes import Status
from pdcp_dagster_tests.domain.image_rows import Archive, codes, detail, links, reasons, status


def two(first: dict[str, Any] | None = None, second: dict[str, Any] | None = None) -> Archive:
    """Return a patient with two complete studies."""
    archive = Archive().complete("a", **{"StudyDate": "20190101", **(first or {})})
    return archive.complete("b", study="2", **{"StudyDate": "20200101", **(second or {})})


def chosen_study(
    archive: Archive, rules: list[Any], around: Circumstances | None = None
) -> tuple[str | None, list[str]]:
    verification = archive.verified(around, study_selection=rules)
    found = verification.selection
    return found.study_instance_uid if found else None, codes(verification)


# Over the whole patient


def test_a_structure_set_in_another_study_than_its_ct_is_found() -> None:
    archive = Archive().ct().rtstruct(study="2").plan(study="3").dose(study="3")
    verification = archive.verified()
    assert status(verification) is Status.SUCCESS
    assert links(verification) == {"ss": "uid", "plan": "uid", "dose": "uid"}
    assert codes(verification, notes=True) == ["I_REV_001", "I_SUCC_002", "I_NOTE_010", "II_SUCC_001"]
    assert detail(verification, "I_NOTE_010") == "2, 3 with 1"
    assert verification.selection is not None
    assert verification.selection.study_instance_uid == "1"


def test_a_study_that_is_not_linked_is_no_rival_and_is_told_of() -> None:
    archive = Archive().complete().ct("ct2", study="2").rtstruct("ss2", ["gone"], study="2")
    verification = archive.plan("plan2", ["ss2"], study="2").dose("dose2", ["plan2"], study="2").verified()
    assert status(verification) is Status.SUCCESS
    assert [code for code in codes(verification, notes=True) if code.startswith("I_")] == [
        "I_REV_001",
        "I_SUCC_002",
        "I_NOTE_009",
    ]
    assert detail(verification, "I_NOTE_009") == "study 2"


def test_studies_that_link_nowhere_exclude_with_the_reason_of_each_object() -> None:
    archive = Archive().ct().rtstruct(on=["gone"]).plan(study="2").dose(study="2")
    verification = archive.verified()
    assert codes(verification) == ["II_EXEC_002"]
    assert reasons(verification)["ss"] == "the CT that it refers to is not in the archive"


# Rules


def test_without_a_rule_the_choice_is_a_persons() -> None:
    verification = two().verified()
    assert codes(verification) == ["I_REV_004"]
    assert verification.selection is None
    assert set(reasons(verification).values()) == {"several eligible studies"}
    assert list(verification.candidates["verdict"]) == ["open", "open"]


@pytest.mark.parametrize(
    ("rule", "first", "second", "chosen", "code"),
    [
        ("latest", {}, {}, "2", "I_SUCC_007"),
        ("earliest", {}, {}, "1", "I_SUCC_008"),
        ("approved_plan", {"ApprovalStatus": "UNAPPROVED"}, {"ApprovalStatus": "APPROVED"}, "2", "I_SUCC_005"),
        ("approved_plan", {"ApprovalStatus": "APPROVED"}, {}, "1", "I_SUCC_005"),
        (
            {"description_prefers": ["boost", "planning"]},
            {"study_description": "Planning CT"},
            {"study_description": "diagnostic"},
            "1",
            "I_SUCC_004",
        ),
        (
            {"description_prefers": ["boost", "planning"]},
            {"study_description": "Planning CT"},
            {"study_description": "boost"},
            "2",
            "I_SUCC_004",
        ),
    ],
)
def test_the_first_rule_that_leaves_one_study_decides_with_a_code_that_names_it(
    rule: Any, first: dict[str, Any], second: dict[str, Any], chosen: str, code: str
) -> None:
    study, found = chosen_study(two(first, second), [rule, "review"])
    assert (study, found) == (chosen, [code, "II_SUCC_001"])


def test_a_prescription_decides_by_has_prescription() -> None:
    archive = two()
    archive.plan("planc", ["ssb"], study="2", prescribed_gy=50.0)
    archive.rows = [row for row in archive.rows if row["SOPInstanceUID"] != "planb"]
    archive.rows[-2]["ReferencedRTPlanSequence"] = [{"ReferencedSOPInstanceUID": "planc"}]
    assert chosen_study(archive, ["has_prescription"]) == ("2", ["I_SUCC_006", "II_SUCC_001"])
    assert chosen_study(two(), ["has_prescription"]) == (None, ["I_REV_004"])


def test_all_modalities_prefers_the_study_that_holds_them_itself() -> None:
    archive = Archive().complete("a").ct("ctb", study="2").rtstruct("ssb", ["ctb"], study="3")
    archive.plan("planb", ["ssb"], study="3").dose("doseb", ["planb"], study="3")
    assert chosen_study(archive, ["all_modalities"]) == ("1", ["I_SUCC_003", "II_SUCC_001"])


def test_rules_narrow_in_order_and_ties_go_on_to_the_next() -> None:
    archive = two({"ApprovalStatus": "APPROVED"}, {"ApprovalStatus": "APPROVED"})
    assert chosen_study(archive, ["approved_plan", "earliest"]) == ("1", ["I_SUCC_008", "II_SUCC_001"])
    same_day = two({"StudyDate": "20200101"})
    assert chosen_study(same_day, ["latest"]) == (None, ["I_REV_004"])
    assert chosen_study(two(), ["approved_plan", "review"]) == (None, ["I_REV_004"])


@pytest.mark.parametrize("date", [None, "19000101"])
@pytest.mark.parametrize("rule", ["latest", "earliest", {"closest_to": "dates.csv"}])
def test_a_rule_on_dates_without_a_date_is_for_a_person_and_no_later_rule_decides(date: str | None, rule: Any) -> None:
    archive = two({"ApprovalStatus": "APPROVED", "StudyDate": date})
    around = Circumstances(index_date=dt.date(2019, 1, 2))
    study, found = chosen_study(archive, [rule, "approved_plan"], around)
    assert (study, found) == (None, ["I_REV_004"])


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        (dt.date(2019, 3, 1), ("1", ["I_SUCC_009", "II_SUCC_001"])),
        (dt.date(2021, 3, 1), ("2", ["I_SUCC_009", "II_SUCC_001"])),
        (None, (None, ["I_REV_004"])),
    ],
)
def test_the_study_closest_to_the_patients_date_is_taken(date: dt.date | None, expected: Any) -> None:
    assert chosen_study(two(), [{"closest_to": "dates.csv"}], Circumstances(index_date=date)) == expected


def test_why_a_rule_on_dates_cannot_decide_is_told() -> None:
    verification = two({"StudyDate": None}).verified(study_selection=["latest"])
    assert detail(verification, "I_REV_004").endswith("latest cannot be decided: no date of study 1")


def test_what_a_rule_passed_over_says_so() -> None:
    verification = two().verified(study_selection=["latest"])
    assert set(reasons(verification).values()) == {"another study was chosen by latest"}
    assert list(verification.candidates["verdict"]) == ["refused", "selected"]


def test_a_chosen_study_may_still_have_several_plans() -> None:
    archive = two().plan("boost", ["ssb"], study="2").dose("boostdose", ["boost"], study="2")
    assert chosen_study(archive, ["latest"]) == (None, ["I_SUCC_007", "II_REV_004"])
