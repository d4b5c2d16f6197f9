"""What a person reads in the terminal: the cohort's patients with status and reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from pdcp_dagster.domain.codes import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

COLOURS = {
    Status.SUCCESS: "green",
    Status.REVIEW: "yellow",
    Status.EXCLUDE: "cyan",
    Status.FAILED: "red",
    Status.PENDING: "dim",
}


def patient_table(title: str, rows: Iterable[Mapping[Any, Any]]) -> Table:
    """Return a table of rows with patient_id, status and reason; PatientIDs are untrusted text and shown as such."""
    table = Table(title=title, title_justify="left", show_lines=False)
    table.add_column("Patient", no_wrap=True)
    table.add_column("Status", no_wrap=True)
    table.add_column("Reason", overflow="fold")
    for row in rows:
        colour = COLOURS[Status(row["status"])]
        table.add_row(printable(row["patient_id"]), f"[{colour}]{row['status']}[/]", printable(row["reason"]))
    return table


def printable(text: object) -> str:
    """Return untrusted text as it may stand in a line of markup, without what would steer a terminal."""
    letters = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(text))
    # Rich doubles a backslash at the very end, and shows both where no tag follows.
    return escape(f"{letters} ")[:-1]
