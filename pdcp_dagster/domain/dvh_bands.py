"""The DVHs of many patients as bands: the quartiles of each structure's volume at every dose.

What lives here: which ROIs are one structure, the common dose axis, and the bands. What does not: a patient's own DVH
(`dvh`), reading the patients' files (stages), drawing (adapters).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import ceil, floor, log10
from statistics import median_low
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

MOST_POINTS = 200
_QUARTILES = (25, 50, 75)
_SMALLEST_STEP_GY = 0.1
_MOST_OF_USUAL = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class DvhBand:
    """One structure in many patients: cumulative DVHs on one dose axis of n points, the first at 0 Gy.

    structure: the standard name of its ROIs, or where they have none the commonest way to write theirs.
    dose_gy: shape (n,), evenly spaced, the same in all bands of a cohort.
    median_pct, lower_pct, upper_pct: shape (n,); median, first and third quartile of the volumes at each dose.
    patients: what they are called; curves_pct: shape (patients, n), float32, their curves in the same order.
    """

    structure: str
    is_standard_name: bool
    dose_gy: NDArray[np.float64]
    median_pct: NDArray[np.float64]
    lower_pct: NDArray[np.float64]
    upper_pct: NDArray[np.float64]
    patients: tuple[str, ...]
    curves_pct: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class NamedRoi:
    """One ROI of one patient: `patient` is any number that stands for the patient; sizes are 0 where not known."""

    patient: int
    rtstruct_uid: str
    roi_number: int
    roi_name: str
    standard_name: str | None
    volume_cm3: float
    dmax_gy: float


@dataclass(frozen=True, slots=True)
class Structure:
    """The ROIs that are one structure, one of each patient who has it, in the order in which they came."""

    name: str
    is_standard_name: bool
    rois: tuple[NamedRoi, ...]


def structures_of(rois: Iterable[NamedRoi]) -> list[Structure]:
    """Return the ROIs by structure, those with most patients first, then by name.

    ROIs are one structure where they have the same standard name, and without one where their names are the same but
    for case and white space; then it is called as most of them are. A patient with several ROIs of one structure
    counts once, with the largest of the structure set that comes first: two parts of an organ are no second patient.
    """
    groups: dict[tuple[bool, str], dict[int, NamedRoi]] = {}
    spellings: dict[tuple[bool, str], Counter[str]] = {}
    for roi in rois:
        told = " ".join((roi.standard_name or roi.roi_name).split())
        key = bool(roi.standard_name), told if roi.standard_name else told.casefold()
        spellings.setdefault(key, Counter())[told] += 1
        of_patients = groups.setdefault(key, {})
        before = of_patients.setdefault(roi.patient, roi)
        if roi.rtstruct_uid == before.rtstruct_uid and roi.volume_cm3 > before.volume_cm3:
            of_patients[roi.patient] = roi
    found = [
        Structure(min(spellings[key], key=lambda name: (-spellings[key][name], name)), key[0], tuple(chosen.values()))
        for key, chosen in groups.items()
    ]
    return sorted(found, key=lambda each: (-len(each.rois), each.name.casefold(), each.name, each.is_standard_name))


def dose_axis(highest_gy: float) -> NDArray[np.float64]:
    """Return doses from 0 to `highest_gy` or just above in steps of 1, 2 or 5 times a power of ten Gy: 2 to 200."""
    finest = max(highest_gy / (MOST_POINTS - 1), _SMALLEST_STEP_GY)
    power = 10.0 ** floor(log10(finest))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= finest * (1 - 1e-9))
    return np.round(np.arange(max(ceil(highest_gy / step - 1e-9), 1) + 1) * step, 6)


def highest_shown_gy(rois: Iterable[NamedRoi]) -> float:
    """Return the end of a cohort's dose axis, Gy: the highest dose of all, but at most 5 times that of a usual patient.

    One patient with a dose of a wrong unit would else leave all others a step or two of the axis.
    """
    highest = highest_of_patients(rois)
    if not highest:
        return 0.0
    most = max(highest.values())
    return min(most, _MOST_OF_USUAL * median_low(highest.values()) or most)


def highest_of_patients(rois: Iterable[NamedRoi]) -> dict[int, float]:
    """Return the highest dose of each patient, Gy, by the patient's number."""
    highest: dict[int, float] = {}
    for roi in rois:
        highest[roi.patient] = max(highest.get(roi.patient, 0.0), roi.dmax_gy)
    return highest


def on_axis(
    dose_gy: NDArray[np.float64], volume_pct: NDArray[np.float64], axis_gy: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return a cumulative DVH at the doses of an axis, interpolated linearly; 0 beyond its last dose, 100 at 0 Gy.

    dose_gy ascends and has at least one element.
    """
    found: NDArray[np.float64] = np.interp(axis_gy, dose_gy, volume_pct, right=0.0)
    found[0] = 100.0
    return found


def band_of(
    structure: Structure, patients: Sequence[str], dose_gy: NDArray[np.float64], curves_pct: NDArray[np.float32]
) -> DvhBand:
    """Return the band of at least one curve.

    The quartiles are those of the patients' volumes at each dose by itself, interpolated between the two volumes next
    to a quarter, a half and three quarters of the way from the lowest to the highest (Hyndman and Fan 1996, type 7).
    So a band's edge need not be any patient's curve.
    """
    lower, median, upper = np.percentile(curves_pct, _QUARTILES, axis=0).astype(np.float64)
    return DvhBand(
        structure=structure.name,
        is_standard_name=structure.is_standard_name,
        dose_gy=dose_gy,
        median_pct=median,
        lower_pct=lower,
        upper_pct=upper,
        patients=tuple(patients),
        curves_pct=curves_pct,
    )
