"""Metrics of a histogram that is known by heart: 10 cm3, dose evenly spread from 10 to 60 Gy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pdcp_dagster.domain.dvh import Dvh, DvhSettings
from pdcp_dagster.domain.metrics import (
    RELATIVE_DOSES_PCT,
    Metric,
    MetricError,
    dose_at_volume_cm3,
    dose_at_volume_pct,
    dose_columns,
    dvh_curve,
    dvh_row,
    parse_metric,
    volume_at_dose_cm3,
    volume_at_dose_pct,
)

EDGES = np.arange(0, 70.01, 0.5)
EVEN = Dvh(
    roi_number=1,
    roi_name="PTV",
    volume_cm3=10.0,
    edges_gy=EDGES,
    volume_fraction=np.clip((60 - EDGES) / 50, 0, 1),
    dmin_gy=10.0,
    dmax_gy=60.0,
    dose_coverage=1.0,
    dmean_inside_gy=35.0,
    dmean_outside_zero_gy=35.0,
    dose_voxels=640.0,
    flags=("self_crossing_contour",),
    settings=DvhSettings("cubic", "none"),
)
HALF_KNOWN = replace(EVEN, dose_coverage=0.5, dmean_outside_zero_gy=17.5)


def test_doses_at_volumes() -> None:
    assert dose_at_volume_pct(EVEN, 95) == pytest.approx(12.5)
    assert dose_at_volume_pct(EVEN, 2) == pytest.approx(59)
    assert dose_at_volume_pct(EVEN, 100) == pytest.approx(10)
    assert dose_at_volume_pct(EVEN, 0) == pytest.approx(60)
    assert dose_at_volume_cm3(EVEN, 1) == pytest.approx(55)
    assert dose_at_volume_cm3(EVEN, 10.001) is None


def test_doses_at_volumes_never_leave_the_range_of_dose() -> None:
    narrow = replace(EVEN, dmin_gy=20.0, dmax_gy=50.0)
    assert dose_at_volume_pct(narrow, 99) == 20
    assert dose_at_volume_pct(narrow, 1) == 50


def test_volumes_at_doses() -> None:
    assert volume_at_dose_pct(EVEN, 20) == pytest.approx(80)
    assert volume_at_dose_cm3(EVEN, 20) == pytest.approx(8)
    assert (volume_at_dose_pct(EVEN, 5), volume_at_dose_pct(EVEN, 61)) == (100, 0)


def test_half_outside_the_grid_only_lower_bounds_remain() -> None:
    """The 5 cm3 that are known are spread evenly from 10 to 60 Gy."""
    row = dvh_row(HALF_KNOWN, prescription_gy=50, is_target=True, piv_cm3=4)
    gone = ["dmin_gy", "dmean_gy", "dmedian_gy", "dmax_gy", "d95_gy", "v20gy_pct", "v95_pct", "hi_icru83", "ci_rtog"]
    assert [row[name] for name in gone] == [None] * len(gone)
    assert row["v20gy_cm3"] == pytest.approx(4)
    assert row["d1cc_gy"] == pytest.approx(50)
    assert (row["dose_coverage"], row["dmean_inside_gy"], row["dmean_outside_zero_gy"]) == (0.5, 35, 17.5)


def test_a_row_has_every_dose_column_of_the_contract_in_its_order() -> None:
    metrics = [parse_metric("V17Gy[%]"), parse_metric("D95%[Gy]")]
    row = dvh_row(EVEN, prescription_gy=50, prescription_source="cohort", is_target=True, metrics=metrics, piv_cm3=4)
    assert list(row) == dose_columns(metrics)
    assert list(row)[:6] == ["volume_cm3", "dmin_gy", "dmean_gy", "dmedian_gy", "dmax_gy", "d1_gy"]
    assert list(row)[-1] == "flags"
    assert {"v5gy_pct", "v80gy_cm3", "d0_03cc_gy", "v17gy_pct", "hi_icru83", "end_caps"} <= set(row)
    assert {f"v{pct}_pct" for pct in RELATIVE_DOSES_PCT} <= set(row)
    assert (row["dmean_gy"], row["dmedian_gy"], row["v20gy_pct"]) == pytest.approx((35, 35, 80))
    assert (row["prescription_gy"], row["prescription_source"]) == (50, "cohort")
    assert (row["dose_interpolation"], row["end_caps"], row["flags"]) == ("cubic", "none", ["self_crossing_contour"])


def test_indices_of_a_target() -> None:
    """D2 = 59, D98 = 11, D50 = 35; 2 of 10 cm3 get 50 Gy, and 4 cm3 of the body do."""
    row = dvh_row(EVEN, prescription_gy=50, is_target=True, piv_cm3=4)
    assert row["hi_icru83"] == pytest.approx(48 / 35)
    assert row["ci_rtog"] == pytest.approx(0.4)
    assert row["ci_paddick"] == pytest.approx(2**2 / (10 * 4))
    assert row["v90_pct"] == pytest.approx(30)


@pytest.mark.parametrize("piv_cm3", [0.0, 0.02, 1.9, 1.98])
def test_a_target_that_gets_more_of_the_prescription_than_the_body_has_no_conformity_and_a_flag(piv_cm3: float) -> None:
    """2 cm3 of the target get 50 Gy: more than all of the body, which should hold them."""
    row = dvh_row(EVEN, prescription_gy=50, is_target=True, piv_cm3=piv_cm3)
    assert (row["ci_rtog"], row["ci_paddick"]) == (None, None)
    assert row["flags"] == ["self_crossing_contour", "target_outside_external"]
    assert row["hi_icru83"] is not None
    assert "target_outside_external" not in dvh_row(EVEN, prescription_gy=50, piv_cm3=piv_cm3)["flags"]  # type: ignore[operator]


def test_what_two_lattices_differ_by_is_no_contradiction_and_never_makes_paddick_more_than_it_can_be() -> None:
    """10 cm3 are 640 dose voxels, of 0.016 cm3; within its isodose a target of 10 cm3 has 1.99 / 10 at most."""
    row = dvh_row(EVEN, prescription_gy=50, is_target=True, piv_cm3=1.99)
    assert row["ci_paddick"] == pytest.approx(0.199)
    assert row["ci_rtog"] == pytest.approx(0.199)
    assert row["flags"] == ["self_crossing_contour"]


def test_what_is_no_target_or_has_no_prescription_has_no_indices() -> None:
    organ = dvh_row(EVEN, prescription_gy=50, is_target=False, piv_cm3=4)
    assert (organ["hi_icru83"], organ["ci_rtog"], organ["ci_paddick"]) == (None, None, None)
    assert organ["v100_pct"] == pytest.approx(20)
    unknown = dvh_row(EVEN, prescription_gy=None, is_target=True, piv_cm3=None)
    assert (unknown["v100_pct"], unknown["hi_icru83"], unknown["prescription_gy"]) == (None, None, None)


def test_a_roi_smaller_than_the_volume_asked_for_has_no_such_dose() -> None:
    row = dvh_row(replace(EVEN, volume_cm3=0.5))
    assert row["d0_1cc_gy"] == pytest.approx(50)
    assert (row["d1cc_gy"], row["d2cc_gy"]) == (None, None)


@pytest.mark.parametrize(
    ("text", "column", "value"),
    [
        ("D0.1cc[Gy]", "d0_1cc_gy", 59.5),
        ("D95%[Gy]", "d95_gy", 12.5),
        ("D50%[%]", "d50_pct", 70),
        ("V17Gy[%]", "v17gy_pct", 86),
        ("V20Gy[cc]", "v20gy_cm3", 8),
        ("V95%[%]", "v95_pct", 25),
        ("V95%[cc]", "v95_cm3", 2.5),
        ("CV12.5Gy[cc]", "cv12_5gy_cm3", 0.5),
        ("CV12.5Gy[%]", "cv12_5gy_pct", 5),
        (" D2 % [Gy] ", "d2_gy", 59),
        ("D10.0cc[Gy]", "d10cc_gy", 10),
    ],
)
def test_metrics_are_understood_as_clinicians_write_them(text: str, column: str, value: float) -> None:
    metric = parse_metric(text)
    assert metric.column == column
    assert metric.value(EVEN, 50.0) == pytest.approx(value)


@pytest.mark.parametrize("text", ["D50%[%]", "V95%[%]", "CV95%[cc]"])
def test_metrics_relative_to_an_unknown_prescription_have_no_value(text: str) -> None:
    assert parse_metric(text).value(EVEN, None) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Dmax", "is not a metric"),
        ("V20Gy", "is not a metric"),
        ("V-5Gy[%]", "is not a metric"),
        ("D1e3cc[Gy]", "is not a metric"),
        ("D20Gy[Gy]", "taken at a number in % or cc, not Gy"),
        ("V2cc[%]", "taken at a number in Gy or %, not cc"),
        ("V20Gy[Gy]", r"given in \[%\] or \[cc\], not \[Gy\]"),
        ("D2cc[cc]", r"given in \[Gy\] or \[%\], not \[cc\]"),
        ("D150%[Gy]", "more than 100 %"),
    ],
)
def test_a_metric_that_cannot_be_understood_is_refused_with_a_sentence(text: str, said: str) -> None:
    with pytest.raises(MetricError, match=said):
        parse_metric(text)


def test_equal_metrics_are_equal_however_written() -> None:
    assert parse_metric("D2%[Gy]") == parse_metric("D2.0 %[Gy]") == Metric("D", 2.0, "%", "Gy")


def test_a_curve_runs_in_steps_of_a_tenth_of_a_gray_up_to_the_maximum() -> None:
    dose, percent, cm3 = dvh_curve(EVEN)
    assert dose[[0, 1, -1]] == pytest.approx([0, 0.1, 60])
    assert len(dose) == 601
    assert (percent[0], percent[350], percent[-1]) == pytest.approx((100, 50, 0))
    assert cm3 == pytest.approx(percent / 10)
    assert dvh_curve(HALF_KNOWN)[1][0] == pytest.approx(50)


@pytest.mark.parametrize(
    ("dmax_gy", "step_gy", "points"),
    [(1000.0, 0.1, 10_001), (1000.2, 0.2, 5_002), (2500.0, 0.3, 8_334), (10_000.0, 1.0, 10_001)],
)
def test_next_to_a_source_a_curve_has_ten_thousand_steps_at_most(dmax_gy: float, step_gy: float, points: int) -> None:
    """2500 Gy are 25 000 tenths, and 8333 steps of three."""
    hot = replace(EVEN, edges_gy=np.array([0, 10, dmax_gy]), volume_fraction=np.array([1.0, 1, 0]), dmax_gy=dmax_gy)
    dose, percent, _ = dvh_curve(hot)
    assert len(dose) == len(percent) == points
    assert dose[1] == pytest.approx(step_gy)
    assert dmax_gy - dose[-1] < step_gy


def test_a_roi_wholly_outside_the_dose_has_an_empty_curve_and_no_doses() -> None:
    nothing = replace(
        EVEN, edges_gy=np.zeros(0), volume_fraction=np.zeros(0), dose_coverage=0.0, dmean_outside_zero_gy=0.0,
        dmin_gy=float("nan"), dmax_gy=float("nan"), dmean_inside_gy=float("nan"),
    )  # fmt: skip
    assert [len(part) for part in dvh_curve(nothing)] == [0, 0, 0]
    row = dvh_row(nothing, prescription_gy=50, is_target=True, metrics=[parse_metric("CV20Gy[cc]")], piv_cm3=1)
    known = {name for name, value in row.items() if value is not None}
    assert known == {
        "volume_cm3", "prescription_gy", "dose_coverage", "dmean_outside_zero_gy", "dose_interpolation", "end_caps",
        "flags",
    }  # fmt: skip
