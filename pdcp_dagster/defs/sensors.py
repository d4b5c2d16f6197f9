"""Sensors: the cohort report follows every finished run over patients, successful or not."""

import json
from typing import Final

import dagster as dg

from pdcp_dagster.defs.jobs import collect_job_name, patient_asset_keys, report_job_name

CLI_TAG = "pdcp/command"
"""Set on runs of `pdcp run`, which makes the report itself."""
_ENDS: Final = (dg.DagsterEventType.RUN_SUCCESS, dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_CANCELED)
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
        told: dict[str, int] = json.loads(context.cursor or "{}")
        ended = _ended_since(context.instance, told)
        cursor = json.dumps({**told, **{kind: max(runs) for kind, runs in ended.items() if runs}})
        runs = [run_id for of_kind in ended.values() for run_id in of_kind.values()]
        if not _any_over_patients(context.instance, runs, cohort):
            context.update_cursor(cursor)
            return dg.SkipReason(f"No run over patients of {cohort} has finished since the last look.")
        newest = max(event for of_kind in ended.values() for event in of_kind)
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=f"after-{newest}")], cursor=cursor)

    return after_collect


def _ended_since(instance: dg.DagsterInstance, told: dict[str, int]) -> dict[str, dict[int, str]]:
    """Return the ends of runs that nobody was told of: by kind of end, the run's ID by the event's number.

    Events are numbered in the order in which they were written. A run's own times would not do: they change when it is
    tagged later, and a worker's clock may be slow.
    """
    ended = {}
    for kind in _ENDS:
        since = told.get(kind.value)
        page = instance.fetch_run_status_changes(
            dg.RunStatusChangeRecordsFilter(event_type=kind, after_storage_id=since),
            limit=_PAGE,
            ascending=since is not None,  # the first look is at the newest
        )
        ended[kind.value] = {record.storage_id: record.run_id for record in page.records}
    return ended


def _any_over_patients(instance: dg.DagsterInstance, run_ids: list[str], cohort: str) -> bool:
    if not run_ids:  # an empty filter would mean all runs
        return False
    return any(_is_over_patients(run, cohort) for run in instance.get_runs(dg.RunsFilter(run_ids=run_ids)))


def _is_over_patients(run: dg.DagsterRun, cohort: str) -> bool:
    if CLI_TAG in run.tags:
        return False
    chosen = set(run.asset_selection or ())
    return run.job_name == collect_job_name(cohort) or bool(chosen & set(patient_asset_keys(cohort)))
