"""The progress bar of a run: patients done, passed, for review, excluded, failed, time left."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from pdcp_dagster.domain.codes import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from pdcp_dagster.stages.outcome import PatientOutcome

_COUNTED = {
    Status.SUCCESS: "passed",
    Status.REVIEW: "review",
    Status.EXCLUDE: "excluded",
    Status.FAILED: "failed",
}

_UNSEEN = (OSError, ValueError)
"""Of a terminal that is gone, a full disk, a closed file: patients go on without a bar."""


class ProgressBar:
    """Counts outcomes while they come in."""

    def __init__(self, console: Console) -> None:
        self._counts: Counter[Status] = Counter()
        self._progress = Progress(
            TextColumn("patients"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[counts]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task: TaskID | None = None

    @contextmanager
    def over(self, patients: int) -> Iterator[None]:
        """Show the bar for this many patients."""
        with suppress(*_UNSEEN):
            self._progress.start()
            self._task = self._progress.add_task("patients", total=patients, counts=self.counts())
        try:
            yield
        finally:
            with suppress(*_UNSEEN):
                self._progress.stop()

    def patient_done(self, outcome: PatientOutcome) -> None:
        """Count one patient."""
        self.count(outcome.status)

    def count(self, status: Status) -> None:
        """Count a patient of this status."""
        self._counts[status] += 1
        if self._task is not None:
            with suppress(*_UNSEEN):
                self._progress.update(self._task, advance=1, counts=self.counts())

    def counts(self) -> str:
        """Return the counts in words."""
        return "  ".join(f"{self._counts[status]} {word}" for status, word in _COUNTED.items())
