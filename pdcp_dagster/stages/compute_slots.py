"""Who may convert: more workers than cores, so that some download meanwhile, and never more conversions than cores.

What lives here: the slots. What does not: workers (`worker`), or which stage needs a slot (`chain`).

A slot is a locked byte of a file without a name: the kernel gives it back when its holder dies, a semaphore would not.
"""

from __future__ import annotations

import fcntl
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.reduction import DupFd
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class ComputeSlots:
    """So many slots, shared by the processes that have this file open; locks are per process, not per thread."""

    file: int
    slots: int

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to a process that is being started, together with the open file."""
        return _arrived, (DupFd(self.file), self.slots)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold one slot, waited for as long as it takes."""
        slot = self._take()
        try:
            yield
        finally:
            fcntl.lockf(self.file, fcntl.LOCK_UN, 1, slot)

    def _take(self) -> int:
        while True:
            for slot in range(self.slots):
                try:
                    fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
                except (BlockingIOError, PermissionError):  # POSIX allows either for a lock that another holds
                    continue
                return slot
            time.sleep(_POLL_S)


def _arrived(file: Any, slots: int) -> ComputeSlots:
    return ComputeSlots(file.detach(), slots)


@contextmanager
def slot_file() -> Iterator[int]:
    """Yield a descriptor of an empty file without a name, for `ComputeSlots`; the kernel removes it with its users."""
    with tempfile.TemporaryFile() as file:
        yield file.fileno()
