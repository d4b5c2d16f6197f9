"""PDCP's dosimetry table: its columns, with Dx the right way up. The answers are of hand-made curves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdcp_dagster.domain.dose_volume import dose_at_volume_pct, volume_at_dose_pct
from pdcp_dagster.domain.eqd2 import COLUMNS as EQD2_COLUMNS
from pdcp_dagster.domain.legacy_dosimetry import curve_from, dosimetry_columns, dosimetry_row, legacy_columns
from pdcp_dagster.domain.metrics import dose_columns
from pdcp_dagster_tests.domain.known_dvhs import evenly_spread

DOSE_GY = np.round(np.arange(501) * 0.1, 1)
LINEAR_PCT = 100 * (1 - DOSE_GY / 50)
"""V(d) = 100 (1 - d / 50): as much of the ROI at each dose from 0 to 50 Gy."""


def roi(**changes: Any) -> dict[str, Any]:
    row = {
        "patient_id": "007",
        "roi_name": "PTV",
        "volume_cm3": 12.5,
        "dmin_gy": 0.0,
        "dmean_gy": 25.0,
        "dmedian_gy": 25.0,
        "dmax_gy": 50.0,
        "prescription_gy": 40.0,
        "dose_coverage": 1.0,
    }
    return {**row, **changes}


def cells(dvh: dict[str, Any], dose_gy: Any = DOSE_GY, volume_pct: Any = LINEAR_PCT) -> dict[str, Any]:
    row = dosimetry_row(dvh, dose_gy, volume_pct, prescribed=True)
    return dict(zip(dosimetry_columns(prescribed=True), row, strict=True))


def test_there_are_347_columns_and_607_with_a_prescription() -> None:
    without, with_it = dosimetry_columns(prescribed=False), dosimetry_columns(prescribed=True)
    assert (len(set(without)), len(set(with_it))) == (347, 607)
    opening = ["patient_id", "roi_name", "volume", "mean_dose", "median_dose", "min_dose", "max_dose", "VGy_0.5"]
    assert without[:8] == with_it[:8] == opening
    assert without[146:148] == ["VGy_70.0", "D0.5"]
    assert with_it[146:148] == ["VGy_70.0", "V%_0.5"]
    assert with_it[406:408] == ["V%_130.0", "D0.5"]
    assert without[-1] == with_it[-1] == "D100.0"
    assert len(dosimetry_row(roi(), DOSE_GY, LINEAR_PCT, prescribed=False)) == 347


def test_the_plain_columns_are_in_cm3_and_gy() -> None:
    row = cells(roi())
    assert (row["patient_id"], row["roi_name"], row["volume"]) == ("007", "PTV", 12.5)
    assert (row["mean_dose"], row["median_dose"], row["min_dose"], row["max_dose"]) == (25.0, 25.0, 0.0, 50.0)


@pytest.mark.parametrize(
    ("column", "answer"),
    [("VGy_0.5", 99.0), ("VGy_5.0", 90.0), ("VGy_25.0", 50.0), ("VGy_49.5", 1.0), ("VGy_50.0", 0.0), ("VGy_70.0", 0.0)],
)
def test_v_is_the_volume_that_gets_at_least_the_dose(column: str, answer: float) -> None:
    assert cells(roi())[column] == pytest.approx(answer, abs=1e-5)


@pytest.mark.parametrize(
    ("column", "answer"),
    [("D0.5", 49.75), ("D2.0", 49.0), ("D5.0", 47.5), ("D50.0", 25.0), ("D95.0", 2.5), ("D98.0", 1.0), ("D100.0", 0.0)],
)
def test_d95_is_near_the_minimum_and_d2_near_the_maximum_where_pdcp_had_it_upside_down(
    column: str, answer: float
) -> None:
    assert cells(roi())[column] == pytest.approx(answer, abs=1e-5)


@pytest.mark.parametrize(
    ("column", "answer"),
    [("V%_0.5", 99.6), ("V%_95.0", 24.0), ("V%_100.0", 20.0), ("V%_125.0", 0.0), ("V%_130.0", 0.0)],
)
def test_relative_doses_refer_to_the_prescription_in_gy(column: str, answer: float) -> None:
    """40 Gy: V95% is V(38 Gy) = 100 (1 - 38/50)."""
    assert cells(roi())[column] == pytest.approx(answer, abs=1e-5)


def test_a_dose_between_two_points_lies_on_the_straight_line_between_them() -> None:
    """0.5 % of 37 Gy is 0.185 Gy, between the points at 0.1 and 0.2 Gy; so V = 100 (1 - 0.185/50)."""
    assert cells(roi(prescription_gy=37.0))["V%_0.5"] == pytest.approx(99.63, abs=1e-5)


def test_a_roi_without_prescription_of_its_own_has_no_relative_volumes() -> None:
    row = cells(roi(prescription_gy=None))
    assert {row[name] for name in row if name.startswith("V%_")} == {None}
    assert row["VGy_25.0"] == pytest.approx(50.0)


def test_a_uniform_dose_has_one_dose_at_every_volume() -> None:
    """20.04 Gy everywhere: the curve's last point is 20.0 Gy."""
    dose_gy = np.round(np.arange(201) * 0.1, 1)
    row = cells(roi(dmin_gy=20.04, dmax_gy=20.04), dose_gy, np.full(201, 100.0))
    assert {row[name] for name in row if name.startswith("D")} == {20.04}
    assert (row["VGy_20.0"], row["VGy_20.5"]) == (100.0, 0.0)


