"""The generalised equivalent uniform dose of a ROI.

What lives here: gEUD for a table of `a`, and its columns. What does not: doses in 2 Gy fractions (`eqd2`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.domain.dose_shares import dose_shares

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pdcp_dagster.domain.dvh import Dvh


def geud_gy(dvh: Dvh, a: float) -> float | None:
    """Return gEUD = m (sum v_i (d_i / m)^a)^(1/a) in Gy, m being any dose (Niemierko, Med Phys 26, 1999).

    a = 1 is the mean dose; large a approach the maximum (serial organs), negative ones the minimum (targets), a = 0 is
    the limit between them, the geometric mean. 0 Gy for a <= 0 where some of the ROI gets none. None where too much of
    the ROI lies outside the dose grid.
    """
    shares = dose_shares(dvh)
    if shares is None:
        return None
    if dvh.dmax_gy <= 0 or (a <= 0 and dvh.dmin_gy <= 0):
        return 0.0
    given = shares.dose_gy > 0
    dose, share = np.log(shares.dose_gy[given]), shares.share[given]
    # In logarithms, relative to the largest term: with a = 100 or -100 the powers themselves overflow.
    largest = float((a * dose).max())
    found = share @ dose if a == 0 else (largest + np.log(share @ np.exp(a * dose - largest))) / a
    return float(np.clip(np.exp(found), dvh.dmin_gy, dvh.dmax_gy))


def geud_columns(dvh: Dvh | None, exponents: Iterable[float]) -> dict[str, float | None]:
    """Return gEUD by column, one for each `a`: `geud_a1_gy`, `geud_a0_5_gy`, `geud_am10_gy` (m: minus)."""
    return {_column(a): None if dvh is None else geud_gy(dvh, a) for a in exponents}


def _column(a: float) -> str:
    number = f"{abs(a):.6f}".rstrip("0").rstrip(".").replace(".", "_")
    return f"geud_a{'m' if a < 0 else ''}{number}_gy"
