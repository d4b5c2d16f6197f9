"""Where people read what a command says, and what becomes of the command when they are gone.

What lives here: standard output and error that are closed, full, or a pipe that nobody reads any more: what was to be
said is lost, the work and its exit code are not. What does not: what is said (`cli`).
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

from rich.console import Console

_STREAMS = (0, 1, 2)


class Terminal(Console):
    """A console that falls silent where it cannot be written to; `:pill:` in a PatientID is text and no picture."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, emoji=False)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print, or fall silent."""
        try:
            super().print(*objects, **options)
        except (OSError, ValueError):
            self.on_broken_pipe()

    def on_broken_pipe(self) -> None:
        """Say nothing more; what is kept to be written goes nowhere, so that Python's end is quiet, too."""
        self.quiet = True
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.file.fileno())
            os.close(nowhere)
            self.file.flush()


def require_streams() -> None:
    """Make sure that there are standard input, output and error: a file opened later must not take their numbers."""
    for number in _STREAMS:
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003 - its only form
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)
