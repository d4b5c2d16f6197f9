"""What was prescribed to a ROI, and which ROIs are targets.

What lives here: the order in which sources of a prescription are believed, and the volume of its isodose. What does
not: reading plans or cohort files, the indices themselves (`metrics`).

Beam dose times fractions is no source: a plan shared by several targets gives half of the true dose that way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pdcp_dagster.domain.dose_volume import volume_at_dose_cm3

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pdcp_dagster.domain.dose_grid import DoseGrid
    from pdcp_dagster.domain.dvh import Dvh
    from pdcp_dagster.domain.plan import DoseReference, RtPlan
    from pdcp_dagster.domain.structures import Roi

FROM_PLAN = "from_plan"
TARGET_TYPES = frozenset({"PTV", "CTV", "GTV"})
"""RT ROI Interpreted Type (PS3.3 C.8.8.8) of targets."""
_TARGET_NAME = re.compile(r"[\W_]*[pcgi]tv", re.IGNORECASE)

Rule = str | float | Mapping[str, float] | None
"""`from_plan`, one dose for all, a dose by ROI name, or None: no prescription at all."""


def prescription_for(roi_number: int, roi_name: str, plan: RtPlan | None, rule: Rule) -> tuple[float | None, str]:
    """Return the dose in Gy prescribed to a ROI, and where it was found.

    In this order: `plan_roi`, a TARGET dose reference of the plan that names the ROI; `cohort`, the rule's number or
    its table (name as written, else case aside); `plan_target`, the plan's single TARGET dose reference that is not of
    type COORDINATES; else `unknown`. `none` where the rule asks for no prescription. Dose references that name the ROI
    with different doses decide nothing.

    plan: None where there is none, and where several are added: a boost may state its own dose, or that of both, so of
    several only the cohort's numbers count.
    """
    if rule is None:
        return None, "none"
    targets = _targets(plan)
    own = {reference.prescription_gy for reference in targets if reference.roi_number == roi_number}
    if len(own) == 1:
        return own.pop(), "plan_roi"
    given = _from_rule(roi_name, rule)
    if given is not None:
        return given, "cohort"
    general = [reference for reference in targets if reference.structure_type != "COORDINATES"]
    if len(general) == 1 and not own:
        return general[0].prescription_gy, "plan_target"
    return None, "unknown"


def is_target(roi: Roi) -> bool:
    """Whether a ROI is a target: by its RTROIInterpretedType where that is given, else by how its name begins."""
    return is_target_by(roi.interpreted_type, roi.name)


def is_target_by(interpreted_type: str | None, name: str) -> bool:
    """Whether a ROI of this type and name is a target; see `is_target`."""
    if interpreted_type:
        return interpreted_type.strip().upper() in TARGET_TYPES
    return _TARGET_NAME.match(name) is not None


def prescription_isodose_volume_cm3(
    external: Dvh | None, dose: DoseGrid, prescription_gy: float | None
) -> float | None:
    """Volume of the body that gets the prescription, cm3; None where it cannot be known.

    It is unknown without an EXTERNAL ROI, and where that reaches beyond a dose grid whose border gets the prescription.
    """
    if external is None or not prescription_gy:
        return None
    if external.dose_coverage < 1 and _border_max_gy(dose.dose_gy) >= prescription_gy:
        return None
    return volume_at_dose_cm3(external, prescription_gy)


def _targets(plan: RtPlan | None) -> list[DoseReference]:
    if plan is None:
        return []
    return [r for r in plan.dose_references if r.reference_type == "TARGET" and (r.prescription_gy or 0) > 0]


def _from_rule(roi_name: str, rule: str | float | Mapping[str, float]) -> float | None:
    if isinstance(rule, Mapping):
        if roi_name in rule:
            return float(rule[roi_name])
        folded = {name.casefold(): gy for name, gy in rule.items()}
        found = folded.get(roi_name.casefold())
        return None if found is None else float(found)
    if isinstance(rule, str):
        if rule != FROM_PLAN:
            raise ValueError(f"prescription rule {rule!r}: expected {FROM_PLAN!r}, a number in Gy, a table or nothing")
        return None
    return float(rule)


def _border_max_gy(dose_gy: NDArray[np.float32]) -> float:
    faces = (dose_gy[[0, -1]], dose_gy[:, [0, -1]], dose_gy[:, :, [0, -1]])
    return max(float(face.max()) for face in faces)
