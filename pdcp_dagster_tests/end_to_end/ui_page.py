"""A browser's page on a running Dagster UI: opens places, hears complaints, asks for runs as the UI itself does.

What lives here: what every story in the browser needs. What does not: the servers behind it, laws.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

Run = dict[str, Any]
_PAGE_MS = 20_000
_DAEMON_S = 240.0
_RUNS = """{ runsOrError(limit: 50) { ... on Runs {
    results { runId jobName status creationTime endTime tags { key value }
              stats { ... on RunStatsSnapshot { stepsSucceeded } } }
} } }"""


@dataclass
class Ui:
    """A browser's page on the running UI, and what it was heard to do."""

    root: Path
    url: str
    page: Page
    cohort: str = "demo"
    errors: list[str] = field(default_factory=list)
    addresses: set[str] = field(default_factory=set)

    def listen(self, page: Page) -> Page:
        """Keep the page's console errors, and whom it speaks to."""
        page.set_default_timeout(_PAGE_MS)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.addresses.add(request.url))
        page.on("websocket", lambda socket: self.addresses.add(socket.url))
        return page

    def open(self, path: str, **query: str) -> Page:
        self.page.goto(f"{self.url}{path}" + (f"?{urlencode(query)}" if query else ""))
        return self.page

    def asset(self, asset: str, view: str) -> Page:
        return self.open(f"/assets/{self.cohort}/{asset}", view=view)

    def partition(self, asset: str, patient: str) -> Page:
        return self.open(f"/assets/{self.cohort}/{asset}", view="partitions", partition=patient)

    def ask(self, question: str) -> Any:
        """Return the answer to a question in the UI's own language (GraphQL)."""
        answer = self.page.request.post(f"{self.url}/graphql", data={"query": question}).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def runs(self) -> list[Run]:
        """Return the newest runs, newest first, by the question that the UI itself asks."""
        runs: list[Run] = self.ask(_RUNS)["runsOrError"]["results"]
        for run in runs:
            run["tags"] = {tag["key"]: tag["value"] for tag in run["tags"]}
        return runs

    def await_success(self, wanted: Callable[[Run], bool]) -> Run:
        """Wait until a run that is wanted has succeeded, and return it."""
        deadline = time.monotonic() + _DAEMON_S
        while time.monotonic() < deadline:
            for run in filter(wanted, self.runs()):
                assert run["status"] not in {"FAILURE", "CANCELED"}, run
                if run["status"] == "SUCCESS":
                    return run
            self.page.wait_for_timeout(500)
        pytest.fail(f"no such run after {_DAEMON_S} s: {self.runs()}")

    def hosts(self) -> set[str]:
        """Return whom the pages spoke to."""
        return {urlsplit(address).netloc for address in self.addresses if not address.startswith(("data:", "blob:"))}

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)


@contextmanager
def seen(chromium: Browser, root: Path, port: int, cohort: str = "demo") -> Iterator[Ui]:
    """Open a page on the UI at `port`; of the deployment in `root`."""
    expect.set_options(timeout=_PAGE_MS)
    with chromium.new_context(viewport={"width": 1400, "height": 900}) as context:
        ui = Ui(root, f"http://127.0.0.1:{port}", context.new_page(), cohort)
        ui.listen(ui.page)
        yield ui


def await_address(server: subprocess.Popen[str]) -> None:
    """Read until the command says where the UI is; then the browser can go there."""
    assert server.stdout is not None
    said = []
    for line in server.stdout:
        said.append(line)
        if line.startswith("Dagster UI: http://"):
            return
    pytest.fail(f"the UI ended: {''.join(said)}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
