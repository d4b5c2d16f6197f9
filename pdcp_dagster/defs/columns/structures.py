"""What each column of the tables of structures and of their pictures means.

What lives here: words. What does not: the tables (`stages.structure_rows`, `domain.central_slices`).
"""

from pdcp_dagster.defs.columns.described import Column, Columns, date, number, text, texts, whole

ROI: Columns = (
    text("rtstruct_uid", "UID of the structure set that the ROI is of"),
    whole("roi_number", "number of the ROI in its structure set"),
    text("roi_name", "name of the ROI as it was drawn"),
)
"""Which ROI a row is of, in every table with a row per ROI."""
STANDARD_NAME: Column = text("roi_standard_name", "name after AAPM TG-263, where the name is mapped to one")
STRUCTURE_NAME_MAP: Column = text("structure_name_map", "version of the cohort's map of structure names; null without")
STRUCTURES: Columns = (
    *ROI,
    STANDARD_NAME,
    STRUCTURE_NAME_MAP,
    text("interpreted_type", "what the planning system takes it for: PTV, CTV, ORGAN, EXTERNAL, ..."),
    text("generation_algorithm", "how it was drawn: MANUAL, SEMIAUTOMATIC or AUTOMATIC"),
    text("roi_description", "description of the ROI"),
    text("structure_set_label", "label of the structure set"),
    date("structure_set_date", "date of the structure set"),
    text("approval_status", "APPROVED, UNAPPROVED or REJECTED"),
    text("file", "path of the mask below the patient's folder; null without one"),
    number("volume_cm3", "volume by the contours, cm3; null where they enclose nothing"),
    whole("mask_voxels", "voxels of the mask on the CT's grid"),
    whole("contours", "number of contours"),
    whole("planes", "number of planes with contours"),
    number("plane_spacing_mm", "usual distance between those planes, mm"),
    number("centroid_x_mm", "centre: x in mm, to the patient's left (LPS)"),
    number("centroid_y_mm", "centre: y in mm, to the patient's back (LPS)"),
    number("centroid_z_mm", "centre: z in mm, to the patient's head (LPS)"),
    number("point_dose_gy", "dose at a ROI of points, Gy; null for others"),
    texts("flags", "what is odd about it, such as empty or crossing_contours"),
    text("label_file", "path of the label map, where the cohort asks for one"),
    whole("label_bit", "which bit of the label map is this ROI"),
)
_AXES = ("axial", "coronal", "sagittal")
CENTRAL_SLICES: Columns = (
    *ROI,
    STANDARD_NAME,
    STRUCTURE_NAME_MAP,
    *(whole(f"slice_most_{axis}", f"index of the {axis} slice with most of the ROI, from 0") for axis in _AXES),
    *(whole(f"slice_central_{axis}", f"index of the {axis} slice through its centre, from 0") for axis in _AXES),
    number("centroid_x_mm", "centre of the mask: x in mm, to the patient's left (LPS)"),
    number("centroid_y_mm", "centre of the mask: y in mm, to the patient's back (LPS)"),
    number("centroid_z_mm", "centre of the mask: z in mm, to the patient's head (LPS)"),
    number("centroid_i", "centre of the mask in voxels, along columns"),
    number("centroid_j", "centre of the mask in voxels, along rows"),
    number("centroid_k", "centre of the mask in voxels, along slices"),
    *(
        number(f"cosine_{axis}", f"direction from the CT's centre to the ROI's: {axis} of a vector of length 1 (LPS)")
        for axis in "xyz"
    ),
    whole("voxels", "voxels of the mask"),
    text("picture", "name of its picture in the folder central_slices"),
)
