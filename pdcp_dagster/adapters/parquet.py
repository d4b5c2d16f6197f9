"""Tables as Parquet files.

What lives here: writing and reading one table, and scanning many. What does not: which columns a table has (domain), or
where it lies (`store`).
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from pdcp_dagster.adapters.atomic import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

_JOINED_AT_ONCE = 100
"""A small table takes many times its size as long as it is a table of its own."""


class TableError(Exception):
    """A table file that cannot be read; the message names the file."""


def write_table(table: pd.DataFrame, path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write `table` to `path`, whole or not at all; `metadata` goes into the file's schema metadata.

    Column types, nulls and strings come back as they were (`read_table`).
    """
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    extra = {key.encode(): value.encode() for key, value in (metadata or {}).items()}
    arrow = arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), **extra})
    with whole_file(path) as temporary:
        # Thousands of small tables are read for one of a cohort: what starts up for each column decides, not the ratio.
        pq.write_table(arrow, temporary, compression="snappy")


def read_table(path: Path) -> pd.DataFrame:
    """Read one table.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    TableError
        Where there is a file that is no Parquet table.

    """
    table: pd.DataFrame = _read_arrow(path).to_pandas()
    return table


def read_table_metadata(path: Path) -> dict[str, str]:
    """Return the schema metadata that `write_table` was given (pandas' own entry left out)."""
    metadata = _read_arrow(path, columns=[]).schema.metadata or {}
    return {key.decode(): value.decode() for key, value in metadata.items() if key not in {b"pandas", b"ARROW:schema"}}


def read_columns(path: Path, names: Sequence[str]) -> dict[str, list[Any]]:
    """Return some columns of one table as plain values, None where null; a column that there is not is left out.

    Much faster than `read_table` where few columns of a small table are wanted. Raises like that.
    """
    arrow = _read_arrow(path, columns=list(names))
    return {name: arrow[name].to_pylist() for name in names if name in arrow.column_names}


def read_numbers(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return some columns of numbers of one table as arrays, NaN where null. Raises like `read_table`."""
    arrow = _read_arrow(path, columns=list(names))
    return {name: arrow[name].to_numpy() for name in names if name in arrow.column_names}


def count_rows(path: Path) -> int:
    """Return how many rows a table has, from the end of its file alone. Raises like `read_table`."""
    try:
        return int(pq.read_metadata(path).num_rows)
    except pa.ArrowInvalid as error:
        raise TableError(f"{path} is no readable Parquet table: {error}") from error


def concatenate_tables(paths: Iterable[Path]) -> pd.DataFrame | None:
    """Read many tables of one kind as one; columns that some lack are null there. None where there is no path.

    Takes little more memory than the result: small tables are joined as they come.
    """
    waiting = iter(paths)
    parts = []
    while some := [_read_arrow(path) for path in islice(waiting, _JOINED_AT_ONCE)]:
        parts.append(_joined(some).combine_chunks())
    if not parts:
        return None
    table = _joined(parts)
    parts.clear()  # `to_pandas` gives a column's memory back once it is converted, if nobody else holds it
    frame: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True)
    return frame


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables, promote_options="permissive")


def _read_arrow(path: Path, columns: list[str] | None = None) -> pa.Table:
    try:
        # Not `read_table`, which plans for many files; and a thread for each column of a small table costs more than
        # it saves.
        with path.open("rb") as source, pq.ParquetFile(source) as file:
            return file.read(columns=columns, use_threads=False)
    except pa.ArrowInvalid as error:
        raise TableError(f"{path} is no readable Parquet table: {error}") from error