def test_a_plateau_at_the_maximum_counts_as_getting_it() -> None:
    """Half gets 10 Gy, half 20 Gy: V20 is 50 %, D50 is 20 Gy, D100 is 10 Gy."""
    dose_gy = np.round(np.arange(201) * 0.1, 1)
    volume_pct = np.where(dose_gy <= 10, 100.0, 50.0)
    row = cells(roi(dmin_gy=10.0, dmax_gy=20.0), dose_gy, volume_pct)
    assert (row["VGy_10.0"], row["VGy_10.5"], row["VGy_20.0"], row["VGy_20.5"]) == (100.0, 50.0, 50.0, 0.0)
    assert (row["D0.5"], row["D50.0"], row["D100.0"]) == (20.0, 20.0, 10.0)


def test_where_a_little_lies_outside_the_dose_grid_the_part_inside_stands_for_the_whole() -> None:
    row = cells(roi(dose_coverage=0.99), DOSE_GY, 0.99 * LINEAR_PCT)
    assert row["VGy_25.0"] == pytest.approx(50.0)
    assert row["D95.0"] == pytest.approx(2.5)


def test_where_too_much_lies_outside_the_dose_grid_there_is_a_volume_and_no_dose() -> None:
    withheld = dict.fromkeys(("dmin_gy", "dmean_gy", "dmedian_gy", "dmax_gy"))
    row = cells(roi(**withheld, dose_coverage=0.5), DOSE_GY, 0.5 * LINEAR_PCT)
    assert row["volume"] == 12.5
    assert {value for name, value in row.items() if name not in {"patient_id", "roi_name", "volume"}} == {None}


@given(st.lists(st.floats(0, 100), max_size=30), st.floats(0.5, 100))
def test_d_is_the_largest_dose_at_which_v_still_has_the_volume(volumes_pct: list[float], pct: float) -> None:
    falling = np.array([100.0, *sorted(volumes_pct, reverse=True), 0.0])
    dose_gy = np.round(np.arange(len(falling)) * 0.1, 1)
    curve = curve_from(dose_gy, falling, dmin_gy=0.0, dmax_gy=float(dose_gy[-1]), coverage=1.0)
    dose = curve.dose_at_pct(pct)
    # The steepest piece loses 100 % in 0.1 Gy: 0.001 % in a millionth.
    assert curve.volume_pct(dose - 1e-6) >= pct - 0.002
    assert curve.volume_pct(dose + 1e-6) <= pct + 0.002


def test_the_columns_of_a_histogram_are_what_its_own_metrics_say() -> None:
    """10 cm3 over which the dose is spread evenly from 10 to 60 Gy, with 50 Gy prescribed."""
    dvh = evenly_spread(10, 60)
    row = legacy_columns(dvh, 50.0, prescribed=True)
    assert list(row) == dosimetry_columns(prescribed=True)[2:]
    names = ("volume", "mean_dose", "median_dose", "min_dose", "max_dose")
    assert [row[name] for name in names] == pytest.approx([10, 35, 35, 10, 60])
    assert (row["D95.0"], row["D2.0"], row["D100.0"]) == pytest.approx((12.5, 59, 10), abs=1e-6)
    assert (row["VGy_5.0"], row["VGy_20.0"], row["VGy_60.5"]) == pytest.approx((100, 80, 0))
    assert (row["V%_95.0"], row["V%_130.0"]) == pytest.approx((25, 0))
    for pct in (0.5, 33.5, 98.0, 99.5):
        assert row[f"D{pct:.1f}"] == pytest.approx(dose_at_volume_pct(dvh, pct), abs=2e-6)
    for gy in (0.5, 10.0, 33.5, 59.5, 60.0, 70.0):
        assert row[f"VGy_{gy:.1f}"] == pytest.approx(volume_at_dose_pct(dvh, gy), abs=2e-6)


def test_a_roi_without_a_prescription_has_no_relative_volumes_where_another_has_one() -> None:
    row = legacy_columns(evenly_spread(10, 60), None, prescribed=True)
    assert len(row) == 605
    assert {row[f"V%_{pct:.1f}"] for pct in (0.5, 95.0, 130.0)} == {None}
    assert row["VGy_20.0"] == pytest.approx(80)
    assert len(legacy_columns(evenly_spread(10, 60), None, prescribed=False)) == 345


def test_of_a_roi_without_a_histogram_or_outside_the_dose_grid_nothing_is_given() -> None:
    assert set(legacy_columns(None, 50.0, prescribed=True).values()) == {None}
    outside = legacy_columns(evenly_spread(10, 60, coverage=0.9), 50.0, prescribed=True)
    assert {name for name, value in outside.items() if value is not None} == {"volume"}


def test_no_column_of_the_original_has_the_name_of_one_of_the_projects_case_aside() -> None:
    ours = {name.casefold() for name in (*dose_columns(), *EQD2_COLUMNS)}
    theirs = {name.casefold() for name in legacy_columns(None, None, prescribed=True)}
    assert len(theirs) == 605
    assert not ours & theirs
    assert not [name for name in theirs if name.startswith("geud_")]
