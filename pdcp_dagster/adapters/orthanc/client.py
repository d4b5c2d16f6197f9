"""What is asked of Orthanc: patients, tags, verified downloads, uploads.

What lives here: the REST resources that are used and how. What does not: HTTP itself (`connection`), parsing (`head`).
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from pydicom.charset import convert_encodings, decode_bytes

from pdcp_dagster.adapters.orthanc import patience
from pdcp_dagster.adapters.orthanc.changes import change_page
from pdcp_dagster.adapters.orthanc.connection import HURRIED, Connection, require_orthanc_id
from pdcp_dagster.adapters.orthanc.download import Downloads, require_length
from pdcp_dagster.adapters.orthanc.errors import (
    ObjectDamaged,
    ObjectGone,
    OrthancAnswerError,
    OrthancError,
)
from pdcp_dagster.adapters.orthanc.head import read_head
from pdcp_dagster.adapters.orthanc.listing import PatientListing, fingerprint_of, main_tags
from pdcp_dagster.adapters.orthanc.records import ArchivedPatient, Downloaded
from pdcp_dagster.adapters.orthanc.version import Version, parse_version

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

    from urllib3.response import BaseHTTPResponse

    from pdcp_dagster.adapters.orthanc.records import ArchivedInstance, ChangePage
    from pdcp_dagster.adapters.orthanc.settings import OrthancSettings

_PAGE = 500
_LISTINGS = 4
_EXPANDED = {"expand": ""}
_AHEAD = 4
"""Questions under way for each connection, of many that are asked in order."""
_WITH_APPROVAL = {"ReviewDate": "300e-0004", "ReviewerName": "300e-0008"}


class Orthanc:
    """An open Orthanc; a context manager, usable from several threads, not to be handed to another process.

    Every method raises OrthancError (see `errors`); an empty answer always means that there is nothing. What may pass,
    a server that restarts for one, is waited out (`patience`): by `system` and `upload` for a second, by all others for
    some 20 seconds.
    """

    def __init__(self, settings: OrthancSettings) -> None:
        self._connection = Connection(settings)
        self._pool = ThreadPoolExecutor(settings.connections, thread_name_prefix="orthanc")
        self._downloads = Downloads(self._connection, self._version)
        self._version_lock = threading.Lock()
        self._known_version: Version | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Break off what is under way, drop what is not, and close all connections."""
        self._connection.give_up()
        self._pool.shutdown(cancel_futures=True)
        self._connection.close()

    def system(self) -> dict[str, Any]:
        """Return what the server says of itself (`/system`): Version, Name, ...; not long waited for."""
        return self._system(HURRIED)

    def patients(self) -> Iterator[ArchivedPatient]:
        """Yield every patient once, page by page; OrthancAnswerError where pages never fit each other."""
        seen: set[str] = set()
        for _ in range(_LISTINGS):
            # A deletion meanwhile moves the pages, and somebody could be missed.
            whole = yield from self._patients_once(seen)
            if whole:
                return
        raise OrthancAnswerError("/patients: its pages do not fit each other; is there a gateway that drops `since`?")

    def changes(self, since: int, limit: int) -> ChangePage:
        """Return what the change feed has behind the entry `since`, not long waited for.

        Deletions never appear, and with a resource its earlier entries vanish; a crash before StableAge loses Stable*
        entries. The feed is a hint, no record.
        """
        path = "/changes"
        answer = self._connection.get_record(path, {"since": since, "limit": limit}, attempts_more=HURRIED)
        return change_page(answer, path)

    def newest_change(self) -> ChangePage:
        """Return the newest entry of the change feed alone."""
        return change_page(self._connection.get_record("/changes", {"last": ""}, attempts_more=HURRIED), "/changes")

    def patient(self, orthanc_id: str) -> ArchivedPatient:
        """Return one patient; raises ObjectGone where the archive has none of this ID."""
        return _patient(self._connection.get_record(f"/patients/{require_orthanc_id(orthanc_id)}"))

    def listing(self, orthanc_patient_id: str) -> PatientListing:
        """Return what the index says of one patient; raises ObjectGone where the archive has none of this ID."""
        path = f"/patients/{require_orthanc_id(orthanc_patient_id)}"

        def records(kind: str) -> dict[str, dict[str, Any]]:
            listed = self._connection.get_records(f"{path}/{kind}", _EXPANDED)
            return {require_orthanc_id(record.get("ID")): record for record in listed}

        def attempt() -> PatientListing:
            found = records("studies"), records("series"), records("instances")
            try:
                return PatientListing(orthanc_patient_id, *found)
            except OrthancAnswerError as error:
                raise patience.Passing(error, patience.QUICK_WAITS_S) from error

        return self._connection.persist(attempt)

    def fingerprint(self, orthanc_patient_id: str) -> str:
        """Return `listing(...).fingerprint` by one request; raises ObjectGone where the patient was deleted."""
        path = f"/patients/{require_orthanc_id(orthanc_patient_id)}/instances"
        return fingerprint_of(self._connection.get_records(path, _EXPANDED))

    def fingerprints(self, orthanc_patient_ids: Iterable[str]) -> Iterator[tuple[str, str | OrthancError]]:
        """Yield each patient's ID with its fingerprint, in order, or with the error that asking for it met."""

        def asked(orthanc_patient_id: str) -> tuple[str, str | OrthancError]:
            try:
                return orthanc_patient_id, self.fingerprint(orthanc_patient_id)
            except OrthancError as error:
                return orthanc_patient_id, error

        under_way: deque[Future[tuple[str, str | OrthancError]]] = deque()
        for orthanc_patient_id in orthanc_patient_ids:
            under_way.append(self._pool.submit(asked, orthanc_patient_id))
            if len(under_way) > _AHEAD * self._connection.settings.connections:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()

    def instance_tags(
        self, orthanc_patient_id: str, modalities: Collection[str], listing: PatientListing | None = None
    ) -> list[dict[str, Any]]:
        """Return one dictionary for each instance of the patient's series of these modalities, or of none.

        DICOM keywords map to text (null where Orthanc withholds a long value) or, for sequences, to lists of such
        dictionaries; of an RTSTRUCT everything but its contours. Further keys, in lower case: `instance_identifier`,
        `series_identifier`, `study_identifier`, `orthanc_id` (the patient's), `file_size`, `file_uuid`, and the main
        tags of Orthanc's index as `study_tags` and `series_tags`.

        `listing` is the patient's where it was asked for already. Raises ObjectUnreadable where any instance cannot be
        read: never fewer rows than instances.
        """
        listing = listing or self.listing(orthanc_patient_id)
        tasks: list[Callable[[], list[dict[str, Any]]]] = []
        for series_id, series in listing.series.items():
            modality = main_tags(series).get("Modality")
            if modality == "RTSTRUCT" and modality in modalities:
                tasks += [partial(self._structure_set_row, listing, each) for each in listing.instances_of(series_id)]
            elif modality in modalities or not modality:
                tasks.append(partial(self._series_rows, listing, series_id))
        return [row for rows in self._pool.map(lambda task: task(), tasks) for row in rows]

    def download(self, instance: ArchivedInstance, destination: Path, *, check_md5: bool | None = None) -> Downloaded:
        """Write the instance's file to `destination`, whole or not at all, and return what arrived.

        The length is checked against FileSize, and, with `check_md5` (None: as the settings say), the bytes against the
        MD5 that Orthanc took when they came; a file that was stored anew since it was listed raises ObjectGone. The
        folder must exist; what the disk refuses is its own OSError.
        """
        checked = self._connection.settings.check_md5 if check_md5 is None else check_md5
        return self._downloads.bring(instance, destination, check_md5=checked)

    def download_all(
        self, pairs: Iterable[tuple[ArchivedInstance, Path]], *, check_md5: bool | None = None
    ) -> list[Downloaded]:
        """Download all, several at a time, and return what arrived of each; at the first failure drop the rest."""
        futures: list[Future[Downloaded]] = [
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

    def _patients_once(self, seen: set[str]) -> Generator[ArchivedPatient, None, bool]:
        """Yield who is not among `seen`, and return whether each page began with the last patient of the one before."""
        listed: set[str] = set()
        since, last = 0, ""
        while True:
            records = self._connection.get_records("/patients", {**_EXPANDED, "since": since, "limit": _PAGE})
            page = {patient.orthanc_id: patient for patient in map(_patient, records)}
            if last and next(iter(page), "") != last:
                return False
            if len(page) == bool(last):
                return True
            if listed.issuperset(list(page)[bool(last) :]):
                return False
            yield from (page[each] for each in page if each not in seen)
            seen.update(page)
            listed.update(page)
            since, last = since + len(records) - 1, next(reversed(page))

    def _system(self, attempts_more: int | None = None) -> dict[str, Any]:
        answer = self._connection.get_record("/system", attempts_more=attempts_more)
        if "Version" not in answer:
            raise OrthancAnswerError("/system names no Version; is this URL an Orthanc?")
        return answer

    def _version(self) -> Version:
        """Return the server's version, asked for once."""
        with self._version_lock:
            if self._known_version is None:
                self._known_version = parse_version(str(self._system()["Version"]))
            return self._known_version

    def _series_rows(self, listing: PatientListing, series_id: str) -> list[dict[str, Any]]:
        path = f"/series/{series_id}/instances-tags"
        # GridFrameOffsetVector (3004,000C) is longer than the 256 characters that Orthanc gives otherwise.
        tags = self._connection.get_record(path, {"simplify": "", "ignore-length": "3004-000c"})
        if set(tags) != set(listing.instances_of(series_id)):
            raise OrthancAnswerError(f"{path}: the series changed while it was read")
        return [{**tags[instance_id], **listing.origin(instance_id)} for instance_id in tags]

    def _structure_set_row(self, listing: PatientListing, instance_id: str) -> list[dict[str, Any]]:
        origin = listing.origin(instance_id)
        file_size, name = origin["file_size"], f"RTSTRUCT {instance_id}"

        def read(answer: BaseHTTPResponse) -> dict[str, Any]:
            try:
                require_length(answer, file_size, name)
                return read_head(answer, name, file_size)
            except ObjectDamaged as error:
                raise patience.Passing(error, patience.QUICK_WAITS_S) from error

        tags = self._connection.get(f"/instances/{instance_id}/file", read)
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


def _patient(record: dict[str, Any]) -> ArchivedPatient:
    studies = record.get("Studies")
    if not isinstance(studies, list):
        raise OrthancAnswerError("a record of Orthanc is not a patient's: it has no Studies")
    return ArchivedPatient(
        patient_id=str(main_tags(record).get("PatientID", "")),
        orthanc_id=require_orthanc_id(record.get("ID")),
        studies=tuple(require_orthanc_id(study) for study in studies),
        is_stable=record.get("IsStable") is not False,
    )
