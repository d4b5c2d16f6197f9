"""Which patients a `pdcp run` leaves as they are: current in the store, and known as such to Dagster.

What lives here: both looks together. What does not: what makes a patient current (`stages.currency`).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pdcp_dagster import __version__
from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
from pdcp_dagster.defs.collecting import patient_tasks
from pdcp_dagster.defs.jobs import patient_asset_keys
from pdcp_dagster.defs.partitions import patient_partitions
from pdcp_dagster.stages.currency import look_at
from pdcp_dagster.stages.patient import ChainSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dagster as dg

    from pdcp_dagster.commands.deployment import Deployment
    from pdcp_dagster.commands.progress import ProgressBar
    from pdcp_dagster.domain.cohort import Cohort

_MATERIALIZED = "MATERIALIZED"


def leave_current(
    deployment: Deployment, cohort: Cohort, instance: dg.DagsterInstance, keys: Sequence[str], progress: ProgressBar
) -> list[str]:
    """Count the patients that need no run as done, and return the partition keys of the others in their order."""
    assets = patient_asset_keys(cohort.name, cohort.linkage)
    shown = _shown_as_done(instance, cohort, assets, keys)
    selected = frozenset(asset.path[-1] for asset in assets)
    tasks = patient_tasks([key for key in keys if key in shown], deployment.store.cohort(cohort.name), selected, "")
    orthanc = OrthancSettings.from_environment(os.environ)
    settings = ChainSettings(cohort, deployment.store, orthanc, __version__, deployment.tables(cohort))
    current: set[str] = set()
    with Orthanc(orthanc) as archive:
        for task, standing in look_at(tasks, settings, archive):
            if standing is not None:
                current.add(task.partition_key)
                progress.count(standing.status)
    return [key for key in keys if key not in current]


def _shown_as_done(
    instance: dg.DagsterInstance, cohort: Cohort, assets: Sequence[dg.AssetKey], keys: Sequence[str]
) -> set[str]:
    """Return the patients of whom Dagster shows every asset as materialised.

    A killed run may have finished a patient and never told of it; a new instance knows nobody.
    """
    done = set(keys)
    for asset in assets:
        found = instance.get_status_by_partition(asset, list(keys), patient_partitions(cohort.name)) or {}
        done = {key for key in done if (status := found.get(key)) is not None and status.value == _MATERIALIZED}
    return done
