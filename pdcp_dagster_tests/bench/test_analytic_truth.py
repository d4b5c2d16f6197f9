"""The bench's own answers, against counting small cubes: what judges the program must be right itself."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.path import Path as OutlinePath

from pdcp_dagster_tests.bench.analytic import Measured, program, rows, summary
from pdcp_dagster_tests.bench.analytic_cases import DOSES, Case, cases, dose_at
from pdcp_dagster_tests.bench.analytic_shapes import SHAPES
from pdcp_dagster_tests.bench.analytic_truth import truth_of

STEP = 0.1
LAYERS = 25


def counted(case: Case) -> np.ndarray:
    """The dose of each cube of 0.1 x 0.1 mm and a 25th of a slice whose centre lies in the stack."""
    along = np.arange(-24, 24, STEP) + STEP / 2
    y, x = np.meshgrid(along, along, indexing="ij")
    points = np.column_stack([x.ravel(), y.ravel()])
    inside: dict[float, np.ndarray] = {}
    for z, outline in case.drawn():
        path = OutlinePath(np.vstack([outline.points, outline.points[:1]]), closed=True)
        inside[z] = inside.get(z, False) ^ path.contains_points(points)
    heights = ((np.arange(LAYERS) + 0.5) / LAYERS - 0.5) * case.slice_mm
    doses = []
    for z, chosen in inside.items():
        flat = points[chosen]
        doses += [dose_at(case.dose, np.column_stack([flat, np.full(len(flat), z + height)])) for height in heights]
    return np.concatenate(doses)


@pytest.mark.parametrize("dose", DOSES)
@pytest.mark.parametrize("shape", SHAPES[1:-1])
def test_the_answers_are_those_of_small_cubes(shape: str, dose: str) -> None:
    (case,) = cases(shapes=[shape], slices_mm=[5.0], doses=[dose], dose_grids_mm=[3.0])
    truth, cubes = truth_of(case), counted(case)
    cube_cm3 = STEP**2 * case.slice_mm / LAYERS / 1000
    assert len(cubes) * cube_cm3 == pytest.approx(truth.volume_cm3, rel=1e-3)
    assert float(cubes.mean()) == pytest.approx(truth.dmean_gy, abs=0.005)
    for pct in (98, 95, 50, 2):
        assert float(np.quantile(cubes, 1 - pct / 100)) == pytest.approx(truth.dose_at_pct(pct), abs=0.11), f"D{pct}"
    above = np.array([(cubes >= gy).mean() for gy in truth.doses_gy[::400]])
    assert truth.curve(truth.doses_gy[::400]) == pytest.approx(100 * above, abs=1.0)


def test_the_cases_are_always_the_same_and_lie_less_than_a_voxel_off() -> None:
    first, second = list(cases()), list(cases())
    assert first == second
    assert len({case.name for case in first}) == len(first) == 8 * 4 * 3 * 3
    for case in first:
        assert max(np.abs(case.centre_mm[:2])) <= case.pixel_mm / 2
        assert abs(case.centre_mm[2]) <= case.slice_mm / 2
        assert max(np.abs(case.dose_shift_mm)) <= case.dose_grid_mm / 2


def test_an_engine_that_fails_on_a_case_is_shown_and_not_left_out() -> None:
    def fails(case: Case) -> Measured:
        raise OSError(case.shape)

    (row,) = rows(fails, [Case("sphere", 3.0, "SI", 2.5)])
    assert row["failed"] == "OSError: sphere"
    assert summary([row])[0] == {"shape": "sphere", "cases": 1, "failed": 1}


def test_the_program_on_one_case_has_small_errors() -> None:
    (row,) = rows(program("cubic"), [Case("sphere", 3.0, "Gaussian", 2.5)])
    assert row["width"] == "wide"
    assert float(row["volume_pct"]) < 0.001
    assert float(row["D95_gy"]) < 0.03
