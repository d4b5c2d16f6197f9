"""Bands of DVHs: which ROIs are one structure, and quartiles worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pdcp_dagster.domain.dvh_bands import (
    NamedRoi,
    Structure,
    band_of,
    dose_axis,
    highest_shown_gy,
    on_axis,
    structures_of,
)

HEART = NamedRoi(0, "1.1", 1, "Heart", None, 500.0, 10.0)


def named(patient: int, name: str, standard: str | None = None) -> NamedRoi:
    return replace(HEART, patient=patient, roi_name=name, standard_name=standard)


def box(dmax_gy: float) -> tuple[np.ndarray, np.ndarray]:
    """A ROI that gets one dose: all of it up to Dmax, in steps of 0.1 Gy."""
    dose_gy = np.round(np.arange(round(dmax_gy * 10) + 1) / 10, 1)
    return dose_gy, np.full(dose_gy.size, 100.0)


def band(*maxima_gy: float) -> tuple[np.ndarray, list[np.ndarray]]:
    axis = dose_axis(max(maxima_gy))
    curves = np.array([on_axis(*box(maximum), axis) for maximum in maxima_gy], np.float32)
    found = band_of(Structure("Heart", False, (HEART,) * len(maxima_gy)), ["P"] * len(maxima_gy), axis, curves)
    return axis, [found.lower_pct, found.median_pct, found.upper_pct]


def test_a_structure_with_a_standard_name_is_known_by_it_whatever_its_rois_are_called() -> None:
    (heart, mine) = structures_of([named(0, "Herz", "Heart"), named(1, "COR", "Heart"), named(2, "heart")])
    assert (heart.name, heart.is_standard_name, [roi.roi_name for roi in heart.rois]) == (
        *("Heart", True),
        ["Herz", "COR"],
    )
    assert (mine.name, mine.is_standard_name) == ("heart", False)


def test_without_standard_names_case_and_white_space_tell_no_structures_apart_and_the_commonest_spelling_is_shown() -> (
    None
):
    (found,) = structures_of([named(0, "HEART"), named(1, " Heart"), named(2, "heart "), named(3, "Heart")])
    assert (found.name, len(found.rois)) == ("Heart", 4)


def test_structures_of_most_patients_come_first_then_by_name() -> None:
    found = structures_of([named(0, "Lung"), named(0, "heart"), named(0, "Cord"), named(1, "Lung")])
    assert [structure.name for structure in found] == ["Lung", "Cord", "heart"]


def test_of_several_rois_of_one_structure_a_patient_counts_once_with_the_largest_of_the_first_structure_set() -> None:
    first = [replace(HEART, roi_number=number, volume_cm3=volume) for number, volume in ((1, 5.0), (2, 9.0), (3, 7.0))]
    later = replace(HEART, rtstruct_uid="1.2", roi_number=4, volume_cm3=99.0)
    (found,) = structures_of([*first, later])
    assert [roi.roi_number for roi in found.rois] == [2]


@pytest.mark.parametrize(
    ("highest_gy", "step_gy", "points"),
    [
        (70.0, 0.5, 141),
        (9.95, 0.1, 101),
        (19.9, 0.1, 200),
        (20.0, 0.2, 101),
        (0.0, 0.1, 2),
        (0.04, 0.1, 2),
        (1000.0, 10.0, 101),
    ],
)
def test_the_axis_has_round_steps_reaches_the_highest_dose_and_has_2_to_200_points(
    highest_gy: float, step_gy: float, points: int
) -> None:
    axis = dose_axis(highest_gy)
    assert axis.size == points
    assert axis[0] == 0
    assert axis[-1] >= highest_gy
    assert np.diff(axis) == pytest.approx(np.full(points - 1, step_gy))


@pytest.mark.parametrize(
    ("maxima_gy", "end_gy"),
    [
        ([60.0] * 8 + [6000.0], 300.0),  # of a wrong unit
        ([60.0] * 8 + [299.0], 299.0),  # unusual, and shown whole
        ([60.0, 6000.0], 300.0),  # of two, the lower one is usual
        ([0.0, 0.0, 60.0], 60.0),  # most without a dose tell nothing of what is usual
        ([6000.0], 6000.0),
        ([0.0], 0.0),
        ([], 0.0),
    ],
)
def test_the_axis_ends_at_the_highest_dose_but_at_most_at_5_times_that_of_a_usual_patient(
    maxima_gy: list[float], end_gy: float
) -> None:
    bodies = [replace(HEART, patient=number, dmax_gy=dmax_gy) for number, dmax_gy in enumerate(maxima_gy)]
    hearts = [replace(body, dmax_gy=body.dmax_gy / 100) for body in bodies for _ in range(3)]
    assert highest_shown_gy([*bodies, *hearts]) == end_gy


def test_a_curve_is_100_at_0_gy_and_0_beyond_its_maximum() -> None:
    axis = dose_axis(4.0)
    assert on_axis(*box(2.0), axis) == pytest.approx(np.where(axis <= 2.0, 100.0, 0.0))
    assert on_axis(np.array([0.0, 2.0]), np.array([80.0, 40.0]), np.array([0.0, 1.0, 3.0])) == pytest.approx(
        [100.0, 60.0, 0.0]
    )


def test_quartiles_of_box_curves_are_boxes_that_end_where_a_quarter_a_half_and_three_quarters_of_the_patients_end() -> (
    None
):
    """Of five boxes that end at 1 to 5 Gy two end above 3 Gy: there the median falls to 0, the edges at 2 and 4 Gy."""
    axis, quartiles = band(1.0, 2.0, 3.0, 4.0, 5.0)
    for quartile, end_gy in zip(quartiles, (2.0, 3.0, 4.0), strict=True):
        assert quartile == pytest.approx(np.where(axis <= end_gy, 100.0, 0.0))


def test_between_two_patients_quartiles_are_interpolated() -> None:
    axis, (lower, median, upper) = band(1.0, 3.0)
    between = (axis > 1.0) & (axis <= 3.0)
    assert lower[between] == pytest.approx(25.0)
    assert median[between] == pytest.approx(50.0)
    assert upper[between] == pytest.approx(75.0)
    assert (lower[0], median[-1]) == (100.0, 50.0)


def test_the_band_of_one_patient_is_that_patients_curve() -> None:
    axis, quartiles = band(2.0)
    for quartile in quartiles:
        assert quartile == pytest.approx(np.full(axis.size, 100.0))
