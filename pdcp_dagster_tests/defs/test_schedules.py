"""The deployment's timetable: its defaults, its settings, and one line for what cannot be meant."""

from __future__ import annotations

import dagster as dg
import pytest

from pdcp_dagster.defs.schedules import ScheduleSettingError, Timetable, nightly_schedules


def test_nights_are_from_two_to_four_utc_and_the_feed_is_read_each_minute_unless_said_otherwise() -> None:
    assert Timetable.from_environment({}) == Timetable("0 2 * * *", "0 4 * * *", "UTC", 60)


def test_each_setting_counts_where_it_is_given() -> None:
    given = {
        "PDCP_RECONCILE_CRON": "30 1 * * *",
        "PDCP_BACKFILL_CRON": "0 5 * * 1",
        "PDCP_TIMEZONE": "Australia/Sydney",
        "PDCP_WATCH_SECONDS": "15",
    }
    timetable = Timetable.from_environment(given)
    assert timetable == Timetable("30 1 * * *", "0 5 * * 1", "Australia/Sydney", 15)
    schedules = {each.name: each for each in nightly_schedules("breast", timetable)}
    assert schedules["nightly_reconcile_breast"].cron_schedule == "30 1 * * *"
    assert schedules["nightly_backfill_breast"].cron_schedule == "0 5 * * 1"
    assert {each.execution_timezone for each in schedules.values()} == {"Australia/Sydney"}
    assert {each.default_status for each in schedules.values()} == {dg.DefaultScheduleStatus.STOPPED}


@pytest.mark.parametrize(
    ("setting", "text", "said"),
    [
        ("PDCP_RECONCILE_CRON", "at night", "PDCP_RECONCILE_CRON: 'at night' is no cron expression"),
        ("PDCP_BACKFILL_CRON", "61 * * * *", "PDCP_BACKFILL_CRON: '61 * * * *' is no cron expression"),
        ("PDCP_TIMEZONE", "Atlantis", "PDCP_TIMEZONE: 'Atlantis' is no time zone"),
        ("PDCP_TIMEZONE", "../etc/passwd", "PDCP_TIMEZONE: '../etc/passwd' is no time zone"),
        ("PDCP_WATCH_SECONDS", "0", "PDCP_WATCH_SECONDS: '0' is no number of seconds"),
        ("PDCP_WATCH_SECONDS", "often", "PDCP_WATCH_SECONDS: 'often' is no number of seconds"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused_by_its_name(setting: str, text: str, said: str) -> None:
    with pytest.raises(ScheduleSettingError) as refusal:
        nightly_schedules("breast", Timetable.from_environment({setting: text}))
    assert str(refusal.value).startswith(said)
    assert "\n" not in str(refusal.value)
