"""Whether a summed dose is believable: its maximum against bounds, and against the prescription.

What lives here: the two checks and their findings. What does not: the sum (`dose`), the prescription itself
(`prescription`).
"""

from __future__ import annotations

from typing import Literal

from pdcp_dagster.domain.codes import Finding

LEAST_OF_PRESCRIPTION = 0.9
MOST_OF_PRESCRIPTION = 1.25
"""A plan's representative dose (target mean, or maximum) lies within these of its prescription."""


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


def compare_with_prescription(dose_gy: float, prescription_gy: float | None, fractions: int | None) -> Finding | None:
    """Ask whether a dose (a target's mean, or the maximum) is that of one fraction, or was multiplied by fractions.

    XXIV_REV_004 where dose over prescription is near the number of fractions or its inverse (0.9 to 1.25 times), and
    not near 1; None otherwise, and where prescription or fractions are unknown or there is one fraction.
    """
    if not prescription_gy or not fractions or fractions <= 1:
        return None
    ratio = dose_gy / prescription_gy
    said = f"dose {dose_gy:.2f} Gy, prescription {prescription_gy:.2f} Gy in {fractions} fractions"
    if _near(ratio, 1):
        return None
    if _near(ratio, fractions):
        return Finding("XXIV_REV_004", f"{said}, so perhaps multiplied by the fractions")
    if _near(ratio, 1 / fractions):
        return Finding("XXIV_REV_004", f"{said}, so perhaps of one fraction")
    return None


def _near(ratio: float, expected: float) -> bool:
    return LEAST_OF_PRESCRIPTION * expected <= ratio <= MOST_OF_PRESCRIPTION * expected
