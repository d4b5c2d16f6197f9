"""Bringing synthetic patients into an Orthanc, and hurting one stored file of a private one to see what is noticed.

What lives here: uploads of folders, damage and its repair. What does not: the server's life (`orthanc_server`), REST
(`adapters.orthanc`).
"""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pdcp_dagster.adapters.orthanc import Orthanc
    from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc

_UPLOADS_AT_ONCE = 4
_KEPT_OF_DAMAGED = 3 / 4
"""The cut falls into the pixel data of any CT slice: tags stay readable, the length is wrong."""
_ORTHANC_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}")


def upload_folder(orthanc: Orthanc, folder: Path) -> dict[str, int]:
    """Store every `*.dcm` below `folder` and count Orthanc's answers: `Success`, `AlreadyStored`.

    What is there already stays as it is. Errors of the adapter pass through.
    """
    paths = sorted(folder.rglob("*.dcm"))
    with ThreadPoolExecutor(_UPLOADS_AT_ONCE) as pool:
        return dict(Counter(str(answer["Status"]) for answer in pool.map(orthanc.upload, paths)))


def damage_stored_file(server: PrivateOrthanc, instance: str) -> Path:
    """Cut off the end of an instance's file in the server's storage and return its path.

    instance: SOPInstanceUID or Orthanc's instance ID. The sound bytes are kept beside the storage for
    `mend_stored_file`; damaging twice is the same as once. LookupError where the server has no such instance.
    """
    stored = stored_file(server, instance)
    sound = _sound_copy(server.storage, stored)
    if not sound.exists():
        sound.parent.mkdir(parents=True, exist_ok=True)
        partial = sound.with_suffix(".part")
        partial.write_bytes(stored.read_bytes())
        partial.replace(sound)
    content = sound.read_bytes()
    stored.write_bytes(content[: int(len(content) * _KEPT_OF_DAMAGED)])
    return stored


def mend_stored_file(server: PrivateOrthanc, instance: str) -> Path:
    """Undo `damage_stored_file`; a file that was never damaged is left alone."""
    stored = stored_file(server, instance)
    sound = _sound_copy(server.storage, stored)
    if sound.exists():
        sound.replace(stored)
    return stored


def mend_storage(storage: Path) -> list[Path]:
    """Undo every `damage_stored_file` in a private Orthanc's storage and return the files' paths.

    No server is asked, so it does not matter whether one runs on the storage.
    """
    copies = sorted(_sound_copies(storage).glob("*.sound"))
    mended = [_stored(storage, copy.stem) for copy in copies]
    for copy, stored in zip(copies, mended, strict=True):
        copy.replace(stored)
    return mended


def stored_file(server: PrivateOrthanc, instance: str) -> Path:
    """Return where a private Orthanc keeps an instance, by SOPInstanceUID or Orthanc's instance ID."""
    orthanc_id = instance if _ORTHANC_ID.fullmatch(instance) else _instance_id(server, instance)
    return _stored(server.storage, str(server.get(f"/instances/{orthanc_id}")["FileUuid"]))


def _instance_id(server: PrivateOrthanc, sop_instance_uid: str) -> str:
    found = [each["ID"] for each in server.post("/tools/lookup", sop_instance_uid) if each["Type"] == "Instance"]
    if len(found) != 1:
        raise LookupError(f"the server has {len(found)} instances {sop_instance_uid!r}")
    return str(found[0])


def _stored(storage: Path, uuid: str) -> Path:
    return storage / uuid[:2] / uuid[2:4] / uuid


def _sound_copy(storage: Path, stored: Path) -> Path:
    return _sound_copies(storage) / f"{stored.name}.sound"


def _sound_copies(storage: Path) -> Path:
    return storage.with_name(f"{storage.name}.damaged")
