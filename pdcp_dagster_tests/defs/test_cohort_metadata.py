"""What the UI shows of a cohort report, and that the report is told whatever becomes of the DVHs."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd
import pytest

from pdcp_dagster.adapters.parquet import read_table
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


@pytest.mark.xdist_group("defs_metadata")
def test_histograms_that_cannot_be_read_are_told_on_the_page_and_cost_the_report_nothing(
    make_site: Callable[..., Site], spec: Callable[..., PhantomSpec]
) -> None:
    site = make_site("bands", [spec("BA")])
    assert site.list_patients().success
    assert site.collect("BA").success
    assert site.report().success
    before, page = read_table(site.store.file("cohort_report")), site.store.path / "cohort_report.html"
    told = page.read_text(encoding="utf-8")
    assert 'id="plot"' in told
    assert '"panels":["patients/' in told
    assert "could not be read" not in told
    (site.patient("BA").path / "dvh_curves.parquet").write_bytes(b"no table")
    assert site.report().success
    pd.testing.assert_frame_equal(read_table(site.store.file("cohort_report")), before)
    damaged = page.read_text(encoding="utf-8")
    assert 'id="plot"' not in damaged
    assert "dose-volume histograms could not be read, and are not shown" in damaged
