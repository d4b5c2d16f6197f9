"""How much memory one worker may ask for, so that a runaway patient fails with a reason and the machine goes on.

What lives here: the limit. What does not: what becomes of a `MemoryError` (`chain`: a failed patient, as any error).

Limited is the private writable memory (RLIMIT_DATA): files that are mapped, and pages shared with other workers that
nobody writes to, would make a limit of the address space refuse the innocent.
"""

from __future__ import annotations

import math
import os
import resource
from pathlib import Path

VARIABLE = "PDCP_WORKER_MEMORY_GB"
_GB = 1 << 30
_LEAST_SHARE = 4 * _GB
"""A full-size patient needs 1 GB; a series of 2000 slices some more."""
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_LONGEST = 40


class WorkerMemoryError(Exception):
    """PDCP_WORKER_MEMORY_GB is none that can be meant; one line."""


def require_wanted_memory() -> None:
    """Raise WorkerMemoryError where PDCP_WORKER_MEMORY_GB cannot be meant: before a worker is started."""
    _wanted(os.environ.get(VARIABLE, ""), 1)


def limit_memory(jobs: int) -> None:
    """Limit this process to PDCP_WORKER_MEMORY_GB; 0: no limit; not set: its share of the machine, at least 4 GB.

    jobs: conversions at a time. Raises WorkerMemoryError for a value that cannot be meant.
    """
    wanted = _wanted(os.environ.get(VARIABLE, ""), jobs)
    if wanted is None:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _wanted(text: str, jobs: int) -> int | None:
    machine = machine_memory()
    if not text:
        return min(machine, max(_LEAST_SHARE, machine // jobs))
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = math.nan
    if not (math.isfinite(gigabytes) and gigabytes >= 0):
        raise WorkerMemoryError(f"{VARIABLE} must be a number of GB, 0 for no limit, not {text[:_LONGEST]!r}")
    return int(min(gigabytes * _GB, machine)) if gigabytes > 0 else None


def machine_memory() -> int:
    """Return the bytes of memory of this machine, or of its container where that has fewer."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(machine, int(_CGROUP_LIMIT.read_text(encoding="ascii")))
    except (OSError, ValueError):  # no such file, or "max"
        return machine
