"""The Dagster UI on the demo, seen in a browser as a user sees it: `pdcp demo ui`, its daemon, its private Orthanc.

The tests follow one story in order: look at the cohort, find the failed patient, mend the file, run that patient again.
A backfill is asked for first of all, since the daemon takes its time; its end is looked at last.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from pdcp_dagster.defs.specs import CARDS
from pdcp_dagster_tests.end_to_end.ui_page import Ui, await_address, free_port, seen

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
    "cohort_structure_names": {"parquet"},
}
BACKFILLED = ("P1", "P10", "P11")
RANGE = {"dagster/asset_partition_range_start": "P1", "dagster/asset_partition_range_end": "P11"}
BACKFILL = "dagster/backfill"
_CLICKS, _BETWEEN_CLICKS_MS = 40, 1000
_END_S = 60.0


@pytest.fixture(scope="module")
def ui(site: Site, pdcp: Pdcp, chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    """The UI on a copy of the finished demo, to be changed freely."""
    root = tmp_path_factory.mktemp("ui") / "root"
    shutil.copytree(site.root, root)
    port = free_port()
    with pdcp.start("demo", "ui", "--root", root, "--port", str(port)) as server:
        try:
            await_address(server)
            with seen(chromium, root, port) as ui:
                yield ui
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


def test_an_assets_page_says_what_its_columns_mean_what_its_neighbours_are_and_which_code_makes_it(ui: Ui) -> None:
    page = ui.asset("dvh_table", "overview")
    column = page.get_by_role("row").filter(has_text="d95_gy")
    expect(column).to_contain_text("D95: dose that 95 % of the volume gets at least, Gy")
    expect(column).to_contain_text("float")
    for neighbour in ("ct_volume", "dose_volume", "plan_table", "retrieved_dicom", "cohort_dvh", "patient_notes"):
        expect(page.get_by_role("link", name=neighbour).first).to_be_visible()
    for function, module in (("stage compute_dvhs", "stages/dvh_stage.py"), ("rules compute_dvh", "domain/dvh.py")):
        source = page.get_by_role("link").filter(has_text=function).filter(has_text="in editor")
        expect(source).to_have_attribute("href", re.compile(rf"/pdcp_dagster/{module}:\d+$"))


def test_a_check_says_of_each_patient_whether_it_passed_how_grave_that_is_and_why(ui: Ui) -> None:
    """P26: some contours reach beyond the CT."""
    page = ui.open("/assets/demo/structure_masks", view="checks", checkDetail="contours_inside_ct")
    expect(page.get_by_text("All contours lie within the CT")).to_be_visible()
    page.get_by_role("tab", name="Execution history").click()
    found = {patient: page.get_by_role("row").filter(has=_cell(page, patient)) for patient in ("P1", "P26")}
    expect(found["P1"]).to_contain_text("Passed")
    expect(found["P1"]).to_contain_text("The contours of 10 ROIs lie within the CT.")
    expect(found["P26"]).to_contain_text("Failed")
    expect(found["P26"].get_by_role("img", name="warning_outline")).to_be_visible()
    expect(found["P26"]).to_contain_text("Outside the CT: BODY (12.5 % of 1536 points)")


def test_the_cohort_report_draws_who_remains_and_says_where_its_page_is(ui: Ui, site: Site) -> None:
    page = ui.open("/assets/demo/cohort_report")
    ready = sum(each.status == "SUCCESS" for each in site.expected)
    expect(page.get_by_text(f"Of {len(site.expected)} patients: {ready} ready for analysis")).to_be_visible()
    expect(page.get_by_text(re.compile(r"^file://.*/cohort_report\.html$"))).to_be_visible()
    page.get_by_text("[Show Markdown]").first.click()
    assert int(page.get_by_role("img", name="Who remains").evaluate("image => image.naturalWidth")) >= 700


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
    assert ui.hosts() == {urlsplit(ui.url).netloc}


def _materialize_dialog(ui: Ui) -> Locator:
    page = ui.open("/locations/pdcp_dagster/jobs/collect_demo")
    page.get_by_role("button", name="Materialize all").click()
    return page.locator("[role=dialog][aria-modal=true]")  # its menus are dialogs, too, and fade away slowly


def _cell(page: Page, text: str) -> Locator:
    return page.get_by_role("cell", name=text, exact=True)
