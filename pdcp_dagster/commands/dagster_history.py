"""One patient taken out of Dagster's records: the partition, its events and check results, and on demand whole runs.

What lives here: removing, through the storages' own connections, for which Dagster 1.13 has no function of its own
(`wipe_asset_partitions` is not implemented). What does not: the search (`dagster_mentions`), the store (stages).

Tested with SQLite. With Postgres the same statements run on the storage's one database; that was not run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import sqlalchemy as db
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    AssetKeyTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.runs.schema import BackfillTagsTable, BulkActionsTable
from dagster._core.storage.schedules.schema import JobTickTable
from dagster._serdes import deserialize_value, serialize_value
from sqlalchemy.exc import OperationalError

from pdcp_dagster.commands.dagster_mentions import connections, shards
from pdcp_dagster.defs.patients import known_partitions, remove_partitions

if TYPE_CHECKING:
    from collections.abc import Collection

    from dagster._core.storage.event_log import SqlEventLogStorage
    from dagster._core.storage.runs import SqlRunStorage
    from dagster._core.storage.schedules import SqlScheduleStorage
    from sqlalchemy.engine import Connection

    from pdcp_dagster.commands.dagster_mentions import Named
    from pdcp_dagster.domain.mentions import Mentions

_EVENTS, _CHECKS = SqlEventLogStorageTable, AssetCheckExecutionsTable
_MADE = "ASSET_MATERIALIZATION"
_UNFINISHED = ("REQUESTED", "CANCELING", "FAILING")


@dataclass(frozen=True, slots=True)
class History:
    """What Dagster recorded of a partition: whether it is there, its events, the results of its checks."""

    partition: bool
    events: int
    checks: int

    @property
    def is_nothing(self) -> bool:
        """Whether nothing was recorded."""
        return not (self.partition or self.events or self.checks)


def history_of(instance: dg.DagsterInstance, cohort: str, key: str) -> History:
    """Return what there is to remove of a partition."""
    storage = _events(instance)
    with storage.index_connection() as connection:
        assets = _assets_of(connection, cohort)
        checks = _count(connection, _CHECKS, _of_partition(_CHECKS, assets, key))
        events = _count(connection, _EVENTS, _of_partition(_EVENTS, assets, key))
    return History(key in known_partitions(instance, cohort), events, checks)


def remove_history(instance: dg.DagsterInstance, cohort: str, key: str, mentions: Mentions) -> None:
    """Remove a partition of a cohort with its events and check results; those of others stay.

    Killed in between, it is completed by doing it again: the index, which is looked up first, is emptied last.
    """
    storage = _events(instance)
    with storage.index_connection() as connection:
        assets = _assets_of(connection, cohort)
    for shard in shards(storage):
        with storage.run_connection(shard) as connection:
            connection.execute(_EVENTS.delete().where(_of_partition(_EVENTS, assets, key)))
    with storage.index_connection() as connection:
        own = _of_partition(_EVENTS, assets, key)
        ids = db.select(_EVENTS.c.id).where(own).scalar_subquery()
        connection.execute(AssetEventTagsTable.delete().where(AssetEventTagsTable.c.event_id.in_(ids)))
        connection.execute(_CHECKS.delete().where(_of_partition(_CHECKS, assets, key)))
        connection.execute(_EVENTS.delete().where(own))
        _renew_assets(connection, assets, mentions)
    remove_partitions(instance, cohort, [key])


def delete_naming(instance: dg.DagsterInstance, cohort: str, named: Named, mentions: Mentions) -> list[str]:
    """Delete the runs, backfills and ticks that name a patient; return what is unfinished and was left, a line each."""
    left = []
    for run_id in sorted(named.runs):
        run = instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            left.append(f"run {run_id} is not finished")
            continue
        _delete_run(instance, run_id)
    with _events(instance).index_connection() as connection:
        _renew_assets(connection, _assets_of(connection, cohort), mentions)
    left += _delete_backfills(instance, named.backfills)
    if named.ticks:
        ticks: SqlScheduleStorage = instance.schedule_storage  # type: ignore[assignment] # `connections` looked
        with ticks.connect() as connection:
            connection.execute(JobTickTable.delete().where(JobTickTable.c.id.in_(named.ticks)))
    return left


def overwrite_deleted(instance: dg.DagsterInstance, mentions: Mentions) -> list[str]:
    """Have SQLite write those databases anew whose files still hold a name: what is deleted stays in free pages.

    Return the names of files that could not be: somebody else reads from them. Other databases than SQLite see to free
    pages themselves.
    """
    wanted = [each.encode("utf-8", "surrogatepass") for each in mentions.spellings]
    in_use = []
    for connection in connections(instance):
        with connection() as opened:
            if opened.dialect.name == "sqlite" and _holds(file := _file_of(opened), wanted):
                try:
                    opened.exec_driver_sql("VACUUM")
                    busy = opened.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
                except OperationalError:
                    busy = True
                in_use += [file.name] if busy else []
    return in_use


def _file_of(connection: Connection) -> Path:
    row = connection.exec_driver_sql("PRAGMA database_list").fetchone()
    return Path(str(row[2]) if row is not None else "")


def _holds(file: Path, wanted: Collection[bytes]) -> bool:
    """Return whether a database has one of the names in its bytes, also in what is not yet part of its file."""
    contents = [each.read_bytes() for each in (file, file.with_name(f"{file.name}-wal")) if each.exists()]
    return any(name in content for content in contents for name in wanted)


def _events(instance: dg.DagsterInstance) -> SqlEventLogStorage:
    return instance.event_log_storage  # type: ignore[return-value] # `connections` looked


def _assets_of(connection: Connection, cohort: str) -> list[str]:
    """Return the keys of a cohort's assets as the tables hold them."""
    columns = (AssetKeyTable.c.asset_key, _EVENTS.c.asset_key, _CHECKS.c.asset_key)
    found = {text for column in columns for (text,) in connection.execute(db.select(column).distinct()) if text}
    keys = {text: dg.AssetKey.from_db_string(text) for text in found}
    return sorted(text for text, key in keys.items() if key is not None and key.path[0] == cohort)


