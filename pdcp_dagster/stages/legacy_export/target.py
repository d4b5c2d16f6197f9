"""The folder that is exported into: whose it is, and how one patient's files take the place of earlier ones.

What lives here: the marker of an export, its lock, replacing and removing a patient. What does not: what is written
(`patient`).

Of a folder's content only what the marker names is ever removed.
"""

from __future__ import annotations

import json
import re
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from pdcp_dagster.adapters.atomic import write_bytes
from pdcp_dagster.stages.legacy_export.summaries import ENDINGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

MARKER = ".pdcp_legacy_export.json"
FOLDERS = ("ids", "imagesummaries", "patientnotes", "data", "quarantine")
_LOCK = ".lock"
_FRESH, _OLD = ".new-", ".old-"
_NAME = re.compile(r"[A-Za-z0-9_%-][A-Za-z0-9_.%-]*")


class TargetError(Exception):
    """A folder that cannot be exported into; one clear line."""


@dataclass(frozen=True, slots=True)
class Target:
    """An export's folder, held by this process."""

    root: Path
    cohort: str

    @property
    def exported(self) -> set[str]:
        """The names of the patients that have, or may have, files here."""
        names = _read_marker(self.root).get("patients", ())
        # What is named here may be removed: nothing that could lead out of the folder.
        return {name for name in names if isinstance(name, str) and _NAME.fullmatch(name)}

    def remember(self, names: Iterable[str]) -> None:
        """Write down whose files may lie here; done before any of them does."""
        marker = {"written_by": "pdcp export-legacy", "cohort": self.cohort, "patients": sorted(names)}
        write_bytes(self.root / MARKER, json.dumps(marker, indent=1).encode() + b"\n")

    def begin(self, name: str) -> Path:
        """Return an empty folder for a patient's new files; the earlier ones stand until `replace`."""
        fresh = self.root / f"{_FRESH}{name}"
        _discard(fresh)
        fresh.mkdir()
        return fresh

    def replace(self, name: str) -> None:
        """Put the patient's new files in the place of the earlier ones; the notes, which say `ready`, come last."""
        fresh = self.root / f"{_FRESH}{name}"
        self.remove(name)
        for kind in ("data", "quarantine", "imagesummaries", "patientnotes"):
            for path in (fresh / kind).glob("*"):
                path.rename(self.root / kind / path.name)
        _discard(fresh)

    def remove(self, name: str) -> None:
        """Remove all files of a patient; the notes, which say `ready`, go first."""
        (self.root / "patientnotes" / f"{name}.json").unlink(missing_ok=True)
        for ending in ENDINGS:
            (self.root / "imagesummaries" / f"{name}_{ending}.csv").unlink(missing_ok=True)
        for folder in (self.root / "data" / name, *self._in_quarantine(name)):
            if folder.is_dir():
                old = self.root / f"{_OLD}{folder.parent.name}-{folder.name}"
                _discard(old)
                folder.rename(old)
                _discard(old)

    def _in_quarantine(self, name: str) -> list[Path]:
        found = [path for path in (self.root / "quarantine").glob("*") if path.name.rpartition("_")[0] == name]
        return [path for path in found if path.name.rpartition("_")[2].isdecimal()]


@contextmanager
def open_target(root: Path, cohort: str) -> Iterator[Target]:
    """Hold a folder that is new, empty, or an earlier export of the same cohort.

    Raises `TargetError` for any other folder, one that cannot be used, and one that another export holds.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        _require_ours(root, cohort)
        lock = FileLock(root / _LOCK)
        lock.acquire(timeout=0)
    except Timeout:
        raise TargetError(f"{root} is being written by another export") from None
    except OSError as error:
        raise TargetError(f"{root} cannot be used: {error.strerror}") from error
    try:
        yield _prepared(root, cohort)
    finally:
        lock.release()


def _prepared(root: Path, cohort: str) -> Target:
    _require_ours(root, cohort)
    try:
        target = Target(root, cohort)
        target.remember(target.exported)
        for leftover in (*root.glob(f"{_FRESH}*"), *root.glob(f"{_OLD}*")):
            _discard(leftover)
        for folder in FOLDERS:
            (root / folder).mkdir(exist_ok=True)
    except OSError as error:
        raise TargetError(f"{root} cannot be used: {error.strerror}") from error
    return target


def _require_ours(root: Path, cohort: str) -> None:
    if {path.name for path in root.iterdir()} <= {_LOCK}:
        return
    marker = _read_marker(root)
    if not marker:
        raise TargetError(f"{root} is not empty and no earlier export: name a new folder")
    if marker["cohort"] != cohort:
        raise TargetError(f"{root} holds an export of cohort {marker['cohort']!r}: name a new folder")


def _read_marker(root: Path) -> dict[str, Any]:
    """Return the marker's content, nothing where there is none or it is damaged: then the folder is not ours."""
    try:
        marker = json.loads((root / MARKER).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return marker if isinstance(marker, dict) and {"cohort", "patients"} <= set(marker) else {}


def _discard(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
