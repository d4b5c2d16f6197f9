"""Which materialisation an asset check is of: told from Dagster's internal API, for the public one has no name for it.

An evaluation without it is shown as missing, patient by patient. Pinned by
`pdcp_dagster_tests/defs/test_check_targets.py`.
"""

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData


def target_of(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partition: str
) -> AssetCheckEvaluationTargetMaterializationData | None:
    """Return the newest materialisation of a patient's asset, None where it was never told of."""
    wanted = dg.AssetRecordsFilter(asset_key=asset, asset_partitions=[partition])
    for record in instance.fetch_materializations(wanted, limit=1).records:
        return AssetCheckEvaluationTargetMaterializationData(
            storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
        )
    return None
