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
from pdcp_dagster_tests.adapters.known_bands import straight_band

HOSTILE = "</script><script>alert('x')</script><img src=x onerror=alert(1)>\"'&"


def row(patient_id: str, status: str, *codes: str, **more: Any) -> dict[str, Any]:
    return {"patient_id": patient_id, "partition_key": patient_id, "status": status, "codes": list(codes), **more}


ROWS = [
    row("P1", "SUCCESS", "I_SUCC_001", "XXVI_SUCC_001", reason="Passed.", study_date=dt.date(2020, 5, 17), rois=12),
    row("P2", "EXCLUDE", "I_EXEC_005", reason="Excluded: no RTDOSE in the archive.", max_dose_gy=math.nan),
    row("P10", "EXCLUDE", "I_EXEC_005", "I_EXEC_005", reason="Excluded: no RTPLAN in the archive."),
    row("007", "FAILED", reason="The file is damaged.", max_dose_gy=None),
]


def page(rows: list[dict[str, Any]], cohort: str = "breast", **more: Any) -> str:
    return render_report(cohort=cohort, rows=rows, generated="2024-05-02", software_version="0.1.0", **more)


def tile_counts(text: str) -> dict[str, int]:
    pattern = r'class="tile (\w+)".*?class="count">(\d+)<'
    return {status: int(count) for status, count in re.findall(pattern, text)}


def embedded(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="values">(.*?)</script>', text)
    assert found is not None
    values: dict[str, Any] = json.loads(found.group(1))
    return values


def told_of(text: str) -> list[dict[str, str]]:
    """Return all values of each patient as the page's script reads them."""
    values = embedded(text)
    return [
        {
            column["name"]: column["values"][column["index"][patient] if "index" in column else patient]
            for column in values["columns"]
        }
        for patient in range(len(values["groups"]))
    ]


def test_patients_are_counted_by_status() -> None:
    assert tile_counts(page(ROWS)) == {"SUCCESS": 1, "REVIEW": 0, "EXCLUDE": 2, "FAILED": 1, "PENDING": 0}


@pytest.mark.parametrize("status", ["", None, "UNHEARD_OF"])
def test_a_patient_without_a_status_is_pending(status: Any) -> None:
    assert tile_counts(page([row("P1", status)]))["PENDING"] == 1


def test_codes_are_counted_once_a_patient_with_their_meaning_and_remedy_in_words() -> None:
    text = page(ROWS)
    line = next(part for part in text.split("<tr>") if 'data-code="I_EXEC_005"' in part)
    assert '<td class="number">2</td>' in line
    assert CODES["I_EXEC_005"].meaning[1:] in line
    assert CODES["I_EXEC_005"].remedy in line


def test_failures_are_no_codes_but_stand_among_the_reasons() -> None:
    assert 'data-status="FAILED">FAILED' in page(ROWS)
    assert "No patient is left out or waits." in page(ROWS[:1])


def test_untrusted_text_cannot_become_markup() -> None:
    hostile = row(HOSTILE, "SUCCESS", HOSTILE, reason=HOSTILE, scanner=HOSTILE, panel=HOSTILE) | {HOSTILE: HOSTILE}
    bands = [straight_band(HOSTILE, {HOSTILE: 50.0})]
    text = page([hostile], cohort=HOSTILE, bands=bands, notes=[HOSTILE])
    assert "<img" not in text
    assert "<script>alert" not in text
    assert text.count("<script") == 3  # the values, the bands and the page's own
    assert text.count("</script>") == 3


def test_values_are_read_back_whole_from_the_page_those_that_it_does_not_know_too() -> None:
    text = page([row(HOSTILE, "SUCCESS", rois=3) | {"anything else": "kept"}])
    assert told_of(text) == [
        {
            "patient_id": HOSTILE,
            "partition_key": HOSTILE,
            "status": "SUCCESS",
            "codes": "",
            "rois": "3",
            "anything else": "kept",
        }
    ]


def test_a_patient_can_be_searched_for_in_the_file_by_any_letters() -> None:
    assert "../A B/\u00fc" in page([row("../A B/\u00fc", "SUCCESS")])


def test_a_text_that_repeats_is_kept_once() -> None:
    text = page([row(f"P{number}", "SUCCESS", scanner="A scanner of some long name") for number in range(50)])
    assert text.count("A scanner of some long name") == 1
    assert {each["scanner"] for each in told_of(text)} == {"A scanner of some long name"}


def test_control_characters_and_surrogates_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(path, cohort="c", rows=[row("a\x00\ud800\n", "SUCCESS")], generated=None, software_version="1")
    (told,) = told_of(path.read_text(encoding="utf-8"))
    assert told["patient_id"] == "a\ufffd\ufffd"
    assert [found.name for found in tmp_path.iterdir()] == ["report.html"]


def test_unknown_values_are_empty_and_numbers_readable() -> None:
    (told,) = told_of(page([row("P1", "SUCCESS", max_dose_gy=math.nan, slice_spacing_mm=2.5, ct_slices=120)]))
    assert (told["max_dose_gy"], told["slice_spacing_mm"], told["ct_slices"]) == ("", "2.5", "120")


def test_the_same_rows_give_the_same_page() -> None:
    assert page(ROWS) == page(ROWS)


def test_a_cohort_without_patients_has_a_page() -> None:
    text = page([])
    assert "No patient is known yet." in text
    assert sum(tile_counts(text).values()) == 0


def test_the_page_loads_nothing_and_forbids_loading_but_for_panels() -> None:
    text = page(ROWS)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="(.*?)"', text)
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy.group(1).split("; "))
    assert rules.pop("default-src") == "'none'"
    assert rules.pop("frame-src") == "'self' file:"
    assert all(re.fullmatch(r"'none'|'sha256-[\w+/=]+'", rule) for rule in rules.values())
    assert not re.search(r"(src|href)=[\"']|url\(|@import|https?:", text)


