"""A proxy in front of the real Orthanc that can have a bad day, exactly when it is told to.

What lives here: passing requests on, counting them, and asking a plan what is to go wrong. What does not: how things go
wrong (`wrongs`), and which of them a test or the soak wants.
"""

from __future__ import annotations

import http.client
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

_CHUNK_BYTES = 1 << 16
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
_LONGEST_S = 30.0
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the real server said; `headers` without those that only concern its own connection."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to go wrong: a name to count it by, and what is done instead of passing the request on."""

    name: str
    act: Callable[[Exchange], None]


Plan = Callable[[str, str], Fault | None]
"""Says what goes wrong with a request, by its method and path; None: nothing."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A fault for the requests whose path (with its query) matches, at these of their occurrences, counted from 1."""

    path: str
    fault: Fault
    occurrences: range = range(1, 1 << 31)
    method: str = "GET"


class Script:
    """A plan that follows rules: of those that match, the first whose turn it is."""

    def __init__(self, *rules: Rule) -> None:
        self._rules = rules
        self._seen = Counter[int]()
        self._lock = threading.Lock()

    def __call__(self, method: str, path: str) -> Fault | None:
        with self._lock:
            due = None
            for number, rule in enumerate(self._rules):
                if method == rule.method and re.search(rule.path, path):
                    self._seen[number] += 1
                    if due is None and self._seen[number] in rule.occurrences:
                        due = rule.fault
            return due


class FaultProxy:
    """A proxy on a loopback port of its own; a context manager.

    upstream: gives the real server's URL, asked anew for each request since a restarted server may have another port.
    plan: what goes wrong from now on; exchange it at any time.
    requests: method and path of each request so far. sent: bytes of bodies sent so far, by path without its query.
    done: how often each fault came about.
    """

    def __init__(self, upstream: Callable[[], str]) -> None:
        self.upstream = upstream
        self.plan: Plan = Script()
        self.requests: list[tuple[str, str]] = []
        self.sent = Counter[str]()
        self.done = Counter[str]()
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._port = 0
        self._server: _Listener | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def forget(self) -> None:
        """Nothing goes wrong from now on, and nothing was counted."""
        self.plan = Script()
        for counted in (self.requests, self.sent, self.done):
            counted.clear()

    def up(self) -> None:
        """Listen, on the port of before."""
        self._server = _Listener(self, self._port)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def down(self) -> None:
        """Close the listening socket and reset all connections, as the death of a server does."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
        with self.lock:
            for each in self._sockets:
                reset(each)

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.down()

    def opened(self, connection: socket.socket) -> None:
        with self.lock:
            self._sockets.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self.lock:
            self._sockets.discard(connection)


@dataclass(slots=True)
class Exchange:
    """One request, and the means to answer it rightly or not."""

    proxy: FaultProxy
    handler: BaseHTTPRequestHandler
    body: bytes

    def pass_on(self) -> None:
        """Answer as the real server does, in pieces as they come."""
        with self._ask() as said:
            length = said.getheader("Content-Length")
            if length is None:
                self.reply(_whole(said))
                return
            self.head(said.status, _lasting(said), length=int(length))
            while piece := said.read(_CHUNK_BYTES):
                self.write(piece)

    def answer(self) -> Answer:
        """Return the real server's answer, whole."""
        with self._ask() as said:
            return _whole(said)

    def reply(self, answer: Answer) -> None:
        """Send an answer whose length is what it says."""
        self.head(answer.status, answer.headers, length=len(answer.body))
        self.write(answer.body)

    def head(self, status: int, headers: tuple[tuple[str, str], ...], *, length: int | None) -> None:
        """Send the status and headers; without a length the body is to come in chunks."""
        framing = ("Transfer-Encoding", "chunked") if length is None else ("Content-Length", str(length))
        self.handler.send_response_only(status)
        for name, value in (*headers, framing):
            self.handler.send_header(name, value)
        self.handler.end_headers()

    def write(self, piece: bytes) -> None:
        """Send a piece of the body at once."""
        self.handler.wfile.write(piece)
        self.handler.wfile.flush()
        with self.proxy.lock:
            self.proxy.sent[self.handler.path.split("?")[0]] += len(piece)

    def hang_up(self) -> None:
        """Close the connection after this answer without having announced it."""
        self.handler.close_connection = True

    def reset(self) -> None:
        """Break the connection off (TCP RST)."""
        self.hang_up()
        reset(self.handler.connection)

    def wait(self, seconds: float) -> None:
        """Let time pass, unless the proxy closes."""
        self.proxy.closing.wait(seconds)

    @contextmanager
    def _ask(self) -> Iterator[http.client.HTTPResponse]:
        where = urlsplit(self.proxy.upstream())
        headers = {name: value for name, value in self.handler.headers.items() if name.lower() not in _HOP_BY_HOP}
        with closing(http.client.HTTPConnection(str(where.hostname), where.port, timeout=_LONGEST_S)) as connection:
            connection.request(self.handler.command, self.handler.path, body=self.body or None, headers=headers)
            with connection.getresponse() as said:
                yield said


def reset(connection: socket.socket) -> None:
    """Break a connection off, so that the other side sees a reset."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        # The reader's file object holds the descriptor open: wake it, then close for real.
        connection.shutdown(socket.SHUT_RD)
        socket.close(connection.detach())


def _lasting(said: http.client.HTTPResponse) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in said.getheaders() if name.lower() not in _HOP_BY_HOP)


def _whole(said: http.client.HTTPResponse) -> Answer:
    return Answer(said.status, _lasting(said), said.read())


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, proxy: FaultProxy, port: int) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # the other side hung up, which is its right


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def setup(self) -> None:
        super().setup()
        self.server.proxy.opened(self.connection)

    def finish(self) -> None:
        self.server.proxy.closed(self.connection)
        with suppress(OSError):
            super().finish()

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        proxy = self.server.proxy
        with proxy.lock:
            proxy.requests.append((self.command, self.path))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        exchange = Exchange(proxy, self, body)
        fault = proxy.plan(self.command, self.path)
        try:
            if fault is None:
                exchange.pass_on()
            else:
                with proxy.lock:
                    proxy.done[fault.name] += 1
                fault.act(exchange)
        except (OSError, http.client.HTTPException):
            exchange.reset()  # either side is gone

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 # the base class's name
        pass
