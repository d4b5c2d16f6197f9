"""Linear algebra in one thread: patients are spread over processes, and sums come out the same to the last bit.

What lives here: holding the libraries of this process to it, whatever the environment says. What does not: processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


def in_one_thread() -> AbstractContextManager[object]:
    """Have BLAS use one thread while this lasts: with several, the order of a sum depends on how many there are."""
    limits: AbstractContextManager[object] = threadpool_limits(limits=1)
    return limits
