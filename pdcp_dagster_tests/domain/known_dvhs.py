"""Histograms that are known by heart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pdcp_dagster.domain.dvh import Dvh

BIN_GY = 0.01


def dvh_of_levels(levels: Mapping[float, float], *, volume_cm3: float = 10.0, coverage: float = 1.0) -> Dvh:
    """Return the DVH of a ROI whose parts get a few doses in Gy each, parts by weight; in bins of 0.01 Gy."""
    total = sum(levels.values())
    highest = max(levels)
    edges = np.arange(int(highest / BIN_GY) + 4) * BIN_GY
    fraction = sum(weight / total * (edges <= gy + 1e-9) for gy, weight in levels.items())
    mean = sum(gy * weight for gy, weight in levels.items()) / total
    return _dvh(edges, fraction, (min(levels), highest, mean), volume_cm3, coverage)


def evenly_spread(
    low_gy: float, high_gy: float, *, mean_gy: float | None = None, volume_cm3: float = 10.0, coverage: float = 1.0
) -> Dvh:
    """Return the DVH of a ROI over which the dose is spread evenly."""
    edges = np.arange(int(high_gy / BIN_GY) + 4) * BIN_GY
    fraction = np.clip((high_gy - edges) / (high_gy - low_gy), 0, 1)
    mean = (low_gy + high_gy) / 2 if mean_gy is None else mean_gy
    return _dvh(edges, fraction, (low_gy, high_gy, mean), volume_cm3, coverage)


def _dvh(edges: Any, fraction: Any, doses_gy: tuple[float, float, float], volume_cm3: float, coverage: float) -> Dvh:
    lowest, highest, mean = doses_gy
    return Dvh(
        roi_number=1,
        roi_name="ROI",
        volume_cm3=volume_cm3,
        edges_gy=np.asarray(edges, dtype=np.float64),
        volume_fraction=np.asarray(fraction, dtype=np.float64),
        dmin_gy=lowest,
        dmax_gy=highest,
        dose_coverage=coverage,
        dmean_inside_gy=mean,
        dmean_outside_zero_gy=mean * coverage,
        dose_voxels=640.0,
    )