def test_notes_stand_above_all() -> None:
    assert "<li>The histograms &amp; all could not be read.</li>" in page(
        ROWS, notes=["The histograms & all could not be read."]
    )
    assert 'class="notes"' not in page(ROWS)


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("patients/P1--fbeae7c18667b698/panel.html", True),
        ("patients/%252E%252E%252FA--00/panel.html", True),
        (None, False),
        (math.nan, False),
        ("", False),
        ("../panel.html", False),
        ("patients/%2e%2e/%2E./panel.html", False),
        ("/etc/passwd", False),
        ("//host/panel.html", False),
        ("javascript:alert(1)", False),
        ("https://host/panel.html", False),
        ("patients/P1/panel.html?x#y", False),
        ("patients\\P1\\panel.html", False),
        ("patients/P 1/panel.html", False),
    ],
)
def test_a_panel_is_a_file_below_the_page_or_there_is_none(path: Any, *, kept: bool) -> None:
    values = embedded(page([row("P1", "SUCCESS", panel=path)]))
    assert values["panels"] == ([path] if kept else [])
    assert "panel" not in [column["name"] for column in values["columns"]]


def test_a_page_of_more_patients_than_it_holds_leaves_out_those_with_the_least_to_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pdcp_dagster.adapters.report_page.patient_values.MOST_ROWS", 3)
    statuses = ["PENDING", "SUCCESS", "EXCLUDE", "", "REVIEW", "FAILED"]
    text = page([row(f"P{number}", status) for number, status in enumerate(statuses)])
    assert [told["patient_id"] for told in told_of(text)] == ["P2", "P4", "P5"], "in their order"
    assert "The table holds 3 of 6 patients" in text
    assert sum(tile_counts(text).values()) == 6, "all are counted"
    assert "The table holds" not in page(ROWS[:3]), "as many as it holds"


def test_the_values_never_exceed_their_bound_first_long_texts_are_cut_then_patients_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [row(f"P{number}", "SUCCESS", reason=f"{number} {'long ' * 200}") for number in range(20)]
    monkeypatch.setattr("pdcp_dagster.adapters.report_page.patient_values.LARGEST", 6000)
    cut = page(rows)
    assert len(told_of(cut)) == 20
    assert "Long texts are cut" in cut
    assert max(len(each["reason"]) for each in told_of(cut)) == 80
    monkeypatch.setattr("pdcp_dagster.adapters.report_page.patient_values.LARGEST", 1000)
    fewer = page(rows)
    assert 0 < len(told_of(fewer)) < 20
    assert f"The table holds {len(told_of(fewer))} of 20 patients" in fewer
    assert len(json.dumps(embedded(fewer), separators=(",", ":"), ensure_ascii=False).encode()) <= 1000
    assert "Long texts are cut" not in page(ROWS[3:])
