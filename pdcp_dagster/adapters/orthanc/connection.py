"""The connections to one Orthanc: pooled, bounded, in identity encoding, every error typed.

What lives here: questions and whole answers. What does not: which resources exist and what they mean (`client`), what
a fault means (`failures`), how long it is waited out (`patience`).

Of the environment nothing counts: no proxy, no .netrc, no REQUESTS_CA_BUNDLE.
"""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode, urlsplit
from weakref import WeakSet

import urllib3

from pdcp_dagster.adapters.orthanc import patience
from pdcp_dagster.adapters.orthanc.errors import OrthancAnswerError, OrthancSettingsError
from pdcp_dagster.adapters.orthanc.failures import require_success, typed_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from urllib3.connection import HTTPConnection
    from urllib3.response import BaseHTTPResponse

    from pdcp_dagster.adapters.orthanc.settings import OrthancSettings

Result = TypeVar("Result")

Query = Mapping[str, str | int]
NOTHING_MORE: Query = MappingProxyType({})
HURRIED = 2
"""Further attempts where a person waits for the answer, or where the server was found dead already."""
_CONNECT_TIMEOUT_S = 5.0
_ERROR_BYTES = 1 << 16
_ORTHANC_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}")


def require_orthanc_id(text: object) -> str:
    """Return an Orthanc ID (SHA-1 as five groups of hex digits), the only text that may become part of a URL.

    Raises OrthancAnswerError for anything else.
    """
    if isinstance(text, str) and _ORTHANC_ID.fullmatch(text):
        return text
    raise OrthancAnswerError(f"{text!r} is no Orthanc identifier")


class Connection:
    """A few kept connections to one Orthanc, never more than the settings say; usable from several threads."""

    def __init__(self, settings: OrthancSettings) -> None:
        self.settings = settings
        self.closing = threading.Event()
        self._path = urlsplit(settings.url).path
        # Orthanc up to 1.12.1 gzips each DICOM file on the fly if it may: 26 times slower.
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "pdcp_dagster", **_credentials(settings)}
        timeout = urllib3.Timeout(min(_CONNECT_TIMEOUT_S, settings.timeout_s), settings.timeout_s)
        # block: who finds all connections in use waits for one.
        kept = {"maxsize": settings.connections, "block": True, "timeout": timeout, "retries": False}
        if settings.url.startswith("https:"):
            kept["ssl_context"] = _tls_context(settings)
        self._pool = urllib3.connection_from_url(settings.url, **kept)
        self._made: WeakSet[HTTPConnection] = WeakSet()
        self._pool.ConnectionCls = self._remembered(self._pool.ConnectionCls)

    def give_up(self) -> None:
        """Have whoever still waits for an answer, or for a server, end with an error at once."""
        self.closing.set()
        for connection in list(self._made):
            _shut_down(connection)

    def close(self) -> None:
        """Close all connections."""
        self.give_up()
        self._pool.close()

    def get(
        self,
        path: str,
        read: Callable[[BaseHTTPResponse], Result],
        query: Query = NOTHING_MORE,
        *,
        accept: str = "identity",
        attempts_more: int | None = None,
    ) -> Result:
        """Return what `read` makes of the answer to GET; it is asked again where a fault may pass, `read` included.

        attempts_more: how often at most.
        """
        target = f"{path}?{urlencode(query)}" if query else path

        def attempt() -> Result:
            with typed_errors(self.settings, path), self._answer("GET", target, {"Accept-Encoding": accept}) as answer:
                require_success(answer, path)
                return read(answer)

        return self.persist(attempt, attempts_more)

    def persist(self, attempt: Callable[[], Result], most: int | None = None) -> Result:
        """See `patience.persist`."""
        return patience.persist(attempt, self.closing, most)

    def get_json(self, path: str, query: Query = NOTHING_MORE, *, attempts_more: int | None = None) -> Any:
        """Return the JSON answer to GET."""
        return self.get(path, partial(_json, path=path), query, attempts_more=attempts_more)

    def get_bytes(self, path: str) -> bytes:
        """Return the body of the answer to GET."""
        return self.get(path, _body)

    def get_records(
        self, path: str, query: Query = NOTHING_MORE, *, attempts_more: int | None = None
    ) -> list[dict[str, Any]]:
        """Return the JSON answer to GET, which must be a list of objects."""
        records = self.get_json(path, query, attempts_more=attempts_more)
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            raise OrthancAnswerError(f"{path}: expected a list of objects")
        return records

    def get_record(self, path: str, query: Query = NOTHING_MORE, *, attempts_more: int | None = None) -> dict[str, Any]:
        """Return the JSON answer to GET, which must be one object."""
        return _require_object(self.get_json(path, query, attempts_more=attempts_more), path)

    def post_file(self, path: str, file: BinaryIO) -> dict[str, Any]:
        """Return the JSON object that answers a POST of a file's bytes; to store the same twice does no harm."""
        length = {"Content-Length": str(os.fstat(file.fileno()).st_size)}

        def attempt() -> dict[str, Any]:
            file.seek(0)
            with typed_errors(self.settings, path), self._answer("POST", path, length, file) as answer:
                require_success(answer, path)
                return _require_object(_json(answer, path), path)

        return self.persist(attempt, HURRIED)

    def _remembered(self, make: Callable[..., Any]) -> Any:
        def made(*arguments: Any, **options: Any) -> HTTPConnection:
            connection: HTTPConnection = make(*arguments, **options)
            self._made.add(connection)
            return connection

        return made

    @contextmanager
    def _answer(
        self, method: str, target: str, headers: dict[str, str], body: BinaryIO | None = None
    ) -> Iterator[BaseHTTPResponse]:
        """Yield an answer, its body still to be read; the connection is kept where that was read to its end."""
        answer = self._pool.urlopen(
            method,
            self._path + target,
            body=body,
            headers={**self._headers, **headers},
            preload_content=False,
            redirect=False,
        )
        try:
            yield answer
        except Exception:
            _drain(answer)
            raise
        finally:
            answer.close()
            answer.release_conn()


def _credentials(settings: OrthancSettings) -> dict[str, str]:
    if not settings.username:
        return {}
    token = base64.b64encode(f"{settings.username}:{settings.password}".encode()).decode()
    return {"Authorization": f"Basic {token}"}


def _shut_down(connection: HTTPConnection) -> None:
    # Not ssl's own, which would take TLS from under the thread that reads.
    with suppress(OSError):
        if isinstance(connection.sock, socket.socket):
            socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)


def _tls_context(settings: OrthancSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_bundle)
    except OSError as error:  # ssl.SSLError among them
        raise OrthancSettingsError(f"ORTHANC_CA_BUNDLE: {settings.ca_bundle!r} holds no certificates") from error
    if not settings.verify_tls:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _drain(answer: BaseHTTPResponse) -> None:
    # Refusals are short, and reading one keeps the connection.
    length = answer.headers.get("Content-Length", "")
    if answer.status >= 300 and length.isdigit() and int(length) <= _ERROR_BYTES:  # noqa: PLR2004  # no success
        try:
            answer.read(_ERROR_BYTES)
        except urllib3.exceptions.HTTPError:
            return


def _body(answer: BaseHTTPResponse) -> bytes:
    return answer.read(decode_content=True)


def _json(answer: BaseHTTPResponse, path: str) -> Any:
    body = _body(answer)
    try:
        return json.loads(body)
    except ValueError:
        raise OrthancAnswerError(f"{path}: the answer is not JSON; is this URL an Orthanc?") from None


def _require_object(record: Any, path: str) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise OrthancAnswerError(f"{path}: expected an object")
    return record
