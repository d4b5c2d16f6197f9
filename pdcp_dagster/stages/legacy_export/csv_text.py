"""Tables as CSV text (RFC 4180): text in quotes, so that a reader of text keeps 007, numbers bare, nothing empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Cell = str | int | float | None


def csv_bytes(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Return a table as UTF-8; the names of the columns are plain words and stand without quotes."""
    lines = [",".join(columns), *(",".join(map(_cell, row)) for row in rows)]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    return f'"{value.replace(chr(34), chr(34) * 2)}"' if isinstance(value, str) else repr(value)
