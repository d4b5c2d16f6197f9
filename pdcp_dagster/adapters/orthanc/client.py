"""What is asked of Orthanc: patients, tags, verified downloads, uploads.

What lives here: the REST resources that are used and how. What does not: HTTP itself (`connection`), parsing (`head`).
"""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from pydicom.charset import convert_encodings, decode_bytes

from pdcp_dagster.adapters.orthanc.connection import Connection, require_orthanc_id
from pdcp_dagster.adapters.orthanc.errors import (
    ObjectDamaged,
    ObjectGone,
    ObjectUnreadable,
    OrthancAnswerError,
    OrthancUnreachable,
)
from pdcp_dagster.adapters.orthanc.head import read_head
from pdcp_dagster.adapters.orthanc.records import ArchivedPatient

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

    import requests

    from pdcp_dagster.adapters.orthanc.records import ArchivedInstance
    from pdcp_dagster.adapters.orthanc.settings import OrthancSettings

_PAGE = 500
_CHUNK_BYTES = 1 << 20
_ATTEMPTS = 3
_BACKOFF_S = 0.5
_WITH_APPROVAL = {"ReviewDate": "300e-0004", "ReviewerName": "300e-0008"}
_WORTH_ANOTHER_TRY = (OrthancUnreachable, ObjectUnreadable, ObjectDamaged)


