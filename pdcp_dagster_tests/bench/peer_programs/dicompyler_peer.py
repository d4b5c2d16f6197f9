"""dicompyler-core on a patient's files: one histogram of 0.01 Gy a ROI, from the dose grid's own voxels; no masks.

The way of its users, with its defaults, each file read once. Runs in `.venv-peers`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
from dicompylercore import dicomparser, dvhcalc  # type: ignore[import-not-found]

from pdcp_dagster_tests.bench.peer_programs.exchange import (
    ASKED_PCT,
    Answer,
    Case,
    Clock,
    carry_out,
    failed,
    histogram,
)

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def compute(case: Case, clock: Clock) -> dict[str, Answer]:
    """Return the answers by ROI name."""
    with clock.step("DVHs"):
        structures, dose = pydicom.dcmread(case["rtstruct"]), pydicom.dcmread(case["rtdose"])
        rois = dicomparser.DicomParser(structures).GetStructures()
        return {str(roi["name"]): _one(structures, dose, number) for number, roi in rois.items() if not roi["empty"]}


def _one(structures: Dataset, dose: Dataset, number: int) -> Answer:
    try:
        dvh = dvhcalc.get_dvh(structures, dose, number)
        return _answer(dvh)
    except Exception as error:  # noqa: BLE001 - whatever it raises is its result on this ROI
        return failed(error)


def _answer(dvh: Any) -> Answer:
    if not np.any(dvh.counts):
        raise ValueError(dvh.notes or "an empty histogram")
    doses = [dvh.dose_constraint(pct).value for pct in ASKED_PCT]
    return histogram(dvh.volume, dvh.mean, doses, (dvh.bins[:-1], dvh.relative_volume.counts / 100))


if __name__ == "__main__":
    logging.getLogger("dicompylercore").setLevel(logging.ERROR)  # it names every plane outside the dose grid
    carry_out(compute)
