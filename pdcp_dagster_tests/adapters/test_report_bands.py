"""The cohort's DVHs as data of the report page: read back within the steps that are promised, of bounded size."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import numpy as np
import pytest

from pdcp_dagster.adapters.report_page import render_report
from pdcp_dagster.domain.dvh_bands import DvhBand
from pdcp_dagster_tests.adapters.known_bands import level_band, straight_band


def page(*bands: DvhBand, **more: Any) -> str:
    return render_report(cohort="c", rows=[], bands=bands, generated=None, software_version="1", **more)


def data(*bands: DvhBand) -> dict[str, Any]:
    found = re.search(r'id="bands-data">(.*?)</script>', page(*bands))
    assert found is not None
    values: dict[str, Any] = json.loads(found.group(1))
    return values


def curves_of(found: dict[str, Any], band: dict[str, Any]) -> Any:
    raw = np.frombuffer(base64.b64decode(band["curves"]), np.uint8 if found["steps"] == 200 else "<u2")
    return raw.reshape(len(band["patients"]), found["points"]) * (100 / found["steps"])


def line_of(band: dict[str, Any], name: str) -> Any:
    return np.frombuffer(base64.b64decode(band[name]), "<u2") / 100


@pytest.mark.parametrize(("most_bytes", "within_pct"), [(2 * 2 * 61, 0.005), (2 * 2 * 61 - 1, 0.25)])
def test_each_patients_curve_is_read_back_as_finely_as_there_is_room(
    monkeypatch: pytest.MonkeyPatch, most_bytes: int, within_pct: float
) -> None:
    monkeypatch.setattr("pdcp_dagster.adapters.report_page.bands.MOST_CURVE_BYTES", most_bytes)
    found = data(straight_band("Heart", {"A": 30.0, "B": 60.0}))
    assert found["points"] == 61
    (band,) = found["bands"]
    dose_gy = np.linspace(0, band["highest"], found["points"])
    expected = np.clip(100 * (1 - dose_gy / np.array([[30.0], [60.0]])), 0, 100)
    np.testing.assert_allclose(curves_of(found, band), expected, atol=within_pct + 1e-4)
    assert [found["names"][number] for number in band["patients"]] == ["A", "B"]


def test_median_and_quartiles_are_read_back_to_a_hundredth_of_a_percent() -> None:
    (band,) = data(level_band("Lung_L", ["A"], 33.333))["bands"]
    for name in ("median", "lower", "upper"):
        np.testing.assert_allclose(line_of(band, name), 33.33, atol=1e-9)


def test_structures_of_most_patients_come_first_and_of_more_than_24_the_rest_is_counted() -> None:
    bands = [level_band(f"S{number:02d}", [f"P{each}" for each in range(number)], 50.0) for number in range(1, 27)]
    found = data(*bands)
    assert [(band["structure"], band["count"]) for band in found["bands"]] == [
        (f"S{number:02d}", number) for number in range(26, 2, -1)
    ]
    assert "2 further structures are not drawn" in page(*bands)
    assert "3 further structures are not drawn" in page(*bands, further_structures=1)
    assert "not drawn" not in page(*bands[:2])


def test_standard_names_stand_apart_from_names_as_written() -> None:
    text = page(straight_band("Heart", {"A": 30.0}), level_band("my heart", ["A"], 1.0))
    groups = re.findall(r'<optgroup label="(.*?)"><option value="\d+">(.*?)</option>', text)
    assert groups == [("Standard names (TG-263)", "Heart (1)"), ("Names as written", "my heart (1)")]


def test_without_bands_there_is_no_plot() -> None:
    empty = level_band("S", [], 50.0)
    assert 'id="plot"' not in page()
    assert 'id="plot"' not in page(empty)


def test_the_curves_are_bounded_first_by_points_then_by_patients_and_all_patients_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patients = {f"P{number}": 10.0 + number for number in range(50)}
    band = straight_band("Heart", patients)
    monkeypatch.setattr("pdcp_dagster.adapters.report_page.bands.MOST_CURVE_BYTES", 50 * 40)
    coarse = data(band)
    assert coarse["points"] == 40
    assert len(coarse["bands"][0]["patients"]) == 50
    monkeypatch.setattr("pdcp_dagster.adapters.report_page.bands.MOST_CURVE_BYTES", 24 * 11)
    fewer = data(band)
    assert fewer["points"] == 24
    assert fewer["bands"][0]["count"] == 50
    drawn = [fewer["names"][number] for number in fewer["bands"][0]["patients"]]
    assert len(drawn) == 11
    assert (drawn[0], drawn[-1]) == ("P0", "P49"), "an even choice, from the first to the last"
    assert curves_of(fewer, fewer["bands"][0]).shape == (11, 24)


def test_a_structure_with_one_dose_alone_can_be_drawn() -> None:
    found = data(level_band("S", ["A"], 100.0, points=1))
    np.testing.assert_array_equal(curves_of(found, found["bands"][0]), [[100.0, 100.0]])
