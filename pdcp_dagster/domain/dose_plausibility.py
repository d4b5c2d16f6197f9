"""Whether a summed dose is believable: its maximum against bounds, and against the prescription.

What lives here: the checks and their findings. What does not: the sum (`dose`), the prescription itself
(`prescription`).
"""

from __future__ import annotations

from typing import Literal

from pdcp_dagster.domain.codes import Finding

LEAST_OF_PRESCRIPTION = 0.9
MOST_OF_PRESCRIPTION = 1.25
"""A plan's representative dose (target mean, or maximum) lies within these of its prescription."""
LEAST_TARGET_MEAN = 0.5
MOST_TARGET_MEAN = 2.0
"""No target's mean dose over its prescription is believed outside these, whatever the number of fractions."""


def check_maximum(
    max_gy: float, minimum: float | None, maximum: float | None, action: Literal["exclude", "review"]
) -> Finding | None:
    """Compare the maximum of the sum, in Gy, with a cohort's bounds (either may be None); the bounds are allowed.

    XXIV_EXEC_003 where the action is `exclude`, XXIV_REV_003 where it is `review`, None within the bounds.
    """
    code = "XXIV_EXEC_003" if action == "exclude" else "XXIV_REV_003"
    if minimum is not None and max_gy < minimum:
        return Finding(code, f"the highest dose is {max_gy:.2f} Gy, below {minimum:g} Gy")
    if maximum is not None and max_gy > maximum:
        return Finding(code, f"the highest dose is {max_gy:.2f} Gy, above {maximum:g} Gy")
    return None


def check_not_empty(max_gy: float) -> Finding | None:
    """XXIV_REV_004 where the highest dose is not above 0 Gy, as in a grid that was never filled; else None."""
    return None if max_gy > 0 else Finding("XXIV_REV_004", f"the highest dose is {max_gy:.2f} Gy, so there is no dose")


def compare_with_prescription(dose_gy: float, prescription_gy: float | None, fractions: int | None) -> Finding | None:
    """Ask whether a dose (a target's mean, or the maximum) is that of one fraction, or was multiplied by fractions.

    XXIV_REV_004 where dose over prescription is near the number of fractions or its inverse (0.9 to 1.25 times), and
    not near 1; None otherwise, and where prescription or fractions are unknown or there is one fraction.
    """
    if not prescription_gy or not fractions or fractions <= 1:
        return None
    perhaps = _perhaps(dose_gy / prescription_gy, fractions)
    if not perhaps:
        return None
    return Finding("XXIV_REV_004", f"dose {_against(dose_gy, prescription_gy, fractions)}{perhaps}")


def compare_mean_with_prescription(
    dmean_gy: float, prescription_gy: float | None, fractions: int | None
) -> Finding | None:
    """Compare a target's mean dose with its prescription; a target is never given half or twice of it.

    XXIV_REV_004 where mean over prescription is outside 0.5 to 2, also if fractions are unknown or one, or where it is
    near the number of fractions or its inverse (which matters for two fractions only); None otherwise, and where the
    prescription is unknown.
    """
    if prescription_gy is None or prescription_gy <= 0:
        return None
    ratio = dmean_gy / prescription_gy
    perhaps = _perhaps(ratio, fractions)
    if LEAST_TARGET_MEAN <= ratio <= MOST_TARGET_MEAN and not perhaps:
        return None
    return Finding("XXIV_REV_004", f"target mean dose {_against(dmean_gy, prescription_gy, fractions)}{perhaps}")


def _against(dose_gy: float, prescription_gy: float, fractions: int | None) -> str:
    said = f"{dose_gy:.2f} Gy, prescription {prescription_gy:.2f} Gy"
    if not fractions:
        return said
    return f"{said} in {fractions} fraction{'' if fractions == 1 else 's'}"


def _perhaps(ratio: float, fractions: int | None) -> str:
    """What may explain a ratio of dose to prescription, in words; empty where it is near 1 or nothing does."""
    if not fractions or fractions <= 1 or _near(ratio, 1):
        return ""
    if _near(ratio, fractions):
        return ", so perhaps multiplied by the fractions"
    return ", so perhaps of one fraction" if _near(ratio, 1 / fractions) else ""


def _near(ratio: float, expected: float) -> bool:
    return LEAST_OF_PRESCRIPTION * expected <= ratio <= MOST_OF_PRESCRIPTION * expected
