"""Sensors: the cohort report follows every finished run over patients, successful or not."""

import datetime as dt

import dagster as dg

from pdcp_dagster.defs.jobs import collect_job_name, patient_asset_keys, report_job_name

CLI_TAG = "pdcp/command"
"""Set on runs of `pdcp run`, which makes the report itself."""
_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_PAGE = 200


def report_sensor(cohort: str) -> dg.SensorDefinition:
    """Return the sensor that asks for one new report after any number of finished runs."""

    @dg.sensor(
        name=f"report_{cohort}_after_collect",
        job_name=report_job_name(cohort),
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Runs the report after patients were collected, whether or not some of them failed.",
    )
    def after_collect(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        since = dt.datetime.fromisoformat(context.cursor) if context.cursor else None
        records = context.instance.get_run_records(
            dg.RunsFilter(statuses=_FINISHED, updated_after=since),
            limit=_PAGE,
            order_by="update_timestamp",
            ascending=since is not None,
        )
        newest = max((record.update_timestamp for record in records), default=since)
        if newest is None or not any(_is_over_patients(record.dagster_run, cohort) for record in records):
            context.update_cursor(newest.isoformat() if newest else "")
            return dg.SkipReason(f"No run over patients of {cohort} has finished since the last look.")
        return dg.SensorResult(
            run_requests=[dg.RunRequest(run_key=f"after-{newest.isoformat()}")], cursor=newest.isoformat()
        )

    return after_collect


def _is_over_patients(run: dg.DagsterRun, cohort: str) -> bool:
    if CLI_TAG in run.tags:
        return False
    chosen = set(run.asset_selection or ())
    return run.job_name == collect_job_name(cohort) or bool(chosen & set(patient_asset_keys(cohort)))