def _of_partition(table: db.Table, assets: Collection[str], key: str) -> db.ColumnElement[bool]:
    return db.and_(table.c.asset_key.in_(assets), table.c.partition == key)


def _count(connection: Connection, table: db.Table, where: db.ColumnElement[bool]) -> int:
    return int(connection.execute(db.select(db.func.count()).select_from(table).where(where)).scalar_one())


def _renew_assets(connection: Connection, assets: Collection[str], mentions: Mentions) -> None:
    """Have the status of all partitions counted anew, and let no asset's latest event be one of the patient's."""
    own = AssetKeyTable.c.asset_key.in_(assets)
    connection.execute(AssetKeyTable.update().where(own).values(cached_status_data=None))
    rows = connection.execute(db.select(AssetKeyTable.c.asset_key, AssetKeyTable.c.last_materialization).where(own))
    for asset, latest in rows.fetchall():
        if latest and mentions.named_in(latest):
            renewed = AssetKeyTable.update().where(AssetKeyTable.c.asset_key == asset)
            connection.execute(renewed.values(last_materialization=_latest(connection, asset)))


def _latest(connection: Connection, asset: str) -> str | None:
    of_asset = db.and_(_EVENTS.c.asset_key == asset, _EVENTS.c.dagster_event_type == _MADE)
    wanted = db.select(_EVENTS.c.id, _EVENTS.c.event).where(of_asset).order_by(_EVENTS.c.id.desc()).limit(1)
    found = connection.execute(wanted).fetchone()
    if found is None:
        return None
    return serialize_value(dg.EventLogRecord(found[0], deserialize_value(found[1], dg.EventLogEntry)))


def _delete_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """Delete a run, its events, the results of its checks, and what its steps printed."""
    instance.delete_run(run_id)
    with _events(instance).index_connection() as connection:
        connection.execute(_CHECKS.delete().where(_CHECKS.c.run_id == run_id))
    instance.compute_log_manager.delete_logs(prefix=[run_id])


def _delete_backfills(instance: dg.DagsterInstance, backfills: Collection[str]) -> list[str]:
    if not backfills:
        return []
    storage: SqlRunStorage = instance.run_storage  # type: ignore[assignment] # `connections` looked
    table = BulkActionsTable
    with storage.connect() as connection:
        of_these = db.select(table.c.key).where(table.c.key.in_(backfills), table.c.status.in_(_UNFINISHED))
        unfinished = {str(key) for (key,) in connection.execute(of_these)}
        ended = set(backfills) - unfinished
        connection.execute(BackfillTagsTable.delete().where(BackfillTagsTable.c.backfill_id.in_(ended)))
        connection.execute(table.delete().where(table.c.key.in_(ended)))
    return [f"backfill {each} is not finished" for each in sorted(unfinished)]
