"""The commissioning page: text stays text, nothing is loaded and nothing runs."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from pdcp_dagster.adapters.commissioning_page import CommissioningPage, render_commissioning

HOSTILE = "<script>alert(1)</script>\"'\u202e\x1b[31m"
ROW: dict[str, Any] = {
    "partition_key": "P1",
    "patient": "P1",
    "rtstruct_uid": "1.2",
    "roi_number": 1,
    "roi_name": "PTV",
    "verdict": "differs",
    "reason": "D95 -1.00 Gy",
    "end_caps": "half_slice",
    "dose_interpolation": "linear",
    "is_cohorts_own": True,
    "tps_volume_cm3": 10.0,
    "volume_cm3": 10.05,
    "volume_difference_pct": 0.5,
    "volume_tolerance_pct": 1.0,
    "dose_tolerance_gy": 0.3,
    "largest_gap_pct": 4.0,
    "gap_beyond_tolerance_pct": 2.0,
    "gap_tolerance_pct": 1.0,
    **{f"{name}_gy": 50.0 for name in ("dmean", "d95", "d50", "d2")},
    **{f"tps_{name}_gy": 50.0 for name in ("dmean", "d95", "d50", "d2")},
    **{f"{name}_difference_gy": 0.0 for name in ("dmean", "d95", "d50", "d2")},
    "tps_d95_gy": 51.0,
    "d95_difference_gy": -1.0,
}
PAGE = CommissioningPage(
    title="Commissioning of cohort breast",
    verdict="1 ROI of 1 patient: 0 agree",
    tone="differs",
    facts=[("Date", "2026-01-31")],
    tolerances=[("Volume", "1 %", "measured")],
    conventions=[("end_caps: none", "1 of 1")],
    records=[ROW, {**ROW, "end_caps": "none", "is_cohorts_own": False}],
    others=[("P2", "Not run yet.")],
)


class Tags(HTMLParser):
    """The tags of a page, and whether each that needs it is closed in its order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        assert not {name for name, _ in attrs} & {"src", "href", "style", "onclick"}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_loads_nothing_runs_nothing_and_its_policy_allows_its_style_alone() -> None:
    page = render_commissioning(PAGE)
    tags = Tags(page)
    assert tags.open == []
    assert not {"script", "link", "img", "iframe", "form"} & set(tags.names)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert f'content="{policy}"' in page


@pytest.mark.parametrize("name", ["roi_name", "patient", "reason", "verdict"])
def test_text_of_patients_and_people_stays_text(name: str) -> None:
    page = render_commissioning(replace(PAGE, records=[{**ROW, name: HOSTILE}]))
    assert "script" not in Tags(page).names
    assert "alert(1)" in Tags(page).text
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_other_text_stays_text_too() -> None:
    hostile = replace(
        PAGE, title=HOSTILE, verdict=HOSTILE, facts=[(HOSTILE, HOSTILE)], others=[(HOSTILE, HOSTILE)], tone=HOSTILE
    )
    tags = Tags(render_commissioning(hostile))
    assert "script" not in tags.names
    assert tags.text.count("alert(1)") == 7


def test_what_is_out_of_tolerance_is_marked_and_nothing_else() -> None:
    page = render_commissioning(PAGE)
    assert re.findall(r'class="number out">([^<]*)<', page) == ["! 50.000 (-1.000)", "! 4.000 (+2.00)"] * 2
    assert "10.050 (+0.50 %)" in page
    assert "51.000 ± 0.300" in page


def test_a_volume_that_is_not_known_or_not_judged_is_told_as_that() -> None:
    unknown = {**ROW, "tps_volume_cm3": None, "volume_difference_pct": None, "volume_tolerance_pct": None}
    small = {**ROW, "volume_difference_pct": 40.0, "volume_tolerance_pct": None}
    page = render_commissioning(replace(PAGE, records=[unknown]))
    assert '<td class="number">10.050</td>' in page
    page = render_commissioning(replace(PAGE, records=[small]))
    assert "10.000, not judged" in page
    assert '<td class="number">10.050 (+40.00 %)</td>' in page


def test_without_anything_left_out_there_is_no_section_of_it() -> None:
    assert "Not compared" in render_commissioning(PAGE)
    assert "Not compared" not in render_commissioning(replace(PAGE, others=[]))
