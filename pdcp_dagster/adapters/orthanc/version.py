"""What differs between versions of Orthanc, as far as it is made use of.

What lives here: how a version is read, and from which one on something holds. What does not: asking `/system`
(`client`). Only 1.10.1 was measured; what is said of later ones is from Orthanc's own release notes.

    1.10.0   the base: `attachments/dicom/info` gives size, MD5 and storage UUID at once
    1.12.2   DICOM files are never compressed on the fly any more, whatever a client accepts

Not made use of, since they would save no request or ask for a second way of doing the same: RequestedTags (1.11),
StorageCompression in `/system` (1.11; what is stored may be mixed), Range and ExtendedFind (1.12.5).
"""

from __future__ import annotations

import re

Version = tuple[int, ...]

_NUMBERED = re.compile(r"\d{1,9}(\.\d{1,9})*", re.ASCII)
_NO_DEFLATE_ON_THE_FLY: Version = (1, 12, 2)
_NEWEST: Version = (1_000_000,)


def parse_version(text: str) -> Version:
    """Return the numbers a version begins with; one without any, like "mainline", is newer than all others."""
    found = _NUMBERED.match(text.strip())
    return tuple(int(number) for number in found.group().split(".")) if found else _NEWEST


def deflates_on_the_fly(version: Version) -> bool:
    """Return whether a file that is stored as it is would be deflated for a client that accepts it, slowly."""
    return version < _NO_DEFLATE_ON_THE_FLY
