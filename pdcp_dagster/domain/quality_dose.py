"""Whether a dose is believable and reaches the targets.

What lives here: judgements on the highest dose and on targets, and their words. What does not: what asks for a person
(`dose_plausibility`, the stage of the DVHs), DVHs (`dvh`), the limits themselves (`quality_settings`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdcp_dagster.domain.quality import Judgement
from pdcp_dagster.domain.words import some, told_apart

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pdcp_dagster.domain.codes import Finding
    from pdcp_dagster.domain.cohort import DoseMaximum
    from pdcp_dagster.domain.quality_settings import DoseMaximumPct

_ROUNDING_PCT = 1e-9
_WHOSE = {
    "plan_roi": "the plan's for it",
    "cohort": "the cohort file's",
    "plan_target": "the plan's only target dose",
}


@dataclass(frozen=True, slots=True)
class TargetDose:
    """What a target gets.

    coverage: share of its volume within the dose grid; None where it has no DVH.
    d95_gy: None where that is not known. prescription_gy: None where none is known, else with its source
    (`prescription.prescription_for`).
    """

    name: str
    coverage: float | None
    d95_gy: float | None = None
    prescription_gy: float | None = None
    source: str = ""

    @property
    def d95_pct(self) -> float | None:
        """D95 in per cent of the prescription; None where one of them is not known."""
        if self.d95_gy is None or not self.prescription_gy:
            return None
        return 100 * self.d95_gy / self.prescription_gy


def judge_maximum(
    maximum_gy: float,
    odd: Sequence[Finding],
    bounds: DoseMaximum,
    prescription_gy: float | None,
    limits: DoseMaximumPct,
) -> Judgement | None:
    """Judge the highest dose; None where there is neither a bound nor a prescription to compare it with.

    odd: what the codes say of it already. prescription_gy: the plan's, the highest of several.
    """
    said = [finding.detail for finding in odd]
    if prescription_gy:
        pct = 100 * maximum_gy / prescription_gy
        shown = told_apart(pct, _nearest(pct, limits), 0)
        of_prescription = f"{shown} % of the plan's prescription of {prescription_gy:g} Gy"
        side = _side(pct, limits.minimum, limits.maximum)
        if side:
            said.append(
                f"the highest dose, {maximum_gy:.2f} Gy, is {of_prescription}, {side} % (checks.dose_maximum_pct)"
            )
    if said:
        text = "; ".join(said)
        return Judgement(passed=False, said=f"{text[0].upper()}{text[1:]}.")
    compared = []
    if bounds.minimum is not None or bounds.maximum is not None:
        compared.append("within the cohort's bounds (dose_max_gy)")
    if prescription_gy:
        compared.append(of_prescription)
    if not compared:
        return None
    return Judgement(passed=True, said=f"The highest dose is {maximum_gy:.2f} Gy, {' and '.join(compared)}.")


def judge_targets(targets: Sequence[TargetDose], least_coverage: float, least_d95_pct: float) -> Judgement | None:
    """Judge whether the dose grid holds every target and each gets enough; None without a target that was drawn.

    least_coverage: share of a target that must lie within the dose grid. least_d95_pct: of its prescription.
    """
    if not targets:
        return None
    unplaced = [one.name for one in targets if one.coverage is None]
    known = [(one, one.coverage) for one in targets if one.coverage is not None]
    outside = sorted((pair for pair in known if pair[1] < least_coverage), key=lambda pair: pair[1])
    compared = sorted((one.d95_pct, one.name, one) for one in targets if one.d95_pct is not None)
    low = [(pct, one) for pct, _, one in compared if pct < least_d95_pct - _ROUNDING_PCT]
    said = {
        "no dose-volume histogram": unplaced,
        "outside the dose grid": _outside(outside, least_coverage),
        f"D95 below {least_d95_pct:g} % of the prescription (checks.target_d95_pct)": _told(low, least_d95_pct),
    }
    if any(said.values()):
        text = "; ".join(f"{what}: {some(names)}" for what, names in said.items() if names)
        return Judgement(passed=False, said=f"{text[0].upper()}{text[1:]}.")
    return Judgement(
        passed=True, said=_all_well(targets, _told([(pct, one) for pct, _, one in compared], least_d95_pct))
    )


def _all_well(targets: Sequence[TargetDose], known: Sequence[str]) -> str:
    unknown = [one.name for one in targets if one.d95_pct is None]
    parts = [f"Within the dose grid: {some([one.name for one in targets])}."]
    if known:
        parts.append(f"D95: {some(known)}.")
    if unknown:
        parts.append(f"Not compared, for D95 or the prescription is unknown: {some(unknown)}.")
    return " ".join(parts)


def _outside(known: Iterable[tuple[TargetDose, float]], least_coverage: float) -> list[str]:
    most_pct = 100 * (1 - least_coverage)
    return [f"{one.name} to {told_apart(100 * (1 - share), most_pct, 1)} %" for one, share in known]


def _told(known: Iterable[tuple[float, TargetDose]], limit_pct: float) -> list[str]:
    """Return each target with its D95 against its prescription, and whose that is."""
    told = []
    for pct, one in known:
        whose = f" ({_WHOSE[one.source]})" if one.source in _WHOSE else ""
        told.append(
            f"{one.name} {one.d95_gy:.2f} Gy, {told_apart(pct, limit_pct, 1)} % of {one.prescription_gy:g} Gy{whose}"
        )
    return told


def _nearest(value: float, limits: DoseMaximumPct) -> float | None:
    known = [limit for limit in (limits.minimum, limits.maximum) if limit is not None]
    return min(known, key=lambda limit: abs(value - limit), default=None)


def _side(value: float, minimum: float | None, maximum: float | None) -> str:
    if minimum is not None and value < minimum - _ROUNDING_PCT:
        return f"below {minimum:g}"
    return f"above {maximum:g}" if maximum is not None and value > maximum + _ROUNDING_PCT else ""
