"""PatientIDs are text from outside: they neither steer a terminal nor become colours, pictures or paths."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from rich.console import Console

from pdcp_dagster.adapters.parquet import write_table
from pdcp_dagster.commands.tables import patient_table, printable
from pdcp_dagster.domain.keys import partition_key

if TYPE_CHECKING:
    from pdcp_dagster_tests.commands.conftest import Clinic

HOSTILE = (
    "[red]x[/]",
    "[/]",
    "[link=http://evil]y[/link]",
    ":warning:",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "line\nbreak\rback",
    "\x9b31mcsi",
    "right\u202eleft",
    "trailing\\",
    "../../etc/passwd",
    "ü/ß Ω",
)


def shown(text: str) -> str:
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


@pytest.mark.parametrize("patient_id", HOSTILE, ids=ascii)
@pytest.mark.parametrize("terminal", [False, True])
def test_a_table_shows_the_letters_and_nothing_else(patient_id: str, terminal: bool) -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=120, force_terminal=terminal, color_system=None, emoji=False)
    console.print(patient_table("Cohort", [{"patient_id": patient_id, "status": "FAILED", "reason": patient_id}]))
    (row,) = [line for line in stream.getvalue().splitlines() if "FAILED" in line]
    assert row.split("│")[1].strip() == shown(patient_id)
    assert row.split("│")[3].strip() == shown(patient_id)


@pytest.mark.parametrize("patient_id", HOSTILE, ids=ascii)
def test_a_line_shows_the_letters_and_nothing_else(patient_id: str) -> None:
    stream = io.StringIO()
    Console(file=stream, emoji=False).print(f"[red]failed[/] {printable(patient_id)}: why", soft_wrap=True)
    assert stream.getvalue() == f"failed {shown(patient_id)}: why\n"


def test_status_prints_hostile_patients_harmlessly(clinic: Clinic) -> None:
    """The patient list is written as `patient_ids` writes it: what an archive may hold, Orthanc or not."""
    clinic.cohort("hostile", HOSTILE[:1])
    rows = [(text, "orthanc", partition_key(text), 1) for text in HOSTILE]
    table = pd.DataFrame(rows, columns=["patient_id", "orthanc_id", "partition_key", "studies"])
    file = Path(clinic.settings["PDCP_STORE"]) / "hostile" / "patient_ids.parquet"
    file.parent.mkdir(parents=True)
    write_table(table, file)
    answer = clinic.pdcp("status", "--cohort", "hostile", **clinic.settings)
    assert answer.returncode == 0, answer.stderr
    assert all(character.isprintable() or character == "\n" for character in answer.stdout)
    cells = [line.split("│")[1].strip() for line in answer.stdout.splitlines() if line.startswith("│")]
    assert cells == [shown(text) for text in HOSTILE]
    assert f"{len(HOSTILE)} PENDING" in answer.stdout
