"""The composition root of the Dagster deployment: cohorts from `$PDCP_COHORTS`, results in `$PDCP_STORE`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from pdcp_dagster.adapters.cohort_file import DEFAULT_COHORTS
from pdcp_dagster.adapters.store import DEFAULT_STORE, Store
from pdcp_dagster.defs.cohorts import cohort_definitions
from pdcp_dagster.defs.io_managers import io_managers
from pdcp_dagster.defs.resources import OrthancResource, Progress, StoreResource
from pdcp_dagster.defs.schedules import Timetable
from pdcp_dagster.stages.usable_cohorts import usable_cohorts

if TYPE_CHECKING:
    from collections.abc import Mapping


def build_definitions(environ: Mapping[str, str]) -> dg.Definitions:
    """Return the whole deployment; a cohort file with an error is reported and leaves the others loaded.

    An error is, too, a table that the file names and that cannot be read, or a rule that cannot be imported.
    """
    store = Store.at(environ.get("PDCP_STORE", DEFAULT_STORE))
    folder = Path(environ.get("PDCP_COHORTS", DEFAULT_COHORTS)).absolute()
    cohorts, errors = usable_cohorts(folder)
    for error in errors:
        dg.get_dagster_logger().error("cohort not loaded: %s", error)
    resources = {
        "orthanc": OrthancResource(),
        "store": StoreResource(root=str(store.root)),
        "progress": Progress(),
        **io_managers(str(store.root), (name for name, cohort in cohorts.items() if cohort.include_review)),
    }
    # One process per run: the fused step has a pool of its own.
    shared = dg.Definitions(resources=resources, executor=dg.in_process_executor)
    timetable = Timetable.from_environment(environ)
    each = (cohort_definitions(cohort, folder, timetable, resources) for cohort in cohorts.values())
    return dg.Definitions.merge(shared, *each)


@dg.definitions
def defs() -> dg.Definitions:
    """Return the deployment that the environment describes, when Dagster asks for it and not when this is imported."""
    return build_definitions(os.environ)
