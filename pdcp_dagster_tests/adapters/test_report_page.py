"""The cohort report as a page: counts, words, and text that stays text."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from pdcp_dagster.adapters.report_page import render_report, write_report
from pdcp_dagster.domain.codes import CODES

HOSTILE = "</script><script>alert('x')</script><img src=x onerror=alert(1)>\"'&"


def row(patient_id: str, status: str, *codes: str, **more: Any) -> dict[str, Any]:
    return {"patient_id": patient_id, "partition_key": patient_id, "status": status, "codes": list(codes), **more}


ROWS = [
    row("P1", "SUCCESS", "I_SUCC_001", "XXVI_SUCC_001", reason="Passed.", study_date=dt.date(2020, 5, 17), rois=12),
    row("P2", "EXCLUDE", "I_EXEC_005", reason="Excluded: no RTDOSE in the archive.", max_dose_gy=math.nan),
    row("P10", "EXCLUDE", "I_EXEC_005", "I_EXEC_005", reason="Excluded: no RTPLAN in the archive."),
    row("007", "FAILED", reason="The file is damaged.", max_dose_gy=None),
]


def page(rows: list[dict[str, Any]], cohort: str = "breast") -> str:
    return render_report(cohort=cohort, rows=rows, generated="2024-05-02", software_version="0.1.0")


def tile_counts(text: str) -> dict[str, int]:
    pattern = r'class="tile (\w+)".*?class="count">(\d+)<'
    return {status: int(count) for status, count in re.findall(pattern, text)}


def test_patients_are_counted_by_status() -> None:
    assert tile_counts(page(ROWS)) == {"SUCCESS": 1, "REVIEW": 0, "EXCLUDE": 2, "FAILED": 1, "PENDING": 0}


def test_a_patient_without_a_status_is_pending() -> None:
    assert tile_counts(page([row("P1", "")]))["PENDING"] == 1


def test_codes_are_counted_once_a_patient_with_their_meaning_and_remedy_in_words() -> None:
    text = page(ROWS)
    line = next(part for part in text.split("<tr>") if 'data-search="I_EXEC_005"' in part)
    assert '<td class="number">2</td>' in line
    assert CODES["I_EXEC_005"].meaning[1:] in line
    assert CODES["I_EXEC_005"].remedy in line


def test_failures_are_no_codes_but_stand_among_the_reasons() -> None:
    assert 'data-status="FAILED">FAILED' in page(ROWS)
    assert "No patient is left out or waits." in page(ROWS[:1])


def test_untrusted_text_cannot_become_markup() -> None:
    text = page([row(HOSTILE, "SUCCESS", HOSTILE, reason=HOSTILE, scanner=HOSTILE)], cohort=HOSTILE)
    assert "<img" not in text
    assert "<script>alert" not in text
    assert text.count("<script") == 2  # the values and the page's own
    assert text.count("</script>") == 2


def test_values_are_read_back_whole_from_the_page() -> None:
    text = page([row(HOSTILE, "SUCCESS", rois=3)])
    found = re.search(r'<script type="application/json" id="values">(.*?)</script>', text)
    assert found is not None
    values = json.loads(found.group(1))
    assert dict(zip(values["names"], values["rows"][0], strict=True)) == {
        "patient_id": HOSTILE,
        "partition_key": HOSTILE,
        "status": "SUCCESS",
        "codes": "",
        "rois": "3",
    }


def test_control_characters_and_surrogates_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(path, cohort="c", rows=[row("a\x00\ud800\n", "SUCCESS")], generated=None, software_version="1")
    assert "a\ufffd\ufffd" in path.read_text(encoding="utf-8")
    assert [found.name for found in tmp_path.iterdir()] == ["report.html"]


def test_unknown_values_are_empty_and_numbers_readable() -> None:
    text = page([row("P1", "SUCCESS", max_dose_gy=math.nan, slice_spacing_mm=2.5, ct_slices=120)])
    body = text.split("<tbody data-row")[1]
    assert re.findall(r'<td class="number">(.*?)</td>', body) == ["120", "2.50", "", "", "", ""]


def test_the_same_rows_give_the_same_page() -> None:
    assert page(ROWS) == page(ROWS)


def test_a_cohort_without_patients_has_a_page() -> None:
    text = page([])
    assert "No patient is known yet." in text
    assert sum(tile_counts(text).values()) == 0


def test_the_page_loads_nothing_and_forbids_loading() -> None:
    text = page(ROWS)
    assert "default-src 'none'" in text
    assert not re.search(r"(src|href)=|url\(|@import|https?:", text)


def test_a_page_of_more_patients_than_it_holds_leaves_out_those_with_the_least_to_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pdcp_dagster.adapters.report_page.patients.MOST_ROWS", 3)
    statuses = ["PENDING", "SUCCESS", "EXCLUDE", "", "REVIEW", "FAILED"]
    text = page([row(f"P{number}", status) for number, status in enumerate(statuses)])
    (values,) = re.findall(r'id="values">(.*?)</script>', text)
    assert [values_of[0] for values_of in json.loads(values)["rows"]] == ["P2", "P4", "P5"], "in their order"
    assert "The table holds 3 of 6 patients" in text
    assert sum(tile_counts(text).values()) == 6, "all are counted"
    assert "The table holds" not in page(ROWS[:3]), "as many as it holds"
