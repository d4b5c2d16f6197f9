"""Thousands of patients of a few kilobytes each: one phantom, renumbered, and an archive full of them.

What lives here: making and uploading them. What does not: what they cost (`scale`, `second_run`).
"""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from pdcp_dagster.phantom.anatomy import tiny_rois, tiny_spec
from pdcp_dagster.phantom.patient import write_phantom

if TYPE_CHECKING:
    from collections.abc import Iterator

COHORT = "tiny"
COHORT_FILE = f"name: {COHORT}\nct_instances: {{minimum: 4}}\n"
SLICES = 6
OBJECTS = SLICES + 3
"""CT, RTSTRUCT, RTPLAN, RTDOSE."""
_MODEL = "TINY000000"
_UID = re.compile(rb"2\.25\.\d{10,39}")
_SIDE = 16
_UPLOADS_AT_ONCE = 2
_PATIENTS_AT_ONCE = 20
_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Model:
    """The files of the patient that all others are made of."""

    files: tuple[bytes, ...]

    def patient(self, number: int) -> list[bytes]:
        """Return the files of patient `number`: PatientID and UIDs of their own, of the same length, else the same."""
        patient_id, mark = patient_id_of(number).encode(), f"{number:06d}".encode()
        return [
            _UID.sub(lambda uid: uid[0][: -len(mark)] + mark, content).replace(_MODEL.encode(), patient_id)
            for content in self.files
        ]


def patient_id_of(number: int) -> str:
    """Return the PatientID of patient `number`, as long as the model's."""
    return f"TINY{number:06d}"


def model() -> Model:
    """Return the model: 6 slices of 16 x 16, two ROIs, a plan and a dose."""
    spec = tiny_spec(
        _MODEL,
        1,
        slices=SLICES,
        size=(_SIDE, _SIDE, SLICES),
        pixel_mm=12.0,
        rois=tiny_rois(_MODEL)[:2],
        dose_grid_mm=6.0,
    )
    with tempfile.TemporaryDirectory(prefix="pdcp-model-") as name:
        write_phantom(spec, Path(name))
        return Model(tuple(path.read_bytes() for path in sorted(Path(name).glob("*.dcm"))))


def fill(url: str, numbers: range) -> None:
    """Bring these patients into the Orthanc at `url`, some of them in one upload."""
    of = model()
    with requests.Session() as session, ThreadPoolExecutor(_UPLOADS_AT_ONCE) as pool:

        def upload(some: range) -> None:
            answer = session.post(f"{url}/instances", data=_packed(of, some), timeout=_TIMEOUT_S)
            answer.raise_for_status()
            if len(answer.json()) != OBJECTS * len(some):
                raise SystemExit(f"the archive took {len(answer.json())} objects of {OBJECTS * len(some)}")

        for _ in pool.map(upload, _parts(numbers)):
            pass


def _parts(numbers: range) -> Iterator[range]:
    return (numbers[start : start + _PATIENTS_AT_ONCE] for start in range(0, len(numbers), _PATIENTS_AT_ONCE))


def _packed(of: Model, numbers: range) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for number in numbers:
            for index, content in enumerate(of.patient(number)):
                archive.writestr(f"{number}/{index}.dcm", content)
    return packed.getvalue()
