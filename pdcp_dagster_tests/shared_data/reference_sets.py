"""The shared sets as the program reads them: images, doses, contours, histograms."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from pdcp_dagster.adapters.ct_series import read_ct_series
from pdcp_dagster.adapters.rtdose import read_dose
from pdcp_dagster.adapters.rtstruct import read_structure_set
from pdcp_dagster.domain.contours import PlanarContours, planar_contours
from pdcp_dagster.domain.dose_grid import DoseGrid
from pdcp_dagster.domain.dvh import Dvh, DvhSettings, compute_dvh
from pdcp_dagster.domain.metrics import dose_at_volume_pct
from pdcp_dagster.domain.volume import Volume

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
NEEDS_DATA = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the folder of real DICOM is not there: {DATA}"),
]


@cache
def ct(folder: str, pattern: str = "*.dcm", *, beside: str = "") -> Volume:
    files = [*(DATA / folder).glob(pattern), *([DATA / beside] if beside else [])]
    volume = read_ct_series(sorted(files)).volume
    assert volume is not None
    return volume


@cache
def dose(file: str) -> DoseGrid:
    grid = read_dose(DATA / file).grid
    assert grid is not None
    return grid


def contours(file: str, name: str, image: Volume) -> PlanarContours:
    (found,) = [one for one in read_structure_set(DATA / file).rois if one.name == name]
    return planar_contours(found, image.grid)


def histogram(planar: PlanarContours, image: Volume, gy: DoseGrid, settings: DvhSettings | None = None) -> Dvh:
    found = compute_dvh(planar, image.grid, gy, settings)
    assert found is not None
    return found


def statistics(dvh: Dvh) -> list[float | None]:
    """Dmean, D95, D50, D2 in Gy."""
    return [dvh.dmean_gy, *(dose_at_volume_pct(dvh, pct) for pct in (95, 50, 2))]
