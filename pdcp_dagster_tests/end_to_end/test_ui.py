"""The Dagster UI on the demo, seen in a browser as a user sees it: `pdcp demo ui`, its daemon, its private Orthanc.

The tests follow one story in order: look at the cohort, find the failed patient, mend the file, run that patient again.
A backfill is asked for first of all, since the daemon takes its time; its end is looked at last.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from pdcp_dagster.defs.specs import CARDS

if TYPE_CHECKING:
    from pdcp_dagster_tests.conftest import Pdcp
    from pdcp_dagster_tests.end_to_end.conftest import Site

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("ui")]

GROUPS = ("archive", "linkage", "retrieved_volumes", "dosimetry", "pictures", "report")
SHOWN_ON_A_NODE = ("status", "kind-tag", "partitions", "description", "owner")
KINDS = {card.name: set(card.kinds) for card in CARDS} | {
    "patient_ids": {"orthanc", "parquet"},
    "cohort_report": {"parquet", "html"},
    "cohort_dvh": {"parquet"},
}
BACKFILLED = ("P1", "P10", "P11")
RANGE = {"dagster/asset_partition_range_start": "P1", "dagster/asset_partition_range_end": "P11"}
BACKFILL = "dagster/backfill"
_CLICKS, _BETWEEN_CLICKS_MS = 40, 1000
Run = dict[str, Any]
_PAGE_MS = 20_000
_DAEMON_S = 240.0
_END_S = 60.0
_RUNS = """{ runsOrError(limit: 50) { ... on Runs {
    results { runId jobName status creationTime endTime tags { key value }
              stats { ... on RunStatsSnapshot { stepsSucceeded } } }
} } }"""


@dataclass
class Ui:
    """A browser's page on the running UI, and what it was heard to do."""

    root: Path
    url: str
    page: Page
    errors: list[str] = field(default_factory=list)
    addresses: set[str] = field(default_factory=set)

    def listen(self, page: Page) -> Page:
        """Keep the page's console errors, and whom it speaks to."""
        page.set_default_timeout(_PAGE_MS)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.addresses.add(request.url))
        page.on("websocket", lambda socket: self.addresses.add(socket.url))
        return page

    def open(self, path: str, **query: str) -> Page:
        self.page.goto(f"{self.url}{path}" + (f"?{urlencode(query)}" if query else ""))
        return self.page

    def partition(self, asset: str, patient: str) -> Page:
        return self.open(f"/assets/demo/{asset}", view="partitions", partition=patient)

    def runs(self) -> list[Run]:
        """Return the newest runs, newest first, by the question that the UI itself asks."""
        answer = self.page.request.post(f"{self.url}/graphql", data={"query": _RUNS}).json()
        runs: list[Run] = answer["data"]["runsOrError"]["results"]
        for run in runs:
            run["tags"] = {tag["key"]: tag["value"] for tag in run["tags"]}
        return runs

    def await_success(self, wanted: Callable[[Run], bool]) -> Run:
        """Wait until a run that is wanted has succeeded, and return it."""
        deadline = time.monotonic() + _DAEMON_S
        while time.monotonic() < deadline:
            for run in filter(wanted, self.runs()):
                assert run["status"] not in {"FAILURE", "CANCELED"}, run
                if run["status"] == "SUCCESS":
                    return run
            self.page.wait_for_timeout(500)
        pytest.fail(f"no such run after {_DAEMON_S} s: {self.runs()}")

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)


