"""The project as Dagster's own programs find and check it, from the repository's root."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(home: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run one of the environment's programs in the repository's root, with no settings but a Dagster home."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PDCP_", "ORTHANC_"))}
    program = Path(sys.executable).with_name(command[0])
    return subprocess.run(
        [program, *command[1:]],
        cwd=ROOT,
        env={**environ, "DAGSTER_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    [
        ("dagster", "definitions", "validate", "-m", "pdcp_dagster.definitions"),
        ("dagster", "definitions", "validate", "-w", "workspace.yaml"),
        ("dg", "check", "defs"),
    ],
    ids=" ".join,
)
def test_dagsters_own_checks_pass(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    done = run(tmp_path, *command)
    assert done.returncode == 0, done.stdout + done.stderr
