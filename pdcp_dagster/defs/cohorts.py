"""A cohort's part of the deployment: its assets, jobs, sensors and schedules, wired the same way for every cohort."""

from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from pdcp_dagster.defs.cohort_assets import cohort_assets
from pdcp_dagster.defs.cohort_checks import cohort_checks
from pdcp_dagster.defs.described import described
from pdcp_dagster.defs.jobs import cohort_jobs, collect_job_name, reconcile_job_name
from pdcp_dagster.defs.patients import patient_ids_asset
from pdcp_dagster.defs.per_patient import per_patient_assets
from pdcp_dagster.defs.schedules import Timetable, nightly_schedules
from pdcp_dagster.defs.sensors import report_sensor
from pdcp_dagster.defs.structure_names import structure_names_asset
from pdcp_dagster.defs.upkeep import upkeep_jobs
from pdcp_dagster.defs.watch import watch_sensor
from pdcp_dagster.domain.cohort import Cohort


def cohort_definitions(
    cohort: Cohort, cohorts: Path, timetable: Timetable, resources: Mapping[str, object]
) -> dg.Definitions:
    """Return the definitions of one cohort; resources and IO managers are the deployment's."""
    jobs = {job.name: job for job in [*cohort_jobs(cohort), *upkeep_jobs(cohort, cohorts, resources)]}
    watched = [jobs[collect_job_name(cohort.name)], jobs[reconcile_job_name(cohort.name)]]
    return dg.Definitions(
        assets=described(
            [
                patient_ids_asset(cohort, cohorts),
                per_patient_assets(cohort, cohorts),
                *cohort_assets(cohort, cohorts),
                structure_names_asset(cohort, cohorts),
            ],
            cohort,
        ),
        asset_checks=cohort_checks(cohort),
        jobs=list(jobs.values()),
        sensors=[report_sensor(cohort.name), watch_sensor(cohort, cohorts, watched, timetable.watch_s)],
        schedules=nightly_schedules(cohort.name, timetable),
    )
