"""A private Orthanc: a real server on a free loopback port with its own storage, for the demo, the tests and the bench.

What lives here: finding the program, its configuration, start, stop and the few questions that need no client. What
does not: uploads and damage (`archive`), the client under test (`adapters.orthanc`).

The system's own service (ports 8042 and 4242) is never used and never stopped.
"""

from __future__ import annotations

import atexit
import base64
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pdcp_dagster.phantom.lifeline import kept

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_DEBIANS = "/usr/sbin/Orthanc"
_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 10.0
_REQUEST_TIMEOUT_S = 5.0
_FIRST_ANSWER_S = 0.5
"""Short: whoever took our port may accept the connection and never say a word."""
_POLL_S = 0.05
_TRIES = 5
_LOG_TAIL_CHARACTERS = 2000

HOW_TO_GET_ORTHANC = (
    "Orthanc was not found. Do one of these:\n"
    "  - install Debian's package:        sudo apt-get install orthanc\n"
    "  - or name the program:             ORTHANC_EXECUTABLE=/path/to/Orthanc\n"
    "  - or use a server of your own:     ORTHANC_URL=http://host:8042"
)


class OrthancMissing(RuntimeError):  # noqa: N818 - reads as what it says
    """There is no Orthanc program; the message says what to do."""


class OrthancDied(RuntimeError):  # noqa: N818 - reads as what it says
    """Orthanc ended by itself or never answered; the message holds the end of its log."""


def find_orthanc(executable: str | None = None) -> str:
    """Return the Orthanc program: `executable`, $ORTHANC_EXECUTABLE, `Orthanc` on PATH or Debian's place.

    Raises OrthancMissing when there is none, or when the one that was named cannot be run.
    """
    named = executable or os.environ.get("ORTHANC_EXECUTABLE")
    for candidate in (named,) if named else ("Orthanc", _DEBIANS):
        if found := shutil.which(candidate):
            return found
    prefix = f"{named} is not a program that can be run.\n" if named else ""
    raise OrthancMissing(prefix + HOW_TO_GET_ORTHANC)


class PrivateOrthanc:
    """One Orthanc process of our own; a context manager, or `start()` and `stop()`.

    It ends with the process that started it, however that ends. Beside the folder `storage` lie its index, log, and
    configuration (`<storage>.index`, `.log`, `.json`), so starting again on the same storage finds the same patients.

    Attributes
    ----------
    storage: Path
        Orthanc's storage folder: `<storage>/ab/cd/<uuid>` for each stored file.
    url: str
        `http://127.0.0.1:<port>`, once started.

    `configuration` is what Orthanc is told beside our own, and overrides it.
    """

    def __init__(
        self,
        storage: Path,
        *,
        username: str | None = None,
        password: str | None = None,
        executable: str | None = None,
        port: int | None = None,
        configuration: Mapping[str, object] | None = None,
    ) -> None:
        if (username is None) != (password is None):
            raise ValueError("username and password belong together")
        self.storage = Path(storage).resolve()
        self.username = username
        self.password = password
        self._executable = executable
        self._wanted_port = port
        self._more_configuration = dict(configuration or {})
        self._port: int | None = None
        self._name = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._owner_pid = 0
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    @property
    def url(self) -> str:
        """The server's address, without a slash at its end."""
        if self._port is None:
            raise RuntimeError("this Orthanc was not started")
        return f"http://127.0.0.1:{self._port}"

    @property
    def log(self) -> Path:
        """What Orthanc said."""
        return self._beside("log")

    @property
    def pid(self) -> int | None:
        """The keeper's process ID while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> Self:
        """Start the server and wait until it answers.

        A port that somebody took meanwhile is given up for another one. Raises OrthancMissing or OrthancDied.
        """
        if self._process is not None:
            raise RuntimeError("this Orthanc was started already")
        program = find_orthanc(self._executable)
        self.storage.mkdir(parents=True, exist_ok=True)
        for _ in range(_TRIES):
            self._launch(program, self._wanted_port or _free_port())
            if self._answers():
                atexit.register(self.stop)
                return self
            self.stop()
            if self._wanted_port is not None:
                break
        raise OrthancDied(f"Orthanc did not start on {self.storage}. The end of {self.log}:\n{self._log_tail()}")

    def stop(self) -> None:
        """Stop the server: asked first, killed after some seconds. Stopping twice is no error."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server at once, for a storage that nobody needs any more: Orthanc takes 2.5 s over a stop."""
        self._end(signal.SIGKILL)

    def get(self, path: str) -> Any:
        """Return the JSON answer to GET `path`; `urllib.error.HTTPError` where Orthanc refuses."""
        return self._ask(urllib.request.Request(self.url + path))  # noqa: S310 - http to our own loopback server

    def post(self, path: str, body: str) -> Any:
        """Return the JSON answer to POST `path` with a plain body."""
        return self._ask(urllib.request.Request(self.url + path, data=body.encode()))  # noqa: S310 - as above

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _launch(self, program: str, port: int) -> None:
        self._port = port
        self._name = f"private-{secrets.token_hex(8)}"
        configuration = self._beside("json")
        configuration.touch(mode=0o600)
        configuration.write_text(json.dumps(self._configuration(), indent=2))
        self._owner_pid = os.getpid()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own keeper, our own file names
                kept([program, str(configuration)]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal is for the parent, which then stops Orthanc
            )

    def _end(self, how: signal.Signals) -> None:
        """Signal the keeper, and with it Orthanc; a forked child of the owner leaves both alone."""
        process, self._process = self._process, None
        atexit.unregister(self.stop)
        if process is None or os.getpid() != self._owner_pid:
            return
        process.send_signal(how)
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _configuration(self) -> dict[str, object]:
        return {
            "Name": self._name,
            "StorageDirectory": str(self.storage),
            "IndexDirectory": str(self._beside("index")),
            "HttpPort": self._port,
            "RemoteAccessAllowed": False,
            "DicomServerEnabled": False,
            "AuthenticationEnabled": self.username is not None,
            "RegisteredUsers": {} if self.username is None else {self.username: self.password},
            "StableAge": 1,
            "SyncStorageArea": False,
            # Orthanc 1.10 and later answer from memory what was stored a moment ago: damage on the disk would not show.
            "MaximumStorageCacheSize": 0,
            "WebDavEnabled": False,
            **self._more_configuration,
        }

    def _answers(self) -> bool:
        """Wait for our own server's answer; False when it ended or stayed silent."""
        question = urllib.request.Request(f"{self.url}/system")  # noqa: S310 - as above
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline and self.pid is not None:
            try:
                if self._ask(question, _FIRST_ANSWER_S)["Name"] == self._name:
                    return True
            except (OSError, ValueError, KeyError, TypeError):
                pass
            time.sleep(_POLL_S)
        return False

    def _ask(self, request: urllib.request.Request, timeout_s: float = _REQUEST_TIMEOUT_S) -> Any:
        if self.username is not None:
            token = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
            request.add_header("Authorization", f"Basic {token}")
        with self._opener.open(request, timeout=timeout_s) as answer:
            return json.load(answer)

    def _beside(self, what: str) -> Path:
        return self.storage.with_name(f"{self.storage.name}.{what}")

    def _log_tail(self) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return text[-_LOG_TAIL_CHARACTERS:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
