"""A cohort's part of the deployment: its assets, jobs and sensor, wired the same way for every cohort."""

from pathlib import Path

import dagster as dg

from pdcp_dagster.defs.cohort_assets import cohort_assets
from pdcp_dagster.defs.jobs import cohort_jobs
from pdcp_dagster.defs.patients import patient_ids_asset
from pdcp_dagster.defs.per_patient import per_patient_assets
from pdcp_dagster.defs.sensors import report_sensor
from pdcp_dagster.domain.cohort import Cohort


def cohort_definitions(cohort: Cohort, cohorts: Path) -> dg.Definitions:
    """Return the definitions of one cohort; resources and IO managers come from the deployment."""
    return dg.Definitions(
        assets=[
            patient_ids_asset(cohort, cohorts),
            per_patient_assets(cohort, cohorts),
            *cohort_assets(cohort, cohorts),
        ],
        jobs=cohort_jobs(cohort),
        sensors=[report_sensor(cohort.name)],
    )
