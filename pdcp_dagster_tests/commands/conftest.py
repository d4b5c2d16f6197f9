"""A clinic for the commands: small patients in the real Orthanc, and cohort files that name exactly those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pdcp_dagster.adapters.orthanc import Orthanc, OrthancSettings
from pdcp_dagster.phantom.anatomy import tiny_rois, tiny_spec
from pdcp_dagster.phantom.archive import damage_stored_file, upload_folder
from pdcp_dagster.phantom.dicom_base import Chain
from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster.phantom.patient import write_phantom

if TYPE_CHECKING:
    from pdcp_dagster_tests.conftest import Pdcp

SEED = 11


@dataclass(frozen=True, slots=True)
class Clinic:
    """A folder with cohort files and a store, and the archive that `pdcp` is pointed at."""

    root: Path
    orthanc: PrivateOrthanc
    pdcp: Pdcp

    @property
    def settings(self) -> dict[str, str | Path]:
        return {
            "PDCP_COHORTS": self.root / "cohorts",
            "PDCP_STORE": self.root / "store",
            "ORTHANC_URL": self.orthanc.url,
        }

    def cohort(self, name: str, patients: Sequence[str] = (), keys: Mapping[str, object] | None = None) -> Path:
        """Write a cohort file for these patients; `keys` are further keys of it."""
        folder = self.root / "cohorts"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.csv").write_text(
            "".join(f'"{line}"\n' for line in ("patient_id", *(patients or ["nobody"])))
        )
        content = {
            "name": name,
            "ct_instances": {"minimum": 4, "review_above": 30, "maximum": 60, "action": "exclude"},
            "patients": f"{name}.csv",
            **(keys or {}),
        }
        file = folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump(content))
        return file

    def admit(self, patient_id: str, *, damaged: bool = False, **changes: Any) -> None:
        """Bring a small patient into the archive; `changes` are fields of its PhantomSpec."""
        spec = tiny_spec(patient_id, SEED, **{"slices": 12, "rois": tiny_rois(patient_id)[:4], **changes})
        folder = self.root / "phantoms" / f"{len(list((self.root / 'phantoms').glob('*')))}"
        write_phantom(spec, folder)
        with Orthanc(OrthancSettings(url=self.orthanc.url)) as archive:
            upload_folder(archive, folder)
        if damaged:
            damage_stored_file(self.orthanc, Chain(spec, 1, 1).ct_uid(6))


@pytest.fixture(scope="module")
def clinic(orthanc: PrivateOrthanc, pdcp: Pdcp, tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    """A clinic per test module; bring your own PatientIDs."""
    return Clinic(tmp_path_factory.mktemp("clinic"), orthanc, pdcp)
