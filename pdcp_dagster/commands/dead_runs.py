"""Runs whose process is gone: Dagster cannot know, so the next command closes them.

A run of `pdcp run` lives in that command's own process. Killed with SIGKILL it would stay STARTED for ever and its
partitions in progress; its tags say which process it was.
"""

from __future__ import annotations

import os
import socket

import dagster as dg
import psutil

from pdcp_dagster.defs.sensors import CLI_TAG

HOST_TAG, PID_TAG, STARTED_TAG = "pdcp/host", "pdcp/pid", "pdcp/process_started"
_OPEN = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def process_tags() -> dict[str, str]:
    """Return the tags that let a later command find out whether this process still lives."""
    return {
        CLI_TAG: "run",
        # What the UI looks for when it lists the runs of this code location's jobs.
        ".dagster/repository": "__repository__@pdcp_dagster",
        HOST_TAG: socket.gethostname(),
        PID_TAG: str(os.getpid()),
        STARTED_TAG: str(psutil.Process().create_time()),
    }


def close_dead_runs(instance: dg.DagsterInstance) -> int:
    """Report runs of this host whose process is gone as failed; return how many."""
    filters = dg.RunsFilter(statuses=_OPEN, tags={HOST_TAG: socket.gethostname()})
    # A re-execution from the UI may carry its parent's tags; it lives in a process of Dagster's own.
    dead = [run for run in instance.get_runs(filters) if run.parent_run_id is None and not _lives(run)]
    for run in dead:
        instance.report_run_failed(run, "The process that ran this was killed. Run the command again.")
    return len(dead)


def close_own_runs(instance: dg.DagsterInstance) -> int:
    """Report what this process was running as cancelled, just before it ends without waiting; return how many."""
    mine = {name: text for name, text in process_tags().items() if name in {HOST_TAG, PID_TAG, STARTED_TAG}}
    runs = instance.get_runs(dg.RunsFilter(statuses=_OPEN, tags=mine))
    for run in runs:
        instance.report_run_canceled(run, "The command was stopped by a signal. Run it again for the rest.")
    return len(runs)


def _lives(run: dg.DagsterRun) -> bool:
    try:
        process = psutil.Process(int(run.tags[PID_TAG]))
        return str(process.create_time()) == run.tags[STARTED_TAG] and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, ValueError, KeyError):
        return False
