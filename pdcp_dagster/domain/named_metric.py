"""Metrics as clinicians write them: `D0.1cc[Gy]`, `V17Gy[%]`, `CV12.5Gy[cc]`, `D95%[Gy]`, `V95%[%]`.

What lives here: their grammar (after AAPM TG-263, section 9), their column names and their values on a DVH. What does
not: the fixed columns of the DVH table (`metrics`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pdcp_dagster.domain.dose_volume import (
    dose_at_volume_cm3,
    dose_at_volume_pct,
    volume_at_dose_cm3,
    volume_at_dose_pct,
    volume_below_dose_cm3,
    volume_below_dose_pct,
)

if TYPE_CHECKING:
    from pdcp_dagster.domain.dvh import Dvh

_WRITTEN = re.compile(r"\s*(CV|V|D)\s*(\d{1,6}(?:\.\d{1,6})?)\s*(%|cc|Gy)\s*\[\s*(%|cc|Gy)\s*\]\s*", re.ASCII)
_AT_UNITS = {"D": ("%", "cc"), "V": ("Gy", "%"), "CV": ("Gy", "%")}
_IN_UNITS = {"D": ("Gy", "%"), "V": ("%", "cc"), "CV": ("%", "cc")}
_SUFFIX = {"Gy": "gy", "%": "pct", "cc": "cm3"}
_PERCENT = 100.0

Unit = Literal["Gy", "%", "cc"]


class MetricError(ValueError):
    """A metric that cannot be understood; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of a DVH.

    kind: D (dose at a volume), V (volume at a dose) or CV (volume below a dose).
    at, at_unit: the volume (% or cc) or the dose (Gy, or % of the prescription) that it is taken at.
    unit: of the result: Gy or % of the prescription for D, % of the ROI or cc for V and CV.
    """

    kind: Literal["D", "V", "CV"]
    at: float
    at_unit: Unit
    unit: Unit

    @property
    def column(self) -> str:
        """Column name in the DVH table: `d0_1cc_gy`, `v17gy_pct`, `v20gy_cm3`, `cv12_5gy_cm3`, `d95_gy`, `v95_pct`."""
        number = f"{self.at:.6f}".rstrip("0").rstrip(".").replace(".", "_")
        at_unit = "" if self.at_unit == "%" else self.at_unit.lower()
        return f"{self.kind.lower()}{number}{at_unit}_{_SUFFIX[self.unit]}"

    def value(self, dvh: Dvh, prescription_gy: float | None) -> float | None:
        """Value on a DVH; None where it is undefined, or needs a prescription that is not known."""
        if self.kind == "D":
            return self._dose(dvh, prescription_gy)
        dose = self.at
        if self.at_unit == "%":
            if not prescription_gy:
                return None
            dose = self.at * prescription_gy / _PERCENT
        if self.kind == "V":
            return volume_at_dose_pct(dvh, dose) if self.unit == "%" else volume_at_dose_cm3(dvh, dose)
        return volume_below_dose_pct(dvh, dose) if self.unit == "%" else volume_below_dose_cm3(dvh, dose)

    def _dose(self, dvh: Dvh, prescription_gy: float | None) -> float | None:
        dose = dose_at_volume_pct(dvh, self.at) if self.at_unit == "%" else dose_at_volume_cm3(dvh, self.at)
        if self.unit == "Gy" or dose is None:
            return dose
        return _PERCENT * dose / prescription_gy if prescription_gy else None


def parse_metric(text: str) -> Metric:
    """Understand a metric as written; raises MetricError with a sentence that says what was expected."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise MetricError(
            f"{text!r} is not a metric: expected D, V or CV, a number with its unit, and the unit of the result in"
            " brackets, such as D0.1cc[Gy], D95%[Gy], V17Gy[%], V20Gy[cc], CV12.5Gy[cc] or V95%[%]"
        )
    kind, number, at_unit, unit = found.groups()
    if at_unit not in _AT_UNITS[kind]:
        raise MetricError(f"{text!r}: {kind} is taken at a number in {' or '.join(_AT_UNITS[kind])}, not {at_unit}")
    if unit not in _IN_UNITS[kind]:
        raise MetricError(f"{text!r}: {kind} is given in [{'] or ['.join(_IN_UNITS[kind])}], not [{unit}]")
    if kind == "D" and at_unit == "%" and float(number) > _PERCENT:
        raise MetricError(f"{text!r}: a dose cannot be taken at more than 100 % of the volume")
    return Metric(kind, float(number), at_unit, unit)  # type: ignore[arg-type]  # the pattern allows nothing else
