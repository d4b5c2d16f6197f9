"""Downloads: whole or not at all, every length and, by default, every MD5 checked against Orthanc's index.

What lives here: what is asked for one file, and its way to the disk. What does not: several at once (`client`).
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.orthanc import patience
from pdcp_dagster.adapters.orthanc.arriving import chunks
from pdcp_dagster.adapters.orthanc.connection import require_orthanc_id
from pdcp_dagster.adapters.orthanc.errors import ObjectDamaged, ObjectGone, OrthancAnswerError, OrthancUnreachable
from pdcp_dagster.adapters.orthanc.patience import Passing
from pdcp_dagster.adapters.orthanc.records import Downloaded
from pdcp_dagster.adapters.orthanc.version import deflates_on_the_fly

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import BinaryIO

    from urllib3.response import BaseHTTPResponse

    from pdcp_dagster.adapters.orthanc.connection import Connection
    from pdcp_dagster.adapters.orthanc.records import ArchivedInstance
    from pdcp_dagster.adapters.orthanc.version import Version


@dataclass(frozen=True, slots=True)
class _Stored:
    """What `attachments/dicom/info` says of a file (Orthanc 1.10.0 and later).

    md5: of the uploaded bytes, 32 hex digits; "" where Orthanc keeps none.
    deflated: whether it is stored deflated, as it then can be sent.
    """

    md5: str
    deflated: bool
    file_uuid: str


class Downloads:
    """Brings stored files; usable from several threads."""

    def __init__(self, connection: Connection, version: Callable[[], Version]) -> None:
        self._connection = connection
        self._version = version
        self._lock = threading.Lock()
        self._deflated: dict[str, bool] = {}
        """By series: whether its first file is stored deflated; the others most probably are, too."""

    def bring(self, instance: ArchivedInstance, destination: Path, *, check_md5: bool) -> Downloaded:
        """Write the instance's file to `destination`; see `Orthanc.download`."""

        def attempt() -> Downloaded:
            try:
                return self._bring_once(instance, destination, check_md5=check_md5)
            except ObjectDamaged as error:
                raise Passing(error, patience.QUICK_WAITS_S) from error

        return self._connection.persist(attempt)

    def _bring_once(self, instance: ArchivedInstance, destination: Path, *, check_md5: bool) -> Downloaded:
        stored = self._stored(instance) if check_md5 else None
        deflated = self._probably_deflated(instance) if stored is None else stored.deflated

        def read(answer: BaseHTTPResponse) -> Downloaded:
            return self._write(answer, instance, destination, None if stored is None else stored.md5)

        return self._connection.get(f"{_name(instance)}/file", read, accept="deflate" if deflated else "identity")

    def _write(
        self, answer: BaseHTTPResponse, instance: ArchivedInstance, destination: Path, md5: str | None
    ) -> Downloaded:
        require_length(answer, instance.file_size, _name(instance))
        partial_file = destination.with_name(f"{destination.name}.part")
        try:
            with partial_file.open("wb") as file:
                arrived = self._copy(answer, instance, file, with_md5=md5 is not None)
            if arrived.size != instance.file_size:
                raise ObjectDamaged(f"{_name(instance)} has {_sizes(arrived.size, instance.file_size)}")
            if arrived.md5 != md5:
                raise ObjectDamaged(f"{_name(instance)} is not what was stored: its MD5 differs")
            partial_file.replace(destination)
        finally:
            partial_file.unlink(missing_ok=True)
        return arrived

    def _copy(
        self, answer: BaseHTTPResponse, instance: ArchivedInstance, file: BinaryIO, *, with_md5: bool
    ) -> Downloaded:
        digest = hashlib.md5(usedforsecurity=False) if with_md5 else None
        size = 0
        for chunk in chunks(answer, instance.file_size, _name(instance)):
            if self._connection.closing.is_set():
                raise OrthancUnreachable(f"{_name(instance)} was given up: the connection is being closed")
            file.write(chunk)
            size += len(chunk)
            if digest is not None:
                digest.update(chunk)
        return Downloaded(size, digest.hexdigest() if digest is not None else None)

    def _stored(self, instance: ArchivedInstance) -> _Stored:
        name = _name(instance)
        stored = self._info(instance)
        if not stored.md5:
            raise OrthancAnswerError(
                f"Orthanc keeps no MD5 of {name}: set StoreMD5ForAttachments there, or ORTHANC_CHECK_MD5=false here"
            )
        if instance.file_uuid not in {"", stored.file_uuid}:
            raise ObjectGone(f"{name} was stored anew since it was listed")
        return stored

    def _info(self, instance: ArchivedInstance) -> _Stored:
        path = f"{_name(instance)}/attachments/dicom/info"
        info = self._connection.get_record(path)
        try:
            return _Stored(
                md5=str(info.get("UncompressedMD5") or ""),
                deflated=int(info["CompressedSize"]) != int(info["UncompressedSize"]),
                file_uuid=str(info["Uuid"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise OrthancAnswerError(f"{path}: the answer is incomplete: {error!r}") from error

    def _probably_deflated(self, instance: ArchivedInstance) -> bool:
        """Return whether deflate is worth accepting; a wrong guess costs time only, as the answer says what it is."""
        if not deflates_on_the_fly(self._version()):
            return True
        series = instance.series_instance_uid
        with self._lock:
            known = self._deflated.get(series)
        if known is None:
            known = self._info(instance).deflated
            with self._lock:
                self._deflated[series] = known
        return known


def require_length(answer: BaseHTTPResponse, file_size: int, name: str) -> None:
    """Raise ObjectDamaged where the announced length of a file that is sent as it is differs from its FileSize."""
    announced = answer.headers.get("Content-Length")
    as_it_is = answer.headers.get("Content-Encoding", "").strip().lower() in {"", "identity"}
    if as_it_is and announced is not None and announced != str(file_size):
        raise ObjectDamaged(f"{name} has {announced} bytes, but {file_size} were stored")


def _sizes(size: int, file_size: int) -> str:
    return f"more than the {file_size} bytes that were stored" if size > file_size else f"{size} of {file_size} bytes"


def _name(instance: ArchivedInstance) -> str:
    return f"/instances/{require_orthanc_id(instance.orthanc_id)}"
