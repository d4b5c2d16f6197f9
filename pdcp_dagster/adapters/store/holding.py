"""One writer at a time: a lock that dies with its process, and a note of who holds it.

<folder>/.lock, .holder.json
"""

from __future__ import annotations

import datetime as dt
import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from pdcp_dagster.adapters.store.errors import PatientBusyError, StoreError
from pdcp_dagster.adapters.store.json_file import read_object, write_object

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK_WAIT_S = 1800.0
_HOLDER = ".holder.json"  # not the lock itself: whoever tries for that empties it


@contextmanager
def held(folder: Path, wait_s: float) -> Iterator[None]:
    """Hold a patient's folder; `PatientBusyError` says who does after `wait_s` seconds in vain."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=wait_s)
    except Timeout:
        raise PatientBusyError(f"{_holder(folder)} works on this patient; waited {wait_s:.0f} s for it") from None
    try:
        write_object(folder / _HOLDER, _this_process())
        yield
    finally:
        (folder / _HOLDER).unlink(missing_ok=True)
        lock.release()


def in_hand(folder: Path) -> bool:
    """Return whether somebody holds the folder, or was killed while doing so and left what must be swept away."""
    return (folder / _HOLDER).exists()


def _holder(folder: Path) -> str:
    """Return in words who holds the patient; what that one wrote is no more than a hint."""
    try:
        holder = read_object(folder / _HOLDER) or {}
    except StoreError:
        holder = {}
    if not {"pid", "host", "since"} <= set(holder):
        return "another run"
    return f"another run (process {holder['pid']} on {holder['host']}, since {holder['since']})"


def _this_process() -> dict[str, Any]:
    since = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
