"""The store's disk is full at different moments, or read-only: a real disk of a few MB, seen by the run alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pdcp_dagster_tests.faults.aftermath import differences, half_done
from pdcp_dagster_tests.faults.conftest import COHORT, OTHER, VICTIM, Hospital
from pdcp_dagster_tests.faults.small_disk import DiskRefused, SmallDisk

PDCP = Path(sys.executable).with_name("pdcp")
ROOMY_KB = 20_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    small = SmallDisk(tmp_path / "disk", ROOMY_KB)
    try:
        small.__enter__()
    except DiskRefused as refused:
        pytest.skip(f"no disk of our own can be had here: {refused}")
    with small:
        yield small
