"""Laws of the rim of a ROI: a cell covered in part has the dose of the covered part's middle."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pdcp_dagster.domain.dvh_lattice import Cells, LatticePlanes, dose_lattice
from pdcp_dagster.domain.dvh_rim import Rim
from pdcp_dagster.domain.dvh_sum import DvhSum
from pdcp_dagster.domain.volume import Grid
from pdcp_dagster_tests.domain.known_stacks import UPRIGHT, Axes, dose_of

Plane = NDArray[np.float32]
TURNED: Axes = ((0.8, 0.6, 0), (-0.48, 0.64, 0.6), (0.36, -0.48, 0.8))


def shares_of(across: list[float], rows: int = 5) -> Plane:
    """One plane `(1, rows + 2, columns)` whose rows but the outermost are all alike."""
    share = np.zeros((1, rows + 2, len(across)), dtype=np.float32)
    share[:, 1:-1] = across
    return share


def planes_of(dose_gy: Plane, inside: Plane | None = None) -> LatticePlanes:
    return LatticePlanes(dose_gy.copy(), np.zeros_like(dose_gy), inside)


def along_columns(share: Plane, gy_a_cell: float = 4.0) -> Plane:
    """Dose 50 Gy in the first column, and so much more in each next one."""
    return np.broadcast_to(50 + gy_a_cell * np.arange(share.shape[2]), share.shape).astype(np.float32)


def shifted(share: Plane, dose_gy: Plane, inside: Plane | None = None) -> Plane:
    planes = planes_of(dose_gy, inside)
    Rim.of(share).apply(planes)
    return planes.dose_gy


@pytest.mark.parametrize(
    ("covered", "at"), [(0.5, 1.25), (0.2, 1.4), (0.9, 1.05)], ids=["half", "a fifth", "nine tenths"]
)
@pytest.mark.parametrize("turns", [0, 1, 2, 3], ids=["left", "below", "right", "above"])
def test_a_cell_covered_by_a_half_plane_has_the_dose_of_its_covered_parts_middle(
    covered: float, at: float, turns: int
) -> None:
    """Column 1 is covered from 1.5 - s to 1.5: the middle lies at 1.5 - s / 2; 4 Gy a cell; whichever side it is."""
    share = shares_of([0, covered, 1, 1, 1, 1, 0])
    turned, dose = (np.rot90(plane, turns, (1, 2)).copy() for plane in (share, along_columns(share)))
    found = np.rot90(shifted(turned, dose), -turns, (1, 2))
    assert found[0, 3, 1] == pytest.approx(50 + 4 * at, abs=1e-4)


def test_cells_fully_covered_or_not_at_all_keep_their_dose() -> None:
    share = shares_of([0, 0.5, 1, 1, 0.3, 0, 0])
    dose = along_columns(share)
    found = shifted(share, dose)
    kept = (share == 0) | (share == 1)
    assert np.array_equal(found[kept], dose[kept])
    assert (found[~kept] != dose[~kept]).all()


def test_a_uniform_dose_stays_what_it_is() -> None:
    share = shares_of([0, 0.5, 1, 1, 0.3, 0, 0])
    assert (shifted(share, np.full(share.shape, 60, dtype=np.float32)) == 60).all()


def test_a_dose_along_the_outline_stays_what_it_is() -> None:
    """The dose varies from row to row, the outline runs from row to row too."""
    share = shares_of([0, 0.5, 1, 1, 1, 0])
    dose = np.broadcast_to(50 + 4 * np.arange(7)[None, :, None], share.shape).astype(np.float32)
    assert shifted(share, dose)[0, 2:5] == pytest.approx(dose[0, 2:5])


def test_a_slanting_outline_is_met_within_a_fiftieth_of_a_cell() -> None:
    """The line runs through opposite corners: the covered triangle's middle lies 1/6 of a cell along either axis."""
    row, column = np.indices((9, 9))
    share = np.where(row + column > 8, 1.0, np.where(row + column == 8, 0.5, 0.0)).astype(np.float32)[None]
    share[:, [0, -1]] = share[:, :, [0, -1]] = 0
    towards_rows = np.broadcast_to(50 + 4 * np.arange(9)[None, :, None], share.shape).astype(np.float32)
    for dose in (along_columns(share), towards_rows):
        assert shifted(share, dose)[0, 4, 4] == pytest.approx(50 + 4 * (4 + 1 / 6), abs=4 / 50)


def test_a_roi_within_one_column_has_no_direction_and_keeps_its_dose() -> None:
    share = shares_of([0, 0, 0.4, 0, 0])
    dose = along_columns(share)
    assert shifted(share, dose)[0, 2:5] == pytest.approx(dose[0, 2:5])


def test_a_cell_is_not_shifted_towards_a_dose_that_is_not_known() -> None:
    """The cell inside lies outside the dose grid, where a dose of 0 stands."""
    share = shares_of([0, 0.5, 1, 1, 1, 0])
    dose, inside = along_columns(share), np.ones_like(share)
    dose[:, :, 2], inside[:, :, 2] = 0, 0
    assert shifted(share, dose, inside)[0, 3, 1] == 54
    inside[:, :, 2] = 0.5
    assert shifted(share, dose, inside)[0, 3, 1] == pytest.approx(54 - 0.25 * 54)


def test_planes_do_not_touch_one_another() -> None:
    one, other = shares_of([0, 0.5, 1, 1, 1, 0]), shares_of([0, 1, 1, 1, 0.2, 0])
    both = np.concatenate([one, other, one])
    dose = np.concatenate([along_columns(one), along_columns(other, -2), along_columns(one, 0.5)])
    apart = [shifted(share[None], part[None]) for share, part in zip(both, dose, strict=True)]
    assert np.array_equal(shifted(both, dose), np.concatenate(apart))


@pytest.mark.parametrize("axes", [UPRIGHT, TURNED], ids=["upright", "rotated"])
@pytest.mark.parametrize(("shift", "middle_mm"), [(True, 3.25), (False, 14.5 / 4.5)])
def test_the_mean_of_a_cubic_dose_is_that_of_the_covered_areas_middle(
    axes: Axes, shift: bool, middle_mm: float
) -> None:
    """Covered from x = 1 to 5.5, middle 3.25, 2 Gy/mm; without the shift (0.5 x 1 + 2 + 3 + 4 + 5) / 4.5.

    Only the middle rows weigh: at the corners the outline is not straight.
    """
    share = shares_of([0, 0.5, 1, 1, 1, 1, 0])
    weight = share.copy()
    weight[:, [1, -2]] = 0
    cells = Cells(np.arange(7.0), np.arange(-3.0, 4.0), np.zeros(1), 1.0, 1.0)
    dose = dose_of(np.array([2.0, 0, 0]), axes=axes)
    lattice = dose_lattice(dose, Grid((0, 0, 0), (1, 1, 1), UPRIGHT, (1, 7, 7)), cells, "cubic")
    total = DvhSum(lattice.max_gy, shift_rim=shift)
    total.choose(share, weight)
    total.add(lattice.planes(np.zeros(1, dtype=np.int64), total.chosen))
    assert total.mean_inside_gy == pytest.approx(70 + 2 * middle_mm, abs=1e-3)
