"""A patient's page: what is told, that untrusted text stays text, and curves that few points draw as well as all."""

from __future__ import annotations

import re
from dataclasses import replace
from math import erf
from typing import Any

import numpy as np
import pytest

from pdcp_dagster.adapters.patient_panel import (
    PanelCurve,
    PanelFiles,
    PanelFinding,
    PanelObject,
    PanelPicture,
    PanelPlan,
    PanelRoi,
    PatientPanel,
    render_panel,
)
from pdcp_dagster.adapters.patient_panel.figure import MOST_POINTS, thinned
from pdcp_dagster.domain.codes import Status

HOSTILE = "</title></style><script>alert('x')</script><img src=x onerror=alert(1)>\"'&"
AXIS_GY = np.round(np.arange(601) / 10, 1)
BELL_PCT = np.array([50 * (1 - erf((gy - 40) / 4)) for gy in AXIS_GY])
BOX_PCT = np.where(AXIS_GY <= 50, 100.0, 0.0)
HEADS = ("Volume / cm³", "Dmean / Gy")


def panel(text: str = "Heart", **changes: Any) -> PatientPanel:
    """Return a page on which every text is `text`."""
    every = PatientPanel(
        name=text,
        cohort=text,
        status=Status.REVIEW,
        reason=text,
        facts={"Scanner": text},
        findings=(
            PanelFinding("I_REV_004", "To review", "Several studies", text, "Decide.", decides=True),
            PanelFinding("I_SUCC_001", "Passed", "All is there", text, "", decides=False),
        ),
        objects=(
            PanelObject("CT", "1.2.3", "", "", selected=True, reason=""),
            PanelObject("RTSTRUCT", "1.2.4", "1.2.3", "uid", selected=True, reason=""),
            PanelObject("RTDOSE", text, text, "", selected=False, reason=text),
        ),
        plans=(PanelPlan(text, selected=True, facts={"Machine": text}),),
        columns=HEADS,
        rois=(PanelRoi(text, text, 0, (12.34, None), text),),
        curves=(PanelCurve(text, True, AXIS_GY, BELL_PCT),),
        prescriptions_gy=(50.0,),
        pictures=(PanelPicture("central_slices", f"{text}.png", text),),
        candidates=(PanelPicture("candidate_studies", f"{text}.png", text),),
        files=(PanelFiles(text, text, 3, 1234),),
    )
    return replace(every, **changes)


def words_of(html: str) -> str:
    """Return what a person reads."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.split("<body", 1)[1].split(">", 1)[1]))


def test_untrusted_text_stays_text_wherever_it_stands() -> None:
    page = render_panel(panel(HOSTILE))
    assert "<script" not in page
    assert "<img src=x" not in page
    assert page.count("</style>") == page.count("</title>") - page.count("<title>prescribed") - 1 == 1
    assert set(re.findall(r'<img[^>]* src="([^"]*)"', page)) == {
        f"./{folder}/%3C%2Ftitle%3E%3C%2Fstyle%3E%3Cscript%3Ealert%28%27x%27%29%3C%2Fscript%3E%3Cimg%20src%3Dx"
        "%20onerror%3Dalert%281%29%3E%22%27%26.png"
        for folder in ("central_slices", "candidate_studies")
    }
    assert not re.search(r"\son\w+=", re.sub(r'"[^"]*"', "", re.sub(r">[^<]*<", "><", page)))


def test_a_text_that_cannot_be_printed_is_written_all_the_same() -> None:
    assert "\N{REPLACEMENT CHARACTER}" in render_panel(panel("a\x00\ud800\u202e\n"))


def test_the_page_has_no_script_and_may_load_nothing_but_pictures() -> None:
    page = render_panel(panel())
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert "default-src 'none'; img-src file: 'self' data:; style-src 'sha256-" in policy.group(1)
    assert "script-src" not in policy.group(1)
    assert not re.search(r"<script|<a |<link|style=|url\(|@import|https?:", page)


def test_what_decides_is_in_sight_and_what_passed_is_folded_away() -> None:
    page = render_panel(panel())
    sight, folded = page.split("<details", 1)
    assert "I_REV_004" in sight
    assert "Decide." in sight
    assert "I_SUCC_001" not in sight
    assert "I_SUCC_001" in folded


def test_links_say_what_belongs_to_what_and_by_what_in_words() -> None:
    words = words_of(render_panel(panel()))
    assert "RTSTRUCT 1.2.4 CT 1.2.3 its UID" in words
    assert "Not used (1)" in words


def test_a_number_that_is_not_known_is_a_dash_and_no_zero() -> None:
    row = render_panel(panel()).split('<th scope="row" class="name">')[1].split("</tr>")[0]
    assert re.findall(r'<td class="number">(.*?)</td>', row) == ["12.3", "\N{EN DASH}"]


def test_a_patient_of_whom_nothing_is_there_has_a_page_with_the_reason_and_no_empty_parts() -> None:
    page = render_panel(PatientPanel("P1", "breast", Status.FAILED, "Failed at image_summary: refused.", {}))
    assert "Failed at image_summary: refused." in page
    assert "<h2>" not in page


def test_that_doses_are_planned_and_not_delivered_is_said_once() -> None:
    assert render_panel(panel()).count("planned, not delivered") == 1


def test_the_same_content_gives_the_same_page() -> None:
    assert render_panel(panel()) == render_panel(panel())


def test_thirty_curves_take_less_than_60_kb() -> None:
    curves = tuple(PanelCurve(f"ROI {number}", number < 3, AXIS_GY + number / 7, BELL_PCT) for number in range(30))
    assert len(render_panel(panel(curves=curves))) - len(render_panel(panel(curves=(), rois=()))) < 60_000


@pytest.mark.parametrize("volume_pct", [BELL_PCT, BOX_PCT, 100 - AXIS_GY / 0.6, BELL_PCT * 0.2], ids=lambda _: "")
def test_a_thinned_curve_has_few_points_both_ends_and_strays_less_than_half_a_percent(volume_pct: np.ndarray) -> None:
    points = thinned(AXIS_GY, volume_pct)
    assert points.size <= MOST_POINTS
    assert (points[0], points[-1]) == (0, AXIS_GY.size - 1)
    strayed = np.abs(np.interp(AXIS_GY, AXIS_GY[points], volume_pct[points]) - volume_pct)
    assert strayed.max() < 0.5


def test_a_curve_of_few_points_is_drawn_as_it_is() -> None:
    assert list(thinned(np.array([0.0]), np.array([100.0]))) == [0]
    assert list(thinned(np.array([0.0, 0.1]), np.array([100.0, 50.0]))) == [0, 1]
