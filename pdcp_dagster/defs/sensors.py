"""Sensors: the cohort report follows every finished run over patients, successful or not."""

import json
from collections.abc import Iterator
from typing import Final

import dagster as dg

from pdcp_dagster.defs.jobs import patient_job_names, report_job_name
from pdcp_dagster.defs.specs import CARDS

CLI_TAG = "pdcp/command"
"""Set on runs of `pdcp run`, which makes the report itself."""
_ENDS: Final = (dg.DagsterEventType.RUN_SUCCESS, dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_CANCELED)
_OVERLAP_S = 120.0
"""How far each look goes back behind the one before: an end may be stored late, or stamped by a slow clock."""
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
        seen: dict[str, float] = json.loads(context.cursor or "{}")
        ended = dict(_ends(context.instance, max(seen.values(), default=None)))
        fresh = _over_patients(context.instance, cohort, [run_id for run_id in ended if run_id not in seen])
        cursor = json.dumps(_latest({**seen, **ended}))
        if not fresh:
            context.update_cursor(cursor)
            return dg.SkipReason(f"No run over patients of {cohort} has finished since the last look.")
        newest = max(fresh, key=lambda run_id: ended[run_id])
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=f"after-{newest}")], cursor=cursor)

    return after_collect


def _ends(instance: dg.DagsterInstance, since: float | None) -> Iterator[tuple[str, float]]:
    """Yield which runs ended when; the newest few where nobody has looked before.

    The time is that of the event. A run's own update time changes when it is tagged later, and SQLite gives the numbers
    of deleted events away again.
    """
    for kind in _ENDS:
        after = dg.RunStatusChangeRecordsFilter(kind, after_timestamp=since and since - _OVERLAP_S)
        cursor, more = None, True
        while more:
            page = instance.fetch_run_status_changes(after, limit=_PAGE, cursor=cursor, ascending=since is not None)
            yield from ((record.run_id, record.timestamp) for record in page.records)
            cursor, more = page.cursor, page.has_more and since is not None


def _latest(ends: dict[str, float]) -> dict[str, float]:
    """Return the ends that the next look will see again."""
    newest = max(ends.values(), default=0.0)
    return {run_id: time for run_id, time in ends.items() if time >= newest - _OVERLAP_S}


def _over_patients(instance: dg.DagsterInstance, cohort: str, run_ids: list[str]) -> list[str]:
    if not run_ids:  # an empty filter would mean all runs
        return []
    runs = instance.get_runs(dg.RunsFilter(run_ids=run_ids))
    return [run.run_id for run in runs if _is_over_patients(run, cohort)]


def _is_over_patients(run: dg.DagsterRun, cohort: str) -> bool:
    if CLI_TAG in run.tags and run.parent_run_id is None:  # one done again from the UI has the tag of the first
        return False
    # Of all linkages: the cohort may have had another one when the run began.
    of_patients = {dg.AssetKey([cohort, card.name]) for card in CARDS}
    return run.job_name in patient_job_names(cohort) or bool(of_patients & set(run.asset_selection or ()))
