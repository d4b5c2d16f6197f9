"""What each column of the table of a cohort's structure names means.

What lives here: words. What does not: the table (`stages.structure_name_table`).
"""

from pdcp_dagster.defs.columns.described import Columns, text, whole

STRUCTURE_NAMES: Columns = (
    text("roi_name", "the name as most ROIs have it; case and white space aside, one row is one name"),
    whole("patients", "patients with a ROI of this name, whatever their status"),
    whole("rois", "ROIs of this name"),
    text("state", "what the cohort's map makes of it: conflict, unmapped, mapped or ignored"),
    text("roi_standard_name", "name after AAPM TG-263, where it is mapped"),
    text("reason", "what is wrong, of a conflict"),
    text("proposal", "a standard name to write into the map, where a person agrees; never applied by itself"),
    text("proposed_because", "why it is proposed"),
    text("structure_name_map", "version of the cohort's map of structure names; null without"),
)
