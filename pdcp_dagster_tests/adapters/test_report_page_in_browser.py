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
PANEL = "patients/P1--00%2525/panel.html"
ROWS: list[dict[str, Any]] = [
    {"patient_id": "P10", "status": "SUCCESS", "codes": ["I_SUCC_001"], "reason": "Passed.", "max_dose_gy": 7.5},
    {"patient_id": "P2", "status": "EXCLUDE", "codes": ["I_EXEC_005"], "reason": "no RTDOSE", "max_dose_gy": None},
    {"patient_id": HOSTILE, "status": "FAILED", "codes": ["I_REV_004"], "reason": "damaged", "max_dose_gy": 61.0},
    {"patient_id": "P1", "status": "SUCCESS", "codes": ["I_SUCC_001"], "reason": "Passed.", "kernel": HOSTILE},
]
ROWS[3]["panel"] = PANEL


@pytest.fixture(scope="module")
def browser_page(chromium: Browser) -> Page:
    return chromium.new_page()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a cohort with one patient's panel and picture."""
    folder = tmp_path_factory.mktemp("report")
    patient = folder / "patients" / "P1--00%25"
    patient.mkdir(parents=True)
    (patient / "panel.html").write_text(
        '<!doctype html><title>P1</title><p id="dark">Panel of P1</p><img src="mask.svg" alt="">'
        "<script>document.body.textContent = 'a script ran'</script>"
    )
    (patient / "mask.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="7" height="7"/>')
    write_report(folder / "report.html", cohort="breast", rows=ROWS, generated=None, software_version="0.1.0")
    return folder


@pytest.fixture
def asked() -> list[str]:
    """The addresses that the page asked for, besides its own."""
    return []


@pytest.fixture
def report(browser_page: Page, folder: Path, asked: list[str]) -> Iterator[Page]:
    """The report, just opened; whatever it does, it may not complain, and asks for nothing but files of the cohort."""
    complaints: list[str] = []
    address = (folder / "report.html").as_uri()

    def heard(message: Any) -> None:
        if "Blocked script execution" not in message.text:  # said of a panel that tries to
            complaints.append(message.text)

    def requested(request: Any) -> None:
        if request.url != address:
            asked.append(request.url)

    browser_page.emulate_media(color_scheme="light", media="screen")
    browser_page.on("console", heard)
    browser_page.on("pageerror", lambda error: complaints.append(str(error)))
    browser_page.on("request", requested)
    browser_page.goto(address)
    yield browser_page
    browser_page.remove_listener("console", heard)
    browser_page.remove_listener("request", requested)
    assert complaints == []
    assert all(each.startswith(f"{folder.as_uri()}/patients/") for each in asked)


def patients(report: Page) -> list[str]:
    return [text.strip() for text in report.locator("#patients .opener:visible").all_inner_texts()]


def open_patient(report: Page, name: str) -> Any:
    report.get_by_role("button", name=name, exact=True).click()
    return report.get_by_role("region", name=f"Patient {name}")


def test_a_page_that_is_just_opened_asks_for_nothing(report: Page, asked: list[str]) -> None:
    assert patients(report) == ["P10", "P2", HOSTILE, "P1"]
    assert asked == []


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


def test_text_filters_over_all_values_of_a_patient_and_the_count_is_told(report: Page) -> None:
    report.fill("#search", "i_exec_005 rtdose")
    assert patients(report) == ["P2"]
    expect(report.locator("#found")).to_have_text("1 of 4 patients")
    assert report.locator("#found").get_attribute("aria-live") == "polite"
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


def test_a_code_leads_to_all_patients_who_have_it(report: Page) -> None:
    report.get_by_role("button", name="I_EXEC_005", exact=True).click()
    assert patients(report) == ["P2"]
    report.select_option("#code", "I_REV_004")
    assert patients(report) == [HOSTILE]


def test_a_box_of_the_diagram_leads_to_its_patients_by_click_and_by_keyboard(report: Page) -> None:
    box = report.locator("#attrition").get_by_role("button", name="2 patients: ready for analysis")
    box.click()
    assert patients(report) == ["P10", "P1"]
    assert box.get_attribute("aria-pressed") == "true"
    expect(report.locator("#patients-title")).to_be_focused()
    excluded = report.locator("#attrition").get_by_role("button", name="(I_EXEC_005)")
    excluded.focus()
    report.keyboard.press("Enter")
    assert patients(report) == ["P2"]
    chip = report.get_by_role("button", name="Only: A modality that the cohort needs is not in the archive")
    chip.click()
    assert len(patients(report)) == len(ROWS)
    expect(chip).to_be_hidden()


def test_every_box_holds_as_many_patients_as_it_says(report: Page) -> None:
    boxes = report.locator("#attrition .pick")
    assert boxes.count() == 7
    for box in boxes.all():
        box.focus()
        report.keyboard.press("Space")
        assert f"{len(patients(report))} patient" in str(box.get_attribute("aria-label"))


def test_a_row_opens_and_closes_by_keyboard_and_shows_text_as_text(report: Page) -> None:
    opener = report.get_by_role("button", name="P1", exact=True)
    opener.focus()
    report.keyboard.press("Enter")
    expect(report.locator("dd", has_text="document.title")).to_have_text(HOSTILE)
    assert opener.get_attribute("aria-expanded") == "true"
    report.keyboard.press("Enter")
    expect(report.locator("dl")).to_have_count(0)
    assert report.title() == "Cohort breast: report"


def test_escape_closes_a_patient_and_goes_back_to_the_row(report: Page) -> None:
    panel = open_patient(report, "P2")
    panel.get_by_role("button", name="Close").focus()
    report.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(report.get_by_role("button", name="P2", exact=True)).to_be_focused()


def test_a_panel_is_loaded_when_its_patient_is_opened_with_its_pictures_and_without_its_scripts(
    report: Page, asked: list[str], folder: Path
) -> None:
    open_patient(report, "P1")
    frame = report.frame_locator("iframe")
    expect(frame.get_by_text("Panel of P1")).to_be_visible()
    assert frame.locator("img").evaluate("image => image.naturalWidth") == 7
    assert asked == [f"{folder.as_uri()}/{path}" for path in (PANEL, PANEL.replace("panel.html", "mask.svg"))]
    assert "allow-scripts" not in str(report.locator("iframe").get_attribute("sandbox"))


def test_the_reports_own_status_and_reason_stand_above_a_panel_that_may_be_older(report: Page) -> None:
    section = open_patient(report, "P1")
    expect(section.locator(".panel-head .badge")).to_have_text("✓ SUCCESS")
    expect(section.locator(".panel-head + p:has(+ iframe)")).to_have_text("Passed.")


def test_a_patient_without_a_panel_has_no_frame(report: Page, asked: list[str]) -> None:
    expect(open_patient(report, "P2").get_by_text("no RTDOSE").first).to_be_visible()
    assert report.locator("iframe").count() == 0
    assert asked == []


def test_what_is_open_stays_open_when_the_table_is_sorted(report: Page) -> None:
    open_patient(report, "P2")
    report.locator("#patients thead").get_by_role("button", name="Patient").click()
    row = report.locator("tr.entry", has_text="P2")
    assert row.locator(".opener").get_attribute("aria-expanded") == "true"
    assert row.evaluate("row => row.nextElementSibling.className") == "detail"


def is_dark(report: Page) -> bool:
    colour = report.evaluate("getComputedStyle(document.body).backgroundColor")
    red, green, blue = (int(part) for part in re.findall(r"\d+", colour)[:3])
    return bool(red + green + blue < 3 * 128)


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_the_page_follows_the_readers_choice_of_light_or_dark(report: Page, scheme: Any, *, dark: bool) -> None:
    report.emulate_media(color_scheme=scheme)
    assert is_dark(report) is dark


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_button_turns_light_and_dark_for_the_page_and_its_panels_but_not_for_paper(report: Page, scheme: Any) -> None:
    report.emulate_media(color_scheme=scheme)
    open_patient(report, "P1")
    seen = {}
    for _ in range(3):
        button = report.locator("#theme")
        report.wait_for_function("document.querySelector('iframe').src.length > 0")
        seen[button.inner_text()] = (is_dark(report), str(report.locator("iframe").get_attribute("src")))
        button.click()
    assert seen == {
        "Colours: as the system": (scheme == "dark", PANEL),
        "Colours: light": (False, f"{PANEL}#light"),
        "Colours: dark": (True, f"{PANEL}#dark"),
    }
    report.emulate_media(media="print")
    assert not is_dark(report)


def test_the_keyboard_reaches_everything_in_the_order_of_the_page(report: Page) -> None:
    order = report.evaluate(
        """() => Array.from(document.querySelectorAll(
             'button, input, select, summary, [tabindex="0"]')).filter((each) => each.checkVisibility())
             .map((each) => each.id || each.getAttribute('class') || each.tagName)"""
    )
    report.locator("#theme").focus()
    reached = [report.evaluate("document.activeElement.id || document.activeElement.getAttribute('class')")]
    for _ in order[1:]:
        report.keyboard.press("Tab")
        reached.append(
            report.evaluate("(each => each.id || each.getAttribute('class') || each.tagName)(document.activeElement)")
        )
    assert reached == order
    assert report.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", "the focus is seen"


def many(folder: Path, count: int) -> str:
    rows = [
        {"patient_id": f"P{number}", "status": "SUCCESS", "codes": ["I_SUCC_001"], "reason": "Passed."}
        for number in range(count)
    ]
    write_report(folder / "many.html", cohort="many", rows=rows, generated=None, software_version="0.1.0")
    return (folder / "many.html").as_uri()


def test_a_large_cohort_is_shown_200_at_a_time_and_printed_2000_at_most(browser_page: Page, tmp_path: Path) -> None:
    browser_page.goto(many(tmp_path, 2500))
    nodes = browser_page.evaluate("document.getElementsByTagName('*').length")
    assert len(patients(browser_page)) == 200
    assert nodes < 7000
    browser_page.get_by_role("button", name="Next").click()
    expect(browser_page.locator("#page")).to_have_text("Rows 201 to 400 of 2500")
    assert patients(browser_page)[0] == "P200"
    browser_page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert browser_page.locator("tr.entry").count() == 2000
    expect(browser_page.locator("#cut")).to_have_text(
        "On paper: the first 2000 of 2500 patients; filter to print others."
    )
    browser_page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert patients(browser_page)[0] == "P200"
    browser_page.fill("#search", "P24")
    expect(browser_page.locator("#found")).to_have_text("111 of 2500 patients")
    expect(browser_page.locator("#page")).to_be_hidden()


def test_paper_holds_all_that_the_filter_leaves(browser_page: Page, tmp_path: Path) -> None:
    browser_page.goto(many(tmp_path, 300))
    browser_page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert browser_page.locator("tr.entry").count() == 300
    expect(browser_page.locator("#cut")).to_be_hidden()
