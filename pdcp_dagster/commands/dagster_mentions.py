"""Where Dagster's records name a patient.

What lives here: searching the tables of an instance's storages, and the files of its home. What does not: removing
(`dagster_history`), what a mention is (`domain.mentions`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as db
from dagster._core.storage.event_log import SqlEventLogStorage, SqliteEventLogStorage
from dagster._core.storage.runs import SqlRunStorage
from dagster._core.storage.schedules import SqlScheduleStorage

from pdcp_dagster.commands.deployment import WrongConfiguration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    import dagster as dg
    from sqlalchemy.engine import Connection

    from pdcp_dagster.domain.mentions import Mentions

_ROW_IS_OF = ("run_id", "asset_key", "partition", "partitions_def_name", "key", "backfill_id", "id")
_DATABASES = (".db", ".db-wal", ".db-shm", ".db-journal")


@dataclass
class Named:
    """Who names a patient: runs, backfills and ticks by id, and what else there is, as `table.column` or a file."""

    runs: set[str] = field(default_factory=set)
    backfills: set[str] = field(default_factory=set)
    ticks: set[int] = field(default_factory=set)
    elsewhere: set[str] = field(default_factory=set)

    @property
    def is_nothing(self) -> bool:
        """Whether nothing names the patient."""
        return not (self.runs or self.backfills or self.ticks or self.elsewhere)


def connections(instance: dg.DagsterInstance) -> Iterator[Callable[[], AbstractContextManager[Connection]]]:
    """Yield what opens each database of an instance: the index of events, each run's events on SQLite, runs, ticks.

    Raises WrongConfiguration for a storage that is no SQL database.
    """
    events, runs, ticks = instance.event_log_storage, instance.run_storage, instance.schedule_storage
    if not isinstance(events, SqlEventLogStorage) or not isinstance(runs, SqlRunStorage):
        raise WrongConfiguration("dagster.yaml: only Dagster's SQL storages (SQLite, Postgres) can be searched")
    yield events.index_connection
    for shard in shards(events):
        yield partial(events.run_connection, shard)
    yield runs.connect
    if isinstance(ticks, SqlScheduleStorage):
        yield ticks.connect


def shards(events: SqlEventLogStorage) -> list[str]:
    """Return the runs that have a database of their own for their events, as they do on SQLite."""
    return sorted(events.get_all_run_ids()) if isinstance(events, SqliteEventLogStorage) else []


def mentions_in_dagster(
    instance: dg.DagsterInstance,
    home: Path,
    mentions: Mentions,
    is_others: Callable[[Mapping[str, Any]], bool] = lambda _: False,
) -> Named:
    """Return who names a patient in an instance's records.

    home: files below it are searched, too. is_others: tells of a row, by the columns that say whose it is, that it is
    not about this cohort's patient.
    """
    named = Named()
    tables: dict[str, list[db.Table]] = {}
    for connection in connections(instance):
        with connection() as opened:
            # Each run's database has the tables of the index.
            kind = str(connection.func if isinstance(connection, partial) else connection)
            if kind not in tables:
                tables[kind] = _tables(opened)
            for table in tables[kind]:
                for column, row in _rows_naming(opened, table, mentions):
                    if not is_others({"table": table.name, **row}):
                        _attribute(named, table.name, column, row)
    for path in sorted(home.rglob("*")):
        relative = path.relative_to(home)
        if path.is_file() and not path.name.endswith(_DATABASES):
            texts = (relative.as_posix(), path.read_bytes().decode(errors="replace"))
            if any(map(mentions.named_in, texts)):
                runs = {part for part in relative.parts if _is_run_id(part)}
                named.runs |= runs
                named.elsewhere |= set() if runs else {relative.as_posix()}
    return named


def _tables(connection: Connection) -> list[db.Table]:
    names = sorted(db.inspect(connection).get_table_names())
    return [db.Table(name, db.MetaData(), autoload_with=connection, resolve_fks=False) for name in names]


def _rows_naming(connection: Connection, table: db.Table, mentions: Mentions) -> Iterator[tuple[str, dict[str, Any]]]:
    texts = [column for column in table.c if isinstance(column.type, db.String)]
    whose = [table.c[column] for column in _ROW_IS_OF if column in table.c]
    # LIKE ignores case and knows no words: it only saves reading all.
    alike = [column.contains(each, autoescape=True) for column in texts for each in mentions.spellings]
    if not alike:
        return
    for row in connection.execute(db.select(*{*texts, *whose}).where(db.or_(*alike))).mappings():
        for column in texts:
            if mentions.named_in(str(row[column.name])):
                yield str(column.name), {each.name: row[each.name] for each in whose}


def _attribute(named: Named, table: str, column: str, row: Mapping[str, Any]) -> None:
    if row.get("run_id"):
        named.runs.add(str(row["run_id"]))
    elif table in {"bulk_actions", "backfill_tags"}:
        named.backfills.add(str(row["key"] if table == "bulk_actions" else row["backfill_id"]))
    elif table == "job_ticks":
        named.ticks.add(int(row["id"]))
    else:
        named.elsewhere.add(f"{table}.{column}")


def _is_run_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
