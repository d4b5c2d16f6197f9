"""What can go wrong with Orthanc, typed by who can help.

    OrthancError
    ├── OrthancSettingsError   the one who wrote the settings
    ├── OrthancUnreachable     the network or the server: refused, cut, timed out, TLS, a gateway's 429, 502, 503, 504
    ├── OrthancDenied          whoever grants access: 401, 403
    ├── ObjectGone             nobody: it was deleted (404) or stored anew meanwhile
    ├── ObjectUnreadable       the archive's keeper: the server cannot read what it stored (5xx)
    ├── ObjectDamaged          the archive's keeper: length or MD5 differ, or it is no DICOM
    └── OrthancAnswerError     the URL's owner: not JSON, not the expected shape, perhaps not an Orthanc at all; or
                               answers that do not fit each other, as the patient is changing

Each is built from one message, so that it survives the way between processes.
"""

from __future__ import annotations


class OrthancError(Exception):
    """Anything that went wrong with the archive."""


class OrthancSettingsError(OrthancError):
    """A setting is wrong; the message names it and never shows a password."""


class OrthancUnreachable(OrthancError):  # noqa: N818  # the tree's names say what happened
    """The server does not answer."""


class OrthancDenied(OrthancError):  # noqa: N818
    """The server refuses the user."""


class ObjectGone(OrthancError):  # noqa: N818
    """The object is not, or no longer, in the archive."""


class ObjectUnreadable(OrthancError):  # noqa: N818
    """The server has the object in its index but cannot read it."""


class ObjectDamaged(OrthancError):  # noqa: N818
    """What arrived is not what was once stored."""


class OrthancAnswerError(OrthancError):
    """The answer is not one that Orthanc gives."""
