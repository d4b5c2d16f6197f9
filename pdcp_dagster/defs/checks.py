"""What is checked of each patient's assets, as Dagster shows it: beside the asset, patient by patient.

A check warns and keeps nobody back: what must be looked at before a patient may be used is a code (`domain.codes`).
"""

import warnings
from collections.abc import Collection, Iterator

import dagster as dg

from pdcp_dagster.defs.partitions import patient_partitions
from pdcp_dagster.domain.notes import stages_of
from pdcp_dagster.stages.outcome import AssetOutcome
from pdcp_dagster.stages.planning_system import AGREES_WITH_PLANNING_SYSTEM

_CHECKS = {AGREES_WITH_PLANNING_SYSTEM: "dvh_table"}
"""The asset that each check is of."""
_DESCRIPTIONS = {
    AGREES_WITH_PLANNING_SYSTEM: "The dose-volume histograms agree with those that the planning system wrote into its "
    "RTDOSE, where it did. What differs, and by how much, is in dvh_comparison.parquet."
}


def patient_check_specs(cohort: str, linkage: str) -> list[dg.AssetCheckSpec]:
    """Return the checks of a cohort's per-patient assets, those of assets that its linkage lacks left out."""
    with warnings.catch_warnings():
        # Partitioned checks are new in Dagster, and it says so of each.
        warnings.simplefilter("ignore")
        return [
            dg.AssetCheckSpec(
                name,
                asset=dg.AssetKey([cohort, asset]),
                description=_DESCRIPTIONS[name],
                partitions_def=patient_partitions(cohort),
            )
            for name, asset in _CHECKS.items()
            if asset in stages_of(linkage)
        ]


def evaluations(
    cohort: str, partition: str, outcome: AssetOutcome, selected: Collection[dg.AssetCheckKey]
) -> Iterator[dg.AssetCheckEvaluation]:
    """Tell what the checks of one asset of one patient came to; none of an asset that was not kept."""
    for check in outcome.checks:
        key = dg.AssetCheckKey(dg.AssetKey([cohort, outcome.asset]), check.name)
        if key in selected:
            yield dg.AssetCheckEvaluation(
                asset_key=key.asset_key,
                check_name=key.name,
                partition=partition,
                passed=check.passed,
                severity=dg.AssetCheckSeverity.WARN,
                description=check.said,
            )
