"""What the UI shows of a cohort report, and that the report is told whatever becomes of the DVHs."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd
import pytest
from dagster._serdes import serialize_value

from pdcp_dagster.adapters.parquet import read_table, write_table
from pdcp_dagster.adapters.store import Tombstone, clear_tombstone, write_tombstone
from pdcp_dagster.defs.cohort_metadata import report_metadata
from pdcp_dagster.domain.codes import CODES
from pdcp_dagster.phantom.spec import PhantomSpec
from pdcp_dagster_tests.adapters.known_bands import straight_band

if TYPE_CHECKING:
    from pdcp_dagster_tests.defs.conftest import Site

LARGEST_EVENT = 120_000
"""Bytes of all pictures and tables: the event log keeps them for each report, on SQLite twice."""

BANDS = [straight_band("Heart", {"A": 30.0, "B": 50.0})]


def report(*rows: tuple[str, str, list[str]]) -> pd.DataFrame:
    return pd.DataFrame(
        [{"patient_id": name, "status": status, "codes": codes, "reason": "So."} for name, status, codes in rows],
        columns=["patient_id", "status", "codes", "reason"],
    )


COHORT = report(
    ("A", "SUCCESS", ["I_SUCC_001"]),
    ("B", "EXCLUDE", ["I_NOTE_001", "I_NOTE_001", "I_EXEC_005"]),
    ("C", "EXCLUDE", ["I_EXEC_005"]),
    ("D", "REVIEW", ["I_NOTE_001", "I_REV_004"]),
)


def picture(value: Any) -> tuple[str, bytes]:
    """Return the type and the content of the picture in a Markdown value."""
    found = re.fullmatch(r"!\[[\w ]+\]\(data:(image/[a-z+]+);base64,([A-Za-z0-9+/=]+)\)", value.value)
    assert found is not None
    return found[1], base64.b64decode(found[2], validate=True)


def test_a_sentence_comes_first_then_the_counts_of_statuses_that_there_are() -> None:
    metadata = report_metadata(COHORT, BANDS, Path("/store/report.html"))
    assert list(metadata)[:4] == ["in words", "success", "review", "exclude"]
    assert metadata["in words"].value == "Of 4 patients: 1 ready for analysis, 1 to review, 2 excluded."
    assert [metadata[status].value for status in ("success", "review", "exclude")] == [1, 1, 2]


def test_the_diagram_is_an_svg_and_the_histograms_are_a_png() -> None:
    metadata = report_metadata(COHORT, BANDS, Path("/store/report.html"))
    kind, diagram = picture(metadata["who remains"])
    assert kind == "image/svg+xml"
    assert ET.fromstring(diagram).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - our own
    kind, histograms = picture(metadata["DVHs of the cohort"])
    assert kind == "image/png"
    assert histograms.startswith(b"\x89PNG")


def test_codes_are_told_in_words_with_how_many_patients_have_them_those_that_exclude_first() -> None:
    table = report_metadata(COHORT, (), Path("/store/report.html"))["reasons"]
    assert isinstance(table, dg.TableMetadataValue)
    told = [(each.data["patients"], each.data["code"], each.data["what was seen"]) for each in table.records]
    assert told == [
        ("2", "I_EXEC_005", f"Excluded: {CODES['I_EXEC_005'].meaning}"),
        ("1", "I_REV_004", f"To review: {CODES['I_REV_004'].meaning}"),
        ("2", "I_NOTE_001", f"Note: {CODES['I_NOTE_001'].meaning}"),
    ]


def test_the_page_is_named_as_a_path_and_as_what_a_browser_opens() -> None:
    metadata = report_metadata(COHORT, (), Path("/store/a b/report.html"))
    assert metadata["page"].value == "/store/a b/report.html"
    assert metadata["page in a browser"].value == "file:///store/a%20b/report.html"


def test_a_cohort_without_patients_or_doses_has_no_pictures() -> None:
    assert not {"who remains", "DVHs of the cohort"} & set(report_metadata(report(), (), Path("/store/report.html")))


def test_metadata_stay_small_whatever_the_cohort() -> None:
    everything = report(*((f"P{number}", "REVIEW", [code]) for number, code in enumerate([*CODES] * 50)))
    bands = [straight_band(f"S{n}", {f"P{k}": 10.0 + k / 20 for k in range(800)}) for n in range(6)]
    metadata = report_metadata(everything, bands, Path("/store/report.html"))
    pictures = sum(len(str(metadata[name].value)) for name in ("who remains", "DVHs of the cohort"))
    assert pictures < LARGEST_EVENT
    table = metadata["patients"]
    assert isinstance(table, dg.TableMetadataValue)
    assert len(table.records) == 200


@pytest.mark.parametrize("letter", ["x", "\N{GREEK SMALL LETTER ALPHA}"])
def test_reasons_that_name_hundreds_of_rois_are_told_in_short(letter: str) -> None:
    reason = "A target is not within the dose grid: " + ", ".join(f"{letter * 60} 97.1 %" for _ in range(300))
    everybody = report(*((f"P{number}", "REVIEW", ["XXV_REV_001"]) for number in range(5000))).assign(reason=reason)
    table = report_metadata(everybody, (), Path("/store/report.html"))["patients"]
    assert isinstance(table, dg.TableMetadataValue)
    told = [str(each.data["reason"]) for each in table.records]
    assert {len(each) for each in told} == {300}
    assert all(each.startswith("A target is not within the dose grid: ") and each.endswith("…") for each in told)
    # A letter beyond ASCII is written in six bytes.
    assert len(serialize_value(table)) < LARGEST_EVENT * (1 if letter.isascii() else 4)


@pytest.fixture(scope="module")
def site(make_site: Callable[..., Site], spec: Callable[..., PhantomSpec]) -> Site:
    """Two patients who passed."""
    site = make_site("bands", [spec("BANDS-A"), spec("BANDS-B")])
    assert site.list_patients().success
    assert site.collect("BANDS-A", "BANDS-B").success
    return site


def page_of(site: Site) -> str:
    """Make the report, not the table of all DVHs, and return its page."""
    assert site.run(f"report_{site.cohort}", asset_selection=[site.key("cohort_report")]).success
    return (site.store.path / "cohort_report.html").read_text(encoding="utf-8")


@pytest.fixture
def intact(site: Site) -> Iterator[dict[str, bytes]]:
    """BANDS-A's tables, which the test may damage."""
    files = {name: (site.patient("BANDS-A").path / name).read_bytes() for name in ("dvh.parquet", "dvh_curves.parquet")}
    yield files
    for name, content in files.items():
        (site.patient("BANDS-A").path / name).write_bytes(content)


