"""Renew the README's pictures from a finished demo: `make demo`, then `make screenshots`.

What lives here: what is shown, how large, how many colours. What does not: the demo, which `pdcp demo ui` serves to the
browser; it is only read, and its server ends with this program.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_IMAGES = Path(__file__).parents[1] / "docs" / "images"
_CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
_GROUPS = ("archive", "linkage", "retrieved_volumes", "dosimetry", "pictures", "report")
_SHOWN_ON_A_NODE = ("status", "kind-tag", "partitions", "description", "checks")
_LARGEST_BYTES = 150_000
_FEWEST_COLOURS = 16
_WIDEST = 1600
_MARGIN = 16
_PAGE_MS = 30_000
_DRAWN_MS = 2_000
"""What fades in, or is laid out in steps, has come to rest by then."""
_END_S = 60.0


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: the browser's window in pixels, what is shown there, and which elements are all that is kept."""

    name: str
    size: tuple[int, int]
    show: Callable[[Page, str, Path], None]
    kept: str = "body"


def _lineage(page: Page, url: str, _: Path) -> None:
    page.goto(f"{url}/server_info")
    page.evaluate("shown => localStorage.setItem('asset-node-facets', shown)", json.dumps(_SHOWN_ON_A_NODE))
    expanded = ",".join(f"global@global:{group}" for group in _GROUPS)
    page.goto(f"{url}/asset-groups?{urlencode({'expanded': expanded})}")
    page.get_by_text("Hide navigation").click()
    page.locator("foreignObject").filter(has_text="cohort_report").first.wait_for()
    page.get_by_text("97% filled (1 failed)").first.wait_for()
    page.locator("input[placeholder^='Jump to']").locator("xpath=following::button[1]").click()


def _partitions(page: Page, url: str, _: Path) -> None:
    page.goto(f"{url}/assets/demo/dvh_table?view=partitions&partition=P14")
    page.get_by_text("Hide navigation").click()
    page.get_by_text("failed, and did not materialize this asset").wait_for()


def _checks(page: Page, url: str, _: Path) -> None:
    page.goto(f"{url}/assets/demo/structure_masks?view=checks&checkDetail=contours_inside_ct")
    page.get_by_text("Hide navigation").click()
    page.get_by_role("tab", name="Execution history").click()
    outside = page.get_by_role("row").filter(has_text="Outside the CT").first
    outside.evaluate("row => row.scrollIntoView({block: 'nearest'})")


def _dvh(page: Page, url: str, _: Path) -> None:
    page.goto(f"{url}/assets/demo/dvh_table?view=partitions&partition=P2")
    page.get_by_text("Hide navigation").click()
    page.get_by_text("[Show Markdown]").click()
    page.get_by_role("img", name="DVH").wait_for()


def _report(page: Page, _: str, root: Path) -> None:
    page.goto((root / "store" / "demo" / "cohort_report.html").absolute().as_uri())
    page.get_by_role("heading", name="How many patients remain").wait_for()


_SHOTS = (
    Shot("lineage", (3200, 1900), _lineage, kept="foreignObject"),
    Shot("partitions", (1400, 640), _partitions),
    Shot("checks", (1400, 1160), _checks),
    Shot("dvh", (1400, 800), _dvh),
    Shot("report", (1280, 1000), _report),
)


def main() -> None:
    """Take the pictures that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(".demo"), help="folder of a finished demo")
    parser.add_argument("--port", type=int, default=3000, help="a free port for the UI")
    parser.add_argument("--only", nargs="*", default=[shot.name for shot in _SHOTS], help="names of pictures")
    asked = parser.parse_args()
    with _served(asked.root, asked.port) as url, _chromium() as browser:
        for shot in (each for each in _SHOTS if each.name in asked.only):
            content = _quantised(_taken(browser, shot, url, asked.root))
            (_IMAGES / f"{shot.name}.png").write_bytes(content)
            sys.stdout.write(f"{shot.name}.png: {len(content) / 1000:.0f} kB\n")


def _taken(browser: Browser, shot: Shot, url: str, root: Path) -> Image.Image:
    width, height = shot.size
    with browser.new_context(viewport={"width": width, "height": height}, color_scheme="light") as context:
        page = context.new_page()
        page.set_default_timeout(_PAGE_MS)
        shot.show(page, url, root)
        page.mouse.move(width - 1, 1)
        page.wait_for_timeout(_DRAWN_MS)
        boxes = [box for each in page.locator(shot.kept).all() if (box := each.bounding_box()) is not None]
        picture = Image.open(BytesIO(page.screenshot()))
    left, top = (min(box[side] for box in boxes) - _MARGIN for side in ("x", "y"))
    right = max(box["x"] + box["width"] for box in boxes) + _MARGIN
    bottom = max(box["y"] + box["height"] for box in boxes) + _MARGIN
    kept = picture.crop((max(left, 0), max(top, 0), min(right, width), min(bottom, height)))
    kept.thumbnail((_WIDEST, height), Image.Resampling.LANCZOS)
    return kept.convert("RGB")


def _quantised(picture: Image.Image) -> bytes:
    """Return the picture as PNG with as many colours as its size allows; ValueError where it is too large with few."""
    colours = 256
    while colours >= _FEWEST_COLOURS:
        written = BytesIO()
        picture.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
            written, "PNG", optimize=True
        )
        if written.tell() <= _LARGEST_BYTES:
            return written.getvalue()
        colours //= 2
    raise ValueError(f"more than {_LARGEST_BYTES} bytes with {_FEWEST_COLOURS} colours")


@contextmanager
def _served(root: Path, port: int) -> Iterator[str]:
    """Serve the demo while its pictures are taken."""
    program = str(Path(sys.executable).with_name("pdcp"))
    command = [program, "demo", "ui", "--root", str(root), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - our own program
        try:
            assert server.stdout is not None  # noqa: S101 - for the type checker
            found = next(filter(None, (re.match(r"Dagster UI: (\S+)", line) for line in server.stdout)), None)
            if found is None:
                raise SystemExit(f"the demo in {root} could not be served: `make demo` first")
            yield found[1]
        finally:
            server.terminate()
            server.wait(_END_S)


@contextmanager
def _chromium() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, _CHROMIUM_NAMES)), None)
    if program is None:
        raise SystemExit("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


if __name__ == "__main__":
    main()
