"""A server that answers as told, for what no sound Orthanc does: broken, slow, busy, or no Orthanc at all."""

from __future__ import annotations

import hashlib
import json
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pdcp_dagster.adapters.orthanc import ArchivedInstance

ID = "00000000-11111111-22222222-33333333-44444444"
CONTENT = b"DICM" * 500
FILE = f"/instances/{ID}/file"
INFO = f"/instances/{ID}/attachments/dicom/info"


@dataclass(frozen=True)
class Answer:
    """What to say; `length` is announced whatever the body's is, `stall_s` is waited before the body's second half."""

    body: bytes = b""
    status: int = 200
    length: int | None = None
    stall_s: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)


def as_json(value: object) -> Answer:
    return Answer(json.dumps(value).encode())


def info(content: bytes = CONTENT, stored: bytes | None = None, uuid: str = "u") -> Answer:
    """What Orthanc says of a file that was uploaded as `content` and is kept as `stored`."""
    kept = content if stored is None else stored
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return as_json(
        {"UncompressedMD5": md5, "UncompressedSize": len(content), "CompressedSize": len(kept), "Uuid": uuid}
    )


def instance(file_size: int = len(CONTENT), file_uuid: str = "") -> ArchivedInstance:
    return ArchivedInstance(ID, "1.2", "1", "CT", file_size, file_uuid)


class BrokenServer:
    """Answers each path as told, several answers in turn, the last for ever; over TLS where a context is given."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.connections = 0
        """How many were open at the same time, at most."""
        self._open = 0
        self._lock = threading.Lock()
        self._server = _QuietServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.port = self._server.server_address[1]
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}"

    def tell(self, path: str, *answers: Answer) -> None:
        self.answers[path] = list(answers)

    def asked(self, path: str) -> int:
        """How often a path was asked for, whatever the question's end."""
        return sum(asked.split("?")[0] == path for asked, _ in self.requests)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _count(self, change: int) -> None:
        with self._lock:
            self._open += change
            self.connections = max(self.connections, self._open)

    def _next(self, path: str) -> Answer:
        with self._lock:
            turns = self.answers.get(path) or self.answers.get(path.split("?", maxsplit=1)[0], [Answer(status=404)])
            return turns.pop(0) if len(turns) > 1 else turns[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                outer._count(1)

            def finish(self) -> None:
                outer._count(-1)
                super().finish()

            def do_GET(self) -> None:
                outer.requests.append((self.path, dict(self.headers)))
                answer = outer._next(self.path)
                length = len(answer.body) if answer.length is None else answer.length
                self.close_connection = length != len(answer.body) or "Connection" in answer.headers
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if not {"Transfer-Encoding", "Content-Length"} & set(answer.headers):
                    self.send_header("Content-Length", str(length))
                self.end_headers()
                half = len(answer.body) // 2
                self.wfile.write(answer.body[:half])
                self.wfile.flush()
                time.sleep(answer.stall_s)
                self.wfile.write(answer.body[half:])

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 # the base class's name
                pass

        return Handler


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that go away or do not trust us."""
