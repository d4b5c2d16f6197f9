"""The cohort's DVHs on the report page in a real browser: each patient by pointer and by keyboard, told in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from pdcp_dagster.adapters.report_page import write_report
from pdcp_dagster.domain.dvh_bands import Structure, band_of, dose_axis
from pdcp_dagster_tests.adapters.known_bands import straight_band

pytestmark = pytest.mark.browser
HOSTILE = "<b>c</b>"
ENDS_GY = {"A": 20.0, "B": 42.0, HOSTILE: 60.0}
ROWS = [{"patient_id": name, "status": "SUCCESS", "codes": ["I_SUCC_001"], "reason": "Passed."} for name in ENDS_GY]
BANDS = [straight_band("Heart", ENDS_GY), straight_band("<i>Lung", {"B": 50.0}, standard=False)]


@pytest.fixture(scope="module")
def opened(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    path = tmp_path_factory.mktemp("plot") / "report.html"
    write_report(path, cohort="breast", rows=ROWS, bands=BANDS, generated=None, software_version="0.1.0")
    complaints: list[str] = []
    page = chromium.new_page(viewport={"width": 1500, "height": 900})
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    yield page
    assert complaints == []


@pytest.fixture
def report(opened: Page) -> Page:
    """The report with the first structure chosen and nobody pointed at."""
    opened.reload()
    return opened


def said(report: Page) -> str:
    return report.inner_text("#plot-said")


def point_at(report: Page, dose_gy: float, volume_pct: float) -> None:
    """Move the pointer to a place of the plot, found by its grid: axes from 0 to 60 Gy and 0 to 100 %."""
    left, top, right, bottom = report.evaluate(
        """() => { const box = document.querySelector('#plot .axis').getBoundingClientRect();
                   return [box.left, box.top, box.right, box.bottom]; }"""
    )
    report.mouse.move(left + (right - left) * dose_gy / 60, bottom - (bottom - top) * volume_pct / 100)


def test_the_plot_says_what_half_of_the_patients_get(report: Page) -> None:
    # Straight lines that end at 20, 42 and 60 Gy: the median is B's, 50 % at 21 Gy and 47.62 % at 22 Gy, the first of
    # the 61 doses below 50 %. The quartiles lie half way to the others', which have 0 and 63.33 % there.
    assert said(report) == "3 patients: 47.6 % of Heart gets at least 22.0 Gy (median; quartiles 23.8 to 55.5 %)."


def test_pointing_at_a_curve_names_the_patient_the_dose_and_the_volume(report: Page) -> None:
    report.locator("#plot").scroll_into_view_if_needed()
    point_at(report, 30.0, 51.0)
    assert said(report).startswith(f"{HOSTILE}: 50.0 % of Heart gets at least 30.0 Gy (all: median 28.6 %")
    assert report.locator("#plot .one").get_attribute("d") != ""
    point_at(report, 50.0, 90.0)
    assert said(report).startswith("3 patients: "), "far from every curve"


def test_arrow_keys_step_from_patient_to_patient_and_along_the_dose(report: Page) -> None:
    report.locator("#plot").focus()
    names = []
    for _ in range(4):
        report.keyboard.press("ArrowUp")
        names.append(said(report).split(": ")[0])
    assert names == ["A", "B", HOSTILE, HOSTILE]
    report.keyboard.press("ArrowDown")
    assert said(report).startswith("B: 47.6 % of Heart gets at least 22.0 Gy")
    for _ in range(5):
        report.keyboard.press("ArrowRight")
    assert said(report).startswith("B: 40.5 % of Heart gets at least 25.0 Gy")
    report.keyboard.press("Escape")
    assert said(report).startswith("3 patients: 47.6 %")


def test_enter_leads_to_the_patients_row(report: Page) -> None:
    report.fill("#search", "nobody at all")
    report.locator("#plot").focus()
    report.keyboard.press("Home")
    report.keyboard.press("Enter")
    opener = report.get_by_role("button", name="A", exact=True)
    expect(opener).to_be_focused()
    assert opener.get_attribute("aria-expanded") == "true"
    assert report.locator("tr.entry").count() == 3, "the filter that hid the row is gone"


def test_a_click_on_a_curve_leads_to_the_patients_row_and_one_beside_all_curves_does_not(report: Page) -> None:
    report.locator("#plot").scroll_into_view_if_needed()
    point_at(report, 50.0, 90.0)
    report.mouse.down()
    report.mouse.up()
    assert report.locator("tr.detail").count() == 0
    point_at(report, 30.0, 50.0)
    report.mouse.down()
    report.mouse.up()
    expect(report.get_by_role("button", name=HOSTILE, exact=True)).to_be_focused()


def test_another_structure_is_chosen_from_the_list(report: Page) -> None:
    report.select_option("#structure", label="<i>Lung (1)")
    assert said(report).startswith("1 patient: ")
    assert "<i>Lung" in str(report.locator("#plot").get_attribute("aria-label"))
    assert report.locator("#plot i").count() == 0
    assert report.inner_text("#plot-lines") == "each patient"


def test_every_patients_curve_is_drawn(report: Page) -> None:
    painted = report.evaluate(
        """() => { const canvas = document.querySelector('#plot canvas');
                   const all = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
                   let count = 0; for (let n = 3; n < all.length; n += 4) count += all[n] > 0; return count; }"""
    )
    assert painted > 500


def test_a_cohort_whose_plans_have_no_dose_is_drawn_and_told_without_complaint(
    chromium: Browser, tmp_path: Path
) -> None:
    axis = dose_axis(0.0)
    assert axis.tolist() == [0.0, 0.1]
    curves = np.array([[100.0, 0.0]] * 2, np.float32)
    empty = band_of(Structure("PTV", False, ()), ["A", "B"], axis, curves)
    path = tmp_path / "report.html"
    write_report(path, cohort="breast", rows=ROWS, bands=[empty], generated=None, software_version="0.1.0")
    complaints: list[str] = []
    page = chromium.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    assert said(page).startswith("2 patients: ")
    assert "NaN" not in page.inner_html("#bands")
    assert page.locator("tr.entry").count() == 3, "the rest of the page works, too"
    page.close()
    assert complaints == []
