"""That this process was asked to stop: what a signal says and the pool of workers obeys.

What lives here: the request, one for the process because signals are the process's. What does not: the signals
(`commands`), or what stopping means for a patient (`pool`).
"""

from __future__ import annotations

from enum import IntEnum


class Stop(IntEnum):
    """How soon to stop; a later request never takes an earlier one back."""

    NOT_ASKED = 0
    AFTER_CURRENT = 1
    """Nobody new is begun; the patients under work are finished."""
    AT_ONCE = 2
    """Workers are ended, and what they had half-made is swept away."""


_asked = Stop.NOT_ASKED


def ask(stop: Stop) -> None:
    """Ask for a stop; to be called from any thread."""
    global _asked  # noqa: PLW0603 - signals are the whole process's
    _asked = max(_asked, stop)


def asked() -> Stop:
    """Return the strongest request so far."""
    return _asked


def forget() -> None:
    """Take all requests back: what was to be stopped has ended."""
    global _asked  # noqa: PLW0603 - see above
    _asked = Stop.NOT_ASKED
