"""What `pdcp forget` says: what will go, and what is left.

What lives here: words. What does not: finding and removing (`forget`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdcp_dagster.commands.tables import printable
from pdcp_dagster.stages.naming import without_patient_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from pdcp_dagster.adapters.store.forgetting_marks import PatientNames
    from pdcp_dagster.commands.dagster_history import History
    from pdcp_dagster.commands.dagster_mentions import Named
    from pdcp_dagster.domain.cohort import Cohort
    from pdcp_dagster.stages.forgetting import Found

_KB = 1000


@dataclass(frozen=True, slots=True)
class Doomed:
    """A patient to be forgotten. runs: ids of runs that name the patient beside what is removed with the partition."""

    names: PatientNames
    name: str
    found: Found
    history: History | None
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Remains:
    """What is left of a patient. databases: SQLite files that may hold the name in free pages."""

    doomed: Doomed
    cohort: Cohort
    troubles: tuple[str, ...]
    files: tuple[str, ...]
    named: Named | None
    databases: tuple[str, ...]

    @property
    def is_nothing(self) -> bool:
        """Whether nothing of the patient is left."""
        silent = self.named is None or self.named.is_nothing
        return silent and not (self.troubles or self.files or self.databases)


def told_beforehand(doomed: Sequence[Doomed], console: Console, *, delete_runs: bool) -> None:
    """Print what is to be removed of each patient."""
    for each in doomed:
        console.print(f"To be removed of {printable(each.name)}:")
        for line in _of(each):
            console.print(f"  {printable(line)}", soft_wrap=True)
        if each.runs:
            fate = "deleted, and other patients' history in them with it" if delete_runs else "kept (--delete-runs)"
            console.print(f"  {len(each.runs)} runs of Dagster that name the patient elsewhere: {fate}", soft_wrap=True)
            console.print(f"    {', '.join(each.runs)}", soft_wrap=True)


def _of(doomed: Doomed) -> Iterator[str]:
    found, history = doomed.found, doomed.history
    for what, (count, size) in found.files.items():
        yield f"{what}: {count} files, {_bytes(size)}"
    for table, rows in found.rows.items():
        yield f"{table}: {rows} rows"
    for page in found.pages:
        yield f"{page}: " + ("removed and made anew" if page == "cohort_report.html" else "removed")
    if found.decision:
        yield "decisions.yaml: 1 decision"
    if history is not None:
        partition = "the partition, " if history.partition else ""
        yield f"Dagster: {partition}{history.events} events, {history.checks} check results"


def told_remains(remains: Remains, own_files: Sequence[str], other_cohorts: Sequence[str], console: Console) -> None:
    """Print whether the patient is forgotten, or what is left and why; then what was not meant, or not ours."""
    names = remains.doomed.names

    def tell(line: str) -> None:
        told = without_patient_id(remains.cohort, line, names.patient_id, names.partition_key)
        console.print(f"  {printable(told)}", soft_wrap=True)

    name = printable(remains.doomed.name)
    if remains.is_nothing:
        console.print(f"Forgotten: {name}. Nothing of this cohort names the patient any more.", soft_wrap=True)
    else:
        console.print(f"[red]Not wholly forgotten[/]: {name}. Left:", soft_wrap=True)
    for line in (*remains.troubles, *remains.files, *_recorded(remains)):
        tell(line)
    if other_cohorts:
        tell(f"the store has the patient in other cohorts, too: {', '.join(other_cohorts)}")
    if own_files:
        tell(f"not touched, being yours: {', '.join(own_files)}. Listings and reports follow the cohort's list.")


def _recorded(remains: Remains) -> Iterator[str]:
    named = remains.named
    if named is not None:
        if named.runs:
            key = remains.doomed.names.partition_key
            yield f"runs of Dagster (--patient {key} --delete-runs deletes them): {', '.join(sorted(named.runs))}"
        if named.backfills:
            yield f"backfills of Dagster (go with --delete-runs): {', '.join(sorted(named.backfills))}"
        if named.ticks:
            yield f"{len(named.ticks)} ticks of sensors or schedules (go with --delete-runs)"
        yield from (f"Dagster: {each}" for each in sorted(named.elsewhere))
    for database in remains.databases:
        yield f"free pages of {database}: stop the Dagster UI and daemon, which read from it, and do this again"


def _bytes(size: int) -> str:
    return f"{size} bytes" if size < _KB else f"{size / _KB:.1f} kB" if size < _KB**2 else f"{size / _KB**2:.1f} MB"
