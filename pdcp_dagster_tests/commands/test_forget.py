"""`pdcp forget` leaves nothing of a patient in the store and in Dagster's records, and touches nobody else."""

from __future__ import annotations

import io
import os
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from rich.console import Console

from pdcp_dagster.commands.deployment import Deployment
from pdcp_dagster.commands.forget import Wish, forget_patients
from pdcp_dagster.commands.progress import ProgressBar
from pdcp_dagster.commands.run import run_cohort
from pdcp_dagster.defs.jobs import patient_asset_keys
from pdcp_dagster.defs.partitions import patient_partitions
from pdcp_dagster.domain.keys import folder_of, partition_key

if TYPE_CHECKING:
    from pdcp_dagster_tests.commands.conftest import Clinic

GONE, STAYS, HOSTILE = "ZQX7781FORGET", "STAYS-1", "../A B/ü7781"


@pytest.fixture(scope="module")
def lived(clinic: Clinic) -> Iterator[Path]:
    """A store in which three patients were run, each on its own; one of them is no longer in the archive."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in clinic.settings.items():
            patch.setenv(name, str(value))
        patch.delenv("DAGSTER_HOME", raising=False)
        clinic.cohort("leave", [GONE, STAYS, HOSTILE])
        deployment = Deployment.from_environment(os.environ)
        for patient in (STAYS, HOSTILE, GONE):
            clinic.admit(patient)
            run_cohort(deployment, deployment.cohort("leave"), [patient], 1, ProgressBar(Console(file=io.StringIO())))
        yield clinic.root


def test_it(lived):
    print(lived)
    import subprocess
    subprocess.run(["cp","-r",str(lived),"/tmp/forget_store"])
