"""The tables of the bench on large cohorts.

What lives here: how the figures of `scale`, `many_files`, `orchestration` and `second_run` are laid out beside their
targets. What does not: any measurement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from pdcp_dagster_tests.bench import many_files, orchestration, scale, second_run
from pdcp_dagster_tests.bench.printed import console, target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pdcp_dagster_tests.bench.many_files import JobCost
    from pdcp_dagster_tests.bench.orchestration import Orchestration
    from pdcp_dagster_tests.bench.scale import FromTags
    from pdcp_dagster_tests.bench.second_run import SecondRun


def from_tags(cost: FromTags) -> None:
    """Print what summaries and verification cost, and how much memory they took as they went."""
    cpu_s = (cost.client_cpu_s + cost.server_cpu_s) / cost.patients
    table = Table("summaries and verification, real Orthanc, no Dagster", "all", "per patient")
    table.add_row("patients", f"{cost.patients}", "")
    table.add_row("CPU s, client", f"{cost.client_cpu_s:.1f}", f"{cost.client_cpu_s / cost.patients:.3f}")
    table.add_row("CPU s, server", f"{cost.server_cpu_s:.1f}", f"{cost.server_cpu_s / cost.patients:.3f}")
    table.add_row("wall s", f"{cost.wall_s:.1f}", f"{cost.wall_s / cost.patients:.3f}")
    for done, memory_mb in cost.memory_mb.items():
        table.add_row(f"memory after {done}, MB", f"{memory_mb:.0f}", "")
    console.print(table)
    _at_most("from tags, client and server, CPU s a patient", scale.TARGET_CPU_S, cpu_s)
    grown_mb = max(cost.memory_mb.values()) - next(iter(cost.memory_mb.values()))
    _at_most("from tags, growth of memory in MB", scale.FLAT_MB, grown_mb)


def of_orchestration(cost: Orchestration) -> None:
    """Print what Dagster costs where stages cost nothing."""
    table = Table(f"pdcp run with stages that do nothing, {cost.checks} checks", "all", "per patient")
    table.add_row("patients", f"{cost.patients}", "")
    table.add_row("CPU s", f"{cost.cpu_s:.1f}", f"{cost.cpu_s / cost.patients:.3f}")
    table.add_row("wall s", f"{cost.wall_s:.1f}", f"{cost.wall_s / cost.patients:.3f}")
    table.add_row("Dagster's files, MB", f"{cost.instance_mb:.0f}", f"{cost.instance_mb / cost.patients:.2f}")
    console.print(table)
    name = f"orchestration with {cost.checks} checks, CPU s a patient"
    _at_most(name, orchestration.TARGETS[cost.checks], cost.cpu_s / cost.patients)


def of_jobs(patients: int, costs: Mapping[str, JobCost]) -> None:
    """Print what jobs over a whole cohort cost."""
    table = Table(f"{patients} patients", "wall s", "CPU s", "peak MB")
    for name, cost in costs.items():
        table.add_row(name, f"{cost.wall_s:.1f}", f"{cost.cpu_s:.1f}", f"{cost.peak_mb:.0f}")
    console.print(table)
    for name, cost in costs.items():
        _at_most(f"{name} over {patients} patients, wall s", many_files.TARGET_WALL_S, cost.wall_s)
        _at_most(f"{name} over {patients} patients, MB", many_files.TARGET_PEAK_MB, cost.peak_mb)


def of_second_run(cost: SecondRun) -> None:
    """Print what a run costs that has nothing to do."""
    table = Table(f"pdcp run, {cost.patients} tiny patients", "CPU s", "wall s", "collect runs made")
    table.add_row("first", f"{cost.first_cpu_s:.1f}", f"{cost.first_wall_s:.1f}", "")
    table.add_row("second", f"{cost.cpu_s:.1f}", f"{cost.wall_s:.1f}", f"{cost.runs_made}")
    table.add_row("second, Orthanc's share", f"{cost.server_cpu_s:.1f}", "", "")
    console.print(table)
    per_patient, start = second_run.TARGET_PATIENT_S, second_run.TARGET_START_S
    name = f"second run, {per_patient:g} s a patient and {start:g} s of start-up, wall s"
    _at_most(name, cost.allowed_s, cost.wall_s)
    target("second run makes no run", [f"{cost.runs_made}"] if cost.runs_made else [])


def _at_most(name: str, limit: float, figure: float) -> None:
    target(f"{name}, at most {limit:g}", [f"{figure:.3g}"] if figure > limit else [])
