"""Whom a command started, found by a mark in the environment that all its children inherit."""

from __future__ import annotations

import time

import psutil
import pytest

MARK = "PDCP_TEST_RUN"
CHILDREN_END_WITHIN_S = 10.0


def assert_nobody_is_left(mark: str) -> None:
    """No process that inherited the mark is left, whoever its parent is now."""
    latest = time.monotonic() + CHILDREN_END_WITHIN_S
    while left := marked(mark):
        if time.monotonic() > latest:
            commands = [process.cmdline() for process in left]
            for process in left:
                process.kill()
            pytest.fail(f"still there after {CHILDREN_END_WITHIN_S:.0f} s: {commands}")
        time.sleep(0.05)


def marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found
