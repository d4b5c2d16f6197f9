"""A cohort's and a patient's files: what is kept, committed, removed, and by whom.

What lives here: `Store`, `CohortFolder`, `PatientFolder`. What does not: names (`layout`), marks (`marks`), the lock
(`holding`).
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from pdcp_dagster.adapters.atomic import sweep_temporaries, whole_file, write_bytes
from pdcp_dagster.adapters.store.errors import StoreError
from pdcp_dagster.adapters.store.holding import LOCK_WAIT_S, held, in_hand
from pdcp_dagster.adapters.store.json_file import object_bytes, read_object, write_object
from pdcp_dagster.adapters.store.layout import COHORT_FILES, PANEL, PATIENT_FILES
from pdcp_dagster.adapters.store.marks import NO_ORIGIN, Manifest, Origin, content_hash, files_below, mark_from, sealed
from pdcp_dagster.domain.keys import folder_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FRESH = ".new-"
_UNTOLD = {"stage": "an unknown stage", "error_type": "StoreError", "reason": "failure.json is damaged"}


@dataclass(frozen=True, slots=True)
class Store:
    """The root of all cohorts' files."""

    root: Path

    @classmethod
    def at(cls, location: str) -> Store:
        """Return the store at a local path; any other scheme is refused with one line (`StoreError`)."""
        if "://" in location:
            scheme = location.split("://", 1)[0]
            raise StoreError(f"PDCP_STORE: '{scheme}://' is not supported, the store is a folder on a local disk")
        return cls(Path(location).expanduser().absolute())

    def cohort(self, name: str) -> CohortFolder:
        """Return the folder of one cohort."""
        return CohortFolder(self.root / name)


@dataclass(frozen=True, slots=True)
class CohortFolder:
    """The files of one cohort."""

    path: Path

    def file(self, asset: str) -> Path:
        """Return the file that a cohort-level asset loads from."""
        return self.path / COHORT_FILES[asset][0]

    def patient(self, key: str) -> PatientFolder:
        """Return the folder of the patient with this partition key; safe for any text."""
        return PatientFolder(self.path / "patients" / folder_of(key))

    def quarantine(self, key: str) -> Path:
        """Return where the candidates of a patient are prepared one by one."""
        return self.path / "quarantine" / folder_of(key)

    def candidate(self, key: str, number: int) -> PatientFolder:
        """Return the folder of one candidate of a patient, numbered from 1."""
        return PatientFolder(self.quarantine(key) / str(number))

    @property
    def decisions(self) -> Path:
        """The file of people's decisions."""
        return self.path / "decisions.yaml"

    @contextmanager
    def list_held(self) -> Iterator[None]:
        """Hold the patient list for one writer at a time."""
        self.path.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path / ".patient_ids.lock"):
            yield


