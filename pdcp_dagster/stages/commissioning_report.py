"""The commissioning of a cohort as a dated report: a table and a page.

What lives here: the two files and what the page says. What does not: counting and wording (`commissioning_result`), the
look of the page (`adapters.commissioning_page`), what day it is (the command).
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.atomic import write_bytes
from pdcp_dagster.adapters.commissioning_page import CommissioningPage, render_commissioning
from pdcp_dagster.adapters.parquet import write_table
from pdcp_dagster.domain.commissioning import DIFFERS
from pdcp_dagster.stages.commissioning import own_convention
from pdcp_dagster.stages.commissioning_result import COMPARED

if TYPE_CHECKING:
    from pathlib import Path

    from pdcp_dagster.stages.commissioning_result import Commissioned

TABLE, PAGE = "commissioning.parquet", "commissioning.html"
_MOST_A_DAY = 1000


def write_commissioning(commissioned: Commissioned, root: Path) -> Path:
    """Write commissioning.parquet and commissioning.html into a folder of the day's below `root`; return the folder.

    An earlier report of the day is left alone: the second is `<day>-2`. Raises OSError.
    """
    day = commissioned.day.isoformat()
    page = render_commissioning(_page(commissioned)).encode()
    folder = _new_folder(root, day)
    cohort, tolerances = commissioned.settings.cohort, commissioned.tolerances
    told = {field.name: str(getattr(tolerances, field.name)) for field in fields(tolerances)}
    about = {"cohort": cohort.name, "date": day, "cohort_file": cohort.config_hash(), "verdict": commissioned.verdict}
    write_table(commissioned.table, folder / TABLE, about | told)
    write_bytes(folder / PAGE, page)
    return folder


def _new_folder(root: Path, day: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for number in range(1, _MOST_A_DAY):
        folder = root / (day if number == 1 else f"{day}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{root} has {_MOST_A_DAY - 1} reports of {day} already")


def _page(commissioned: Commissioned) -> CommissioningPage:
    cohort = commissioned.settings.cohort
    own, within = own_convention(commissioned.settings), commissioned.within
    tone = next((verdict for verdict in COMPARED if commissioned.counts[verdict]), DIFFERS)
    return CommissioningPage(
        title=f"Commissioning of cohort {cohort.name}",
        verdict=f"{commissioned.verdict} {commissioned.advice}".rstrip(),
        tone=DIFFERS if commissioned.failed or commissioned.torn else tone,
        facts=(
            ("Date", commissioned.day.isoformat()),
            ("Patients compared", str(commissioned.patients)),
            ("Planning systems, as the plans name them", ", ".join(commissioned.systems) or "not named"),
            ("Software", f"pdcp_dagster {commissioned.settings.software_version}"),
            ("Cohort file", f"{cohort.version or cohort.name} ({cohort.config_hash()})"),
            ("The cohort's own convention", own.told),
        ),
        tolerances=commissioned.tolerances.told(),
        conventions=[
            (each.told + (", the cohort's own" if each == own else ""), f"{count} of {len(commissioned.rois)}")
            for each, count in within.items()
        ],
        records=commissioned.compared,
        others=commissioned.reasons(),
    )