class Orthanc:
    """An open Orthanc; a context manager, usable from several threads, not to be handed to another process.

    Every method raises OrthancError (see `errors`); an empty answer always means that there is nothing.
    """

    def __init__(self, settings: OrthancSettings) -> None:
        self._connection = Connection(settings)
        self._pool = ThreadPoolExecutor(settings.connections, thread_name_prefix="orthanc")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Wait for what is under way, drop what is not, and close all connections."""
        self._pool.shutdown(cancel_futures=True)
        self._connection.close()

    def system(self) -> dict[str, Any]:
        """Return what the server says of itself (`/system`): Version, Name, ..."""
        answer = self._connection.get_record("/system")
        if "Version" not in answer:
            raise OrthancAnswerError("/system names no Version; is this URL an Orthanc?")
        return answer

    def patients(self) -> Iterator[ArchivedPatient]:
        """Yield every patient once, page by page."""
        seen: set[str] = set()
        since = 0
        while page := self._connection.get_records("/patients", expand="", since=since, limit=_PAGE):
            since += len(page)
            for record in page:
                patient = _patient(record)
                # A deletion meanwhile moves the pages.
                if patient.orthanc_id not in seen:
                    seen.add(patient.orthanc_id)
                    yield patient

    def patient(self, orthanc_id: str) -> ArchivedPatient:
        """Return one patient; raises ObjectGone where the archive has none of this ID."""
        return _patient(self._connection.get_record(f"/patients/{require_orthanc_id(orthanc_id)}"))

    def instance_tags(self, orthanc_patient_id: str, modalities: Collection[str]) -> list[dict[str, Any]]:
        """Return one dictionary for each instance of the patient's series of these modalities, or of none.

        DICOM keywords map to text (null where Orthanc withholds a long value) or, for sequences, to lists of such
        dictionaries; of an RTSTRUCT everything but its contours. Further keys, in lower case: `instance_identifier`,
        `series_identifier`, `study_identifier`, `orthanc_id` (the patient's), `file_size`, `file_uuid`, and the main
        tags of Orthanc's index as `study_tags` and `series_tags`.

        Raises ObjectUnreadable where any of them cannot be read: never fewer rows than instances.
        """
        listing = self._listing(require_orthanc_id(orthanc_patient_id))
        tasks: list[Callable[[], list[dict[str, Any]]]] = []
        for series_id, series in listing.series.items():
            modality = _main_tags(series).get("Modality")
            if modality == "RTSTRUCT" and modality in modalities:
                tasks += [partial(self._structure_set_row, listing, each) for each in listing.instances_of(series_id)]
            elif modality in modalities or not modality:
                tasks.append(partial(self._series_rows, listing, series_id))
        return [row for rows in self._pool.map(lambda task: task(), tasks) for row in rows]

    def download(self, instance: ArchivedInstance, destination: Path, *, check_md5: bool = True) -> int:
        """Write the instance's file to `destination`, whole or not at all, and return its size in bytes.

        The length is checked against FileSize, and the bytes against the MD5 that Orthanc took when they came. Three
        attempts for what may pass; the folder must exist.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._download_once(instance, destination, check_md5=check_md5)
            except _WORTH_ANOTHER_TRY:
                if attempt == _ATTEMPTS:
                    raise
                time.sleep(_BACKOFF_S * attempt)
        raise AssertionError("the last attempt returns or raises")

    def download_all(self, pairs: Iterable[tuple[ArchivedInstance, Path]], *, check_md5: bool = True) -> list[int]:
        """Download all, several at a time, and return the size of each; at the first failure the rest is dropped."""
        futures: list[Future[int]] = [
            self._pool.submit(self.download, instance, destination, check_md5=check_md5)
            for instance, destination in pairs
        ]
        _, unfinished = wait(futures, return_when=FIRST_EXCEPTION)
        for future in unfinished:
            future.cancel()
        # Those under way still write: nothing may be left behind when this returns.
        wait(futures)
        for future in futures:
            if not future.cancelled() and (error := future.exception()) is not None:
                raise error
        return [future.result() for future in futures]

    def upload(self, path: Path) -> dict[str, Any]:
        """Store a DICOM file and return Orthanc's answer: ID, ParentPatient, ParentSeries, ParentStudy, Status."""
        with path.open("rb") as file:
            answer = self._connection.post_file("/instances", file)
        require_orthanc_id(answer.get("ID"))
        return answer

    def _listing(self, patient_id: str) -> _Listing:
        def records(kind: str) -> dict[str, dict[str, Any]]:
            listed = self._connection.get_records(f"/patients/{patient_id}/{kind}", expand="")
            return {require_orthanc_id(record.get("ID")): record for record in listed}

        return _Listing(patient_id, records("studies"), records("series"), records("instances"))

    def _series_rows(self, listing: _Listing, series_id: str) -> list[dict[str, Any]]:
        path = f"/series/{series_id}/instances-tags"
        # GridFrameOffsetVector (3004,000C) is longer than the 256 characters that Orthanc gives otherwise.
        tags = self._connection.get_record(path, simplify="", **{"ignore-length": "3004-000c"})
        if set(tags) != set(listing.instances_of(series_id)):
            raise OrthancAnswerError(f"{path}: the series changed while it was read")
        return [{**tags[instance_id], **listing.origin(instance_id)} for instance_id in tags]

    def _structure_set_row(self, listing: _Listing, instance_id: str) -> list[dict[str, Any]]:
        origin = listing.origin(instance_id)
        with self._connection.get(f"/instances/{instance_id}/file") as answer:
            tags = read_head(answer.raw, f"RTSTRUCT {instance_id}", origin["file_size"])
            _require_length(answer, origin["file_size"], f"RTSTRUCT {instance_id}")
        tags |= self._approval(instance_id, str(tags.get("SpecificCharacterSet") or ""))
        # Whose it is, Orthanc says, in the same letters as for every other object.
        return [{**tags, **listing.patient_tags(instance_id), **origin}]

    def _approval(self, instance_id: str, character_set: str) -> dict[str, str]:
        """Return ApprovalStatus and what goes with it, which lie behind the contours (PS3.3 C.8.8.16)."""
        status = self._content(instance_id, "300e-0002", "")
        if not status:
            return {}
        found = {"ApprovalStatus": status}
        if status != "UNAPPROVED":
            found |= {key: self._content(instance_id, tag, character_set) for key, tag in _WITH_APPROVAL.items()}
        return {keyword: text for keyword, text in found.items() if text}

    def _content(self, instance_id: str, tag: str, character_set: str) -> str:
        try:
            value = self._connection.get_bytes(f"/instances/{instance_id}/content/{tag}")
        except ObjectGone:
            return ""
        return decode_bytes(value, convert_encodings(character_set.split("\\")), set()).strip(" \0")

    def _download_once(self, instance: ArchivedInstance, destination: Path, *, check_md5: bool) -> int:
        name = f"/instances/{require_orthanc_id(instance.orthanc_id)}"
        partial_file = destination.with_name(f"{destination.name}.part")
        digest = hashlib.md5(usedforsecurity=False)
        size = 0
        try:
            with self._connection.get(f"{name}/file") as answer, partial_file.open("wb") as file:
                while chunk := answer.raw.read(_CHUNK_BYTES):
                    file.write(chunk)
                    size += len(chunk)
                    if check_md5:
                        digest.update(chunk)
            if size != instance.file_size:
                raise ObjectDamaged(f"{name} has {size} bytes, but {instance.file_size} were stored")
            if check_md5 and self._md5(name) != digest.hexdigest():
                raise ObjectDamaged(f"{name} is not what was stored: its MD5 differs")
            partial_file.replace(destination)
        finally:
            partial_file.unlink(missing_ok=True)
        return size

    def _md5(self, name: str) -> str:
        try:
            digest = self._connection.get_bytes(f"{name}/attachments/dicom/md5").decode("ascii", "replace")
        except ObjectGone:
            digest = ""
        if not digest:
            raise OrthancAnswerError(f"Orthanc keeps no MD5 of {name}: set StoreMD5ForAttachments, or do not check MD5")
        return digest


@dataclass(frozen=True, slots=True)
class _Listing:
    """What Orthanc's index says of one patient: records by Orthanc ID."""

    patient_id: str
    studies: dict[str, dict[str, Any]]
    series: dict[str, dict[str, Any]]
    instances: dict[str, dict[str, Any]]

    def instances_of(self, series_id: str) -> list[str]:
        return [key for key, record in self.instances.items() if record.get("ParentSeries") == series_id]

    def patient_tags(self, instance_id: str) -> dict[str, Any]:
        """Return PatientID as Orthanc's index has it."""
        study = self.studies[self.series[self.instances[instance_id]["ParentSeries"]]["ParentStudy"]]
        tags = study.get("PatientMainDicomTags")
        return {"PatientID": tags["PatientID"]} if isinstance(tags, dict) and "PatientID" in tags else {}

    def origin(self, instance_id: str) -> dict[str, Any]:
        """Return the lower-case keys of `Orthanc.instance_tags`."""
        try:
            instance = self.instances[instance_id]
            series = self.series[instance["ParentSeries"]]
            study = self.studies[series["ParentStudy"]]
            return {
                "instance_identifier": instance_id,
                "series_identifier": series["ID"],
                "study_identifier": study["ID"],
                "orthanc_id": self.patient_id,
                "file_size": int(instance["FileSize"]),
                "file_uuid": str(instance["FileUuid"]),
                "study_tags": _main_tags(study),
                "series_tags": _main_tags(series),
            }
        except (KeyError, TypeError, ValueError) as error:
            raise OrthancAnswerError(f"Orthanc's record of instance {instance_id} is incomplete: {error!r}") from error


def _require_length(answer: requests.Response, file_size: int, name: str) -> None:
    announced = answer.headers.get("Content-Length")
    if announced is not None and announced != str(file_size):
        raise ObjectDamaged(f"{name} has {announced} bytes, but {file_size} were stored")


def _main_tags(record: dict[str, Any]) -> dict[str, Any]:
    tags = record.get("MainDicomTags")
    if not isinstance(tags, dict):
        raise OrthancAnswerError("a record of Orthanc has no MainDicomTags")
    return tags


def _patient(record: dict[str, Any]) -> ArchivedPatient:
    studies = record.get("Studies")
    if not isinstance(studies, list):
        raise OrthancAnswerError("a record of Orthanc is not a patient's: it has no Studies")
    return ArchivedPatient(
        patient_id=str(_main_tags(record).get("PatientID", "")),
        orthanc_id=require_orthanc_id(record.get("ID")),
        studies=tuple(require_orthanc_id(study) for study in studies),
    )
