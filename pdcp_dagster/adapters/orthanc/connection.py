"""One HTTP session to Orthanc: identity encoding, retries, and every error typed.

What lives here: requests and answers. What does not: which resources exist and what they mean (`client`).
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from urllib3.util.retry import Retry

from pdcp_dagster.adapters.orthanc.errors import (
    ObjectDamaged,
    ObjectGone,
    ObjectUnreadable,
    OrthancAnswerError,
    OrthancDenied,
    OrthancUnreachable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from pdcp_dagster.adapters.orthanc.settings import OrthancSettings

_CONNECT_TIMEOUT_S = 5.0
_BACKOFF = 0.3
"""Waits of 0, 0.6, 1.2, ... seconds between the attempts of one request."""
_TRANSIENT = frozenset({429, 502, 503, 504})
_DENIED = frozenset({401, 403})
_GONE = 404
_SERVER_FAULT = 500
_SUCCESS = range(200, 300)
_ORTHANC_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}")


def require_orthanc_id(text: object) -> str:
    """Return an Orthanc ID (SHA-1 as five groups of hex digits), the only text that may become part of a URL.

    Raises OrthancAnswerError for anything else.
    """
    if isinstance(text, str) and _ORTHANC_ID.fullmatch(text):
        return text
    raise OrthancAnswerError(f"{text!r} is no Orthanc identifier")


class Connection:
    """A session with one Orthanc; usable from several threads."""

    def __init__(self, settings: OrthancSettings) -> None:
        self.settings = settings
        self._timeout = (min(_CONNECT_TIMEOUT_S, settings.timeout_s), settings.timeout_s)
        session = self._session = requests.Session()
        # REQUESTS_CA_BUNDLE, .netrc and proxies of the environment would override the settings.
        session.trust_env = False
        if settings.username:
            session.auth = HTTPBasicAuth(settings.username.encode(), settings.password.encode())
        session.verify = (settings.ca_bundle or True) if settings.verify_tls else False
        if not settings.verify_tls:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        # Orthanc up to 1.12.1 gzips each DICOM file on the fly if it may: 26 times slower.
        session.headers["Accept-Encoding"] = "identity"
        retry = Retry(
            total=4,
            connect=2,
            read=2,
            other=0,  # a certificate does not become valid
            backoff_factor=_BACKOFF,
            allowed_methods={"GET"},
            status_forcelist=_TRANSIENT,
            raise_on_status=False,
        )
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=settings.connections, max_retries=retry)
        session.mount("http://", adapter)
        session.mount("https://", adapter)

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    @contextmanager
    def get(self, path: str, **params: str | int) -> Iterator[requests.Response]:
        """Yield the answer to GET, its body still to be read; errors while it is read are typed, too."""
        with (
            _typed_errors(self.settings, path),
            self._session.get(
                self.settings.url + path, params=params, timeout=self._timeout, stream=True, allow_redirects=False
            ) as answer,
        ):
            yield _require_success(answer, path)

    def get_bytes(self, path: str, **params: str | int) -> bytes:
        """Return the body of the answer to GET."""
        with self.get(path, **params) as answer:
            body: bytes = answer.content
            return body

    def get_json(self, path: str, **params: str | int) -> Any:
        """Return the JSON answer to GET."""
        with self.get(path, **params) as answer:
            return _json(answer, path)

    def get_records(self, path: str, **params: str | int) -> list[dict[str, Any]]:
        """Return the JSON answer to GET, which must be a list of objects."""
        records = self.get_json(path, **params)
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            raise OrthancAnswerError(f"{path}: expected a list of objects")
        return records

    def get_record(self, path: str, **params: str | int) -> dict[str, Any]:
        """Return the JSON answer to GET, which must be one object."""
        record = self.get_json(path, **params)
        if not isinstance(record, dict):
            raise OrthancAnswerError(f"{path}: expected an object")
        return record

    def post_file(self, path: str, file: BinaryIO) -> dict[str, Any]:
        """Return the JSON object that answers a POST of a file's bytes."""
        with _typed_errors(self.settings, path):
            url = self.settings.url + path
            answer = self._session.post(url, data=file, timeout=self._timeout, allow_redirects=False)
            record = _json(_require_success(answer, path), path)
        if not isinstance(record, dict):
            raise OrthancAnswerError(f"{path}: expected an object")
        return record


def _require_success(answer: requests.Response, path: str) -> requests.Response:
    status = answer.status_code
    if status in _SUCCESS:
        return answer
    if status in _DENIED:
        raise OrthancDenied(f"Orthanc refuses user name or password ({status}) for {path}")
    if status == _GONE:
        raise ObjectGone(f"Orthanc has no {path}")
    if status in _TRANSIENT:
        raise OrthancUnreachable(f"Orthanc does not serve {path} at present ({status})")
    if status >= _SERVER_FAULT:
        raise ObjectUnreadable(f"Orthanc cannot read {path} ({status}): look at its log and its storage")
    raise OrthancAnswerError(f"Orthanc answers {status} to {path}")


def _json(answer: requests.Response, path: str) -> Any:
    try:
        return answer.json()
    except requests.exceptions.JSONDecodeError:
        raise OrthancAnswerError(f"{path}: the answer is not JSON; is this URL an Orthanc?") from None


@contextmanager
def _typed_errors(settings: OrthancSettings, path: str) -> Iterator[None]:
    """Type the errors of requests, and those of urllib3 that come through `answer.raw` unwrapped."""
    try:
        yield
    except (requests.exceptions.SSLError, urllib3.exceptions.SSLError) as error:
        raise OrthancUnreachable(f"Orthanc at {settings}: TLS failed: {_root(error)}") from error
    except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise OrthancUnreachable(f"Orthanc at {settings} did not answer {path} in {settings.timeout_s:g} s") from error
    except (requests.exceptions.ChunkedEncodingError, urllib3.exceptions.ProtocolError) as error:
        raise ObjectDamaged(f"Orthanc at {settings}: the connection was cut while reading {path}") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        if _timed_out(error):
            text = f"did not answer {path} in {settings.timeout_s:g} s"
        else:
            text = f"cannot be reached: {_root(error)}"
        raise OrthancUnreachable(f"Orthanc at {settings} {text}") from error


def _timed_out(error: BaseException) -> bool:
    # `content` wraps a stalled body into a plain ConnectionError.
    return bool(error.args) and isinstance(error.args[0], urllib3.exceptions.TimeoutError)


def _root(error: BaseException) -> str:
    """Return the innermost system error in one line; the outer ones repeat addresses of objects."""
    text = ""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            text = cause.strerror
        cause = cause.__cause__ or cause.__context__
    return " ".join((text or type(error).__name__).split())
