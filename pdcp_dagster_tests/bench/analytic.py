"""How exact volumes and DVHs are: an engine against closed forms, case by case and shape by shape.

What lives here: the program itself as an engine, the errors of any engine, and their table. What does not: cases
(`analytic_cases`), answers (`analytic_truth`), other programs (`peers`), printing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.domain.dvh import DvhSettings, compute_dvh
from pdcp_dagster_tests.bench.analytic_cases import Case, cases
from pdcp_dagster_tests.bench.analytic_files import write_case_dicom
from pdcp_dagster_tests.bench.analytic_truth import Truth, truth_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from pdcp_dagster.domain.interpolation import Interpolation

    Engine = Callable[[Case], "Measured"]

__all__ = ["Case", "Measured", "Truth", "cases", "program", "rows", "summary", "truth_of", "write_case_dicom"]

Row = dict[str, float | str]

PCTS = (95, 98, 2)
TARGETS = {"D95_gy": (0.02, 0.09), "D98_gy": (0.02, 0.09), "D2_gy": (0.02, 0.09), "gap_pct": (0.3, 1.0)}
"""Largest mean and largest single error for `cubic`, and for `linear` where the dose is linear, of ROIs wider than four
dose voxels."""
LARGEST_VOLUME_PCT, LARGEST_DMEAN_GY = 0.001, 0.002
ERRORS = ("volume_pct", "D95_gy", "D98_gy", "D2_gy", "dmean_gy", "gap_pct")


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What an engine says about a case.

    doses_gy, volume_pct: `(n,)` ascending doses and the volume in % that gets at least each.
    """

    volume_cm3: float
    dmean_gy: float
    doses_gy: NDArray[np.float64]
    volume_pct: NDArray[np.float64]

    def dose_at_pct(self, pct: float) -> float:
        """D_pct, Gy."""
        return float(np.interp(-pct, -self.volume_pct, self.doses_gy))

    def curve(self, doses_gy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Volume in % that gets at least each dose."""
        return np.asarray(np.interp(doses_gy, self.doses_gy, self.volume_pct, left=100.0, right=0.0))


def program(interpolation: Interpolation) -> Engine:
    """Return this program as an engine: `linear` or `cubic`, with half-slice end caps."""

    def measure(case: Case) -> Measured:
        dvh = compute_dvh(case.planar(), case.grid, case.dose_grid(), DvhSettings(interpolation))
        if dvh is None or dvh.dmean_gy is None:
            raise ValueError(f"no DVH for {case.name}")
        return Measured(dvh.volume_cm3, dvh.dmean_gy, dvh.edges_gy, 100 * dvh.volume_fraction)

    return measure


@cache
def answer(case: Case) -> Truth:
    """Return the truth of a case, worked out once."""
    return truth_of(case)


def rows(engine: Engine, chosen: Iterable[Case]) -> list[Row]:
    """Measure an engine: a row per case with absolute errors, or `failed` with the reason."""
    return [_row(engine, case) for case in chosen]


def _row(engine: Engine, case: Case) -> Row:
    row: Row = {"shape": case.shape, "slice_mm": case.slice_mm, "dose": case.dose, "dose_grid_mm": case.dose_grid_mm}
    row |= {"pixel_mm": case.pixel_mm, "width": "small_for_dose_grid" if case.is_small else "wide"}
    try:
        found = engine(case)
    except Exception as error:  # noqa: BLE001 - a program that fails on a case is a result, and is shown
        return row | {"failed": f"{type(error).__name__}: {error}"}
    truth = answer(case)
    row["volume_pct"] = 100 * abs(found.volume_cm3 / truth.volume_cm3 - 1)
    row |= {f"D{pct}_gy": abs(found.dose_at_pct(pct) - truth.dose_at_pct(pct)) for pct in PCTS}
    row["dmean_gy"] = float(abs(found.dmean_gy - truth.dmean_gy))
    row["gap_pct"] = float(np.abs(found.curve(truth.doses_gy) - truth.curve(truth.doses_gy)).max())
    return row


def summary(measured: Sequence[Row], *, doses: Sequence[str] = ("SI", "AP", "Gaussian")) -> list[Row]:
    """Mean and maximum of each error: a row per shape, one for all wide ROIs, one for those too small for the grid."""
    kept = [row for row in measured if row["dose"] in doses]
    shapes = dict.fromkeys(row["shape"] for row in kept if row["width"] == "wide")
    groups = [(str(shape), [r for r in kept if r["shape"] == shape and r["width"] == "wide"]) for shape in shapes]
    groups.append(("all wider than 4 dose voxels", [r for r in kept if r["width"] == "wide"]))
    groups.append(("small_for_dose_grid", [r for r in kept if r["width"] != "wide"]))
    return [{"shape": name, **_errors(group)} for name, group in groups if group]


def _errors(group: Sequence[Row]) -> Row:
    worked = [row for row in group if "failed" not in row]
    out: Row = {"cases": len(group), "failed": len(group) - len(worked)}
    for name in ERRORS if worked else ():
        values = np.array([float(row[name]) for row in worked])
        out[f"{name}_mean"], out[f"{name}_max"] = float(values.mean()), float(values.max())
    return out


def missed(summed: Row) -> list[str]:
    """Return which targets a row of `summary` misses, with the figure."""
    limits = {f"{name}_mean": mean for name, (mean, _) in TARGETS.items()}
    limits |= {f"{name}_max": largest for name, (_, largest) in TARGETS.items()}
    limits |= {"volume_pct_max": LARGEST_VOLUME_PCT, "dmean_gy_max": LARGEST_DMEAN_GY}
    return [f"{name} {float(summed[name]):.4g} > {limit:g}" for name, limit in limits.items() if summed[name] > limit]  # type: ignore[operator]
