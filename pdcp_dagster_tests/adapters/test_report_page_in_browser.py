"""The report page in a real browser: sort, filter, open a row; nothing on the console, nothing from the network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from pdcp_dagster.adapters.report_page import write_report

pytestmark = pytest.mark.browser
HOSTILE = "<script>document.title='hacked'</script>"
ROWS: list[dict[str, Any]] = [
    {"patient_id": "P10", "status": "SUCCESS", "codes": ["I_SUCC_001"], "reason": "Passed.", "max_dose_gy": 7.5},
    {"patient_id": "P2", "status": "EXCLUDE", "codes": ["I_EXEC_005"], "reason": "no RTDOSE", "max_dose_gy": None},
    {"patient_id": HOSTILE, "status": "FAILED", "codes": [], "reason": "damaged", "max_dose_gy": 61.0},
    {"patient_id": "P1", "status": "SUCCESS", "codes": ["I_SUCC_001"], "reason": "Passed.", "kernel": HOSTILE},
]


@pytest.fixture(scope="module")
def browser_page(chromium: Browser) -> Page:
    return chromium.new_page()


@pytest.fixture
def report(browser_page: Page, tmp_path: Path) -> Iterator[Page]:
    """The report, just opened; whatever it does, it may neither complain nor load anything."""
    path = tmp_path / "report.html"
    write_report(path, cohort="breast", rows=ROWS, generated=None, software_version="0.1.0")
    complaints: list[str] = []
    requests: list[str] = []
    browser_page.on("console", lambda message: complaints.append(message.text))
    browser_page.on("pageerror", lambda error: complaints.append(str(error)))
    browser_page.on("request", lambda request: requests.append(request.url))
    browser_page.goto(path.as_uri())
    yield browser_page
    assert complaints == []
    assert requests == [path.as_uri()]


def patients(report: Page) -> list[str]:
    return [text.strip() for text in report.locator("#patients .opener:visible").all_inner_texts()]


def test_a_click_on_a_head_sorts_and_a_second_one_turns_the_order(report: Page) -> None:
    head = report.locator("#patients thead").get_by_role("button", name="Patient")
    head.click()
    assert patients(report) == [HOSTILE, "P1", "P2", "P10"]
    assert report.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
    head.click()
    assert patients(report) == ["P10", "P2", "P1", HOSTILE]
    assert report.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"


def test_numbers_sort_as_numbers_and_unknown_ones_stay_last(report: Page) -> None:
    head = report.get_by_role("button", name="Max. dose / Gy")
    head.click()
    assert patients(report)[:2] == ["P10", HOSTILE]
    head.click()
    assert patients(report)[:2] == [HOSTILE, "P10"]


def test_statuses_sort_in_their_own_order(report: Page) -> None:
    report.locator("#patients thead").get_by_role("button", name="Status").click()
    assert patients(report) == ["P10", "P1", "P2", HOSTILE]


def test_text_filters_over_all_values_of_a_patient(report: Page) -> None:
    report.fill("#search", "i_exec_005 rtdose")
    assert patients(report) == ["P2"]
    expect(report.locator("#found")).to_have_text("1 of 4 patients")
    report.get_by_role("button", name="Show all").click()
    expect(report.locator("#found")).to_have_text("4 of 4 patients")


def test_a_status_filters_by_list_and_by_tile(report: Page) -> None:
    report.select_option("#status", "SUCCESS")
    assert patients(report) == ["P10", "P1"]
    tile = report.locator("button.tile.FAILED")
    tile.click()
    assert patients(report) == [HOSTILE]
    assert tile.get_attribute("aria-pressed") == "true"
    tile.click()
    assert len(patients(report)) == len(ROWS)


def test_a_code_leads_to_its_patients(report: Page) -> None:
    report.get_by_role("button", name="I_EXEC_005").click()
    assert patients(report) == ["P2"]


def test_a_row_opens_and_closes_by_keyboard_and_shows_text_as_text(report: Page) -> None:
    opener = report.get_by_role("button", name="P1", exact=True)
    opener.focus()
    report.keyboard.press("Enter")
    expect(report.locator("dd", has_text="document.title")).to_have_text(HOSTILE)
    assert opener.get_attribute("aria-expanded") == "true"
    report.keyboard.press("Enter")
    expect(report.locator("dl")).to_be_hidden()
    assert report.title() == "Cohort breast: report"


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_the_page_follows_the_readers_choice_of_light_or_dark(report: Page, scheme: Any, is_dark: bool) -> None:
    report.emulate_media(color_scheme=scheme)
    colour = report.evaluate("getComputedStyle(document.body).backgroundColor")
    red, green, blue = (int(part) for part in re.findall(r"\d+", colour)[:3])
    assert (red + green + blue < 3 * 128) is is_dark
