"""The cohort's DVHs as bands, from the files of those patients who count.

What lives here: gathering curves in bounded memory. What does not: which ROIs are one structure and what a band is
(`domain.dvh_bands`), drawing (adapters).
"""

from __future__ import annotations

from dataclasses import dataclass
from sys import intern
from typing import TYPE_CHECKING

import numpy as np

from pdcp_dagster.adapters.parquet import TableError, read_columns, read_numbers
from pdcp_dagster.domain.dvh_bands import (
    NamedRoi,
    band_of,
    dose_axis,
    highest_of_patients,
    highest_shown_gy,
    on_axis,
    structures_of,
)
from pdcp_dagster.stages.report import OUTSIDE, counting_patients

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from pdcp_dagster.adapters.store import CohortFolder, PatientFolder
    from pdcp_dagster.domain.cohort import Cohort
    from pdcp_dagster.domain.dvh_bands import DvhBand, Structure

MOST_STRUCTURES = 24
CURVES = "dvh_curves.parquet"
_UNREAD = (TableError, OSError, KeyError)
_COLUMNS = (
    *("rtstruct_uid", "roi_number", "roi_name", "roi_standard_name"),
    *("status", "flags", "volume_cm3", "dmax_gy"),
)


@dataclass(frozen=True, slots=True)
class CohortBands:
    """The bands of the structures with most patients.

    left_out: how many structures have none of these. unread: what the patients are called whose files cannot be read,
    or changed meanwhile, and who are in no band. beyond: what those are called whose dose in a structure shown goes on
    beyond the axis, where no band tells of it.
    """

    bands: tuple[DvhBand, ...]
    left_out: int
    unread: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()


def dvh_bands(folder: CohortFolder, cohort: Cohort, names: Mapping[str, str]) -> tuple[DvhBand, ...]:
    """Return the bands of `cohort_bands`."""
    return cohort_bands(folder, cohort, names).bands


def cohort_bands(folder: CohortFolder, cohort: Cohort, names: Mapping[str, str]) -> CohortBands:
    """Return a band for each of the 24 structures with most patients, these first.

    names: what each partition key is called; a key that it lacks is called by itself. Patients count, and ROIs stay
    out, as in `report.cohort_dvh_table`. Every patient's files are read twice, so that no more is held than what is
    returned; whose cannot be read is in no band. Raises TableError and OSError where the patient list cannot be.
    """
    keys: list[str] = []
    unread: list[str] = []
    found = structures_of(_rois(folder, cohort, keys, unread))
    shown = found[:MOST_STRUCTURES]
    axis_gy = dose_axis(highest_shown_gy(roi for structure in shown for roi in structure.rois))
    curves = [np.zeros((len(structure.rois), axis_gy.size), np.float32) for structure in shown]
    for number, wanted in _by_patient(shown).items():
        try:
            _fill(curves, wanted, folder.patient(keys[number]).path / CURVES, axis_gy)
        except _UNREAD:
            unread.append(keys[number])
    lost = {*unread}
    told = {number: names.get(key, key) for number, key in enumerate(keys) if key not in lost}
    bands = tuple(_bands(shown, curves, axis_gy, told))
    highest = highest_of_patients(roi for structure in shown for roi in structure.rois if roi.patient in told)
    beyond = tuple(told[number] for number, dmax_gy in sorted(highest.items()) if dmax_gy > axis_gy[-1])
    return CohortBands(bands, len(found) - len(shown), tuple(names.get(key, key) for key in unread), beyond)


def _bands(
    shown: Sequence[Structure],
    curves: Sequence[NDArray[np.float32]],
    axis_gy: NDArray[np.float64],
    told: Mapping[int, str],
) -> Iterator[DvhBand]:
    """Yield the bands of those patients who are `told`, by number; of a structure that nobody of them has, none."""
    for structure, of_structure in zip(shown, curves, strict=True):
        kept = [row for row, roi in enumerate(structure.rois) if roi.patient in told]
        if kept:
            patients = [told[structure.rois[row].patient] for row in kept]
            all_there = len(kept) == len(of_structure)  # and nothing is copied
            yield band_of(structure, patients, axis_gy, of_structure if all_there else of_structure[kept])


def _rois(folder: CohortFolder, cohort: Cohort, keys: list[str], unread: list[str]) -> Iterator[NamedRoi]:
    """Yield the ROIs of all patients who count, and note the keys of these, and of those who cannot be read."""
    for key, patient in counting_patients(folder, include_review=cohort.include_review, cohort=cohort):
        try:
            yield from list(_rois_of(len(keys), patient))
        except _UNREAD:
            unread.append(key)
        else:
            keys.append(key)


def _rois_of(number: int, patient: PatientFolder) -> Iterator[NamedRoi]:
    """Yield the ROIs of a patient whose curves count."""
    columns = read_columns(patient.file("dvh_table"), _COLUMNS)
    for uid, roi_number, name, standard, status, flags, volume_cm3, dmax_gy in zip(
        *(columns[column] for column in _COLUMNS), strict=True
    ):
        # Without a maximum nothing of it is inside the dose grid, and it has no curve.
        if status == "computed" and dmax_gy is not None and not OUTSIDE & set(flags):
            yield NamedRoi(
                number, intern(uid), roi_number, intern(name), standard and intern(standard), volume_cm3 or 0.0, dmax_gy
            )


Wanted = tuple[int, int, NamedRoi]
"""The number of a structure, the row of a patient in it, and the ROI."""


def _by_patient(shown: Sequence[Structure]) -> dict[int, list[Wanted]]:
    found: dict[int, list[Wanted]] = {}
    for number, structure in enumerate(shown):
        for row, roi in enumerate(structure.rois):
            found.setdefault(roi.patient, []).append((number, row, roi))
    return found


def _fill(
    curves: Sequence[NDArray[np.float32]], wanted: Iterable[Wanted], path: Path, axis_gy: NDArray[np.float64]
) -> None:
    found = curves_of(path)
    for number, row, roi in wanted:
        curves[number][row] = on_axis(*found[roi.rtstruct_uid, roi.roi_number], axis_gy)


Curve = tuple["NDArray[np.float64]", "NDArray[np.float64]"]
"""Dose in Gy, ascending, and the percentage of the volume that gets at least that."""


def curves_of(path: Path) -> dict[tuple[str, int], Curve]:
    """Return the curves of a patient's dvh_curves.parquet by structure set UID and ROINumber; all have a point."""
    numbers = read_numbers(path, ("roi_number", "dose_gy", "volume_pct"))
    of_roi, dose_gy, volume_pct = (numbers[name] for name in ("roi_number", "dose_gy", "volume_pct"))
    if not dose_gy.size:
        return {}
    # Each curve starts at 0 Gy and ascends, so the next one starts where the dose falls, or stays at 0.
    starts = np.concatenate([[0], np.flatnonzero(np.diff(dose_gy) <= 0) + 1])
    ends = np.append(starts[1:], dose_gy.size)
    uids = read_columns(path, ("rtstruct_uid",))["rtstruct_uid"]
    return {
        (uids[start], int(of_roi[start])): (dose_gy[start:end], volume_pct[start:end])
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    }
