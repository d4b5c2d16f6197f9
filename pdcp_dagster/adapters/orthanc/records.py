"""What the archive lists: patients and instances, by Orthanc's own identifiers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ArchivedPatient:
    """A patient as Orthanc lists it.

    patient_id: (0010,0020), untrusted text, kept to the letter; "" where absent.
    orthanc_id: Orthanc's patient ID.
    studies: Orthanc's study IDs.
    is_stable: whether nothing has come of the patient for a while (Orthanc's StableAge).
    """

    patient_id: str
    orthanc_id: str
    studies: tuple[str, ...] = ()
    is_stable: bool = True


@dataclass(frozen=True, slots=True)
class ArchivedInstance:
    """An instance to download.

    orthanc_id: Orthanc's instance ID, the only thing that goes into a URL.
    file_size: bytes of the stored file, against which the download is checked.
    file_uuid: Orthanc's name for the stored file, new whenever it is stored anew; "" where not known.
    """

    orthanc_id: str
    sop_instance_uid: str
    series_instance_uid: str
    modality: str
    file_size: int
    file_uuid: str = ""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What arrived and was checked.

    size: bytes, equal to the archive's FileSize.
    md5: 32 hex digits, equal to the archive's; None where MD5 was not checked.
    """

    size: int
    md5: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """An entry of the change feed (`/changes`).

    sequence: its number, counted from 1 over the life of the database.
    kind: Orthanc's ChangeType: NewInstance, StablePatient, UpdatedAttachment, ...
    orthanc_id: what changed.
    date: as Orthanc writes it, to the second; it tells entries of two databases apart that have one number.
    """

    sequence: int
    kind: str
    orthanc_id: str
    date: str


@dataclass(frozen=True, slots=True)
class ChangePage:
    """A page of the change feed, oldest entry first.

    last: the number that the next page begins behind. Below what was asked for, it tells of another database.
    is_done: whether there was nothing behind this page.
    """

    changes: tuple[Change, ...]
    last: int
    is_done: bool
