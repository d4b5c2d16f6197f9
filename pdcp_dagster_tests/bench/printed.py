"""The tables of the bench.

What lives here: how figures are laid out, and `target ... met` or `missed`. What does not: any measurement.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pdcp_dagster_tests.bench import analytic, one_patient, peers, retrieval
from pdcp_dagster_tests.bench.analytic_cases import DOSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pdcp_dagster_tests.bench.analytic import Row
    from pdcp_dagster_tests.bench.end_to_end import Cost
    from pdcp_dagster_tests.bench.nifti_peer import NiftiRow
    from pdcp_dagster_tests.bench.peers import PeerAnswer
    from pdcp_dagster_tests.bench.retrieval import Retrieval

_NARROWEST = 150
console = Console(width=max(Console().width, _NARROWEST))
ALL_WIDE = "all wider than 4 dose voxels"
"""The row of `analytic.summary` that the targets are for."""
LINEAR_DOSES = ("SI", "AP")
PEER_TARGETS = {"platipy": 30.0, "dicompyler-core": 10.0}
_ERRORS = {
    "volume_pct": ("volume %", 4),
    "D95_gy": ("D95 Gy", 3),
    "D98_gy": ("D98 Gy", 3),
    "D2_gy": ("D2 Gy", 3),
    "dmean_gy": ("Dmean Gy", 4),
    "gap_pct": ("DVH gap %", 2),
}
"""Headings and decimals."""


def say(words: str) -> None:
    """Print a line as it is: what programs say is no markup."""
    console.print(Text(words))


def target(name: str, misses: Sequence[str]) -> None:
    """Say whether a target is met."""
    console.print(Text(f"target {name}: " + (f"missed ({'; '.join(misses)})" if misses else "met")))


def verification(rows: int, count: int, cpu_s: float) -> None:
    """Print what a verdict costs."""
    table = Table(f"verification of summaries of {rows} rows", "all", "per summary")
    table.add_row("CPU s", f"{cpu_s:.1f} ({count})", f"{cpu_s / max(count, 1):.4f}")
    console.print(table)


def accuracy(engine: str, measured: Sequence[Row], *, doses: Sequence[str] = DOSES) -> None:
    """Print an engine's errors by shape, mean and maximum, and why it failed where it did."""
    under = "" if tuple(doses) == tuple(DOSES) else f", doses {' and '.join(doses)}"
    headings = [heading for heading, _ in _ERRORS.values()]
    table = Table("shape", "cases", "failed", *headings, title=f"{engine}{under}: error, mean/max", box=SIMPLE)
    for row in analytic.summary(measured, doses=doses):
        errors = [_both(row, name, decimals) for name, (_, decimals) in _ERRORS.items()]
        table.add_row(str(row["shape"]), f"{row['cases']}", f"{row['failed']}", *errors)
    console.print(table)
    for why, cases in Counter(str(row["failed"]) for row in measured if "failed" in row).items():
        say(f"{engine} failed in {cases} cases: {why}")


def accuracy_target(name: str, measured: Sequence[Row], *, doses: Sequence[str] = DOSES) -> None:
    """Say whether an engine meets the targets for ROIs wider than four dose voxels."""
    (wide,) = [row for row in analytic.summary(measured, doses=doses) if row["shape"] == ALL_WIDE]
    target(name, analytic.missed(wide) if "volume_pct_max" in wide else ["it failed in every case"])


def _both(row: Row, name: str, decimals: int) -> str:
    figures = [row.get(f"{name}_{which}") for which in ("mean", "max")]
    return (
        "failed"
        if None in figures
        else "/".join(_short(float(figure), decimals) for figure in figures if figure is not None)
    )


def _short(figure: float, decimals: int) -> str:
    return f"{figure:.{min(decimals, 2) if figure >= 1 else decimals}f}"


def masks(rows: Iterable[Row]) -> None:
    """Print how many pixels differ from the oracle's."""
    table = Table("random polygons against matplotlib", "pixels", "inside", "differing", "CPU s", "matplotlib's")
    pixels = differing = 0.0
    for row in rows:
        counts = [f"{row[name]:,.0f}" for name in ("pixels", "inside", "differing")]
        table.add_row(str(row["polygons"]), *counts, f"{row['cpu_s']:.2f}", f"{row['oracle_cpu_s']:.2f}")
        pixels, differing = pixels + float(row["pixels"]), differing + float(row["differing"])
    console.print(table)
    target("no pixel differs", [f"{differing:.0f} of {pixels:,.0f}"] if differing else [])


def one(found: Mapping[str, float]) -> None:
    """Print what one full-size patient costs, by stage."""
    table = Table("one patient, 512 x 512 x 150, 30 ROIs, one thread", "figure", "target at most")
    for name, figure in found.items():
        limit = one_patient.TARGETS.get(name)
        unit = "MB" if name == "peak_mb" else "CPU s"
        table.add_row(f"{name.removesuffix('_mb')}, {unit}", f"{figure:.{0 if unit == 'MB' else 2}f}", f"{limit or ''}")
    console.print(table)
    for name, limit in one_patient.TARGETS.items():
        figure = found[name]
        target(f"{name} at most {limit:g}", [f"{figure:.3g}"] if figure > limit else [])


