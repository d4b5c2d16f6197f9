"""From the retrieved slices to the CT volume.

What lives here: the stage ct_volume of one patient. What does not: geometry (`domain.stack`), or file formats
(adapters).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.adapters.nifti import write_volume
from pdcp_dagster.domain.codes import Finding
from pdcp_dagster.stages.outcome import Kept, Shown

if TYPE_CHECKING:
    from pathlib import Path

    from pdcp_dagster.stages.patient import Patient


def convert_ct(patient: Patient, target: Path) -> tuple[Kept, tuple[Finding, ...]]:
    """Stack the slices by position and write the CT in HU; an irregular stack is refused, never repaired in silence."""
    ct = patient.ct
    if ct.volume is None:
        return Kept(), (Finding("XII_EXEC_002", "; ".join(ct.stack.problems)),)
    grid = ct.volume.grid
    write_volume(ct.volume, target / "ct.nii.gz")
    shown: dict[str, Shown] = {
        "slices": grid.size[2],
        "columns_rows": f"{grid.size[0]} x {grid.size[1]}",
        "spacing_mm": " x ".join(f"{spacing:.3f}" for spacing in grid.spacing_mm),
        "hu_min": float(ct.volume.values.min()),
        "hu_max": float(ct.volume.values.max()),
    }
    details = {
        "scanner": ct.scanner,
        "kernel": ct.kernel,
        "kvp": ct.kvp,
        "slice_thickness_mm": ct.slice_thickness_mm,
        "patient_position": ct.patient_position,
        "spacing_mm": list(grid.spacing_mm),
        "size": list(grid.size),
    }
    return Kept(shown, details), (Finding("XII_SUCC_001", f"{grid.size[2]} slices"),)
