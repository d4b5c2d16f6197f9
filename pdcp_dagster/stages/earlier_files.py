"""Downloaded files of an earlier run that are still what the archive holds: taken over, not downloaded again.

What lives here: knowing them again, byte by byte where their MD5 is known. What does not: downloading
(`archive_stages`).
"""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pdcp_dagster.adapters.orthanc import ArchivedInstance
    from pdcp_dagster.adapters.store import PatientFolder

OBJECTS = "objects"
"""Where the commit mark of what was retrieved keeps, by path, what each file is in the archive (`of_archive`)."""


def of_archive(instance: ArchivedInstance, md5: str | None) -> list[str]:
    """Return what a downloaded file is in the archive: Orthanc's instance ID, the stored file's name, MD5 or ""."""
    return [instance.orthanc_id, instance.file_uuid, md5 or ""]


def take_over(
    folder: PatientFolder, target: Path, pairs: Iterable[tuple[ArchivedInstance, Path]]
) -> dict[Path, list[str]]:
    """Put the earlier files that the archive still holds unchanged where new ones would go, below `target`.

    Return what each of them is (`of_archive`) by its new path.
    """
    mark = folder.manifest("retrieved_dicom")
    known = mark.details.get(OBJECTS, {}) if mark is not None else {}
    taken: dict[Path, list[str]] = {}
    for instance, path in pairs:
        name = path.relative_to(target).as_posix()
        entry, earlier = known.get(name), folder.path / name
        if entry and _is_the_same(instance, entry) and _is_intact(earlier, instance.file_size, entry[2]):
            _link(earlier, path)
            taken[path] = list(entry)
    return taken


def _is_the_same(instance: ArchivedInstance, entry: Sequence[str]) -> bool:
    of_now = of_archive(instance, None)
    return bool(instance.file_uuid) and len(entry) == len(of_now) and list(entry[:2]) == of_now[:2]


def _is_intact(file: Path, size: int, md5: str) -> bool:
    try:
        if file.stat().st_size != size:
            return False
        if not md5:
            return True
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False))
        return digest.hexdigest() == md5
    except OSError:
        return False


def _link(earlier: Path, path: Path) -> None:
    try:
        os.link(earlier, path)
    except OSError:
        shutil.copyfile(earlier, path)  # a disk that knows no links
