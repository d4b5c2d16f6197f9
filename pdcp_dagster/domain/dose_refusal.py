"""Why an RTDOSE can be no part of a patient's dose, whatever other doses there are.

What lives here: the refusals by units, type, summation type, plan, frame of reference and values, in words. What does
not: how the doses that remain make a sum (`dose_rules`, `dose`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pdcp_dagster.domain.dose_grid import DoseGrid, RtDose
    from pdcp_dagster.domain.plan import RtPlan

SUMMATION_TYPES = ("PLAN", "MULTI_PLAN", "FRACTION", "BEAM")
"""DoseSummationTypes of planned doses that can make the dose of a plan (PS3.3 C.8.8.3), the most direct first."""

HIGHEST_GY = 10_000.0
"""No treatment gives more: brachytherapy reaches thousands of Gy next to a source. Beyond it the scaling is wrong."""
BELOW_ZERO_OF_MAXIMUM = 1e-3
"""Interpolation and rounding in planning systems leave values this little below 0, as a share of the highest dose."""

_NEVER_SUMMED = {
    "PLAN_OVERVIEW": "it belongs to an overview of the plan",
    "FRACTION_SESSION": "it is the dose of one session, not of the whole treatment",
    "BEAM_SESSION": "it is the dose of one session, not of the whole treatment",
    "BRACHY": "it is the dose of single brachytherapy application setups",
    "BRACHY_SESSION": "it is the dose of one session, not of the whole treatment",
    "CONTROL_POINT": "it is the dose of single control points of a beam in one fraction",
    "RECORD": "it was calculated from a treatment record, not from the plan",
}


@dataclass(frozen=True, slots=True)
class DoseQuestion:
    """What doses are asked for.

    plan: the plan whose dose is wanted; None where the linkage has none (CRD).
    frame_of_reference_uid: that of the image; None where it has none, and then no dose is refused for its own.
    dose_type: PHYSICAL, or EFFECTIVE (weighted for biological effect); doses of different types are never added.
    plan_uids: all plans whose doses are to be added; empty where no plan is known.
    """

    plan: RtPlan | None
    frame_of_reference_uid: str | None
    dose_type: str
    plan_uids: frozenset[str]


def reason_against(dose: RtDose, asked: DoseQuestion) -> str:
    """Return why a dose cannot be used at all, in words; empty where it can.

    A dose that names no plan, or no frame of reference, is left to the linkage: it is not refused for that.
    """
    own, wanted = dose.frame_of_reference_uid, asked.frame_of_reference_uid
    checks = (
        (not dose.in_gray, f"its units are {dose.units or 'not given'}, not GY"),
        (dose.dose_type != asked.dose_type, _of_type(dose.dose_type, asked.dose_type)),
        (dose.summation_type not in SUMMATION_TYPES, _of_summation(dose.summation_type)),
        (_is_of_other_plans(dose, asked), "it is the dose of another plan"),
        (bool(wanted and own and own != wanted), "its frame of reference is not the image's"),
    )
    reasons = [reason for applies, reason in checks if applies]
    return "; ".join(filter(None, (*reasons, _of_values(dose.grid))))


def _of_type(found: str | None, wanted: str) -> str:
    said = f"its dose type is {found or 'not given'}, not {wanted}"
    if found == "ERROR":
        return f"{said}: it holds differences from a desired dose"
    if found == "EFFECTIVE":
        return f"{said}: it is weighted for biological effect"
    return said


def _of_summation(found: str | None) -> str:
    said = f"its summation type {found or '(not given)'} is no part of a planned dose"
    return f"{said}: {_NEVER_SUMMED[found]}" if found in _NEVER_SUMMED else said


def _is_of_other_plans(dose: RtDose, asked: DoseQuestion) -> bool:
    return bool(dose.plan_uids) and asked.plan is not None and asked.plan.sop_instance_uid not in dose.plan_uids


def _of_values(grid: DoseGrid | None) -> str:
    if grid is None:
        return "it holds no dose grid, at most dose-volume histograms"
    lowest, highest = float(grid.dose_gy.min()), float(grid.dose_gy.max())
    if not np.isfinite([lowest, highest]).all():  # NaN anywhere makes both NaN
        return "it holds values that are no numbers"
    if highest > HIGHEST_GY:
        return f"its highest dose is {highest:.6g} Gy, more than the {HIGHEST_GY:.0f} Gy that any treatment gives"
    little = -lowest <= BELOW_ZERO_OF_MAXIMUM * max(highest, 0.0)
    return "" if little else f"it holds negative doses, down to {lowest:.3g} Gy"
