"""Doses in 2 Gy fractions (EQD2) by the linear-quadratic model.

What lives here: the conversion, whose alpha/beta counts for a ROI, and the columns. What does not: the histogram
(`dvh`), or which plan the dose is of.

EQD2 = D (D / n + ab) / (2 + ab) for a dose D in n equal fractions (Withers, Cancer 52, 1983), for each point of the
dose. It rises with D, so that the dose that x % of the volume gets at least is converted like a point's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.domain.dose_shares import dose_shares
from pdcp_dagster.domain.dose_volume import dose_at_volume_cm3, dose_at_volume_pct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pdcp_dagster.domain.dvh import Dvh
    from pdcp_dagster.domain.plan import RtPlan

DEFAULT = "default"
REFERENCE_FRACTION_GY = 2.0
_PCTS = (98, 95, 50, 2)
_CM3 = (("eqd2_d0_03cc_gy", 0.03), ("eqd2_d0_1cc_gy", 0.1), ("eqd2_d1cc_gy", 1.0), ("eqd2_d2cc_gy", 2.0))
COLUMNS = (
    "alpha_beta_gy",
    "eqd2_fractions",
    "eqd2_dmin_gy",
    "eqd2_dmean_gy",
    "eqd2_dmax_gy",
    *(f"eqd2_d{pct}_gy" for pct in _PCTS),
    *(name for name, _ in _CM3),
)


def eqd2_gy(dose_gy: float, fractions: int, alpha_beta_gy: float) -> float:
    """Return what `dose_gy`, given in equal fractions, is worth in fractions of 2 Gy."""
    return dose_gy * (dose_gy / fractions + alpha_beta_gy) / (REFERENCE_FRACTION_GY + alpha_beta_gy)


def alpha_beta_for(roi_name: str, table: Mapping[str, float]) -> float | None:
    """Return alpha/beta of a ROI: of its name as written, else case aside, else `default`; None where there is none."""
    if roi_name in table:
        return table[roi_name]
    folded = {name.casefold(): value for name, value in table.items()}
    return folded.get(roi_name.casefold(), table.get(DEFAULT))


def fractions_of(plan: RtPlan | None, dose_type: str) -> tuple[int | None, str]:
    """Return the number of equal fractions that the dose was planned in, or None and the reason in words.

    plan: the one plan that the dose is of; None where there is none, or where several plans share the dose.
    """
    if dose_type == "EFFECTIVE":
        return None, "the dose is weighted for its biological effect already"
    if plan is None:
        return None, "the dose is not of one plan"
    if len(plan.fraction_groups) > 1:
        return None, f"the plan has {len(plan.fraction_groups)} fraction groups"
    if not plan.fractions_planned:
        return None, "the plan does not say how many fractions there are"
    return plan.fractions_planned, ""


def eqd2_columns(dvh: Dvh | None, fractions: int | None, alpha_beta_gy: float | None) -> dict[str, float | None]:
    """Return the columns of EQD2 of one ROI in Gy, null where fractions, alpha/beta or the dose are not known.

    As in the other columns, doses at cm3 are lower bounds where the ROI is partly outside the dose grid.
    """
    row: dict[str, float | None] = dict.fromkeys(COLUMNS)
    row |= {"alpha_beta_gy": alpha_beta_gy, "eqd2_fractions": fractions}
    if dvh is None or fractions is None or alpha_beta_gy is None:
        return row
    doses: dict[str, float | None] = {
        "eqd2_dmin_gy": dvh.dmin_gy if dvh.evaluable else None,
        "eqd2_dmax_gy": dvh.dmax_gy if dvh.evaluable else None,
        **{f"eqd2_d{pct}_gy": dose_at_volume_pct(dvh, pct) for pct in _PCTS},
        **{name: dose_at_volume_cm3(dvh, cm3) for name, cm3 in _CM3},
    }
    row |= {name: None if gy is None else eqd2_gy(gy, fractions, alpha_beta_gy) for name, gy in doses.items()}
    return row | {"eqd2_dmean_gy": _mean(dvh, fractions, alpha_beta_gy)}


def _mean(dvh: Dvh, fractions: int, alpha_beta_gy: float) -> float | None:
    """Mean of the converted dose, which is more than the converted mean wherever the dose is uneven."""
    shares = dose_shares(dvh)
    if shares is None:
        return None
    mean, mean_square = shares.share @ shares.dose_gy, shares.share @ shares.dose_gy**2
    return float((mean_square / fractions + alpha_beta_gy * mean) / (REFERENCE_FRACTION_GY + alpha_beta_gy))
