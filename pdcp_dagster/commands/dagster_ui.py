"""Dagster's web UI and daemon on a deployment, until interrupted; nothing of it is left behind.

What lives here: the command line, the port, when it is ready, its end. What does not: what is served
(`pdcp_dagster.definitions`), what runs beside it (`demo`).
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING

from pdcp_dagster.commands.deployment import Deployment, WrongConfiguration
from pdcp_dagster.phantom.lifeline import kept

if TYPE_CHECKING:
    from rich.console import Console

_HOST = "127.0.0.1"
_POLL_S = 0.5
_WORKSPACE = """\
# Written by pdcp_dagster at every start.
load_from:
  - python_module: {module_name: pdcp_dagster.definitions, location_name: pdcp_dagster}
"""


def require_free_port(port: int) -> None:
    """End with one line where the port is taken: Dagster's own daemon would go on without its web server."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise WrongConfiguration(
                f"port {port} cannot be had ({error.strerror}): choose another one, make ui PORT=... or --port"
            ) from error


def serve_ui(deployment: Deployment, port: int, console: Console) -> int:
    """Serve until SIGINT or SIGTERM and return 0, or the exit code of a server that ended by itself."""
    require_free_port(port)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    deployment.prepare_dagster()
    # In a session of its own: Ctrl-C in the terminal is for this process, which then ends the server in good order.
    server = subprocess.Popen(kept(_dagster_dev(deployment, port)), start_new_session=True)  # noqa: S603 - our own
    try:
        if _is_ready(server, port):
            console.print(f"Dagster UI: http://{_HOST}:{port}   (Ctrl-C ends it)")
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        server.terminate()
        server.wait()


def _dagster_dev(deployment: Deployment, port: int) -> list[str]:
    workspace = deployment.dagster_home / "workspace.yaml"
    workspace.write_text(_WORKSPACE)
    quiet = ["-W", "ignore:Function `dev_command`"]  # `dg dev`, which it advertises, needs the developers' extra
    dagster = [sys.executable, *quiet, "-m", "dagster", "dev", "--log-level", "warning", "-w", str(workspace)]
    return [*dagster, "-h", _HOST, "-p", str(port)]


def _is_ready(server: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the server answers; False when it has ended before."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while server.poll() is None:
        try:
            with opener.open(f"http://{_HOST}:{port}/server_info", timeout=_POLL_S):
                return True
        except OSError:
            time.sleep(_POLL_S)
    return False
