"""A patient's page in a real browser: its pictures are all that it loads, and it is light or dark as it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from PIL import Image

from pdcp_dagster.adapters.patient_panel import render_panel
from pdcp_dagster_tests.adapters.test_patient_panel import HOSTILE, panel

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
NAME = 'PTV 50% #1?"&'
LIGHT, DARK = "rgb(255, 255, 255)", "rgb(18, 22, 27)"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    for folder in ("central_slices", "candidate_studies"):
        (tmp_path / folder).mkdir()
        Image.new("L", (40, 30)).save(tmp_path / folder / f"{NAME}.png")
    file = tmp_path / "panel.html"
    file.write_text(render_panel(panel(NAME)), encoding="utf-8")
    return file


def test_from_disk_it_shows_its_pictures_loads_nothing_else_and_complains_of_nothing(
    chromium: Browser, page_file: Path
) -> None:
    page = chromium.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(page_file.as_uri())
    page.wait_for_function("[...document.images].every(image => image.complete && image.naturalWidth === 40)")
    assert complaints == []
    pictures = {file.as_uri() for file in page_file.parent.rglob("*.png")}
    assert (requests[0], {url.replace("./", "") for url in requests[1:]}) == (page_file.as_uri(), pictures)
    assert page.locator("h1").inner_text() == NAME
    page.close()


def test_hostile_text_runs_nothing(chromium: Browser, page_file: Path) -> None:
    page_file.write_text(render_panel(panel(HOSTILE, pictures=(), candidates=())), encoding="utf-8")
    page = chromium.new_page()
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.goto(page_file.as_uri())
    assert page.title().startswith("</title></style><script>")
    assert page.evaluate("document.images.length + document.scripts.length") == 0
    page.close()


def test_it_follows_the_readers_settings_or_its_fragment_and_is_light_on_paper(
    chromium: Browser, page_file: Path
) -> None:
    schemes: tuple[tuple[Literal["light", "dark"], str], ...] = (("light", LIGHT), ("dark", DARK))
    for scheme, usual in schemes:
        page = chromium.new_page(color_scheme=scheme)
        for fragment, colour in (("", usual), ("#dark", DARK), ("#light", LIGHT)):
            page.goto(page_file.as_uri() + fragment)
            assert page.evaluate(BACKGROUND) == colour
        page.goto(page_file.as_uri() + "#dark")
        page.emulate_media(media="print")
        assert page.evaluate(BACKGROUND) == LIGHT
        page.close()


def test_within_a_sandboxed_frame_of_another_page_from_disk_its_pictures_are_shown(
    chromium: Browser, page_file: Path
) -> None:
    outer = page_file.with_name("report.html")
    outer.write_text('<!doctype html><iframe sandbox="allow-same-origin" src="panel.html#dark"></iframe>')
    page = chromium.new_page()
    page.goto(outer.as_uri())
    frame = page.frames[1]
    frame.wait_for_function("[...document.images].every(image => image.complete && image.naturalWidth === 40)")
    assert frame.evaluate(BACKGROUND) == DARK
    page.close()


def test_a_narrow_window_is_not_scrolled_sideways(chromium: Browser, page_file: Path) -> None:
    page = chromium.new_page(viewport={"width": 380, "height": 700})
    page.goto(page_file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    page.close()
