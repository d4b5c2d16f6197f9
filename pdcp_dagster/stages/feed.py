"""What the archive's change feed tells since the last look: a hint, and cheap; the truth is the archive itself.

What lives here: reading on from where the last look ended, and noticing that the feed is another one. What does not:
whether a patient really changed (`archive_changes`), runs (defs).

Only StablePatient counts: it comes when nothing has arrived of a patient for a while, after a late object and an
overwritten one, too. What we write back into Orthanc raises Updated* entries, which are passed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pdcp_dagster.adapters.orthanc import Change, Orthanc

_STABLE = "StablePatient"
_PAGE = 1000
_MOST_PAGES = 50
_MOST_PATIENTS = 500
"""Of one look, which a sensor has a minute for; the rest is for the next one."""


@dataclass(frozen=True, slots=True)
class FeedPosition:
    """How far the feed was read.

    since: number of the last entry that was read.
    entry: what that entry was; another one under the same number is of another database.
    """

    since: int
    entry: str


@dataclass(frozen=True, slots=True)
class FeedNews:
    """What one look brought.

    patients: Orthanc's IDs of those who came to rest since, each once, oldest first.
    is_reset: the feed is not the one that was read before: nothing can be said of what happened in between.
    is_done: whether there was no more to read.
    """

    patients: tuple[str, ...]
    position: FeedPosition
    is_reset: bool = False
    is_done: bool = True


def feed_end(archive: Orthanc) -> FeedPosition:
    """Return the end of the feed as it is now."""
    page = archive.newest_change()
    return _position_at(page.changes[-1]) if page.changes else FeedPosition(page.last, "")


def read_feed(archive: Orthanc, position: FeedPosition) -> FeedNews:
    """Return what came since, in pages, and the position to go on from; raises OrthancError."""
    patients: dict[str, None] = {}
    # From the last entry on that was read, to see that it is the same one.
    since, now = max(position.since - 1, 0), position
    for _ in range(_MOST_PAGES):
        page = archive.changes(since, _PAGE)
        if page.last < position.since or _is_another(page.changes, position):
            return FeedNews((), feed_end(archive), is_reset=True)
        for change in page.changes:
            if len(patients) >= _MOST_PATIENTS:
                return FeedNews(tuple(patients), now, is_done=False)
            if change.sequence > position.since and change.kind == _STABLE:
                patients[change.orthanc_id] = None
            now = _position_at(change)
        since = max(page.last, since)
        if page.is_done:
            return FeedNews(tuple(patients), now, is_done=page.is_done)
    return FeedNews(tuple(patients), now, is_done=False)


def _position_at(change: Change) -> FeedPosition:
    return FeedPosition(change.sequence, f"{change.kind} {change.orthanc_id} {change.date}")


def _is_another(changes: tuple[Change, ...], position: FeedPosition) -> bool:
    """Whether the entry that was read last is another one now; where it vanished with its resource, nobody knows."""
    same = [change for change in changes if change.sequence == position.since]
    return bool(same and position.entry and _position_at(same[0]).entry != position.entry)