def side_by_side(answers: Mapping[str, PeerAnswer]) -> None:
    """Print the CPU seconds of masks and DVHs of each program on the same files, and how many times ours that is."""
    table = Table("the same files, RT objects read", "masks", "DVHs", "masks + DVHs, CPU s", "times ours", "peak MB")
    ours = _masks_and_dvhs(answers[peers.OURS])
    for name, answer in answers.items():
        whole = _masks_and_dvhs(answer)
        steps = [f"{answer.cpu_s[step]:.2f}" if step in answer.cpu_s else "" for step in ("masks", "DVHs")]
        table.add_row(name, *steps, f"{whole:.2f}", f"{whole / ours:.1f}", f"{answer.peak_mb:.0f}")
    console.print(table)
    for name, answer in answers.items():
        missing = [f"{roi}: {dvh}" for roi, dvh in answer.rois.items() if isinstance(dvh, str)]
        for line in [*([answer.failure] if answer.failure else []), *missing]:
            say(f"{name} failed: {line}")
    for name, least in PEER_TARGETS.items():
        ratio = _masks_and_dvhs(answers[name]) / ours
        target(f"{name} at least {least:g} times ours", [] if ratio >= least else [f"{ratio:.1f}"])


def _masks_and_dvhs(answer: PeerAnswer) -> float:
    return sum(answer.cpu_s.get(step, 0.0) for step in ("masks", "DVHs"))


def nifti(rows: Iterable[NiftiRow]) -> None:
    """Print where our CT file and dcm2niix's of the same DICOM differ."""
    table = Table("CT beside dcm2niix", "voxels", "centres apart at most, mm", "values that differ")
    strange = []
    for row in rows:
        figures = ("failed", row.failure) if row.failure else (f"{row.apart_mm:.5f}", f"{row.differing}")
        table.add_row(row.position, f"{row.voxels}", *map(Text, figures))
        strange += [] if row.alike else [row.position]
    console.print(table)
    target("every value at the same patient point", strange)


def end_to_end(cost: Cost, patients: int) -> None:
    """Print what `pdcp run` costs."""
    table = Table("pdcp run, cold store", "all", "per patient")
    table.add_row("CPU s, the program", f"{cost.cpu_s:.1f}", f"{cost.cpu_s / patients:.2f}")
    table.add_row("CPU s, Orthanc", f"{cost.server_cpu_s:.1f}", f"{cost.server_cpu_s / patients:.2f}")
    table.add_row("wall s", f"{cost.wall_s:.1f}", f"{cost.wall_s / patients:.2f}")
    table.add_row("largest process, MB", f"{cost.peak_mb:.0f}", "")
    table.add_row("store, MB", f"{cost.store_mb:.0f}", f"{cost.store_mb / patients:.0f}")
    console.print(table)
    figures = {
        "CPU s a patient, Orthanc's too": ((cost.cpu_s + cost.server_cpu_s) / patients, 7.0),
        "wall s a patient": (cost.wall_s / patients, 4.0),
        "MB of the largest process": (cost.peak_mb, 1000.0),
    }
    for name, (figure, limit) in figures.items():
        target(f"{name} at most {limit:g}", [f"{figure:.3g}"] if figure > limit else [])


def retrieved(found: Retrieval) -> None:
    """Print what a CT series costs each way, and the two ratios that have targets."""
    ways = (retrieval.PLAIN, retrieval.OURS, retrieval.OURS_MD5, retrieval.COPY)
    cost = {way: found.cost(way) for way in ways}
    table = Table(f"one CT series, {found.size_mb:.0f} MB", "wall s", "CPU s, client", "CPU s, Orthanc", "times a copy")
    for way, spent in cost.items():
        figures = (spent.wall_s, spent.client_s, spent.server_s, spent.wall_s / cost[retrieval.COPY].wall_s)
        table.add_row(way, *(f"{figure:.2f}" for figure in figures))
    console.print(table)
    ours = cost[retrieval.OURS].wall_s
    faster, slower = cost[retrieval.PLAIN].wall_s / ours, ours / cost[retrieval.COPY].wall_s
    met = (faster >= retrieval.FASTER_THAN_PLAIN, slower <= retrieval.SLOWER_THAN_COPY)
    target(f"at least {retrieval.FASTER_THAN_PLAIN:g} times as fast as plainly", [] if met[0] else [f"{faster:.1f}"])
    target(f"within {retrieval.SLOWER_THAN_COPY:g} times of copying", [] if met[1] else [f"{slower:.1f}"])
    say(f"{faster:.0f} times as fast as plainly, {slower:.1f} times as slow as copying")
