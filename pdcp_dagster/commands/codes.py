"""`pdcp codes`: what each code means and what can be done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from pdcp_dagster.commands.deployment import WrongConfiguration
from pdcp_dagster.domain.code_registry import CODES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console


def show_codes(codes: Sequence[str], console: Console) -> None:
    """Print these codes, or all."""
    unknown = [code for code in codes if code not in CODES]
    if unknown:
        raise WrongConfiguration(f"no such code: {', '.join(map(repr, unknown))}; `pdcp codes` lists them all")
    table = Table("Code", "Effect", "Meaning", "What to do")
    for code in codes or CODES:
        entry = CODES[code]
        table.add_row(code, str(entry.effect), entry.meaning, entry.remedy)
    console.print(table)
