"""Fixtures for all floors: a real Orthanc of the tests' own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateOrthanc]:
    """A running private Orthanc, one for each pytest-xdist worker and shared by its tests: bring your own PatientIDs.

    Where no Orthanc can be had the test fails with the message that says what to do; it is never skipped.
    """
    with PrivateOrthanc(tmp_path_factory.mktemp("orthanc") / "storage") as server:
        yield server
        server.kill()
