"""A shelf: real DICOM, set by set in a private Orthanc of its own, and the verdict on what lies there."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.summary import summarise
from pdcp_dagster.domain.verification import Verification, verify
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc

EVERYTHING_COUNTS: dict[str, Any] = {
    "name": "real",
    "roi_keywords": [],
    "phantom": {"words": []},
    "ct_instances": {"minimum": 1, "review_above": 1000, "maximum": 1000},
}
"""A cohort that refuses nothing for its size or its words."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """An archive that holds one set at a time: several sets have UIDs or PatientIDs in common."""

    server: PrivateOrthanc

    def hold(self, files: Iterable[Path]) -> list[str]:
        """Put these files and nothing else into the archive, in this order, and return Orthanc's answers."""
        with self.archive() as archive:
            for patient in list(archive.patients()):
                url = f"{self.server.url}/patients/{patient.orthanc_id}"
                urllib.request.urlopen(urllib.request.Request(url, method="DELETE")).close()  # noqa: S310 - loopback
            return [str(archive.upload(file)["Status"]) for file in files]

    def summaries(self) -> dict[str, pd.DataFrame]:
        """Return each patient's image summary by PatientID."""
        modalities = Cohort(name="real").summarised_modalities
        with self.archive() as archive:
            return {
                patient.patient_id: summarise(archive.instance_tags(patient.orthanc_id, modalities))
                for patient in archive.patients()
            }

    def judge(self, summary: pd.DataFrame, linkage: str, **keys: Any) -> Verification:
        """Return the verdict on one image summary; `keys` are keys of the cohort file."""
        return verify(summary, Cohort.model_validate({**EVERYTHING_COUNTS, "linkage": linkage, **keys}))

    def verdicts(self, linkage: str, **keys: Any) -> dict[str, Verification]:
        """Return each patient's verdict by PatientID."""
        return {patient: self.judge(summary, linkage, **keys) for patient, summary in self.summaries().items()}

    def verdict(self, linkage: str, **keys: Any) -> Verification:
        """Return the verdict on the only patient."""
        (verdict,) = self.verdicts(linkage, **keys).values()
        return verdict

    def archive(self) -> Orthanc:
        return Orthanc(OrthancSettings(url=self.server.url))


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """An empty archive that no other module sees."""
    with PrivateOrthanc(tmp_path_factory.mktemp("shelf") / "storage") as server:
        yield Shelf(server)
        server.kill()
