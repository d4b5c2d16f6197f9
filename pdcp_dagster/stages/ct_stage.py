"""From the retrieved slices to the CT volume.

What lives here: the stage ct_volume of one patient. What does not: geometry (`domain.stack`), or file formats
(adapters).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from pdcp_dagster.adapters.nifti import write_volume
from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.domain.hounsfield import PADDING_HU
from pdcp_dagster.stages.outcome import Kept, Shown
from pdcp_dagster.stages.quality import ct_checks

if TYPE_CHECKING:
    from pathlib import Path

    from pdcp_dagster.adapters.ct_series import CtSeries
    from pdcp_dagster.domain.volume import Grid, Volume
    from pdcp_dagster.stages.patient import Patient


def convert_ct(patient: Patient, target: Path) -> tuple[Kept, tuple[Finding, ...]]:
    """Stack the slices by position and write the CT in HU.

    Uneven slices are refused, or interpolated and told of, as the cohort says; never repaired in silence.
    """
    ct = patient.ct
    if ct.volume is None:
        return Kept(checks=ct_checks(ct)), (Finding("XII_EXEC_002", "; ".join(ct.stack.problems)),)
    write_volume(ct.volume, target / "ct.nii.gz")
    kept = Kept(_shown(ct, ct.volume), _details(ct, ct.volume.grid), ct_checks(ct))
    return kept, _findings(ct, ct.volume.grid)


def _findings(ct: CtSeries, grid: Grid) -> tuple[Finding, ...]:
    findings = [Finding("XII_SUCC_001", _built(ct, grid))]
    if ct.resampling is not None:
        findings.append(Finding("XII_NOTE_001", f"{'; '.join(ct.stack.problems)}; {ct.resampling}"))
    if ct.lossy_slices:
        findings.append(Finding("XII_NOTE_002", f"{ct.lossy_slices} of {len(ct.sop_instance_uids)} slices"))
    return tuple(findings)


def _built(ct: CtSeries, grid: Grid) -> str:
    slices = f"{grid.size[2]} slices"
    # What was interpolated tells of its own padding.
    if not ct.unscanned_voxels or ct.resampling is not None:
        return slices
    return f"{slices}; {ct.unscanned_voxels} voxels were never scanned (PixelPaddingValue) and hold {PADDING_HU} HU"


def _shown(ct: CtSeries, volume: Volume) -> dict[str, Shown]:
    grid = volume.grid
    shown: dict[str, Shown] = {
        "slices": grid.size[2],
        "columns_rows": f"{grid.size[0]} x {grid.size[1]}",
        "spacing_mm": " x ".join(f"{spacing:.3f}" for spacing in grid.spacing_mm),
        "hu_min": float(volume.values.min()),
        "hu_max": float(volume.values.max()),
    }
    if ct.resampling is not None:
        shown["resampled"] = str(ct.resampling)
    if ct.unscanned_voxels:
        shown["unscanned_voxels"] = ct.unscanned_voxels
    if ct.lossy_slices:
        shown["lossy_slices"] = ct.lossy_slices
    return shown


def _details(ct: CtSeries, grid: Grid) -> dict[str, object]:
    details: dict[str, object] = {
        "scanner": ct.scanner,
        "kernel": ct.kernel,
        "kvp": ct.kvp,
        "slice_thickness_mm": ct.slice_thickness_mm,
        "patient_position": ct.patient_position,
        "spacing_mm": list(grid.spacing_mm),
        "size": list(grid.size),
        "unscanned_voxels": ct.unscanned_voxels,
        "lossy_slices": ct.lossy_slices,
        "resampled": ct.resampling is not None,
    }
    if ct.resampling is not None:
        details["resampling"] = asdict(ct.resampling)
    return details
