"""What is checked of a cohort as a whole, told beside its report.

The checks are a step of their own behind `cohort_report`, in the same run, and read what that stored: so they can be
made again alone, and one of which nothing can be said is not told at all.
"""

from collections.abc import Iterator

import dagster as dg

from pdcp_dagster.defs.checks import severity_of, wanted
from pdcp_dagster.defs.resources import StoreResource
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.quality import COHORT_CHECKS, NO_CODE_SUDDENLY_DOMINATES
from pdcp_dagster.stages.quality_report import check_cohort, remember_codes


def cohort_checks(cohort: Cohort) -> list[dg.AssetChecksDefinition]:
    """Return the checks of a cohort's report as one definition; none where the cohort file switches all off."""
    specs = [
        dg.AssetCheckSpec(check.name, asset=dg.AssetKey([cohort.name, check.asset]), description=check.description)
        for check in wanted(cohort, COHORT_CHECKS)
    ]
    if not specs:
        return []

    @dg.multi_asset_check(name=f"{cohort.name}_cohort_checks", specs=specs, can_subset=True)
    def checked(context: dg.AssetCheckExecutionContext, store: StoreResource) -> Iterator[dg.AssetCheckResult]:
        folder = store.cohort(cohort.name)
        try:
            found = check_cohort(folder, cohort)
        except FileNotFoundError:
            raise dg.Failure("There is no report yet: materialise cohort_report first.", allow_retries=False) from None
        selected = {key.name: key for key in context.selected_asset_check_keys}
        for check in found.checks:
            if check.name in selected:
                yield dg.AssetCheckResult(
                    asset_key=selected[check.name].asset_key,
                    check_name=check.name,
                    passed=check.passed,
                    severity=severity_of(cohort.checks, check.name),
                    description=check.said,
                )
        # Last, and only once this was told: killed before, the next report compares with what there was.
        if NO_CODE_SUDDENLY_DOMINATES in selected:
            remember_codes(folder, found.remembered)

    return [checked]
