"""DVH bands with curves that can be read off by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pdcp_dagster.domain.dvh_bands import DvhBand


def straight_band(
    structure: str, ends_gy: dict[str, float], *, highest_gy: float = 60.0, points: int = 61, standard: bool = True
) -> DvhBand:
    """Return a band of straight lines: a patient's volume falls from 100 % at 0 Gy to 0 % at the patient's end."""
    dose_gy = np.linspace(0.0, highest_gy, points)
    curves = np.array([np.clip(100 * (1 - dose_gy / end), 0, 100) for end in ends_gy.values()], dtype=np.float32)
    lower, median, upper = np.percentile(curves, [25, 50, 75], axis=0)
    return DvhBand(structure, standard, dose_gy, median, lower, upper, tuple(ends_gy), curves)


def level_band(structure: str, patients: Sequence[str], volume_pct: float, *, points: int = 3) -> DvhBand:
    """Return a band of patients whose whole structure gets the same: one volume at all doses up to 50 Gy."""
    level = np.full(points, volume_pct)
    curves = np.full((len(patients), points), volume_pct, dtype=np.float32)
    return DvhBand(structure, False, np.linspace(0.0, 50.0, points), level, level, level, tuple(patients), curves)
