"""What figures, pictures and columns of small tables are called where a person reads them, units in words.

What lives here: the one table from what stages call them. What does not: values, or the columns of files
(`defs.columns`).
"""

from collections.abc import Mapping

_LABELS: Mapping[str, str] = {
    # Figures of an asset.
    "considered": "objects considered",
    "selected": "objects selected",
    "open": "candidates to choose from",
    "files": "number of files",
    "size_mb": "size (MB)",
    "downloaded": "files downloaded this time",
    "CT": "CT slices",
    "RTSTRUCT": "structure sets",
    "RTPLAN": "plans",
    "RTDOSE": "doses",
    "columns_rows": "columns x rows",
    "spacing_mm": "voxel size (mm)",
    "hu_min": "lowest value (HU)",
    "hu_max": "highest value (HU)",
    "resampled": "slices interpolated",
    "unscanned_voxels": "voxels never scanned",
    "lossy_slices": "slices with lossy compression",
    "rois": "ROIs",
    "masks": "ROIs with a mask",
    "doses": "doses summed",
    "grid": "dose grid (columns x rows x planes)",
    "label": "plan label",
    "fractions_planned": "fractions planned",
    "beams": "treatment beams",
    "dvh": "DVH",
    "doses_per_roi": "doses per ROI",
    "planning_system": "beside the planning system",
    "contact_sheet": "contact sheet",
    "all_pictures": "folder of all pictures",
    # Figures and columns alike.
    "maximum_gy": "highest dose (Gy)",
    "dose_maximum_gy": "highest dose (Gy)",
    "prescription_gy": "prescription (Gy)",
    "volume_cm3": "volume (cm3)",
    "dmean_gy": "mean dose (Gy)",
    "d95_gy": "D95 (Gy)",
    "d2_gy": "D2 (Gy)",
    "roi": "ROI",
    "roi_name": "ROI",
    "roi_standard_name": "standard name",
    "approval_status": "approval",
    "study_date": "study date",
    "ct_slices": "CT slices",
    "linked_by": "linked by",
    "series_uid": "series UID",
    "sop_instance_uid": "object UID",
    "plan_uid": "plan UID",
    "dose_uid": "dose UID",
}


def label_of(name: str) -> str:
    """Return what a person reads for a name that a stage gave; words of one piece are their own label."""
    return _LABELS.get(name, name)
