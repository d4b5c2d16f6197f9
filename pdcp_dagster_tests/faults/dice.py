"""Random faults for the soak: any kind at any time, as long as the truth can still be told from the lie.

What lives here: which fault may befall which request. What does not: what a fault is (`wrongs`).

Left out are lies that no client can see through: a flipped digit in an answer in JSON, and a wrong "there is no such
tag" (404, or no bytes) of `/content/`, which is an answer like any other.
"""

from __future__ import annotations

import random
import threading

from pdcp_dagster_tests.faults import wrongs
from pdcp_dagster_tests.faults.proxy import Fault

SILENCE_S = 1.5
"""Longer than the soak's clients wait (`ORTHANC_TIMEOUT`)."""
_ANYWHERE = (
    *(wrongs.status(code) for code in (401, 403, 500, 502, 503, 504)),
    wrongs.status(429, retry_after="1"),
    wrongs.REFUSED,
    wrongs.CUT,
    wrongs.CUT_CHUNKS,
    wrongs.HUNG_UP,
    wrongs.silence(SILENCE_S),
    wrongs.stall(SILENCE_S),
    wrongs.trickle(SILENCE_S / 2),
)
_WHERE_SEEN_THROUGH = (wrongs.status(404), wrongs.SHORT, wrongs.EMPTY, wrongs.LOGIN_PAGE, wrongs.COMPRESSED)


class Dice:
    """A plan that rolls for each request: a fault with the probability `rate`, the same rolls for the same seed."""

    def __init__(self, rate: float, seed: int) -> None:
        self._rate = rate
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._lock = threading.Lock()

    def __call__(self, method: str, path: str) -> Fault | None:
        with self._lock:
            if method != "GET" or self._random.random() >= self._rate:
                return None
            return self._random.choice(_possible(path))


def _possible(path: str) -> tuple[Fault, ...]:
    if "/content/" in path:
        return _ANYWHERE
    if path.endswith("/file"):
        return (*_ANYWHERE, *_WHERE_SEEN_THROUGH, wrongs.FLIPPED)
    return (*_ANYWHERE, *_WHERE_SEEN_THROUGH)
