"""What each asset consists of, by name below its folder.

What lives here: file names. What does not: folders (`folders`), or the content of any file.
"""

from __future__ import annotations

DEFAULT_STORE = "pdcp_store"
DOSE_ON_CT = "dose_on_ct.nii.gz"
"""The dose on the CT's grid, where the cohort asks for it, and where NIfTI cannot hold it on its own (DESIGN 3)."""
CODES_BEFORE = "codes_before.parquet"
"""Codes by partition key at an earlier report, which the next ones are compared with."""
PANEL = "panel.html"
"""The patient's own page, written with the notes; a patient who failed before there were any has the page alone."""
PATIENT_FILES: dict[str, tuple[str, ...]] = {
    "image_summary": ("image_summary.parquet",),
    "verified_study": ("verified_study.parquet",),
    "candidate_studies": ("candidate_studies.parquet", "candidate_studies"),
    "retrieved_dicom": ("dicom",),
    "ct_volume": ("ct.nii.gz",),
    "structure_masks": ("structures.parquet", "masks", "label_maps"),
    "dose_volume": ("dose.nii.gz", "doses", DOSE_ON_CT),
    "plan_table": ("plans.parquet",),
    "dvh_table": ("dvh.parquet", "dvh_curves.parquet", "dvh_comparison.parquet"),
    "central_slices": ("central_slices.parquet", "central_slices", "central_slices.npz"),
    "patient_notes": ("notes.json", PANEL),
}
"""What each per-patient asset consists of, the file that it loads from first (DESIGN section 1)."""

COHORT_FILES: dict[str, tuple[str, ...]] = {
    "patient_ids": ("patient_ids.parquet",),
    "cohort_report": ("cohort_report.parquet", "cohort_report.html", CODES_BEFORE),
    "cohort_dvh": ("cohort_dvh.parquet",),
    "cohort_structure_names": ("cohort_structure_names.parquet",),
}