@dataclass(frozen=True, slots=True)
class PatientFolder:
    """The files of one patient."""

    path: Path

    @property
    def cohort_path(self) -> Path:
        """The folder of the patient's cohort; for a candidate in quarantine one of no cohort."""
        return self.path.parents[1]

    def file(self, asset: str) -> Path:
        """Return the file or folder that an asset loads from."""
        return self.path / PATIENT_FILES[asset][0]

    def begin(self, asset: str) -> Path:
        """Return an empty folder for an asset's new content; what was kept before stands until `commit`."""
        fresh = self.path / f"{_FRESH}{asset}"
        if fresh.exists():
            shutil.rmtree(fresh)
        fresh.mkdir(parents=True)
        return fresh

    def commit(
        self,
        asset: str,
        details: Mapping[str, Any] | None = None,
        origin: Origin = NO_ORIGIN,
        told: Mapping[str, Any] | None = None,
    ) -> Manifest:
        """Put the new content in the place of the old, then write the commit mark over it and return that.

        Killed in between, the asset has no commit mark and counts as never made.
        """
        fresh = self.path / f"{_FRESH}{asset}"
        self.remove(asset)
        for name in PATIENT_FILES[asset]:
            if (fresh / name).exists():
                (fresh / name).rename(self.path / name)
        shutil.rmtree(fresh)
        return self._mark(asset, details, origin, told)

    def commit_nothing(self, asset: str, origin: Origin, told: Mapping[str, Any]) -> None:
        """Remove an asset, old content and new, and remember what was found instead."""
        self.remove(asset)
        fresh = self.path / f"{_FRESH}{asset}"
        if fresh.exists():
            shutil.rmtree(fresh)
        self._write_mark(Manifest(asset, {}, "", self._versions(origin), {}, dict(origin.made_with), told, kept=False))

    def renew(self, mark: Manifest, origin: Origin) -> Manifest:
        """Say of unchanged content that it would be the same made of what there is now; return the commit mark."""
        renewed = replace(mark, made_from=self._versions(origin), made_with=dict(origin.made_with))
        if renewed != mark:
            self._write_mark(renewed)
        return renewed

    def _mark(
        self,
        asset: str,
        details: Mapping[str, Any] | None = None,
        origin: Origin = NO_ORIGIN,
        told: Mapping[str, Any] | None = None,
    ) -> Manifest:
        files = list(files_below(self.path, PATIENT_FILES[asset]))
        sizes = {file.relative_to(self.path).as_posix(): file.stat().st_size for file in files}
        content = content_hash(self.path, sizes)
        sources = self._versions(origin)
        made_with = dict(origin.made_with)
        mark = Manifest(asset, sizes, content, sources, dict(details or {}), made_with, dict(told or {}))
        self._write_mark(mark)
        return mark

    def _versions(self, origin: Origin) -> dict[str, str]:
        found = ((source, self.manifest(source)) for source in origin.made_from)
        return {source: manifest.data_version for source, manifest in found if manifest is not None}

    def made_of_the_same(self, mark: Manifest, origin: Origin) -> bool:
        """Return whether an asset would be made of the same again, and all that it consists of is still there."""
        return (
            dict(mark.made_with) == dict(origin.made_with)
            and dict(mark.made_from) == self._versions(origin)
            and self.is_whole(mark)
        )

    def is_whole(self, mark: Manifest) -> bool:
        """Return whether every file of an asset is there in its size."""
        try:
            return all((self.path / name).stat().st_size == size for name, size in mark.files.items())
        except OSError:
            return False

    def mark(self, asset: str) -> Manifest | None:
        """Return the commit mark of an asset, also where nothing was kept; None where it was never finished."""
        try:
            document = read_object(self._manifest(asset))
        except StoreError:
            return None  # a damaged mark commits nothing
        return None if document is None else mark_from(document)

    def manifest(self, asset: str) -> Manifest | None:
        """Return the commit mark of an asset, or None where it was never finished or nothing was kept."""
        mark = self.mark(asset)
        return mark if mark is not None and mark.kept else None

    def remove(self, asset: str) -> bool:
        """Remove an asset, commit mark first; return whether there was anything. Its new content is left alone."""
        found = self._manifest(asset).exists()
        self._manifest(asset).unlink(missing_ok=True)
        for name in PATIENT_FILES[asset]:
            target = self.path / name
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
                found = True
            elif target.exists() or target.is_symlink():
                target.unlink()
                found = True
        return found

    def read_notes(self) -> dict[str, Any] | None:
        """Return notes.json, or None where the patient has none yet."""
        return read_object(self.file("patient_notes"))

    def write_notes(self, notes: Mapping[str, Any], origin: Origin = NO_ORIGIN, panel: bytes | None = None) -> Manifest:
        """Write notes.json and the patient's page, each whole or not at all, and return their commit mark.

        Without a page an older one is removed: it would tell of other notes.
        """
        with whole_file(self.file("patient_notes")) as temporary:
            temporary.write_bytes(object_bytes(notes))
            # Killed after this, new notes do not go under the old mark.
            self._manifest("patient_notes").unlink(missing_ok=True)
            if panel is None:
                (self.path / PANEL).unlink(missing_ok=True)
            else:
                self.write_panel(panel)
        return self._mark("patient_notes", origin=origin)

    def write_panel(self, panel: bytes) -> None:
        """Write the patient's page, whole or not at all."""
        write_bytes(self.path / PANEL, panel)

    def read_failure(self) -> dict[str, Any] | None:
        """Return failure.json, or None where the patient's last run did not fail; damaged, it tells of itself."""
        try:
            failure = read_object(self.path / "failure.json")
            return failure if failure is None or {"stage", "reason"} <= set(failure) else {**_UNTOLD, **failure}
        except StoreError:
            return dict(_UNTOLD)

    def write_failure(self, failure: Mapping[str, Any]) -> None:
        """Write failure.json (stage, error type, reason, time, run id)."""
        write_object(self.path / "failure.json", failure)

    def clear_failure(self) -> None:
        """Remove failure.json: the patient has a result again."""
        (self.path / "failure.json").unlink(missing_ok=True)

    @contextmanager
    def locked(self, wait_s: float = LOCK_WAIT_S) -> Iterator[None]:
        """Hold the patient for one writer; what a killed predecessor left half-written is swept away first.

        Raises
        ------
        PatientBusyError
            Where another process still holds the patient after `wait_s` seconds; the message says who.

        """
        with held(self.path, wait_s):
            self._sweep()
            try:
                yield
            finally:
                self._sweep()

    @property
    def in_hand(self) -> bool:
        """Whether somebody works on the patient, or was killed while doing so."""
        return in_hand(self.path)

    def _sweep(self) -> None:
        for leftover in self.path.glob(f"{_FRESH}*"):
            shutil.rmtree(leftover)
        sweep_temporaries(self.path)

    def _write_mark(self, manifest: Manifest) -> None:
        write_object(self._manifest(manifest.asset), sealed(manifest))

    def _manifest(self, asset: str) -> Path:
        return self.path / "manifests" / f"{asset}.json"
