"""Fixtures for all floors: a real Orthanc of the tests' own, the `pdcp` command as a user has it, and Chromium."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, sync_playwright

from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[1]
_CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
_CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    # A browser that is silent but for what its pages ask for.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_COMMAND_TIMEOUT_S = 300


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateOrthanc]:
    """A running private Orthanc, one for each pytest-xdist worker and shared by its tests: bring your own PatientIDs.

    Where no Orthanc can be had the test fails with the message that says what to do; it is never skipped.
    """
    with PrivateOrthanc(tmp_path_factory.mktemp("orthanc") / "storage") as server:
        yield server
        server.kill()


@dataclass(frozen=True, slots=True)
class Pdcp:
    """The `pdcp` program beside this Python, in the project's folder, with no setting but those given."""

    program: Path

    def start(self, *arguments: str | Path, **settings: str | Path) -> subprocess.Popen[str]:
        """Start it in a process group of its own; `settings` are environment variables."""
        return subprocess.Popen(
            [self.program, *arguments],
            cwd=PROJECT,
            env=_environment(settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __call__(self, *arguments: str | Path, **settings: str | Path) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        with self.start(*arguments, **settings) as process:
            try:
                output, errors = process.communicate(timeout=_COMMAND_TIMEOUT_S)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


@pytest.fixture(scope="session")
def pdcp() -> Pdcp:
    """The `pdcp` command: `pdcp("status", "--cohort", "demo", PDCP_STORE=...)`."""
    return Pdcp(Path(sys.executable).with_name("pdcp"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Headless Chromium as the system has it; skipped without one, but failed in CI, where the Makefile brings it."""
    found = next(filter(None, map(shutil.which, _CHROMIUM_NAMES)), None)
    if found is None:
        give_up = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        give_up("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_CHROMIUM_FLAGS)
        yield browser
        browser.close()


def _environment(settings: dict[str, str | Path]) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PDCP_", "ORTHANC_", "DAGSTER_")) or name == "ORTHANC_EXECUTABLE"
    }
    return {**inherited, "COLUMNS": "160", **{name: str(value) for name, value in settings.items()}}
