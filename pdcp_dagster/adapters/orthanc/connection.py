"""The connections to one Orthanc: pooled, bounded, in identity encoding, every error typed.

What lives here: questions and whole answers. What does not: which resources exist and what they mean (`client`), TLS
and credentials (`transport`), what a fault means (`failures`), how long it is waited out (`patience`).

Of the environment nothing counts: no proxy, no .netrc, no REQUESTS_CA_BUNDLE.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

import urllib3

from pdcp_dagster.adapters.orthanc import patience
from pdcp_dagster.adapters.orthanc.arriving import read_some, require_plain
from pdcp_dagster.adapters.orthanc.errors import OrthancAnswerError, OrthancUnreachable
from pdcp_dagster.adapters.orthanc.failures import require_success, typed_errors
from pdcp_dagster.adapters.orthanc.patience import Passing
from pdcp_dagster.adapters.orthanc.transport import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from urllib3.response import BaseHTTPResponse

    from pdcp_dagster.adapters.orthanc.settings import OrthancSettings

Result = TypeVar("Result")

Query = Mapping[str, str | int]
NOTHING_MORE: Query = MappingProxyType({})
HURRIED = 2
"""Further attempts where a person waits for the answer, or where the server was found dead already."""
_CONNECT_TIMEOUT_S = 5.0
_ERROR_BYTES = 1 << 16
_SHORT = re.compile(r"[0-9]{1,7}")
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
        self._missed = threading.Event()
        self._timeouts_s = (min(_CONNECT_TIMEOUT_S, settings.timeout_s), settings.timeout_s)
        self._session = Session(settings)

    def give_up(self) -> None:
        """Have whoever still waits for an answer, or for a server, end with an error at once."""
        self.closing.set()
        self._session.break_off()

    def close(self) -> None:
        """Close all connections."""
        self.give_up()
        self._session.close()

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
        """See `patience.persist`; a server that was waited for in vain is not waited for again until it answers.

        A dead one must not hold up each of ten thousand patients.
        """
        if most is None and self._missed.is_set():
            most = HURRIED
        try:
            result = patience.persist(attempt, self.closing, most)
        except OrthancUnreachable:
            self._missed.set()
            raise
        self._missed.clear()
        return result

    def get_json(self, path: str, query: Query = NOTHING_MORE, *, attempts_more: int | None = None) -> Any:
        """Return the JSON answer to GET."""
        return self.get(path, partial(_json, path=path), query, attempts_more=attempts_more)

    def get_bytes(self, path: str) -> bytes:
        """Return the body of the answer to GET."""
        return self.get(path, partial(_body, path=path))

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
        # Of an empty file requests would not tell the length.
        body = file if os.fstat(file.fileno()).st_size else None

        def attempt() -> dict[str, Any]:
            file.seek(0)
            with typed_errors(self.settings, path), self._answer("POST", path, {}, body) as answer:
                require_success(answer, path)
                return _require_object(_json(answer, path), path)

        return self.persist(attempt, HURRIED)

    @contextmanager
    def _answer(
        self, method: str, target: str, headers: dict[str, str], body: BinaryIO | None = None
    ) -> Iterator[BaseHTTPResponse]:
        """Yield an answer, its body still to be read; the connection is kept where that was read to its end."""
        if self.closing.is_set():
            raise urllib3.exceptions.HTTPError("closed")
        answer: BaseHTTPResponse = self._session.request(
            method,
            self.settings.url + target,
            data=body,
            headers=headers,
            timeout=self._timeouts_s,
            stream=True,
            allow_redirects=False,
        ).raw
        # As urllib3 does unless told otherwise, and requests tells it.
        answer.decode_content = True
        try:
            yield answer
        except Exception:
            _drain(answer)
            raise
        finally:
            answer.close()
            answer.release_conn()


def _drain(answer: BaseHTTPResponse) -> None:
    # Refusals are short, and reading one keeps the connection.
    length = answer.headers.get("Content-Length", "")
    if answer.status >= 300 and _SHORT.fullmatch(length) and int(length) <= _ERROR_BYTES:  # noqa: PLR2004  # no success
        with suppress(urllib3.exceptions.HTTPError):
            read_some(answer, _ERROR_BYTES)


def _body(answer: BaseHTTPResponse, path: str) -> bytes:
    try:
        require_plain(answer, path)
    except OrthancAnswerError as error:
        raise Passing(error, patience.QUICK_WAITS_S) from error
    return read_some(answer)


def _json(answer: BaseHTTPResponse, path: str) -> Any:
    body = _body(answer, path)
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        error = OrthancAnswerError(f"{path}: the answer is not JSON; is this URL an Orthanc?")
        if "Content-Length" in answer.headers:
            raise error from None
        # Without a length, an answer that was cut looks like one that is whole.
        raise Passing(error, patience.QUICK_WAITS_S) from None


def _require_object(record: Any, path: str) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise OrthancAnswerError(f"{path}: expected an object")
    return record
