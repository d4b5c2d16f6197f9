"""What Ctrl-C, `kill` and a closed terminal mean to a command that works for hours.

What lives here: signals, and how long a stopping command is waited for. What does not: what stopping means for patients
(`stages.pool`), or what is printed (`cli`).

Dagster puts handlers of its own on the main thread, for which SIGTERM and SIGINT are the same and which raise wherever
the program happens to be. So the work goes on in a thread of its own, where Dagster leaves signals alone.

First SIGINT: nobody new is begun, patients under work are finished. Second SIGINT, SIGTERM, SIGHUP: all ends at once,
since whoever sends those (systemd, docker, a closing session) kills after 10 to 90 seconds.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from pdcp_dagster.stages import stopping
from pdcp_dagster.stages.stopping import Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

T = TypeVar("T")

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_POLL_S = 0.05
_GRACE_S = 5.0
"""For Dagster to record the end of its run, once all is to end at once; docker kills after 10 s."""


class Stopped(Exception):  # noqa: N818 - asked for, no error
    """The work was stopped by a signal. abandoned: its thread is still there, so only `os._exit` ends the process."""

    def __init__(self, number: int, *, abandoned: bool) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number
        self.abandoned = abandoned


@dataclass
class _Listener:
    """What has arrived so far."""

    on_first_interrupt: Callable[[], None]
    number: int | None = None
    at_once_since: float = field(default=float("inf"))

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Handle one signal."""
        gently = number == signal.SIGINT and self.number is None and bool(_open)
        self.number = number
        if gently:
            stopping.ask(Stop.AFTER_CURRENT)
            self.on_first_interrupt()
        else:
            stopping.ask(Stop.AT_ONCE)
            self.at_once_since = min(self.at_once_since, time.monotonic())

    def has_waited_enough(self) -> bool:
        """Whether the work has had its time to end by itself; without anything open it needs none."""
        return time.monotonic() > self.at_once_since + (_GRACE_S if _open else 0.0)


_open: list[Callable[[], object]] = []


@contextmanager
def closed_if_abandoned(close: Callable[[], object]) -> Iterator[None]:
    """While this lasts there is something to end well: its end is waited for, in vain `close` is called."""
    _open.append(close)
    try:
        yield
    finally:
        _open.remove(close)


def stoppable(work: Callable[[], T], on_first_interrupt: Callable[[], None]) -> T:
    """Do `work` and return or raise what it does; only for the main thread.

    on_first_interrupt: called when a first SIGINT has come and patients under work are being finished.

    Raises
    ------
    Stopped
        Where a signal came, and the work did not come to its end all the same: whatever broke it off then, a database
        that was busy for one, says nothing to whoever asked for the end.

    """
    stopping.forget()
    listener = _Listener(on_first_interrupt)
    result: Future[T] = Future()
    thread = threading.Thread(target=_work_into, args=(work, result), daemon=True)
    with _listening(listener), _output_kept() as give_back_output:
        thread.start()
        while thread.is_alive() and not listener.has_waited_enough():
            thread.join(_POLL_S)
        if thread.is_alive():
            _close_all()
            give_back_output()
    abandoned = not result.done()
    if listener.number is not None and (abandoned or result.exception() is not None):
        raise Stopped(listener.number, abandoned=abandoned) from None if abandoned else result.exception()
    return result.result()


def _work_into(work: Callable[[], T], result: Future[T]) -> None:
    # Inherited by what the work starts: Ctrl-C and a closed terminal reach all of them, and mean nothing to them.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        result.set_result(work())
    except BaseException as error:  # noqa: BLE001 - raised again on the main thread
        result.set_exception(error)


@contextmanager
def _listening(listener: _Listener) -> Iterator[None]:
    """Listen to the signals, but for those that the process was started to ignore (nohup, a script's background)."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    heard = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in heard:
        signal.signal(number, listener)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


@contextmanager
def _output_kept() -> Iterator[Callable[[], None]]:
    """Yield what gives standard output and error back as they are now: during a step Dagster writes them to files."""
    kept = {number: os.dup(number) for number in (1, 2)}

    def give_back() -> None:
        for number, copy in kept.items():
            os.dup2(copy, number)

    try:
        yield give_back
    finally:
        for copy in kept.values():
            os.close(copy)


def _close_all() -> None:
    for close in _open:
        # The process ends now whatever happens; the next command closes what is left open.
        with suppress(Exception):
            close()
