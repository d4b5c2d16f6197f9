"""Where a cohort's files lie on disk, when a set of them is valid, and who may write.

    <root>/<cohort>/patient_ids.parquet, cohort_report.parquet, ...
    <root>/<cohort>/patients/<key>/image_summary.parquet, ct.nii.gz, ..., notes.json, failure.json
    <root>/<cohort>/patients/<key>/manifests/<asset>.json     the commit mark of an asset, written last
    <root>/<cohort>/quarantine/<key>/<n>/                     a candidate, with the files of a patient
    <root>/<cohort>/decisions.yaml                            what people decided

What lives here: paths, manifests, notes and failure files, locks. What does not: the content of any table or image.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from pdcp_dagster.adapters.atomic import sweep_temporaries, write_bytes
from pdcp_dagster.domain.keys import folder_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

DEFAULT_STORE = "pdcp_store"
LOCK_WAIT_S = 1800.0
DOSE_ON_CT = "dose_on_ct.nii.gz"
"""The dose on the CT's grid, where the cohort asks for it, and where NIfTI cannot hold it on its own (DESIGN 3)."""
_HASH_BLOCK = 1 << 20
_FRESH = ".new-"
_UNTOLD = {"stage": "an unknown stage", "error_type": "StoreError", "reason": "failure.json is damaged"}

PATIENT_FILES: dict[str, tuple[str, ...]] = {
    "image_summary": ("image_summary.parquet",),
    "verified_study": ("verified_study.parquet",),
    "candidate_studies": ("candidate_studies.parquet", "candidate_studies"),
    "retrieved_dicom": ("dicom",),
    "ct_volume": ("ct.nii.gz",),
    "structure_masks": ("structures.parquet", "masks", "label_maps"),
    "dose_volume": ("dose.nii.gz", "doses", DOSE_ON_CT),
    "plan_table": ("plans.parquet",),
    "dvh_table": ("dvh.parquet", "dvh_curves.parquet", "dvh_comparison.parquet"),
    "central_slices": ("central_slices.parquet", "central_slices", "central_slices.npz"),
    "patient_notes": ("notes.json",),
}
"""What each per-patient asset consists of, the file that it loads from first (DESIGN section 1)."""

COHORT_FILES: dict[str, tuple[str, ...]] = {
    "patient_ids": ("patient_ids.parquet",),
    "cohort_report": ("cohort_report.parquet", "cohort_report.html"),
    "cohort_dvh": ("cohort_dvh.parquet",),
}


class StoreError(Exception):
    """A store that cannot be used as asked; one clear line."""


class PatientBusyError(StoreError):
    """Another run is working on this patient."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The commit mark of an asset: the files that make it up, by path below the patient's folder, with their sizes.

    data_version: a hash of all content, the same for the same bytes. made_from: the data versions of what it was made
    from, by asset. details: plain values a later stage may need.
    """

    asset: str
    files: Mapping[str, int]
    data_version: str
    made_from: Mapping[str, str]
    details: Mapping[str, Any]


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

    def commit(self, asset: str, details: Mapping[str, Any] | None = None, made_from: Sequence[str] = ()) -> Manifest:
        """Put the new content in the place of the old, then write the commit mark over it and return that.

        made_from: the assets whose current content this one was made of. Killed in between, the asset has no commit
        mark and counts as never made.
        """
        fresh = self.path / f"{_FRESH}{asset}"
        self.remove(asset)
        for name in PATIENT_FILES[asset]:
            if (fresh / name).exists():
                (fresh / name).rename(self.path / name)
        shutil.rmtree(fresh)
        return self._mark(asset, details, made_from)

    def _mark(self, asset: str, details: Mapping[str, Any] | None = None, made_from: Sequence[str] = ()) -> Manifest:
        files = list(_files_below(self.path, PATIENT_FILES[asset]))
        sizes = {file.relative_to(self.path).as_posix(): file.stat().st_size for file in files}
        sources = {source: found.data_version for source in made_from if (found := self.manifest(source)) is not None}
        manifest = Manifest(asset, sizes, _content_hash(self.path, sizes), sources, dict(details or {}))
        self._write_json(self._manifest(asset), asdict(manifest))
        return manifest

    def manifest(self, asset: str) -> Manifest | None:
        """Return the commit mark of an asset, or None where it was never finished or nothing was kept."""
        try:
            document = self._read_json(self._manifest(asset))
            return None if document is None else Manifest(**document)
        except (StoreError, TypeError):
            return None  # a damaged mark, or one of another version, commits nothing

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
        return self._read_json(self.file("patient_notes"))

    def write_notes(self, notes: Mapping[str, Any]) -> Manifest:
        """Write notes.json, whole or not at all, and return its commit mark."""
        self._write_json(self.file("patient_notes"), notes)
        return self._mark("patient_notes")

    def read_failure(self) -> dict[str, Any] | None:
        """Return failure.json, or None where the patient's last run did not fail; damaged, it tells of itself."""
        try:
            failure = self._read_json(self.path / "failure.json")
            return failure if failure is None or {"stage", "reason"} <= set(failure) else {**_UNTOLD, **failure}
        except StoreError:
            return dict(_UNTOLD)

    def write_failure(self, failure: Mapping[str, Any]) -> None:
        """Write failure.json (stage, error type, reason, time, run id)."""
        self._write_json(self.path / "failure.json", failure)

    def clear_failure(self) -> None:
        """Remove failure.json: the patient has a result again."""
        (self.path / "failure.json").unlink(missing_ok=True)

    @contextmanager
    def locked(self, wait_s: float = LOCK_WAIT_S) -> Iterator[None]:
        """Hold the patient for one writer; what a killed predecessor left half-written is swept away first.

        Raises
        ------
        PatientBusyError
            Where another process still holds the patient after `wait_s` seconds.

        """
        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=wait_s)
        except Timeout:
            raise PatientBusyError(f"another run has been working on this patient for over {wait_s:.0f} s") from None
        try:
            self._sweep()
            yield
            self._sweep()
        finally:
            lock.release()

    def _sweep(self) -> None:
        for leftover in self.path.glob(f"{_FRESH}*"):
            shutil.rmtree(leftover)
        sweep_temporaries(self.path)

    def _manifest(self, asset: str) -> Path:
        return self.path / "manifests" / f"{asset}.json"

    def _read_json(self, path: Path) -> dict[str, Any] | None:
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise StoreError(f"{path} is damaged: {error}") from error
        if not isinstance(document, dict):
            raise StoreError(f"{path} is damaged: it holds no object")
        return document

    def _write_json(self, path: Path, document: Mapping[str, Any]) -> None:
        text = json.dumps(document, indent=1, ensure_ascii=False, sort_keys=False, allow_nan=False)
        write_bytes(path, text.encode("utf-8", "surrogatepass") + b"\n")


def _files_below(root: Path, names: Iterable[str]) -> Iterator[Path]:
    for name in names:
        target = root / name
        if target.is_dir():
            yield from sorted(path for path in target.rglob("*") if path.is_file())
        elif target.exists():
            yield target


def _content_hash(root: Path, files: Iterable[str]) -> str:
    total = hashlib.blake2b(digest_size=16)
    for name in sorted(files):
        total.update(name.encode() + b"\0")
        with (root / name).open("rb") as stream:
            while block := stream.read(_HASH_BLOCK):
                total.update(block)
    return total.hexdigest()
