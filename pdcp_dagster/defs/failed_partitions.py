"""How the patients of a scattered run become Failed partitions: by Dagster's internal API.

A run of a contiguous range has planned events for all its partitions, and those without a materialisation are shown as
Failed when it fails. A run whose patients come from its configuration has none, so they are reported here, for the
failing (asset, patient) pairs alone, just before the run fails. Pinned by
`pdcp_dagster_tests/defs/test_failed_partitions.py`.
"""

from collections.abc import Iterable

import dagster as dg
from dagster._core.events import AssetMaterializationPlannedData, DagsterEvent


def plan_failed_partitions(
    context: dg.OpExecutionContext | dg.AssetExecutionContext, failed: Iterable[tuple[dg.AssetKey, str]]
) -> None:
    """Report that the run meant to materialise these (asset, partition) pairs: its failure then marks them Failed."""
    of_op = context.op_execution_context if isinstance(context, dg.AssetExecutionContext) else context
    for asset_key, partition in failed:
        event = DagsterEvent.build_asset_materialization_planned_event(
            context.run.job_name,
            of_op.get_step_execution_context().step.key,
            AssetMaterializationPlannedData(asset_key, partition=partition, partitions_subset=None),
        )
        context.instance.report_dagster_event(event, context.run.run_id)
