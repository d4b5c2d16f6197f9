"""The Dagster instance that a command records in, and what becomes of it when its disk or its settings are no good.

What lives here: opening it, and its troubles in one line each. What does not: what is recorded (`run`).
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg
from filelock import FileLock
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from pdcp_dagster.adapters.parquet import TableError
from pdcp_dagster.adapters.store import StoreError
from pdcp_dagster.commands.deployment import WrongConfiguration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LONGEST = 300
_OPENED_WITHIN_S = 120.0


class RunBroken(Exception):  # noqa: N818 - it is no fault of the caller
    """A run ended without outcomes for its patients; one line."""


@contextmanager
def opened_dagster(home: Path) -> Iterator[dg.DagsterInstance]:
    """Open the instance that DAGSTER_HOME names, which is `home`.

    Raises
    ------
    WrongConfiguration
        Where it cannot be opened: a mistake in dagster.yaml, a damaged database, a disk that is full or read-only.
    RunBroken
        Where it, or the store, cannot be read or written any more while it is in use.

    """
    try:
        # Two commands that make its databases at the same time get into each other's way.
        with FileLock(home / ".opening.lock", timeout=_OPENED_WITHIN_S):
            instance = dg.DagsterInstance.get()
    except Exception as error:
        raise WrongConfiguration(f"Dagster's home {home} cannot be used: {in_one_line(error)}") from error
    try:
        with instance:
            yield instance
    except SQLAlchemyError as error:
        raise RunBroken(f"Dagster's records in {home} cannot be used: {in_one_line(error)}") from error
    except (OSError, StoreError, TableError) as error:
        raise RunBroken(f"the run broke off: {in_one_line(error)}") from error


def in_one_line(error: BaseException) -> str:
    """Return what an error says, without SQL, line breaks, or more than a terminal shows at once."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST].rstrip()} ..."
