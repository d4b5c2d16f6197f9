"""How to reach Orthanc: the settings, their environment variables and their checks."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pdcp_dagster.adapters.orthanc.errors import OrthancSettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_URL = "http://127.0.0.1:8042"
_MOST_CONNECTIONS = 64
_YES = {"true", "1", "yes", "on"}
_NO = {"false", "0", "no", "off"}


@dataclass(frozen=True, slots=True)
class OrthancSettings:
    """Everything that is needed to open an `Orthanc`; plain values, so that workers can be given it.

    url: http or https, without user name or password.
    ca_bundle: file of PEM certificates to trust instead of the system's.
    connections: at most so many at once; idle ones hold threads of the server.
    timeout_s: longest silence of the server that is waited for, seconds.
    check_md5: whether downloads are checked against the MD5 that Orthanc took when the file came; lengths always are.

    Raises OrthancSettingsError for any value that cannot be meant.
    """

    url: str = DEFAULT_URL
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    ca_bundle: str | None = None
    verify_tls: bool = True
    connections: int = 8
    timeout_s: float = 120.0
    check_md5: bool = True

    def __post_init__(self) -> None:
        _require_url(self.url)
        object.__setattr__(self, "url", self.url.rstrip("/"))
        if self.password and not self.username:
            raise OrthancSettingsError("ORTHANC_PASSWORD is set but ORTHANC_USERNAME is not")
        if ":" in self.username:
            raise OrthancSettingsError("ORTHANC_USERNAME must not contain a colon")
        if self.ca_bundle is not None and not Path(self.ca_bundle).is_file():
            raise OrthancSettingsError(f"ORTHANC_CA_BUNDLE: there is no file {self.ca_bundle!r}")
        if not 1 <= self.connections <= _MOST_CONNECTIONS:
            raise OrthancSettingsError(f"ORTHANC_CONNECTIONS must be 1 to {_MOST_CONNECTIONS}, not {self.connections}")
        if not (math.isfinite(self.timeout_s) and self.timeout_s > 0):
            raise OrthancSettingsError(f"ORTHANC_TIMEOUT must be seconds above 0, not {self.timeout_s}")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> OrthancSettings:
        """Return the settings that the ORTHANC_ variables give; an empty variable counts as not set."""
        given = {name: text for name, text in environ.items() if name.startswith("ORTHANC_") and text}
        return cls(
            url=given.get("ORTHANC_URL", DEFAULT_URL),
            username=given.get("ORTHANC_USERNAME", ""),
            password=given.get("ORTHANC_PASSWORD", ""),
            ca_bundle=given.get("ORTHANC_CA_BUNDLE"),
            verify_tls=_flag(given, "ORTHANC_VERIFY_TLS", default=True),
            connections=int(_number(given, "ORTHANC_CONNECTIONS", default=8, whole=True)),
            timeout_s=_number(given, "ORTHANC_TIMEOUT", default=120.0),
            check_md5=_flag(given, "ORTHANC_CHECK_MD5", default=True),
        )

    def __str__(self) -> str:
        return self.url


def _require_url(url: str) -> None:
    # The URL is not repeated in these messages: however it is written, it may hold a password.
    if "@" in url:
        raise OrthancSettingsError(
            "ORTHANC_URL must not contain a user name or password: use ORTHANC_USERNAME and ORTHANC_PASSWORD"
        )
    try:
        parts = urlsplit(url)
        port_is_odd = parts.port == 0
    except ValueError:
        raise OrthancSettingsError(
            "ORTHANC_URL is no URL: after the host, only a port's number may follow a colon"
        ) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port_is_odd:
        raise OrthancSettingsError("ORTHANC_URL must look like http://host:8042 or https://host")
    if parts.query or parts.fragment or any(sign.isspace() for sign in url):
        raise OrthancSettingsError("ORTHANC_URL must not contain blanks, '?' or '#'")


def _number(given: Mapping[str, str], name: str, *, default: float, whole: bool = False) -> float:
    text = given.get(name)
    if text is None:
        return default
    try:
        return int(text) if whole else float(text)
    except ValueError:
        expected = "a whole number" if whole else "a number of seconds"
        raise OrthancSettingsError(f"{name} must be {expected}, not {text!r}") from None


def _flag(given: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = given.get(name, "").lower()
    if not text:
        return default
    if text not in _YES | _NO:
        raise OrthancSettingsError(f"{name} must be true or false, not {text!r}")
    return text in _YES
