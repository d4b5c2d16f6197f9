"""Names that are safe as partition key, folder and file, and can never be mistaken for one another.

What lives here: the encoding of untrusted identifiers and names. What does not: paths (adapters) or partitions (defs).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HASHED = re.compile(r"[A-Za-z0-9_%-]{0,64}--[0-9a-f]{16}")
_ENCODED = re.compile(r"(?=.*%)[a-z0-9_%-]{1,64}")
_UID = re.compile(r"(?=.{1,64}$)[0-9]+(\.[0-9]+)*")
_LONGEST = 64
_KEPT_OF_LONG = 40
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
_UNSAFE_IN_FILE_NAME = re.compile(r"[^\w.+-]+")
_LONGEST_FILE_STEM_BYTES = 120


def is_device_name(name: str) -> bool:
    """Whether Windows takes this name for a device, so that no file or folder can have it."""
    return name.lower() in _DEVICES


def safe_name(text: str) -> str:
    """Return a folder name for untrusted text, unique on a disk that ignores case.

    Percent-encoded (`.` and `~` too); where that is empty, longer than 64 characters (then cut to 40), contains `--`,
    differs from its lower case or is a Windows device name, `--` and 16 hex digits of the text's SHA-256 follow.
    """
    quoted = quote(text, safe="", errors="surrogatepass").replace(".", "%2E").replace("~", "%7E")
    needs_hash = (
        not quoted or len(quoted) > _LONGEST or "--" in quoted or quoted != quoted.lower() or is_device_name(quoted)
    )
    if not needs_hash:
        return quoted
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{quoted[:_KEPT_OF_LONG] if len(quoted) > _LONGEST else quoted}--{digest}"


def uid_name(uid: str) -> str:
    """Return a file name for a UID: itself where it is one (PS3.5 9.1), else `safe_name`: it is text from outside."""
    return uid if _UID.fullmatch(uid) else safe_name(uid)


def partition_key(identifier: str) -> str:
    """Return the partition key of a PatientID (or Orthanc ID): itself where plain, else `safe_name`.

    An identifier that looks like an encoded one (`...--` and 16 hex digits) is not plain, so no two share a key.
    """
    if _PLAIN.fullmatch(identifier) and not _HASHED.fullmatch(identifier):
        return identifier
    return safe_name(identifier)


def folder_of(key: str) -> str:
    """Return the patient folder of a partition key; also safe for a key that somebody typed into the UI."""
    if _HASHED.fullmatch(key) or _ENCODED.fullmatch(key):
        return key
    return safe_name(key)


def roi_file_stems(rois: Iterable[tuple[int, str]]) -> dict[int, str]:
    """Return a file stem for each (ROINumber, ROIName): the name made safe, unique case aside.

    Names that are equal after that get `__<ROINumber>`, in order of ROINumber, until unique.
    """
    ordered = sorted(rois)
    bases = {number: _file_stem(name, number) for number, name in ordered}
    counts: dict[str, int] = {}
    for base in bases.values():
        counts[base.lower()] = counts.get(base.lower(), 0) + 1
    taken = {base.lower() for base in bases.values() if counts[base.lower()] == 1}
    stems: dict[int, str] = {}
    for number, base in bases.items():
        stem = base
        if counts[base.lower()] > 1:
            stem = f"{base}__{number}"
            while stem.lower() in taken:
                stem = f"{stem}__{number}"
        taken.add(stem.lower())
        stems[number] = stem
    return stems


def _file_stem(name: str, number: int) -> str:
    # Some disks take two spellings of one letter for one name.
    stem = _UNSAFE_IN_FILE_NAME.sub("_", unicodedata.normalize("NFC", name))
    # A name that begins with a hyphen is an option to any program that is given it.
    stem = stem.lstrip("._-").rstrip("._")
    stem = stem.encode()[:_LONGEST_FILE_STEM_BYTES].decode(errors="ignore")
    if not stem or is_device_name(stem.split(".")[0]):
        return f"ROI_{number}"
    return stem