@pytest.fixture(scope="module")
def ui(site: Site, pdcp: Pdcp, chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    """The UI on a copy of the finished demo, to be changed freely."""
    root = tmp_path_factory.mktemp("ui") / "root"
    shutil.copytree(site.root, root)
    port = _free_port()
    with pdcp.start("demo", "ui", "--root", root, "--port", str(port)) as server:
        try:
            _await_address(server)
            expect.set_options(timeout=_PAGE_MS)
            with chromium.new_context(viewport={"width": 1400, "height": 900}) as context:
                seen = Ui(root, f"http://127.0.0.1:{port}", context.new_page())
                seen.listen(seen.page)
                yield seen
        finally:
            server.send_signal(signal.SIGINT)
            try:
                server.communicate(timeout=_END_S)
            except subprocess.TimeoutExpired:
                server.terminate()  # where a shell made us ignore interrupts
                server.communicate(timeout=_END_S)


@pytest.fixture(scope="module")
def backfill(ui: Ui) -> None:
    """A backfill of three patients that follow one another, asked for as a user does."""
    dialog = _materialize_dialog(ui)
    dialog.get_by_text("Select a partition or create one").click()
    for patient in BACKFILLED:
        ui.page.get_by_role("menuitem").get_by_text(patient, exact=True).first.click()
    ui.page.keyboard.press("Escape")
    dialog.get_by_role("button", name="Launch").click()
    expect(dialog).to_be_hidden()


@pytest.mark.usefixtures("backfill")
def test_the_lineage_shows_every_asset_with_its_group_kinds_owner_and_description(ui: Ui, chromium: Browser) -> None:
    with chromium.new_context(viewport={"width": 3300, "height": 1800}) as wide:
        page = ui.listen(wide.new_page())
        page.goto(f"{ui.url}/server_info")
        page.evaluate("shown => localStorage.setItem('asset-node-facets', shown)", json.dumps(SHOWN_ON_A_NODE))
        expanded = ",".join(f"global@global:{group}" for group in GROUPS)
        page.goto(f"{ui.url}/asset-groups?{urlencode({'expanded': expanded})}")
        boxes = page.locator("foreignObject")
        expect(boxes.filter(has_text="radiotherapy-data")).to_have_count(len(KINDS))
        texts = set(boxes.all_text_contents())
    assert set(GROUPS) <= texts
    for name, kinds in KINDS.items():
        text = next(text for text in texts if text.startswith(name))
        assert all(kind in text.lower() for kind in kinds), text
    for card in CARDS:
        assert any(text.startswith(card.name + card.description) for text in texts)


def test_the_partitions_are_the_patients_and_only_the_failed_one_is_red(ui: Ui, site: Site) -> None:
    page = ui.open("/assets/demo/dvh_table", view="partitions")
    expect(page.get_by_text("Failed (1)")).to_be_visible()
    expect(page.get_by_text(f"Materialized ({len(site.expected) - 1})")).to_be_visible()
    for patient in ("P1", "P10", "007", "7"):
        expect(page.get_by_text(patient, exact=True).first).to_be_visible()
    page.get_by_text("P14", exact=True).first.click()
    expect(page.get_by_text("failed, and did not materialize this asset")).to_be_visible()


def test_a_patients_dvh_can_be_seen_beside_its_figures(ui: Ui) -> None:
    page = ui.partition("dvh_table", "P2")
    expect(page.get_by_role("cell", name="SUCCESS", exact=True)).to_be_visible()
    expect(page.get_by_role("cell", name="PTV_50", exact=True)).to_be_visible()
    expect(page.get_by_text("Unsynced")).to_have_count(0)
    page.get_by_text("[Show Markdown]").click()
    picture = page.get_by_role("img", name="DVH")
    expect(picture).to_be_visible()
    assert int(picture.evaluate("image => image.naturalWidth")) >= 600
    page.get_by_role("button", name="Close").click()


@pytest.mark.parametrize(
    ("patient", "status", "reason"),
    [
        ("P8", "EXCLUDE", "Excluded: no RTDOSE in the archive. Ask for a re-export. (I_EXEC_005)"),
        ("P5", "REVIEW", "Decide which study answers the research question. (I_REV_004)"),
    ],
)
def test_a_patient_without_a_dvh_says_why_in_words(ui: Ui, patient: str, status: str, reason: str) -> None:
    page = ui.partition("dvh_table", patient)
    expect(page.get_by_role("cell", name=status, exact=True)).to_be_visible()
    expect(page.get_by_role("cell", name=reason)).to_be_visible()


def test_an_excluded_patients_verified_study_says_in_words_what_was_refused_and_why(ui: Ui) -> None:
    """P30: the dose refers to nothing and has another frame of reference than the CT."""
    page = ui.partition("verified_study", "P30")
    expect(page.get_by_role("cell", name="EXCLUDE", exact=True)).to_be_visible()
    reason = re.compile(
        r"^Excluded: no CT is linked to all that the cohort needs: .* no dose refers to its plans\..*\(II_EXEC_002\)$"
    )
    expect(page.get_by_role("cell", name=reason).first).to_be_visible()
    refused = page.get_by_role("row").filter(has_text="RTDOSE").filter(has_text="refused")
    told = refused.get_by_role("cell", name="it refers to no RTPLAN, and has another frame of reference", exact=True)
    expect(told.first).to_be_visible()


def test_the_evidence_for_a_choice_can_be_seen_with_a_picture_of_each_candidate(ui: Ui, site: Site) -> None:
    truth = site.truth("P5")
    page = ui.partition("candidate_studies", "P5")
    for plan in ("Breast 1-1", "Breast 2-1"):
        row = page.get_by_role("row").filter(has=page.get_by_role("cell", name=plan, exact=True)).last
        for cell in ("24", "APPROVED", "25", f"{truth.prescription_gy:g}", f"{truth.max_dose_gy:g}", "open"):
            expect(row.get_by_role("cell", name=cell, exact=True)).to_be_visible()
    page.get_by_text("[Show Markdown]").click()
    picture = page.get_by_role("img", name="The candidates among which to choose")
    expect(picture).to_be_visible()
    assert int(picture.evaluate("image => image.naturalWidth")) >= 300
    page.get_by_role("button", name="Close").click()


def test_the_cohort_report_draws_who_remains(ui: Ui) -> None:
    ui.open("/assets/demo/cohort_report").get_by_text("[Show Markdown]").first.click()
    assert int(ui.page.get_by_role("img", name="Who remains").evaluate("image => image.naturalWidth")) >= 700


def test_the_failed_patients_reason_is_two_clicks_away_and_names_the_damaged_object(ui: Ui) -> None:
    page = ui.partition("retrieved_dicom", "P14")
    page.get_by_role("button", name="View logs").click()
    expect(
        page.get_by_text(re.compile(r"P14: Failed at retrieved_dicom: .*bytes, but \d+ were stored")).first
    ).to_be_visible()


def test_after_mending_the_file_the_failed_patient_is_run_again_from_the_ui_and_passes(ui: Ui, pdcp: Pdcp) -> None:
    mended = pdcp("demo", "mend", "--root", ui.root)
    assert mended.returncode == 0, mended.stderr
    dialog = _materialize_dialog(ui)
    failed = dialog.get_by_text("P14", exact=True).first
    for _ in range(_CLICKS):
        # The dialog selects among what it has loaded so far.
        dialog.get_by_role("button", name="Failed", exact=True).click()
        failed.page.wait_for_timeout(_BETWEEN_CLICKS_MS)
        if failed.is_visible():
            break
    expect(failed).to_be_visible()
    dialog.get_by_role("button", name="Launch 1 run").click()
    ui.await_success(lambda run: run["tags"].get("dagster/partition") == "P14")
    page = ui.partition("patient_notes", "P14")
    expect(page.get_by_text("Failed (0)")).to_be_visible()
    expect(page.get_by_role("cell", name="SUCCESS", exact=True)).to_be_visible()
    page = ui.partition("dvh_table", "P14")
    expect(page.get_by_role("cell", name="PTV_50", exact=True)).to_be_visible()


@pytest.mark.usefixtures("backfill")
def test_a_backfill_of_neighbours_is_one_run_of_all_of_them_and_brings_a_new_report(ui: Ui) -> None:
    run = ui.await_success(lambda run: BACKFILL in run["tags"])
    assert RANGE.items() <= run["tags"].items()
    assert [each["runId"] for each in ui.runs() if BACKFILL in each["tags"]] == [run["runId"]]
    assert run["stats"]["stepsSucceeded"] == 1
    for patient in BACKFILLED:
        page = ui.partition("dvh_table", patient)
        expect(page.get_by_text("Materialized", exact=True)).to_be_visible()
        expect(page.get_by_role("link", name=run["runId"][:8])).to_be_visible()
    report = ui.await_success(
        lambda each: each["jobName"] == "report_demo" and float(each["creationTime"]) > float(run["endTime"])
    )
    assert report["tags"]["dagster/sensor_name"] == "report_demo_after_collect"


def test_nothing_was_complained_of_nor_asked_of_any_other_host_and_no_popup_is_in_the_way(ui: Ui) -> None:
    page = ui.open("/")
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert ui.errors == []
    spoken_to = {urlsplit(address).netloc for address in ui.addresses if not address.startswith(("data:", "blob:"))}
    assert spoken_to == {urlsplit(ui.url).netloc}


def _materialize_dialog(ui: Ui) -> Locator:
    page = ui.open("/locations/pdcp_dagster/jobs/collect_demo")
    page.get_by_role("button", name="Materialize all").click()
    return page.locator("[role=dialog][aria-modal=true]")  # its menus are dialogs, too, and fade away slowly


def _await_address(server: subprocess.Popen[str]) -> None:
    """Read until the command says where the UI is; then the browser can go there."""
    assert server.stdout is not None
    said = []
    for line in server.stdout:
        said.append(line)
        if line.startswith("Dagster UI: http://"):
            return
    pytest.fail(f"`pdcp demo ui` ended: {''.join(said)}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
