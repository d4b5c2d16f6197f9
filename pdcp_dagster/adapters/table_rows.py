"""The rows of one patient in a Parquet table, and all that a table says in words.

What lives here: removing rows and reading text, of any table. What does not: tables as a whole (`parquet`), which
tables there are (stages).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pdcp_dagster.adapters.atomic import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


class RowsError(Exception):
    """A file that is no readable Parquet table; the message names it."""


def count_rows_of(path: Path, wanted: Mapping[str, str]) -> int:
    """Return how many rows have one of these values in the column of that name. Raises RowsError, OSError."""
    table = _read(path)
    return int(pc.sum(_is_wanted(table, wanted)).as_py() or 0)


def drop_rows_of(path: Path, wanted: Mapping[str, str]) -> int:
    """Remove these rows (`count_rows_of`), the whole file or nothing; a table without any is not written.

    Column types, schema metadata and the order of the other rows stay. Raises RowsError, OSError.
    """
    table = _read(path)
    chosen = _is_wanted(table, wanted)
    dropped = int(pc.sum(chosen).as_py() or 0)
    if dropped:
        with whole_file(path) as temporary:
            pq.write_table(table.filter(pc.invert(chosen)), temporary, compression="snappy")
    return dropped


def texts_of(path: Path) -> Iterator[str]:
    """Yield each different text of a table: cells, members of lists, schema metadata. Raises RowsError, OSError."""
    table = _read(path)
    for key, value in (table.schema.metadata or {}).items():
        yield f"{key.decode(errors='replace')} {value.decode(errors='replace')}"
    for column in table.columns:
        if _holds_text(column.type):
            # Dictionary-encoded first: a cohort's table has few different texts.
            values = column.unique() if _is_text(column.type) else column
            for value in values.to_pylist():
                yield from _texts_in(value)


def _read(path: Path) -> pa.Table:
    try:
        with path.open("rb") as source, pq.ParquetFile(source) as file:
            return file.read(use_threads=False)
    except pa.ArrowException as error:
        raise RowsError(f"{path} is no readable Parquet table: {error}") from error


def _is_wanted(table: pa.Table, wanted: Mapping[str, str]) -> pa.Array:
    chosen = pa.array([False] * table.num_rows, pa.bool_())
    for name, value in wanted.items():
        if name in table.column_names and _is_text(table[name].type):
            same = pc.fill_null(pc.equal(table[name], value), fill_value=False)
            chosen = pc.or_(chosen, same.combine_chunks())
    return chosen


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _holds_text(kind: pa.DataType) -> bool:
    if _is_text(kind):
        return True
    if pa.types.is_dictionary(kind):
        return _holds_text(kind.value_type)
    return any(_holds_text(kind.field(number).type) for number in range(kind.num_fields))


def _texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts_in(each)
