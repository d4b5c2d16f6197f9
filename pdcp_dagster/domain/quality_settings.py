"""What a cohort file says of the quality checks: how grave each is, and from when on they alarm.

What lives here: the section `checks` of a cohort file. What does not: what is checked (`quality`).
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from pdcp_dagster.domain.eligibility import Section
from pdcp_dagster.domain.quality import CHECKS, Severity

Share = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Percentage = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]


def _severity(value: object) -> object:
    """Take what YAML makes of an unquoted `off`."""
    if value is False:
        return Severity.OFF
    if isinstance(value, str) and value in {*Severity}:
        return Severity(value)
    raise ValueError(f"expected {', '.join(Severity)}")


class DoseMaximumPct(Section):
    """Bounds of the highest dose in per cent of the plan's prescription; null is no bound."""

    minimum: Percentage | None = 60.0
    maximum: Percentage | None = 150.0

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum:g} is above maximum {self.maximum:g}")
        return self


class Checks(Section):
    """How grave each quality check is, and the limits that are the checks' own.

    severity: by the check's name, `warn`, `error` or `off`; those that are not named have the severity of
        `quality.CHECKS`.
    target_d95_pct: a target's D95 may not be below this, per cent of its prescription.
    dose_maximum_pct: bounds of the highest dose, per cent of the plan's prescription.
    excluded_at_most_pct: of the patients with a result; failed_at_most_pct: of those that were run.
    code_at_most_pct: the share of new results up to which no code is said to dominate.
    compare_at_least: the fewest patients that are compared with others: new results, or those of a month.
    """

    severity: dict[str, Annotated[Severity, BeforeValidator(_severity)]] = Field(default_factory=dict)
    target_d95_pct: Percentage = 90.0
    dose_maximum_pct: DoseMaximumPct = DoseMaximumPct()
    excluded_at_most_pct: Share = 50.0
    failed_at_most_pct: Share = 5.0
    code_at_most_pct: Share = 50.0
    compare_at_least: Annotated[int, Field(ge=5)] = 10

    @field_validator("severity")
    @classmethod
    def _known(cls, value: dict[str, Severity]) -> dict[str, Severity]:
        unknown = sorted(set(value) - set(CHECKS))
        if unknown:
            raise ValueError(f"there is no check {', '.join(unknown)}, but {', '.join(CHECKS)}")
        return value

    def severity_of(self, name: str) -> Severity:
        """Return how grave it is where this check does not pass. Raises KeyError for a name that no check has."""
        return self.severity.get(name, CHECKS[name].severity)