@pytest.mark.xdist_group("defs_metadata")
@pytest.mark.usefixtures("intact")
@pytest.mark.parametrize("name", ["dvh.parquet", "dvh_curves.parquet"])
def test_histograms_that_cannot_be_read_are_told_on_the_page_by_whose_they_are_and_cost_nobody_else(
    site: Site, name: str
) -> None:
    told = page_of(site)
    before = read_table(site.store.file("cohort_report"))
    assert 'id="plot"' in told
    assert told.count("/panel.html") == 2
    assert "could not be read" not in told
    assert "beyond the axis" not in told
    (site.patient("BANDS-A").path / name).write_bytes(b"no table")
    damaged = page_of(site)
    pd.testing.assert_frame_equal(read_table(site.store.file("cohort_report")), before)
    assert 'id="plot"' in damaged, "BANDS-B's are shown"
    assert "No histograms are shown of BANDS-A: their files could not be read." in damaged


@pytest.mark.xdist_group("defs_metadata")
@pytest.mark.usefixtures("intact")
def test_whose_doses_go_on_beyond_the_axis_of_the_histograms_is_told_on_the_page(site: Site) -> None:
    table = site.patient("BANDS-A").path / "dvh.parquet"
    wrong = read_table(table)
    write_table(wrong.assign(dmax_gy=wrong["dmax_gy"] * 100), table)
    assert re.search(r"1 patient has doses beyond the axis of the histograms, above \d+ Gy: BANDS-A\.", page_of(site))


@pytest.mark.xdist_group("defs_metadata")
def test_a_patient_who_was_deleted_from_the_archive_has_no_panel_on_the_page(site: Site) -> None:
    gone = site.patient("BANDS-A")
    write_tombstone(gone, Tombstone("BANDS-A", "", "BANDS-A", "2026-01-02T00:00:00"))
    try:
        told = page_of(site)
    finally:
        clear_tombstone(gone)
    assert (gone.path / "panel.html").exists(), "forgetting removes files, and nothing else"
    assert [found for found in re.findall(r'"(patients/[^"]+)/panel.html"', told) if "BANDS-A" in found] == []
    assert told.count("/panel.html") == 1
