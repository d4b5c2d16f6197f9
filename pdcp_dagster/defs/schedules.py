"""What runs by the clock, once it is switched on: the nightly comparison with the archive, and the nightly backfill.

What lives here: schedules and the deployment settings that they are read from. What does not: what they run (`upkeep`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import dagster as dg

from pdcp_dagster.defs.jobs import backfill_job_name, reconcile_job_name
from pdcp_dagster.defs.watch import in_hand

_DAY_S = 86_400


class ScheduleSettingError(Exception):
    """A setting of the deployment cannot be meant; one line: its name, what it says, what was expected."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """When the nightly jobs run, cron expressions in a time zone, and how often the change feed is looked at.

    `$PDCP_RECONCILE_CRON`, `$PDCP_BACKFILL_CRON`, `$PDCP_TIMEZONE`, `$PDCP_WATCH_SECONDS`.
    """

    reconcile: str = "0 2 * * *"
    backfill: str = "0 4 * * *"
    timezone: str = "UTC"
    watch_s: int = 60

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings; `ScheduleSettingError` names the one that is wrong."""
        given = {
            name: environ[setting]
            for name, setting in (
                ("reconcile", "PDCP_RECONCILE_CRON"),
                ("backfill", "PDCP_BACKFILL_CRON"),
                ("timezone", "PDCP_TIMEZONE"),
            )
            if environ.get(setting)
        }
        table = cls(**given, watch_s=_seconds(environ.get("PDCP_WATCH_SECONDS") or "60"))
        _require_timezone(table.timezone)
        return table


def nightly_schedules(cohort: str, timetable: Timetable) -> Sequence[dg.ScheduleDefinition]:
    """Return the schedules of a cohort, off until they are switched on."""
    return [
        _schedule(
            cohort,
            reconcile_job_name(cohort),
            "PDCP_RECONCILE_CRON",
            timetable.reconcile,
            timetable.timezone,
            "Compares the whole archive with what was run, and runs what the change feed lost.",
        ),
        _schedule(
            cohort,
            backfill_job_name(cohort),
            "PDCP_BACKFILL_CRON",
            timetable.backfill,
            timetable.timezone,
            "Runs all patients who are new or whose result is out of date; nobody else.",
        ),
    ]


def _unless_one_is_under_way(cohort: str) -> Callable[[dg.ScheduleEvaluationContext], Any]:
    """Ask for no second run beside one that finds its patients itself: it would find the same ones."""

    def look(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        run_id = in_hand(context.instance, cohort).by_itself
        if run_id:
            return dg.SkipReason(f"Run {run_id} finds its patients itself and has not ended; left for the next night.")
        return dg.RunRequest()

    return look


def _schedule(  # noqa: PLR0917 - a row of the table above
    cohort: str, job_name: str, setting: str, cron: str, timezone: str, description: str
) -> dg.ScheduleDefinition:
    try:
        return dg.ScheduleDefinition(
            name=f"nightly_{job_name}",
            job_name=job_name,
            execution_fn=_unless_one_is_under_way(cohort),
            cron_schedule=cron,
            execution_timezone=timezone,
            default_status=dg.DefaultScheduleStatus.STOPPED,
            description=description,
        )
    except dg.DagsterInvalidDefinitionError:
        raise ScheduleSettingError(f"{setting}: {cron!r} is no cron expression (as '0 2 * * *')") from None


def _require_timezone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ScheduleSettingError(f"PDCP_TIMEZONE: {name!r} is no time zone (as 'Australia/Sydney')") from None


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= _DAY_S):
        raise ScheduleSettingError(f"PDCP_WATCH_SECONDS: {text!r} is no number of seconds, 1 to {_DAY_S}")
    return int(text)
