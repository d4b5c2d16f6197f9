"""Blows against processes while a run is under way: the run itself, one of its workers, or the real Orthanc."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter
from contextlib import suppress
from typing import Self

import psutil

from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc

_EVERY_S = (5.0, 20.0)
_ORTHANC_DOWN_S = (0.5, 4.0)
_SIGNALS = ("SIGINT", "SIGTERM", "SIGKILL")
_BLOWS = (*_SIGNALS, *("worker killed",) * 4, *("Orthanc restarted",) * 3)
"""Signals less often: a run must also come to its end."""


class Blows:
    """Strikes every few seconds, as a seed says; a context manager.

    struck: how often each blow fell. Whoever is struck, only what this program has started can be.
    """

    def __init__(self, server: PrivateOrthanc, seed: int) -> None:
        self._server = server
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._target: int | None = None
        self._thread = threading.Thread(target=self._strike_on)
        self.struck = Counter[str]()

    def aim_at(self, pid: int | None) -> None:
        """Name the run that is to be struck, the leader of its own process group; None: no run is under way."""
        with self._lock:
            self._target = pid

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _strike_on(self) -> None:
        while not self._over.wait(self._random.uniform(*_EVERY_S)):
            blow = self._random.choice(_BLOWS)
            if blow == "Orthanc restarted":
                self._restart()
            elif not self._strike(blow):
                continue
            self.struck[blow] += 1

    def _restart(self) -> None:
        self._server.kill()
        self._over.wait(self._random.uniform(*_ORTHANC_DOWN_S))
        self._server.start()

    def _strike(self, blow: str) -> bool:
        """Strike the run or one of its workers; return whether there was anybody to strike."""
        with self._lock, suppress(ProcessLookupError, psutil.NoSuchProcess):
            if self._target is None:
                return False
            if blow == "SIGINT":  # as Ctrl-C in a terminal
                os.killpg(self._target, signal.SIGINT)
            elif blow == "worker killed":
                workers = _workers(self._target)
                if not workers:
                    return False
                self._random.choice(workers).kill()
            else:
                os.kill(self._target, signal.Signals[blow])
            return True
        return False


def _workers(run: int) -> list[psutil.Process]:
    """Return the processes that the run's fork server has made."""
    return [
        process
        for process in psutil.Process(run).children(recursive=True)
        if process.ppid() != run and "forkserver" in " ".join(process.cmdline())
    ]
