"""How long a fault is waited out: a server that restarts must not fail a patient, a dead one must not hold up a run.

What lives here: which waits there are, and the one loop that asks again. What does not: which faults may pass
(`failures`).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Event

    from pdcp_dagster.adapters.orthanc.errors import OrthancError

Result = TypeVar("Result")

WAITS_S: Sequence[float] = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0)
"""For a server that is not there: 24 s in all, as one restarts in 3 to 10 s and a large index takes longer to open."""
QUICK_WAITS_S: Sequence[float] = (0.1, 0.5)
"""For an answer that is wrong: it may be the server's bad moment, and is most often the archive's damage."""
LONGEST_RETRY_AFTER_S = 10.0
"""What a server asks for beyond this is not granted."""


class Passing(Exception):  # noqa: N818  # no error yet: what happened may pass
    """An error that is worth asking again; never leaves this package.

    error: what it is if it stays.
    waits_s: seconds before each further attempt, as long as it stays this.
    retry_after_s: what the server asked to be waited at least.
    """

    def __init__(self, error: OrthancError, waits_s: Sequence[float], retry_after_s: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.waits_s = waits_s
        self.retry_after_s = min(retry_after_s, LONGEST_RETRY_AFTER_S)


def persist(attempt: Callable[[], Result], closing: Event, most: int | None = None) -> Result:
    """Return what `attempt` returns, asking again for as long as what it raises may pass.

    most: further attempts at most for each kind of error, which are counted apart: a server that was away for long has
    not used up what its first wrong answer deserves. Ends at once when `closing` is set. Raises the last error.
    """
    met: Counter[type[OrthancError]] = Counter()
    while True:
        try:
            return attempt()
        except Passing as passing:
            before, waits_s = met[type(passing.error)], passing.waits_s[:most]
            if before >= len(waits_s) or closing.wait(max(waits_s[before], passing.retry_after_s)):
                raise passing.error from passing.__cause__
            met[type(passing.error)] += 1
