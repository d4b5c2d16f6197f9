"""The attrition diagram: every box with its count and words, and no box beside another's numbers."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from pdcp_dagster.adapters.report_page import attrition_picture, attrition_told, render_report
from pdcp_dagster.domain.attrition import attrition_of
from pdcp_dagster.domain.codes import CODES, Effect

COHORT = [
    ("SUCCESS", ["I_SUCC_001"]),
    ("SUCCESS", ["I_SUCC_001"]),
    ("EXCLUDE", ["I_EXEC_005"]),
    ("EXCLUDE", ["I_EXEC_012" if "I_EXEC_012" in CODES else "I_EXEC_001"]),
    ("EXCLUDE", ["XXIV_EXEC_003"]),
    ("REVIEW", ["I_REV_004"]),
    ("FAILED", []),
    ("PENDING", []),
]
_SVG = "{http://www.w3.org/2000/svg}"


def drawn(cohort: list[tuple[str, list[str]]]) -> ET.Element:
    return ET.fromstring(attrition_picture(attrition_of(cohort)))  # noqa: S314 - our own


def picks(picture: ET.Element) -> list[tuple[str, str]]:
    """Return the kind and the label of all that can be chosen, downwards."""
    return [
        (str(each.get("class")).split()[1], str(each.get("aria-label")))
        for each in picture.iter(f"{_SVG}g")
        if "pick" in str(each.get("class"))
    ]


def test_boxes_come_in_the_order_of_the_steps_words_first_and_codes_last() -> None:
    gone = COHORT[3][1][0]
    meaning = CODES[gone].meaning[0].upper() + CODES[gone].meaning[1:]
    listed = [
        ("reason", "1 patient: A modality that the cohort needs is not in the archive (I_EXEC_005)"),
        ("reason", f"1 patient: {meaning} ({gone})"),
    ]
    if gone == "I_EXEC_001":
        listed.reverse()
    assert picks(drawn(COHORT)) == [
        ("main", "8 patients: in the archive or on the cohort's list"),
        ("title", "2 patients: Excluded: initial verification"),
        *listed,
        ("main", "6 patients: left after initial verification"),
        ("title", "1 patient: Excluded: dose selection"),
        ("reason", "1 patient: The dose maximum lies outside the cohort's bounds (XXIV_EXEC_003)"),
        ("main", "5 patients: left after dose selection"),
        ("title", "1 patient: To review: a person must decide"),
        ("reason", "1 patient: Several studies are eligible and no rule chooses one (I_REV_004)"),
        ("title", "1 patient: Failed: no result"),
        ("reason", "1 patient: Something could not be read or written: run again"),
        ("title", "1 patient: Not done yet"),
        ("reason", "1 patient: Not run yet, or not to the end with today's settings"),
        ("main", "2 patients: ready for analysis"),
    ]


def test_what_the_boxes_hold_adds_up_at_every_height() -> None:
    attrition = attrition_of(COHORT)
    sizes = [len(group.patients) for group in attrition.groups()]
    left = attrition.total
    for each in drawn(COHORT).iter(f"{_SVG}g"):
        kind = str(each.get("class")).split()
        if "pick" not in kind:
            continue
        held = sum(sizes[int(number)] for number in str(each.get("data-groups")).split())
        assert str(each.get("aria-label")).startswith(f"{held} patient")
        if "main" in kind:
            assert held == left
        if "reason" in kind:
            left -= held
    assert left == 2


def test_nobody_is_drawn_who_is_not_there() -> None:
    assert picks(drawn([("SUCCESS", [])])) == [
        ("main", "1 patient: in the archive or on the cohort's list"),
        ("main", "1 patient: ready for analysis"),
    ]


@pytest.mark.parametrize("effect", [Effect.EXCLUDE, Effect.REVIEW])
def test_boxes_do_not_overlap_however_many_codes_there_are(effect: Effect) -> None:
    codes = [entry.code for entry in CODES.values() if entry.effect is effect]
    status = "EXCLUDE" if effect is Effect.EXCLUDE else "REVIEW"
    picture = drawn([(status, [code]) for code in codes])
    frames = [each for each in picture.iter(f"{_SVG}rect") if each.get("class") == "frame"]
    mains = [
        next(iter(each.iter(f"{_SVG}rect")))
        for each in picture.iter(f"{_SVG}g")
        if "main" in str(each.get("class")).split()
    ]
    spans = sorted((float(each.get("y", 0)), float(each.get("height", 0))) for each in (*frames, *mains))
    assert all(top + height < after for (top, height), (after, _) in pairwise(spans))
    lowest = spans[-1][0] + spans[-1][1]
    box = [float(part) for part in str(picture.get("viewBox")).split()]
    assert box[1] + box[3] > lowest


def test_the_diagram_in_one_sentence() -> None:
    assert attrition_told(attrition_of(COHORT)) == (
        "Of 8 patients: 2 ready for analysis, 1 to review, 3 excluded, 1 failed, 1 not done yet."
    )
    assert attrition_told(attrition_of(COHORT[:1])) == "Of 1 patient: 1 ready for analysis."


def test_the_picture_is_a_file_of_its_own_that_asks_for_nothing() -> None:
    picture = attrition_picture(attrition_of(COHORT))
    assert picture == attrition_picture(attrition_of(COHORT))
    assert "url(" not in picture
    assert "href" not in picture
    assert "<script" not in picture


def test_a_page_without_patients_has_no_diagram() -> None:
    assert 'id="attrition"' not in render_report(cohort="c", rows=[], generated=None, software_version="1")
