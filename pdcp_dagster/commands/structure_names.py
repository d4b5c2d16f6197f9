"""`pdcp structure-names`: what the ROIs of a cohort are called, and lines for its map to standard names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml
from rich.table import Table

from pdcp_dagster.commands.deployment import WrongConfiguration
from pdcp_dagster.commands.tables import printable
from pdcp_dagster.domain.structure_names import STATES, doubts_of
from pdcp_dagster.stages.structure_name_table import named_by_another_map, structure_name_table

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from typing import Any

    import pandas as pd
    from rich.console import Console

    from pdcp_dagster.adapters.store import CohortFolder
    from pdcp_dagster.commands.deployment import Deployment
    from pdcp_dagster.domain.structure_names import StructureNameMap

_COLOURS = {"conflict": "red", "unmapped": "yellow", "mapped": "green", "ignored": "dim"}


def show_structure_names(deployment: Deployment, cohort: str, console: Console, *, as_yaml: bool) -> None:
    """Print every name with what the map makes of it or, as_yaml, lines to paste into the map; needs no Orthanc."""
    settings = deployment.cohort(cohort)
    folder = deployment.store.cohort(cohort)
    if not folder.file("patient_ids").exists():
        raise WrongConfiguration(
            f"nothing of cohort {cohort!r} in {deployment.store.root} yet: `pdcp run --cohort {cohort}`"
        )
    structure_names = deployment.tables(settings).structure_names
    table = structure_name_table(folder, structure_names)
    if as_yaml:
        console.print(map_lines(table), markup=False, highlight=False, soft_wrap=True, end="")
        return
    console.print(_name_table(f"Structure names of cohort {cohort}", table))
    counts = table["state"].value_counts()
    told = structure_names.version if structure_names is not None else "no map (structure_names)"
    console.print("  ".join(f"{counts.get(state, 0)} {state}" for state in STATES) + f"  by {printable(told)}")
    tell_of_another_map(folder, structure_names, cohort, console)
    for doubt in doubts_of(structure_names) if structure_names is not None else ():
        console.print(f"[yellow]look at[/] {printable(doubt)}")


def tell_of_another_map(
    folder: CohortFolder, structure_names: StructureNameMap | None, cohort: str, console: Console
) -> None:
    """Say how many patients' tables were named by another map than the cohort's of today; nothing where none."""
    count = named_by_another_map(folder, structure_names)
    if count:
        told = f"{count} patient{'s have' if count != 1 else ' has'} names of an earlier map"
        console.print(f"[yellow]{told}[/] until `pdcp run --cohort {printable(cohort)}`", soft_wrap=True)


def map_lines(table: pd.DataFrame) -> str:
    """Return the lines of a map's `exact` for the names that have no standard name: a proposal, or a comment.

    Whatever a name holds, it is one quoted key on one line.
    """
    open_names = table[table["state"].isin(["conflict", "unmapped"])].to_dict("records")
    return "exact:\n" + "".join(_line(row) for row in open_names)


def _line(row: Mapping[Hashable, Any]) -> str:
    name = str(row["roi_name"])
    # What does not print may still steer a terminal, or turn the direction of what follows it.
    quoted = yaml.safe_dump(name, default_style='"', width=float("inf"), allow_unicode=name.isprintable())
    key = quoted.rstrip("\n")
    patients = f"{row['patients']} patient{'s' if row['patients'] != 1 else ''}"
    if isinstance(row["proposal"], str):
        return f"  {key}: {row['proposal']}  # {patients}; {row['proposed_because']}\n"
    return f"  # {key}:  # {patients}; nothing near in our list\n"


def _name_table(title: str, rows: pd.DataFrame) -> Table:
    table = Table(title=printable(title), title_justify="left", show_lines=False)
    for name in ("ROI name", "Patients", "State", "Standard name", "Why, or what to propose"):
        table.add_column(name, overflow="fold")
    for row in rows.astype(object).where(rows.notna(), "").to_dict("records"):
        proposal = f"propose {row['proposal']}: {row['proposed_because']}" if row["proposal"] else ""
        why = "; ".join(text for text in (str(row["reason"]), proposal) if text)
        state = f"[{_COLOURS[row['state']]}]{row['state']}[/]"
        name, standard_name = printable(row["roi_name"]), printable(row["roi_standard_name"])
        table.add_row(name, str(row["patients"]), state, standard_name, printable(why))
    return table
