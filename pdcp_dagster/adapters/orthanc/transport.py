"""The session of requests that carries every question to one Orthanc: whom it trusts, who it says it is, what it keeps.

What lives here: TLS, credentials, and connections that another thread can break off. What does not: questions and
answers (`connection`).
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth

from pdcp_dagster.adapters.orthanc.errors import OrthancSettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from urllib3.connection import HTTPConnection
    from urllib3.connectionpool import HTTPConnectionPool

    from pdcp_dagster.adapters.orthanc.settings import OrthancSettings


class Session(requests.Session):
    """A session with the one server that the settings name; nothing of the environment counts, no cookie is kept.

    Raises OrthancSettingsError where the bundle to trust holds no certificates.
    """

    def __init__(self, settings: OrthancSettings) -> None:
        super().__init__()
        self.trust_env = False
        self.verify = settings.verify_tls
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self.headers.clear()
        # Orthanc up to 1.12.1 gzips each DICOM file on the fly if it may: 26 times slower.
        self.headers.update({"Accept-Encoding": "identity", "User-Agent": "pdcp_dagster"})
        if settings.username:
            self.auth = HTTPBasicAuth(settings.username.encode(), settings.password.encode())
        self._kept = _Kept(settings)
        for scheme in ("http://", "https://"):
            self.mount(scheme, self._kept)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: requests reads all of a redirect's body even where it is not to follow."""

    def break_off(self) -> None:
        """Have whoever waits on a connection end with an error at once."""
        self._kept.break_off()


class _Kept(HTTPAdapter):
    """Kept connections, never more than the settings say; who finds all of them in use waits for one."""

    def __init__(self, settings: OrthancSettings) -> None:
        self._tls = _tls_context(settings) if settings.url.startswith("https:") else None
        self._pools: list[HTTPConnectionPool] = []
        self._made: WeakSet[HTTPConnection] = WeakSet()
        super().__init__(pool_connections=1, pool_maxsize=settings.connections, pool_block=True)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:  # noqa: FBT001, FBT002
        """Have pools made that trust whom the settings name, and that are remembered."""
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._tls, **options)
        kinds: dict[str, Any] = {
            scheme: partial(self._pool, kind) for scheme, kind in self.poolmanager.pool_classes_by_scheme.items()
        }
        self.poolmanager.pool_classes_by_scheme = kinds

    def cert_verify(self, *_: object, **__: object) -> None:
        """Add nobody to those whom the TLS context trusts; requests adds the list that it brings along."""

    def break_off(self) -> None:
        for connection in list(self._made):
            _shut_down(connection)

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools:
            pool.close()
        super().close()

    def _pool(self, kind: Callable[..., HTTPConnectionPool], *arguments: Any, **options: Any) -> HTTPConnectionPool:
        pool = kind(*arguments, **options)
        connection: Any = pool.ConnectionCls
        pool.ConnectionCls = partial(self._connection, connection)  # type: ignore[assignment]  # it is only called
        self._pools.append(pool)
        return pool

    def _connection(self, kind: Callable[..., HTTPConnection], *arguments: Any, **options: Any) -> HTTPConnection:
        connection = kind(*arguments, **options)
        self._made.add(connection)
        return connection


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
