"""Within what two DVHs of one ROI agree when a planning system is commissioned, and why that much.

What lives here: the tolerances as numbers and in words. What does not: what is compared (`commissioning`).

All of them lie between what was measured on a planning system without end caps (reference set R1) when both compute by
one convention, and what another convention makes of it; of its ROIs the body and those below 12 cm3 are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isfinite
from typing import TYPE_CHECKING

from pdcp_dagster.domain.dvh_comparison import SMALLEST_JUDGED_CM3

if TYPE_CHECKING:
    from pdcp_dagster.domain.tps_dvh import TpsDvh

DOSE_PCT = 0.5
"""Doses agree within this share of the ROI's highest dose: 0.13 % at most by one convention, 1.2 % by another."""
DOSE_GY = 0.02
"""... or within this, two bins of a common width, in ROIs that get next to nothing; or within one of the system's."""
VOLUME_PCT = 1.0
"""Volumes agree within this: 0.8 % at most by one convention, 2.7 % by another."""
CURVE_PCT = 1.0
"""Curves that may be shifted by the tolerance in dose agree within this share of the volume: 0.12 % at most by one
convention, 1.2 % by another."""
_PERCENT = 100.0
_SOURCE = "measured on a system without end caps, five ROIs of 12 to 2000 cm³: at most {} without them, {} with them"


@dataclass(frozen=True, slots=True)
class Tolerances:
    """Within what a difference is agreement.

    smallest_cm3: volumes of smaller ROIs are told and not judged: of 0.3 to 0.8 cm3, a system and its own contours were
    up to 74 % apart. Raises ValueError where a tolerance is not above 0.
    """

    dose_pct: float = DOSE_PCT
    dose_gy: float = DOSE_GY
    volume_pct: float = VOLUME_PCT
    curve_pct: float = CURVE_PCT
    smallest_cm3: float = SMALLEST_JUDGED_CM3

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (isfinite(value) and value > 0):
                raise ValueError(f"a tolerance must be above 0: {field.name} is {value}")

    def dose_tolerance_gy(self, tps: TpsDvh) -> float:
        """Return the tolerance of one ROI's doses, Gy."""
        return max(self.dose_pct / _PERCENT * tps.curve.dmax_gy, self.dose_gy, tps.curve.bin_gy)

    def told(self) -> tuple[tuple[str, str, str], ...]:
        """Return in words what is judged, within what, and why that much."""
        of_dose = f"{self.dose_pct:g} % of the ROI's highest dose, but {self.dose_gy:g} Gy and one bin at least"
        of_size = (
            "of 0.3 to 0.8 cm³, a system and its own contours were up to 74 % apart; "
            "of the body's outline systems leave out what is far from the dose"
        )
        return (
            ("Mean dose, D95, D50, D2", of_dose, _SOURCE.format("0.13 %", "1.2 %")),
            ("Volume", f"{self.volume_pct:g} %", _SOURCE.format("0.8 %", "2.7 %")),
            ("Which volumes are judged", f"from {self.smallest_cm3:g} cm³ on, never the body's outline", of_size),
            (
                "Curves that may be shifted by the tolerance in dose",
                f"{self.curve_pct:g} % of the volume",
                _SOURCE.format("0.12 %", "1.2 %"),
            ),
        )
