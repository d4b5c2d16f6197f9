"""What is checked of each patient's assets, as Dagster shows it: beside the asset, patient by patient.

A check keeps nobody back: what must be looked at before a patient may be used is a code (`domain.codes`). How grave it
is where one does not pass, and which are not made at all, is said by the cohort file alone (`checks.severity`) and
matters here alone.
"""

import warnings
from collections.abc import Collection, Iterable, Iterator

import dagster as dg

from pdcp_dagster.defs.check_targets import target_of
from pdcp_dagster.defs.partitions import patient_partitions
from pdcp_dagster.domain import quality
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.notes import stages_of
from pdcp_dagster.domain.quality import PATIENT_CHECKS, QualityCheck, Severity
from pdcp_dagster.domain.quality_settings import Checks
from pdcp_dagster.stages.outcome import AssetOutcome

_SEVERITIES = {Severity.WARN: dg.AssetCheckSeverity.WARN, Severity.ERROR: dg.AssetCheckSeverity.ERROR}


def patient_check_specs(cohort: Cohort) -> list[dg.AssetCheckSpec]:
    """Return the checks of a cohort's per-patient assets, those of assets that its linkage lacks left out."""
    made = stages_of(cohort.linkage)
    with warnings.catch_warnings():
        # Partitioned checks are new in Dagster, and it says so of each.
        warnings.simplefilter("ignore")
        return [
            dg.AssetCheckSpec(
                check.name,
                asset=dg.AssetKey([cohort.name, check.asset]),
                description=check.description,
                partitions_def=patient_partitions(cohort.name),
            )
            for check in wanted(cohort, PATIENT_CHECKS)
            if check.asset in made
        ]


def wanted(cohort: Cohort, checks: Iterable[QualityCheck]) -> list[QualityCheck]:
    """Return the checks that the cohort file does not switch off; of standard names only where it has a map of them."""
    without = set() if cohort.structure_names else {quality.STRUCTURE_NAMES_MAPPED}
    return [
        check
        for check in checks
        if check.name not in without and cohort.checks.severity_of(check.name) is not Severity.OFF
    ]


def severity_of(settings: Checks, name: str) -> dg.AssetCheckSeverity:
    """Return how grave it is where this check, which is not switched off, does not pass."""
    return _SEVERITIES[settings.severity_of(name)]


def evaluations(
    cohort: Cohort,
    partition: str,
    outcome: AssetOutcome,
    selected: Collection[dg.AssetCheckKey],
    instance: dg.DagsterInstance,
) -> Iterator[dg.AssetCheckEvaluation]:
    """Tell what the checks of one asset of one patient came to; none where nothing could be looked at.

    The asset must have been told of before: a check is of a materialisation.
    """
    target = target_of(instance, dg.AssetKey([cohort.name, outcome.asset]), partition) if outcome.checks else None
    for check in outcome.checks:
        key = dg.AssetCheckKey(dg.AssetKey([cohort.name, outcome.asset]), check.name)
        if key in selected:
            yield dg.AssetCheckEvaluation(
                asset_key=key.asset_key,
                check_name=key.name,
                partition=partition,
                passed=check.passed,
                severity=severity_of(cohort.checks, check.name),
                description=check.said,
                target_materialization_data=target,
            )
