"""Every fault of HTTP, TLS and the network as one of our errors, in one line, and whether it may pass.

What lives here: statuses and the exceptions of requests, urllib3, ssl and the system. What does not: how long a
passing one is waited out (`patience`), and the errors themselves (`errors`).

No message repeats a header, and no error keeps one, so none can show a password.
"""

from __future__ import annotations

import http.client
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

import requests
import urllib3

from pdcp_dagster.adapters.orthanc import patience
from pdcp_dagster.adapters.orthanc.errors import (
    ObjectGone,
    ObjectUnreadable,
    OrthancAnswerError,
    OrthancDenied,
    OrthancUnreachable,
)
from pdcp_dagster.adapters.orthanc.patience import Passing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from urllib3.response import BaseHTTPResponse

    from pdcp_dagster.adapters.orthanc.settings import OrthancSettings

_TRANSIENT = frozenset({429, 502, 503, 504})
_DENIED = frozenset({401, 403})
_GONE = 404
_SERVER_FAULT = 500
_SUCCESS = range(200, 300)
_TIMEOUTS = 2
"""Further attempts after a silence: each of them may take as long again."""


def require_success(answer: BaseHTTPResponse, path: str) -> None:
    """Raise what the status of an answer means, unless it is a success.

    401, 403: OrthancDenied. 404: ObjectGone. 429, 502, 503, 504: OrthancUnreachable, may pass. Other 5xx:
    ObjectUnreadable, may pass. Anything else, redirects among it: OrthancAnswerError.
    """
    status = answer.status
    if status in _SUCCESS:
        return
    if status in _DENIED:
        raise OrthancDenied(f"Orthanc refuses user name or password ({status}) for {path}")
    if status == _GONE:
        raise ObjectGone(f"Orthanc has no {path}")
    if status in _TRANSIENT:
        error = OrthancUnreachable(f"Orthanc does not serve {path} at present ({status})")
        raise Passing(error, patience.WAITS_S, _retry_after_s(answer))
    if status >= _SERVER_FAULT:
        unreadable = ObjectUnreadable(f"Orthanc cannot read {path} ({status}): look at its log and its storage")
        raise Passing(unreadable, patience.QUICK_WAITS_S)
    raise OrthancAnswerError(f"Orthanc answers {status} to {path}")


@contextmanager
def typed_errors(settings: OrthancSettings, path: str) -> Iterator[None]:
    """Turn what requests raises for a question, and urllib3 for the rest of an answer, into OrthancUnreachable.

    Most of it may pass.
    """
    try:
        yield
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        if isinstance(error, requests.RequestException):
            error.request = None  # its headers hold the password
        raise _typed(_told_by_urllib3(error), settings, path) from error


def _typed(error: Exception, settings: OrthancSettings, path: str) -> OrthancUnreachable | Passing:
    match error:
        case urllib3.exceptions.SSLError():
            return OrthancUnreachable(f"Orthanc at {settings}: {_tls(error)}")
        case urllib3.exceptions.NewConnectionError():
            unreachable = OrthancUnreachable(f"Orthanc at {settings} cannot be reached: {_root(error)}")
            return Passing(unreachable, patience.WAITS_S)
        case urllib3.exceptions.LocationValueError() | requests.exceptions.InvalidURL():
            return OrthancUnreachable(f"Orthanc at {settings} cannot be reached: there can be no such host")
        case urllib3.exceptions.TimeoutError():
            silent = OrthancUnreachable(f"Orthanc at {settings} did not answer {path} in {settings.timeout_s:g} s")
            return Passing(silent, patience.WAITS_S[:_TIMEOUTS])
        case _:
            cut = OrthancUnreachable(f"Orthanc at {settings}: {_cut(error, settings, path)}")
            return Passing(cut, patience.WAITS_S)


def _told_by_urllib3(error: Exception) -> Exception:
    """Return the error of urllib3 behind one of requests, which is less exact; the same where there is none."""
    for cause in _causes(error):
        # Ours are the attempts: that urllib3 makes no more of them says nothing.
        if isinstance(cause, urllib3.exceptions.HTTPError) and not isinstance(cause, urllib3.exceptions.MaxRetryError):
            return cause
    return error


def _retry_after_s(answer: BaseHTTPResponse) -> float:
    # The other form, a date, needs two clocks that agree.
    asked = answer.headers.get("Retry-After", "").strip()
    return float(asked) if asked.isascii() and asked.isdigit() else 0.0


def _tls(error: urllib3.exceptions.SSLError) -> str:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"TLS failed, its certificate is refused: {cause.verify_message} (see ORTHANC_CA_BUNDLE)"
        if isinstance(cause, ssl.SSLError) and cause.reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST"}:
            return "TLS failed, as the server does not speak it there; should ORTHANC_URL begin with http://?"
    return f"TLS failed: {_root(error)}"


def _cut(error: Exception, settings: OrthancSettings, path: str) -> str:
    for cause in _causes(error):
        # A TLS server drops a plain question without an answer, or with an alert in TLS.
        if isinstance(cause, http.client.BadStatusLine) and settings.url.startswith("http:"):
            return f"no answer in HTTP to {path}; does the server want https://?"
    return f"the connection was cut while reading {path}"


def _root(error: BaseException) -> str:
    """Return the innermost system error in one line; the outer ones repeat addresses of objects."""
    texts = [cause.strerror for cause in _causes(error) if isinstance(cause, OSError) and cause.strerror]
    return " ".join((texts[-1] if texts else type(error).__name__).split())


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what is behind it, outermost first; urllib3 and requests keep some as arguments only."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        inner = next((each for each in cause.args if isinstance(each, BaseException)), None)
        cause = inner or cause.__cause__ or cause.__context__
